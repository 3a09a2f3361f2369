"""Specialize a model and prove it: stage, validate, benchmark, fine-tune, benchmark again, and let the gate decide."""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel

from acento.api.benchmarking import run_benchmark
from acento.api.carrying import Carry, in_process
from acento.api.data import check_dataset, stage_source
from acento.api.precheck import check_specialization
from acento.api.session import options_of, session
from acento.api.training import finetune_model
from acento.api.windows import judge_runs, measure_both, measured_run, short_windows
from acento.core.arguments import Named, checked, name_of
from acento.core.errors import AcentoError
from acento.core.store import Store
from acento.models.checkpoints.resolver import resolve
from acento.registry.aliases import PRODUCTION
from acento.registry.card.before_after import before_and_after
from acento.registry.card.card import publish_report, report_of
from acento.registry.card.report import card_path, latest_report
from acento.registry.gate.judging import Question, ask, judge
from acento.registry.gate.verdict import GateVerdict
from acento.registry.gate.windows import WINDOW_BOUND, WindowVerdict, window_verdict
from acento.registry.interpolation import smaller_step
from acento.registry.model_version import ModelVersion
from acento.registry.promotion import current
from acento.registry.promotion import promote as move_alias
from acento.registry.versions import find_version
from acento.requests import BenchmarkRequest, FinetuneRequest, SpecializeRequest, StageRequest, ValidateRequest
from acento.scoring.table import TextTable

STEPS_BACK = 3
"""Smaller steps that are tried at most: each is one more look at the test split, and the verdict counts them."""


class Judged(BaseModel, frozen=True):
    """The gate's answer for a candidate, and where its files are."""

    model: str
    """``registry:NAME@VERSION``."""
    passed: bool
    promoted: bool
    sentences: list[str]
    offer: str | None
    card: str
    """The model card's path."""
    run: str
    folder: str
    """The run's files."""
    verdict: GateVerdict | None = None
    """All that the gate's answer rests on; None where the candidate was production already."""
    windows: WindowVerdict | None = None
    """What the window gate said before; None where the candidate was not taught short windows."""
    table: TextTable | None = None
    """Its base and it: rates, RTFx, windows."""


class Specialized(BaseModel, frozen=True):
    """What came of a specialization."""

    dataset: str
    base_model: str
    judged: list[Judged]
    """Every candidate, in the order it was tried; the last one is what the gate had the last word on."""

    @property
    def outcome(self) -> Judged:
        """The last candidate."""
        return self.judged[-1]


@options_of(SpecializeRequest, "base_model", "dataset", "compute", "max_minutes")
def specialize(base: Named, data: Named, **options: Any) -> Specialized:
    """Fine-tune a model, measure it beside its base and today's production, and promote it if the gate lets it pass.

    >>> done = specialize("demo:whisper-mini", "mine", recipe={"max_steps": 1}, interpolate=False)
    >>> done.outcome.passed, done.outcome.sentences[0]
    (False, 'Refused, compared with the base model: too few clips to tell on mine@1.')

    Args:
        base: as ``finetune`` takes it.
        data: the name of a staged data set, or what ``stage`` returned.
        options: see below.

    Raises:
        InputError: a data set, a model or an option cannot be used, or the data fails validation.
    """
    request = SpecializeRequest.of(base_model=name_of(base), dataset=name_of(data), **options)
    with session("specialize") as store:
        check_specialization(store, request)
        return run_steps(request, in_process(store))


def run_steps(request: SpecializeRequest, carry: Carry) -> Specialized:
    """Carry a specialization out, step by step.

    Raises:
        AcentoError: the training left no model.
        InputError: a model could not be measured.
    """
    dataset, base, language = request.dataset, request.base_model, request.output_language
    if request.source is not None:
        name = dataset.partition("@")[0]
        dataset = carry(stage_source, StageRequest(source=request.source, name=name, language=request.language)).id
    if not request.allow_invalid:
        # from here on one version, whatever is staged meanwhile
        dataset = carry(check_dataset, ValidateRequest(dataset=dataset, model=base, language=language))
    test, guards = request.test or dataset, request.guards or []
    rules = language, request.bound, request.allow_few_speakers, request.window_bound
    asked = carry(fix_question, request.model_name, base, test, guards, *rules)

    def benchmark(*models: str) -> BenchmarkRequest:
        """Ask for models on every set that the gate looks at."""
        return BenchmarkRequest(
            models=list(dict.fromkeys(models)),
            datasets=asked.datasets,
            num_requests=request.num_requests,
            language=language,
            normalizer=request.normalizer,
            device=request.device,
            compute=request.compute,
            allow_invalid=request.allow_invalid,
        )

    def measure(*models: str) -> str:
        """Benchmark models; return the run."""
        return measured_run(carry(run_benchmark, benchmark(*models)))

    def judge(model: str) -> Judged:
        """Judge a candidate's windows, measure it beside the base and the incumbent as it is used, ask the gate."""
        if carry(short_windows, model) is not None:
            carry(judge_runs, model, asked, *measure_both(benchmark(model), carry))
        return carry(judge_run, measure(base, asked.incumbent, model), model, asked)

    measure(base, asked.incumbent)
    training = {name: getattr(request, name) for name in FinetuneRequest.model_fields}
    tuned = carry(finetune_model, FinetuneRequest(**training | {"dataset": dataset, "language": language}))
    candidate = tuned.model
    if candidate is None:
        raise AcentoError(f"The training of {request.title} left no model: {tuned.sentence}")
    judged = [judge(candidate)]
    while request.interpolate and judged[-1].offer == "interpolate" and len(judged) <= STEPS_BACK:
        smaller, _ = carry(step_back, candidate, judged[-1].model)
        if smaller is None:
            break
        judged.append(judge(smaller))
    if request.promote and judged[-1].passed and not judged[-1].promoted:
        judged[-1] = carry(promote_judged, judged[-1])
    return Specialized(dataset=dataset, base_model=base, judged=judged)


