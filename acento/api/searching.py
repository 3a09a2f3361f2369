"""Search the recipe that fine-tunes best: settle what is tried, then try it, trial by trial."""

import json
from collections import defaultdict
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, fields, replace
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import Any

from acento.api.pricing import with_price
from acento.api.session import options_of, session
from acento.api.training import PlannedTraining, plan_training, spoken_in, train_here
from acento.core.arguments import Named, name_of
from acento.core.callbacks import Callbacks
from acento.core.errors import AcentoError, InputError
from acento.core.extras import require
from acento.core.fingerprint import fingerprint
from acento.core.progress import report as report_progress
from acento.core.settings import settings
from acento.core.store import Store
from acento.data.dataset import load_card, seconds_in
from acento.experiments.search.outcome import SearchOutcome, TrialOutcome, write_outcome
from acento.experiments.search.reading import default_space, parse_space
from acento.experiments.search.run import run_study
from acento.experiments.search.space import SearchPlan
from acento.experiments.search.study import Study, open_study, study_folder
from acento.experiments.search.trial_manager import RunningTrial
from acento.inference.runner import Runner, Worker
from acento.models.checkpoints.resolver import resolve
from acento.models.devices import Elsewhere, default_workers, pick_device
from acento.requests import SearchRequest
from acento.training.job import FinetuneJob, FinetuneResult
from acento.training.loop.checkpoints import Checkpoints
from acento.training.loop.state import Row
from acento.training.planning import recipe_of_model
from acento.training.recipe import Recipe

Train = Callable[[FinetuneJob, Callbacks], FinetuneResult]
"""Executes a training."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Searched(SearchOutcome):
    """What a search came to, with what it left."""

    files: list[str]
    """``trials.csv``, ``best.yaml`` and the pictures, as far as there are."""
    winner: FinetuneJob | None
    """The best trial's job, which is to publish its model; None where no trial finished."""
    model: str | None = None
    """The best trial's model in the registry."""

    def published(self, planned: PlannedTraining) -> PlannedTraining | None:
        """Return the training that publishes the best trial's model under the name that was planned."""
        if self.winner is None:
            return None
        job = self.winner.model_copy(update={"name": planned.job.name, "publish": True})
        return planned.model_copy(update={"job": job})


@options_of(SearchRequest, "base_model", "dataset", "compute", "parallel")
def search(base: Named, data: Named, **options: Any) -> Searched:
    """Try recipes, each a training steered by dev, and publish the best one's model; killed, a second call goes on.

    >>> found = search("demo:whisper-mini", "mine", trials=1, recipe={"max_steps": 1})
    >>> found.best_trial, load_version(found.model).name
    (0, 'whisper-mini-mine')

    Args:
        base: as ``finetune`` takes it.
        data: the name of a staged data set, or what ``stage`` returned.
        options: see below.

    Raises:
        InputError: the data, the model, the recipe or the space cannot be used.
    """
    request = with_price(with_threads(SearchRequest.of(base_model=name_of(base), dataset=name_of(data), **options)))
    with session("search") as store, closing(Runner(store)) as runner:
        plan = plan_search(store, request)
        planned = plan_training(store, request)

        def train(job: FinetuneJob, callbacks: Callbacks) -> FinetuneResult:
            return runner.execute(job, Worker(callbacks=callbacks))

        searched, _ = try_recipes(store, planned, plan, request, train)
        best = searched.published(planned)
        return searched if best is None else replace(searched, model=train_here(store, best).model)


