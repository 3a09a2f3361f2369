"""Benchmark models on data sets: plan, transcribe, score, publish; and compare two of them."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from typing import Any, Literal, TypeVar

from pydantic import BaseModel

from acento.api.carrying import in_process
from acento.api.estimating import check_budget
from acento.api.precheck import asked_cards, asked_options, unusable, usable
from acento.api.recordings.speaker_benchmark import run_speaker_benchmark
from acento.api.session import options_of, session
from acento.api.tuned import planned_with, settled
from acento.core.arguments import Named, checked, name_of, names_of
from acento.core.callbacks import Callbacks
from acento.core.errors import AcentoError, InputError, ModelError, StoreError, may_pass, name_and_line
from acento.core.progress import audio_meter
from acento.core.settings import settings
from acento.core.store import Store
from acento.inference.batch_check import with_batch_check
from acento.inference.benchmark import (
    Scored,
    Transcription,
    clocks,
    jobs,
    repeat_jobs,
    score_transcription,
    unfinished,
)
from acento.inference.jobs import TranscribeJob
from acento.inference.runner import Runner, Worker, execute_together
from acento.inference.speed import speed
from acento.models.checkpoints.checkpoint import Checkpoint
from acento.models.checkpoints.references import with_engine
from acento.models.checkpoints.resolver import resolve
from acento.models.checkpoints.taught import check_window, resolve_fit
from acento.models.devices import Elsewhere, default_workers, pick_device
from acento.models.family import WHISPER
from acento.registry.runs.records import Finished, asked_normalizer, begin, entries_of, finish, utc_now, utterances_of
from acento.requests import BenchmarkRequest
from acento.requests.benchmark import AUTO
from acento.scoring.boards.leaderboard import Leaderboard
from acento.scoring.comparing.compare import GroupedComparison, compare_groups
from acento.validation.verdict import USED_ALL_THE_SAME, require_valid

T = TypeVar("T")

_log = logging.getLogger(__name__)

Draw = Literal["clips", "speakers"]
"""What the intervals of a comparison draw."""


class PlannedRun(BaseModel, frozen=True):
    """A run that has begun, and what is to be transcribed for it."""

    run: str
    workers: int
    compute: str
    transcriptions: list[Transcription]
    normalizer: str | None = None
    """What the run began with; None: that of each data set's language."""
    repeats: int = 1
    """How often each is decoded for the clock."""
    left_out: dict[str, str] = {}
    """Models and data sets that cannot be used, each with the reason."""


@options_of(BenchmarkRequest, "models", "datasets", "compute", "dry_run")
def benchmark(models: Named | Iterable[Named], data: Named | Iterable[Named], **options: Any) -> Leaderboard:
    """Measure models on the test split of data sets, and rank them; what was computed before is found in the store.

    >>> board = benchmark(["demo:whisper-mini", "demo:whisper-micro"], "mine")
    >>> [row.entry.model for row in board.boards[0].rows]
    ['demo:whisper-mini', 'demo:whisper-micro']
    >>> list(board.to_pandas().columns[:6])
    ['dataset', 'split', 'limit', 'normalizer', 'rank', 'tied']

    Args:
        models: folders, Hugging Face ids (``owner/name@revision``), ``demo:NAME``, ``registry:NAME@VERSION``, or what
            ``finetune`` returned.
        data: names of staged data sets, or what ``stage`` returned.
        options: see below.

    Returns:
        The leaderboard: print it, show it in a notebook, or take ``to_pandas()``, whose rows have every rate with its
        interval and its origin. ``left_out`` says which models could not be used, and why.

    Raises:
        InputError: a data set or an option cannot be used, or none of the models.
    """
    request = BenchmarkRequest.of(models=names_of(models), datasets=names_of(data), **options)
    with session("benchmark") as store:
        return run_benchmark(store, request).leaderboard