def promote(
    model: Named, alias: str = PRODUCTION, *, why: str = "", force: bool = False, allow_few_speakers: bool = False
) -> ModelVersion:
    """Let an alias point to a model version; ``production`` only after the gate's consent, or by force.

    >>> promote("whisper-mini-mine", "staging").id == load_version("whisper-mini-mine@staging").id
    True

    Args:
        model: ``registry:NAME@VERSION``, or what ``finetune`` returned.
        alias: its name.
        why: for those who read the alias's history.
        force: do without the gate; that is written down, and ``why`` must say the reason.
        allow_few_speakers: also where the gate refused for nothing but few unseen speakers; that is written down.

    Raises:
        InputError: the gate has not consented, or another process moved the alias just now.
    """
    with session("promote") as store:
        version = find_version(store, name_of(model))
        words = {"alias": checked("alias", str, alias), "why": checked("why", str, why)}
        move_alias(store, version, **words, forced=force, allow_few_speakers=allow_few_speakers)
        return version


def fix_question(
    store: Store,
    name: str,
    base_model: str,
    test: str,
    guards: Sequence[str],
    language: str | None,
    bound: float,
    allow_few_speakers: bool = False,
    window_bound: float = WINDOW_BOUND,
) -> Question:
    """Find the test set, the guards and today's production model of a name, before anything is trained."""
    today = current(store, name, PRODUCTION)
    incumbent, against = (
        (base_model, "the base model") if today is None else (today.id, f"today's production {today.id}")
    )
    return ask(
        store,
        test,
        guards,
        incumbent=incumbent,
        against=against,
        language=language,
        bound=bound,
        allow_few_speakers=allow_few_speakers,
        window_bound=window_bound,
    )


def judge_run(store: Store, run: str, candidate: str, question: Question) -> Judged:
    """Put the gate's question to a run, keep the verdict with the candidate, and write its model card.

    A candidate that is production already is not judged anew.
    """
    version, verdict = find_version(store, candidate), None
    windows = window_verdict(store, version)
    if candidate == question.incumbent:
        found = latest_report(store, version)
        gate = None if found is None else found.report.gate
        sentences = ["It is production already.", *(() if gate is None else gate.sentences)]
    else:
        models = {"incumbent": resolve(question.incumbent), "candidate": resolve(candidate)}
        verdict = judge(store, run, question, **models, windows=1 if windows is None else 2)
        publish_report(store, version, report_of(store, version, run, question, verdict))
        sentences = list(verdict.sentences)
    return Judged(
        model=candidate,
        passed=verdict is None or verdict.passed,
        promoted=verdict is None,
        sentences=sentences,
        offer=None if verdict is None else verdict.offer,
        card=card_path(store, version),
        run=run,
        folder=str(store.local_folder(f"runs/{run}")),
        verdict=verdict,
        windows=windows,
        table=before_and_after(store, version, run, question.test, windows),
    )


def step_back(store: Store, tuned: str, refused: str) -> tuple[str | None, str]:
    """Make a version between a tuned model and its base, nearer to that than what was refused; say what was done."""
    below = float(find_version(store, refused).about.recipe.get("interpolate", 1.0)) if refused != tuned else 1.0
    smaller, sentence = smaller_step(store, find_version(store, tuned), below)
    return None if smaller is None else smaller.id, sentence


def promote_judged(store: Store, judged: Judged) -> Judged:
    """Let ``production`` point to a model that passed the gate."""
    move_alias(store, find_version(store, judged.model), why=f"passed the gate in run {judged.run}")
    return judged.model_copy(update={"promoted": True})