def with_threads(request: SearchRequest) -> SearchRequest:
    """Return a search whose trials have the CPU threads that they get where nobody says: all cores, shared."""
    threads = request.threads or max(1, default_workers("cpu", 1) // request.parallel)
    return request.model_copy(update={"threads": threads})


def plan_search(store: Store, request: SearchRequest, elsewhere: Elsewhere | None = None) -> SearchPlan:
    """Find the model and the data, and settle the space; what cannot be searched is an InputError."""
    require("search", "The search")
    if request.dollars is not None and request.price_per_hour is None:
        raise InputError(
            f"A budget of ${request.dollars:.2f} needs the price of an hour of training: price_per_hour, or "
            "a price of this device in the file that ACENTO_PRICES names."
        )
    card, checkpoint = load_card(store, request.dataset), resolve(request.base_model)
    clips, spoken = card.splits.get("train", 0), spoken_in(store, card, request)
    recipe = recipe_of_model(
        checkpoint,
        clips,
        pick_device(request.device, elsewhere),
        request.changes,
        spoken,
        lambda: seconds_in(store, card, ["train"]),
    )
    space = (
        default_space(recipe, clips, checkpoint.family) if request.space is None else parse_space(request.space, recipe)
    )
    plan = SearchPlan(
        name=request.model_name,
        space=space,
        base=recipe,
        sampler=request.sampler,
        pruner=request.pruner,
        seed=request.seed,
    )
    plan.limit(request.trials)  # a grid over a range without end says so now
    return plan


def try_recipes(
    store: Store,
    planned: PlannedTraining,
    plan: SearchPlan,
    request: SearchRequest,
    train: Train,
    on_progress: Callable[[SearchOutcome], None] = lambda _: None,
) -> tuple[Searched, bool]:
    """Try recipes, each in a training like the planned one, until the budget of the request is spent.

    ``on_progress`` is told what happens, from any thread, with the outcome so far.

    Returns:
        What the search came to, and whether a trial was made now; else all of them were made before.
    """
    job = planned.job.model_copy(update={"name": f"{plan.name}-search", "publish": False})
    about = {"data": f"{job.train} {job.dev}", "model": job.base.digest, "language": job.language or ""}
    plan = plan.model_copy(update={"about": about})
    limit, made_now = plan.limit(request.budget.trials), False
    # at the server that the settings name, else in the store, if it can in a file
    server = settings().study
    place = study_folder(store, plan.name) or store if server is None else server.get_secret_value()
    with open_study(plan, place, store) as study:

        def report_trials(outcome: SearchOutcome, running: int) -> None:
            nonlocal made_now
            made_now = made_now or running > 0
            report_progress(f"search {plan.name}", outcome.done, limit or outcome.done + running, "trials")
            on_progress(outcome)

        trials = _Trials(store, train, job, plan.name)
        outcome = run_study(study, trials, budget=request.budget, parallel=request.parallel, on_progress=report_trials)
        return _searched(store, study, outcome, trials), made_now


class _Trials:
    """The objective: a trial is a training that publishes no model."""

    def __init__(self, store: Store, train: Train, job: FinetuneJob, search: str) -> None:
        """Take what executes trainings, and the job that trials are made of."""
        self._store, self._train, self._job, self._search = store, train, job, search
        self._lock = Lock()
        self._alone: defaultdict[str, Lock] = defaultdict(Lock)

    def __call__(self, _: int, recipe: Recipe, report: RunningTrial) -> TrialOutcome:
        """Train with a recipe. Of two trials with the same one, the second finds what the first came to."""

        def on_metrics(row: Row) -> None:
            if row.get("dev_wer") is not None and row["step"] > 0:  # before the first step all trials are the base
                report(row["step"], row["dev_wer"])

        job = self.job(recipe)
        with self._lock:
            alone = self._alone[job.key]
        with alone:
            began = monotonic()
            result = self._train(job, Callbacks(on_metrics=on_metrics, should_stop=report.stop))
            minutes = (monotonic() - began) / 60
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


def _searched(store: Store, study: Study, outcome: SearchOutcome, trials: _Trials) -> Searched:
    files = _write(store, outcome)
    winner = None if outcome.best is None else trials.job(outcome.best)
    for job in map(trials.job, outcome.ended(study.plan)):
        if winner is None or job.key != winner.key:
            Checkpoints(store, job.key).clear()  # what they came to is written down, and no model is made of them
    told = {field.name: getattr(outcome, field.name) for field in fields(outcome)}
    return Searched(**told, files=[str(path) for path in files], winner=winner)


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


def trial_header(outcome: SearchOutcome) -> tuple[str, ...]:
    """Return the header of the table of trials."""
    return "trial", "what varied", f"dev {outcome.rate_title} %", "minutes", "state"


def trial_rows(outcome: SearchOutcome) -> list[tuple[object, ...]]:
    """Return the table of trials below ``trial_header``; a parameter that is the same in all of them is left out."""
    names = {name for row in outcome.trials for name in row.params}
    varied = {name for name in names if len({row.params.get(name) for row in outcome.trials}) > 1}
    rows: list[tuple[object, ...]] = []
    for row in outcome.trials:
        shown = {name: f"{x:.3g}" if isinstance(x, float) else x for name, x in row.params.items() if name in varied}
        state = row.state if row.sentence is None else f"failed: {row.sentence}"
        rows.append(
            (
                row.number,
                " ".join(f"{name}={value}" for name, value in shown.items()),
                "" if row.dev_wer is None else f"{100 * row.dev_wer:.2f}",
                f"{row.minutes:.1f}",
                f"{state}, the best" if row.number == outcome.best_trial else state,
            )
        )
    return rows
