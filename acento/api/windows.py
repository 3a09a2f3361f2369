"""Judge a model's short windows against its full ones: benchmark it with both, ask the window gate, keep its answer.

What was only shortened is judged against the full windows of its base, which it is to equal.
"""

from typing import Any

from pydantic import BaseModel

from acento.api.benchmarking import run_benchmark
from acento.api.carrying import Carry, in_process
from acento.api.session import options_of, session
from acento.core.arguments import Named, name_of
from acento.core.errors import InputError
from acento.core.store import Store
from acento.models.checkpoints.resolver import resolve
from acento.models.families import FAMILIES
from acento.models.windows import Fit
from acento.registry.card.card import publish_report, report_of
from acento.registry.card.report import card_path, latest_report
from acento.registry.gate import judging
from acento.registry.gate.judging import Question, ask
from acento.registry.gate.windows import WindowVerdict, keep_verdict
from acento.registry.model_version import ModelVersion
from acento.registry.runs.records import Finished
from acento.registry.versions import find_version
from acento.registry.windows import taught_fit
from acento.requests import BenchmarkRequest, WindowsRequest


class JudgedWindows(BaseModel, frozen=True):
    """The window gate's answer for a model."""

    model: str
    """``registry:NAME@VERSION``."""
    verdict: WindowVerdict
    card: str | None = None
    """The model card's path, where it was written anew."""


@options_of(WindowsRequest, "model", "test", "compute")
def judge_windows(model: Named, test: Named | None = None, **options: Any) -> WindowVerdict:
    """Measure a tuned model with short windows and with full ones, and let the window gate decide which it keeps.

    >>> taught = finetune("demo:whisper-mini", "mine", recipe={"max_steps": 1, "window": "fit"})
    >>> verdict = judge_windows(taught)
    >>> verdict.passed, verdict.sentences[0]
    (False, 'Refused, the full window stays: too few clips to tell on mine@1.')

    The answer is kept beside the version, and obeyed wherever that is used without ``window="fit"`` or ``"full"``.

    Args:
        model: ``registry:NAME@VERSION``, or what ``finetune`` returned; it must have been taught short windows.
        test: the name of a staged data set, or a part of one such as ``mine[accent=chilean]``; by default what the
            model was tuned on. Its test split is transcribed.
        options: see below.

    Raises:
        InputError: the model was not taught short windows, or a data set or an option cannot be used.
    """
    chosen = {} if test is None else {"test": name_of(test)}
    request = WindowsRequest.of(model=name_of(model), **chosen, **options)
    with session("judge windows") as store:
        return run_steps(request, in_process(store)).verdict


def run_steps(request: WindowsRequest, carry: Carry) -> JudgedWindows:
    """Carry out what was asked of the window gate by hand, step by step."""
    question = carry(fix_question, request)
    model = question.candidate or question.incumbent
    like = BenchmarkRequest(
        models=[model],
        datasets=question.datasets,
        num_requests=request.num_requests,
        language=request.language,
        normalizer=request.normalizer,
        device=request.device,
        compute=request.compute,
        allow_invalid=request.allow_invalid,
    )
    runs = measure_both(like, carry, question.incumbent)
    return carry(write_card, carry(judge_runs, model, question, *runs), question)


def measure_both(like: BenchmarkRequest, carry: Carry, full: str | None = None) -> tuple[str, str]:
    """Benchmark a model with full windows, and then with short ones, else as a request says; return both runs.

    ``full`` is the model that is heard with full windows; None: the same one.
    """
    whole = like.model_copy(update={"window": "full", "models": like.models if full is None else [full]})
    short = like.model_copy(update={"window": "fit"})
    return measured_run(carry(run_benchmark, whole)), measured_run(carry(run_benchmark, short))


def measured_run(finished: Finished) -> str:
    """Return a run in which everything could be measured; raise InputError with the reason if something was not."""
    for name, why in finished.leaderboard.left_out.items():
        raise InputError(f"{name} could not be measured. {why}")
    return finished.run


def check_windows(store: Store, request: WindowsRequest, *, installed: bool = True) -> None:  # noqa: ARG001
    """See that the model was taught short windows, and that the test set and the guards are there."""
    fix_question(store, request)


def fix_question(store: Store, request: WindowsRequest) -> Question:
    """Find the model, the test set and the guards, before anything is transcribed.

    Raises:
        InputError: one of them is not there, or the model has no short windows to judge.
    """
    version, _ = find_taught(store, request.model)
    return ask(
        store,
        request.test or version.about.dataset,
        request.guards or (),
        incumbent=with_full_windows(version),
        against="its base's full windows" if version.about.shortened else "its full windows",
        candidate=version.id,
        language=request.language,
        allow_few_speakers=request.allow_few_speakers,
        window_bound=request.window_bound,
    )


def find_taught(store: Store, model: str) -> tuple[ModelVersion, Fit]:
    """Return the version of the registry that a name is of, and the short windows that it was taught.

    Raises:
        ModelError: there is no such version.
        InputError: it was not taught short windows, or its family has none.
    """
    version = find_version(store, model)
    if (fit := taught_fit(store, version)) is not None:
        return version, fit
    family = FAMILIES[version.about.base["family"]]
    if family.window is None:
        raise InputError(
            f"{version.title} is of the family {family.name!r}, which does not fill clips up to a window: there is "
            "nothing to judge."
        )
    raise InputError(
        f"{version.title} was not taught short windows, so that there is nothing to judge: train it with --window fit, "
        "or teach it with acento shorten."
    )


def with_full_windows(version: ModelVersion) -> str:
    """Return the model whose full windows short ones are judged against, as a benchmark is asked for it.

    What was only shortened is to say what its base said; its own full windows, which it need not have been shown, may
    have become worse.

    Raises:
        InputError: its base is no longer what it was.
    """
    if not version.about.shortened:
        return version.id
    base = version.about.base
    name = base["id"] if base["revision"] is None or "@" in base["id"] else f"{base['id']}@{base['revision']}"
    if resolve(name).digest != base["digest"]:
        raise InputError(f"{name}, the base of {version.title}, was changed since: shorten it again.")
    return str(name)


def short_windows(store: Store, model: str) -> Fit | None:
    """Return the short windows that a version was taught; None where it was taught none."""
    return taught_fit(store, find_version(store, model))


def judge_runs(store: Store, model: str, question: Question, full: str, short: str) -> JudgedWindows:
    """Put the window gate's question to a run with full windows and one with short ones, and keep the answer."""
    version, fit = find_taught(store, model)
    sides = {"full": (full, resolve(with_full_windows(version))), "short": (short, resolve(model))}
    verdict = judging.judge_windows(store, question, fit, **sides)
    return JudgedWindows(model=version.id, verdict=keep_verdict(store, version, verdict))


def write_card(store: Store, judged: JudgedWindows, question: Question) -> JudgedWindows:
    """Write the model card anew, with the window gate's answer in it."""
    version, verdict = find_version(store, judged.model), judged.verdict
    last = latest_report(store, version)
    run = verdict.runs[1 if verdict.passed or version.about.shortened else 0]
    report = report_of(store, version, run, question, None) if last is None else last.report
    publish_report(store, version, report.model_copy(update={"windows": verdict}))
    return judged.model_copy(update={"card": card_path(store, version)})