def run_benchmark(store: Store, request: BenchmarkRequest) -> Finished:
    """Run a benchmark in this process."""
    if request.diarize:
        return run_speaker_benchmark(request, in_process(store))
    planned = plan_benchmark(store, request)
    with closing(Runner(store)) as runner:
        scored, left_out = measure(
            planned,
            lambda one: transcribe_here(store, runner, one, planned.workers, planned.run, planned.repeats),
            lambda one, _: score_transcription(store, one, planned.normalizer),
        )
    return finish(store, planned.run, scored, utc_now(), left_out)


def plan_benchmark(
    store: Store, request: BenchmarkRequest, elsewhere: Elsewhere | None = None, hindrance: InputError | None = None
) -> PlannedRun:
    """Find every model and data set, plan each transcription, and write down that the run was asked for.

    ``elsewhere`` is what is known of the machines that will do the work, None where this process does it; ``hindrance``
    why they could not begin now, raised if anything is left to do.
    """
    device = pick_device(request.device, elsewhere)
    options = asked_options(request, device, elsewhere)
    check_budget(store, request, elsewhere)
    known = unusable(store, request, installed=elsewhere is None)
    cards = asked_cards(store, request, known)
    validation = {f"{card.name}@{card.version}": require_valid(store, card, request.allow_invalid) for card in cards}
    for name, outcome in validation.items():
        if outcome == USED_ALL_THE_SAME:
            _log.warning("Data set %s failed validation and is used all the same.", name)
    checkpoints, left_out = find_models(request, elsewhere, known)
    decoding = [(one, options.model_copy(update={"fit": resolve_fit(one, request.window)})) for one in checkpoints]
    transcriptions = [
        planned_with(store, request, card, settled(store, request, card, checkpoint, own, elsewhere), keep=True)[0]
        for checkpoint, own in decoding  # the outer loop, so that each model is loaded once
        for card in cards
    ]
    if request.batch_check is not None:
        transcriptions = [with_batch_check(store, one, request.batch_check) for one in transcriptions]
    steps = [step for one in transcriptions for step in one.steps]
    if hindrance is not None and (request.repeats > 1 or any(unfinished(store, jobs(store, step)) for step in steps)):
        raise hindrance
    inputs = {card.title: card.fingerprint for card in cards} | {model.id: model.digest for model in checkpoints}
    run = begin(store, request, inputs, request.job_id, utc_now(), validation)
    return PlannedRun(
        run=run,
        workers=request.num_requests or default_workers(device, options.threads, elsewhere),
        compute=request.compute or settings().compute,
        transcriptions=transcriptions,
        normalizer=asked_normalizer(store, run),
        repeats=request.repeats,
        left_out=left_out,
    )


def measure(
    planned: PlannedRun, transcribe: Callable[[Transcription], T], score: Callable[[Transcription, T], Scored]
) -> tuple[list[tuple[Transcription, Scored]], dict[str, str]]:
    """Transcribe and score what was planned; return the scores, and what failed or was left out, with the reason.

    Raises:
        Exception: what may pass, or a failing store, as the same call goes on from there; or nothing could be measured.
    """
    scored: list[tuple[Transcription, Scored]] = []
    left_out, failure = dict(planned.left_out), None
    for transcription in planned.transcriptions:
        try:
            transcribed, *_ = [transcribe(step) for step in transcription.steps]
        except Exception as error:
            if len(planned.transcriptions) == 1 or may_pass(error) or isinstance(error, StoreError):
                raise
            left_out[transcription.title] = str(error) if isinstance(error, AcentoError) else name_and_line(error)
            failure = error
        else:
            scored.append((transcription, score(transcription, transcribed)))
    if not scored and failure is not None:
        raise failure
    return scored, left_out


def find_models(
    request: BenchmarkRequest, elsewhere: Elsewhere | None = None, left_out: Mapping[str, str] | None = None
) -> tuple[list[Checkpoint], dict[str, str]]:
    """Return the models that can be run, and of the others, by name, why they cannot; ``left_out`` are known already.

    What is installed elsewhere cannot be asked: there every model is tried, and one that lacks something fails with a
    sentence of the machine that lacks it. If not one model can be run, the error of the first is raised.
    """
    if request.quantization is not None and request.engine is None:
        raise InputError("A quantization is for CTranslate2: add --engine ctranslate2, or auto.")
    reasons = dict(left_out or {})
    checkpoints = usable(request.models, lambda name: _resolved(name, request, elsewhere), reasons)
    for name, why in reasons.items():
        _log.warning("%s is left out. %s", name, why)
    return checkpoints, reasons


