"""The tasks of a search: settle what is tried before a training is paid for, then try it, trial by trial."""

import json
from collections import defaultdict
from pathlib import Path
from threading import Lock
from time import monotonic

from pydantic import BaseModel, ConfigDict

from acento.core.errors import AcentoError, InputError
from acento.core.extras import require
from acento.core.fingerprint import fingerprint
from acento.core.progress import report as report_progress
from acento.core.settings import settings
from acento.core.store import Store, open_store
from acento.data.dataset import load_card
from acento.experiments.search.outcome import SearchOutcome, read_outcome, write_outcome
from acento.experiments.search.request import SearchRequest
from acento.experiments.search.run import SearchProgress, run_study
from acento.experiments.search.space.defaults import default_space
from acento.experiments.search.space.reading import parse_space
from acento.experiments.search.study import SearchPlan, Study, open_study, study_folder
from acento.experiments.search.trial import Report, TrialOutcome
from acento.models.checkpoints.resolver import resolve
from acento.models.devices import pick_device
from acento.training.job import FinetuneJob, FinetuneResult
from acento.training.loop.checkpoints import Checkpoints
from acento.training.loop.state import Row
from acento.training.planning import recipe_of_model
from acento.training.recipe import Recipe
from infra.compute import Compute
from tasks.artifacts import artifact_key, markdown_table, show_markdown
from tasks.finetune import PlannedTraining
from tasks.plan import check_compute, default_placements
from tasks.policy import cached, say, step
from tasks.progress import progress_artifact
from tasks.transcribe import open_backend


class TrialLine(BaseModel):
    """One line of the table of trials."""

    model_config = ConfigDict(frozen=True)

    number: int
    tried: str
    """What varied, such as ``strategy=lora learning_rate=0.00031``."""
    dev_wer: float | None
    """A fraction; of a trial that did not finish: of its last evaluation."""
    minutes: float
    state: str


class Searched(BaseModel):
    """What a search came to."""

    model_config = ConfigDict(frozen=True)

    name: str
    why: str
    trials: list[TrialLine]
    best_trial: int | None
    importance: dict[str, float] | None
    files: list[str]
    """``trials.csv``, ``best.yaml`` and the pictures, as far as there are."""
    winner: FinetuneJob | None
    """The best trial's job, which is to publish its model; None where no trial finished."""
    model: str | None = None
    """The best trial's model in the registry."""


@step("plan search", run_name="plan the search for {request.name}")
def plan_search(request: SearchRequest) -> SearchPlan:
    """Find the model and the data, and settle the space; what cannot be searched is said here."""
    require("search", "The search")
    asked = request.training
    if request.dollars is not None and request.price_per_hour is None:
        raise InputError(f"A budget of ${request.dollars:.2f} needs the price of an hour of training: price_per_hour.")
    card = load_card(open_store(settings().store), asked.dataset)
    clips = card.splits.get("train", 0)
    checkpoint = resolve(asked.base_model)
    device = pick_device(asked.device, check_compute(asked.compute))
    recipe = recipe_of_model(checkpoint, clips, device, asked.recipe)
    if request.space is None:
        space = default_space(recipe, clips, checkpoint.family)
    else:
        space = parse_space(request.space, recipe)
    plan = SearchPlan(
        name=request.name,
        space=space,
        base=recipe,
        sampler=request.sampler,
        pruner=request.pruner,
        seed=request.seed,
    )
    plan.limit(request.trials)  # a grid over a range without end says so now
    return plan


@step("search", run_name="search a recipe for {planned.title}")
def try_recipes(planned: PlannedTraining, plan: SearchPlan, request: SearchRequest) -> Searched:
    """Try recipes until the budget is spent; ``Cached`` when all of its trials were made before."""
    store = open_store(settings().store)
    job = planned.job.model_copy(update={"name": f"{plan.name}-search", "publish": False})
    about = {"data": f"{job.train} {job.dev}", "model": job.base.digest, "language": job.language or ""}
    plan = plan.model_copy(update={"about": about})
    key, what = artifact_key("search", planned.title), f"Searching a recipe for {planned.title}"
    made_now = False
    with (
        open_study(plan, _place(store, plan.name), store) as study,
        progress_artifact(key, what),
        open_backend(planned.compute, store) as pool,
    ):

        def heard(progress: SearchProgress) -> None:
            nonlocal made_now
            made_now = made_now or progress.running > 0
            total = progress.done + progress.running if progress.total is None else progress.total
            report_progress(f"search {plan.name}", progress.done, total, "trials")
            say(progress.sentence)
            _show_table(planned.title, read_outcome(study, progress.sentence, progress.total))

        trials = _Trials(store, pool, job, plan.name)
        outcome = run_study(study, trials, budget=request.budget, parallel=request.parallel, heard=heard)
        done = _searched(store, study, outcome, trials)
    say(f"{planned.title}: {outcome.why}")
    return done if made_now else cached(done)