def _resolved(name: str, request: BenchmarkRequest, elsewhere: Elsewhere | None) -> Checkpoint:
    """Return a model, with the engine that was asked for where its family knows it."""
    checkpoint = resolve(name)
    if request.engine not in (None, AUTO) and checkpoint.family.name == WHISPER:
        named = with_engine(name, request.engine, request.quantization)
        checkpoint = checkpoint if named == name else resolve(named)
    if elsewhere is None and (missing := checkpoint.family.missing()) is not None:
        raise ModelError(missing)
    checkpoint.family.check(asked_options(request, pick_device(request.device, elsewhere), elsewhere))
    check_window(checkpoint, request.window_s)
    return checkpoint


def rounds(store: Store, transcription: Transcription, run: str, repeats: int) -> Iterator[list[TranscribeJob]]:
    """Yield the jobs that are left of a transcription, then those of each repeat for the clock of a run.

    Where the texts were in the store, and were measured under other conditions than now, there is a repeat more. The
    sample of a batch check is not repeated.
    """
    yield unfinished(store, jobs(store, transcription))
    if transcription.sample is not None:
        return
    for number in range(2, repeats + 1):
        yield unfinished(store, repeat_jobs(store, transcription, run, number))
    measured = speed(clocks(store, transcription, run, repeats)) if repeats > 1 else None
    if measured is not None and measured.repeats < repeats:
        yield unfinished(store, repeat_jobs(store, transcription, run, repeats + 1))


def transcribe_here(
    store: Store, runner: Runner, transcription: Transcription, workers: int, run: str = "", repeats: int = 1
) -> None:
    """Decode in this process, in threads that share the loaded model, every part that is not in the store."""
    for todo in rounds(store, transcription, run, repeats):
        meter = audio_meter(f"transcribe {transcription.title}", sum(job.seconds for job in todo))
        workers = transcription.workers or workers
        worker = Worker(count=workers, callbacks=Callbacks(on_progress=meter))
        with closing(execute_together(runner.execute, todo, worker)) as ended:
            for _, _, error in ended:
                if error is not None:
                    raise error


@options_of(BenchmarkRequest, "models", "datasets", "compute", "dry_run")
def compare(
    model_a: Named, model_b: Named, data: Named, *, draw: Draw | None = None, **options: Any
) -> GroupedComparison:
    """Tell how much more one model errs than another on the same clips, overall and by speaker and accent.

    >>> found = compare("demo:whisper-micro", "demo:whisper-mini", "mine")
    >>> found.overall.difference.delta > 0, sorted(found.groups)
    (True, ['accent', 'speaker'])

    Args:
        model_a: as ``benchmark`` takes models.
        model_b: what it is compared with; a difference below 0 says that ``model_a`` errs less.
        data: the name of a staged data set, or what ``stage`` returned.
        draw: what the intervals draw: speakers, so that they hold for people who were not recorded, or clips; by
            default speakers where they are known and not in the training split.
        options: see below.

    Raises:
        InputError: one of the models, or the data set, cannot be used.
    """
    checked("draw", Draw | None, draw)
    names = [name_of(model_a), name_of(model_b)]
    request = BenchmarkRequest.of(models=names, datasets=[name_of(data)], **options)
    with session("compare") as store:
        finished = run_benchmark(store, request)
        for name, why in finished.leaderboard.left_out.items():
            raise InputError(f"{name} cannot be compared. {why}")
        measured = [(entry.model, utterances_of(store, key)) for entry, key in entries_of(store, finished.artifact.key)]
    # in the order of the names; one only where both are the same
    (name_a, table_a), (name_b, table_b) = measured[0], measured[-1]
    by_speaker = None if draw is None else draw == "speakers"
    return compare_groups(name_a, name_b, table_a, table_b, by_speaker=by_speaker)