class _Trials:
    """The objective: a trial is a job of the compute backend, which publishes no model."""

    def __init__(self, store: Store, pool: Compute, job: FinetuneJob, search: str) -> None:
        """Take where jobs are done, and the job that trials are made of."""
        self._store, self._pool, self._job, self._search = store, pool, job, search
        self._lock = Lock()
        self._alone: defaultdict[str, Lock] = defaultdict(Lock)

    def __call__(self, _: int, recipe: Recipe, report: Report) -> TrialOutcome:
        """Train with a recipe. Of two trials with the same one, the second finds what the first came to."""

        def noted(row: Row) -> None:
            if row.get("dev_wer") is not None and row["step"] > 0:  # before the first step all trials are the base
                report(row["step"], row["dev_wer"])

        job = self.job(recipe)
        with self._lock:
            alone = self._alone[job.key]
        with alone:
            began = monotonic()
            (outcome,) = list(self._pool.run([job], placements=1, noted=noted, stop=report.stop))
            minutes = (monotonic() - began) / 60
        if outcome.error is not None:
            raise outcome.error
        result = outcome.result
        assert isinstance(result, FinetuneResult)
        if result.why == "diverged":
            raise AcentoError(result.sentence)
        return TrialOutcome(float("nan") if result.dev_wer is None else result.dev_wer, minutes, done=result.done)

    def job(self, recipe: Recipe) -> FinetuneJob:
        """Return the job of a recipe in this search, written down when it was first made.

        The number of threads moves digits and so is part of what a job is, and it depends on how many trials run side
        by side: a trial that goes on keeps the number that it began with, and its checkpoints are found.
        """
        job = self._job.model_copy(update={"recipe": recipe})
        some = job.model_copy(update={"options": job.options.model_copy(update={"threads": 1})})
        key = f"searches/{self._search}/jobs/{some.fingerprint}.json"
        if self._store.create_exclusive(key, job.model_dump_json().encode()):
            return job
        written = self._store.read_file(key)
        return job if written is None else FinetuneJob.model_validate(json.loads(written))


def threads_of_trial(parallel: int) -> int:
    """Return the CPU threads of each of some trainings side by side, where nobody says."""
    return max(1, default_placements("cpu", 1) // parallel)


def _place(store: Store, name: str) -> Path | str | Store:
    """Return where the study is kept: at the server that the settings name, else in the store, if it can in a file."""
    server = settings().study
    return server.get_secret_value() if server is not None else study_folder(store, name) or store


def _searched(store: Store, study: Study, outcome: SearchOutcome, trials: _Trials) -> Searched:
    """Write down what a search came to, and return it."""
    files = _write(store, outcome)
    winner = None if outcome.best is None else trials.job(outcome.best)
    losers = [trials.job(recipe) for recipe in outcome.ended(study.plan)]
    for job in losers:
        if winner is None or job.key != winner.key:
            Checkpoints(store, job.key).clear()  # what they came to is written down, and no model is made of them
    return Searched(
        name=outcome.name,
        why=outcome.why,
        trials=_lines(outcome),
        best_trial=outcome.best_trial,
        importance=None if outcome.importance is None else dict(outcome.importance),
        files=[str(path) for path in files],
        winner=winner,
    )


def _write(store: Store, outcome: SearchOutcome) -> list[Path]:
    """Write the table, the best recipe and the pictures into the store, and return where they are on this machine."""
    folder = study_folder(store, outcome.name)
    if folder is not None:
        return write_outcome(outcome, folder)
    key = f"searches/{outcome.name}/outcomes/{fingerprint([outcome.to_csv(), outcome.best_trial])[:12]}"
    with store.publish(key) as draft:
        names = [path.relative_to(draft.folder) for path in write_outcome(outcome, draft.folder)]
    copies = store.local_folder(key)
    return [copies / name for name in names]


def _lines(outcome: SearchOutcome) -> list[TrialLine]:
    """Return the table of trials; a parameter that is the same in all of them is left out."""
    values: dict[str, set[object]] = defaultdict(set)
    for row in outcome.trials:
        for name in {name for other in outcome.trials for name in other.params}:
            values[name].add(row.params.get(name))
    return [
        TrialLine(
            number=row.number,
            tried=" ".join(
                f"{name}={value:.3g}" if isinstance(value, float) else f"{name}={value}"
                for name, value in row.params.items()
                if len(values[name]) > 1
            ),
            dev_wer=row.dev_wer,
            minutes=row.minutes,
            state=row.state if row.sentence is None else f"failed: {row.sentence}",
        )
        for row in outcome.trials
    ]


def _show_table(title: str, outcome: SearchOutcome) -> None:
    """Publish the table of trials as it is now."""
    rows = [
        [
            line.number,
            line.tried,
            "" if line.dev_wer is None else f"{100 * line.dev_wer:.2f}",
            f"{line.minutes:.1f}",
            f"**{line.state}**, the best" if line.number == outcome.best_trial else line.state,
        ]
        for line in _lines(outcome)
    ]
    show_markdown(
        artifact_key("trials", title),
        f"# Trials for {title}\n\n{outcome.why}\n\n"
        + markdown_table(rows, header=["trial", "what varied", "dev WER %", "minutes", "state"]),
        f"Trials for {title}",
    )
