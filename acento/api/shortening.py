"""Teach a model short windows by itself: what it writes and holds at its full window is all that it learns from."""

import logging
from collections import Counter
from contextlib import closing
from typing import Any, Final

from pydantic import BaseModel

from acento.api import windows
from acento.api.benchmarking import transcribe_here
from acento.api.carrying import Carry, in_process
from acento.api.precheck import check_shortening, check_shortens, judged_sets
from acento.api.session import options_of, session
from acento.api.training import PlannedTraining, plan_training, train_here, usable_card
from acento.api.windows import JudgedWindows
from acento.core.arguments import Named, name_of
from acento.core.errors import InputError
from acento.core.settings import settings
from acento.core.store import Store
from acento.data.dataset import Card, language_of
from acento.inference.benchmark import Transcription, jobs, plan_transcription, predictions, unfinished
from acento.inference.plan import make_plan
from acento.inference.runner import Runner
from acento.models.base import DecodeOptions
from acento.models.checkpoints.resolver import resolve
from acento.models.devices import Elsewhere, default_dtype, default_workers, pick_device
from acento.models.languages import language_code
from acento.registry.model_version import ModelVersion
from acento.registry.versions import find_version
from acento.requests import ShortenRequest, WindowsRequest
from acento.training.data.prepared import load_prepared
from acento.training.data.teacher import TeacherTexts
from acento.training.job import FinetuneJob, FinetuneResult
from acento.training.planning import load_labeler, recipe_of_model

_log = logging.getLogger(__name__)
SPLITS: Final = ("train", "dev")
"""What is learned from, and what steers."""


class PlannedTeacher(BaseModel, frozen=True):
    """What the base is to transcribe at its full window, and how the work is shared."""

    title: str
    dataset: str
    """Name and version: from here on one version, whatever is staged meanwhile."""
    transcriptions: list[Transcription]
    workers: int
    compute: str


class Shortened(BaseModel, frozen=True):
    """What came of a shortening."""

    model: str | None
    """``registry:NAME@VERSION``; None: the sitting is over, and the next one goes on."""
    ended: str
    """Why the training ended, and how far short windows strayed from full ones before and after it."""
    taught: bool = True
    """False: short windows came no nearer to full ones on dev, so that the model is used with full ones."""
    left_out: dict[str, int]
    """Clips that nothing could be learned from, by reason."""
    windows: JudgedWindows | None = None
    """The window gate's answer; None where it was not asked: no set has transcripts, or nothing was learned."""


@options_of(ShortenRequest, "base_model", "dataset", "compute", "max_minutes")
def shorten(base: Named, data: Named, **options: Any) -> ModelVersion:
    """Teach a model short windows, and nothing else, on recordings that need no transcripts.

    >>> short = shorten("demo:whisper-mini", "mine", recipe={"max_steps": 1})
    >>> short.name, short.about.recipe["objective"]
    ('whisper-mini-short', 'distill')

    What the model writes and holds at its full window, 30 s in a Whisper, is what it learns to write and hold in
    windows that are as long as each clip: then it decodes short clips several times as fast, and says the same.

    Args:
        base: as ``finetune`` takes it; of a family that pads every clip to its window.
        data: the name of a staged data set, or what ``stage`` returned.
        options: see below.

    Returns:
        The new version in the registry. It is used with short windows wherever it is loaded, unless the window gate
        refused them, which is asked where test clips have transcripts.

    Raises:
        InputError: the data, the model or the recipe cannot be used, or there is nothing to shorten.
        AcentoError: the training diverged.
    """
    request = ShortenRequest.of(base_model=name_of(base), dataset=name_of(data), **options)
    with session("shorten") as store:
        check_shortening(store, request)
        return find_version(store, run_steps(request, in_process(store)).model or "")


def run_steps(request: ShortenRequest, carry: Carry) -> Shortened:
    """Carry a shortening out, step by step."""
    teacher = carry(plan_teacher, request)
    carry(write_texts, teacher)
    planned = carry(plan_shortening, request, teacher)
    done = carry(conclude, planned, carry(train_here, planned))
    asked = carry(question_of, request, teacher.dataset, done)
    return done if asked is None else done.model_copy(update={"windows": carry(judge, asked)})


def plan_teacher(
    store: Store, request: ShortenRequest, elsewhere: Elsewhere | None = None, hindrance: InputError | None = None
) -> PlannedTeacher:
    """Plan the transcription of train and dev by the base at its full window.

    ``elsewhere`` is what is known of the machines that will do the work, None where this process does it; ``hindrance``
    why they could not begin now, raised if anything is left to do.

    Raises:
        InputError: the data, the model or the recipe cannot be used, or there is nothing to shorten.
    """
    card, checkpoint = usable_card(store, request), resolve(request.base_model)
    check_shortens(checkpoint, request)
    device = pick_device(request.device, elsewhere)
    language = language_code(checkpoint, request.language or language_of(store, card, ["train"]))
    # what cannot be learned is said before anything is transcribed
    recipe_of_model(checkpoint, card.splits["train"], device, request.changes, language)
    load_labeler(checkpoint.family, checkpoint.folder, language)
    options = DecodeOptions(
        language=language,
        device_type=device,
        dtype=default_dtype(device, elsewhere),
        threads=settings().threads,
    )
    transcriptions = [
        _drawn(store, card, plan_transcription(store, card, checkpoint, split=split, options=options), request.limit)
        for split in SPLITS
    ]
    if hindrance is not None and any(unfinished(store, jobs(store, one)) for one in transcriptions):
        raise hindrance
    return PlannedTeacher(
        title=request.title,
        dataset=f"{card.name}@{card.version}",
        transcriptions=transcriptions,
        workers=request.num_requests or default_workers(device, options.threads, elsewhere),
        compute=request.compute or settings().compute,
    )


def _drawn(store: Store, card: Card, whole: Transcription, limit: int | None) -> Transcription:
    """Return a transcription of so many of its clips, drawn by chance and always the same; of all without a limit."""
    if limit is None or limit >= whole.clips:
        return whole
    plan = make_plan(store, card, split=whole.split, batch_size=whole.batch_size, sample=limit)
    changes = {"plan": plan.key, "clips": plan.clips, "seconds": plan.seconds, "sample": plan.clips}
    return whole.model_copy(update=changes)


def write_texts(store: Store, teacher: PlannedTeacher) -> None:
    """Transcribe in this process what is not in the store."""
    with closing(Runner(store)) as runner:
        for one in teacher.transcriptions:
            transcribe_here(store, runner, one, teacher.workers)


def plan_shortening(
    store: Store,
    request: ShortenRequest,
    teacher: PlannedTeacher,
    elsewhere: Elsewhere | None = None,
    hindrance: InputError | None = None,
) -> PlannedTraining:
    """Prepare both splits with the texts that the teacher wrote; ``elsewhere`` and ``hindrance`` as for it.

    Raises:
        DataError: nothing can be learned from any of the texts.
    """
    texts = {one.split: TeacherTexts.of(predictions(store, one)) for one in teacher.transcriptions}
    pinned = request.model_copy(update={"dataset": teacher.dataset, "name": request.model_name})
    return plan_training(store, pinned, elsewhere, hindrance, texts).model_copy(update={"title": teacher.title})


def left_out_of(store: Store, job: FinetuneJob) -> dict[str, int]:
    """Return how many clips nothing could be learned from, by reason, the most frequent first."""
    splits = [load_prepared(store, key) for key in (job.train, job.dev)]
    return dict(Counter(str(out.reason) for split in splits for out in split.left_out).most_common())


def conclude(store: Store, planned: PlannedTraining, trained: FinetuneResult) -> Shortened:
    """Say what came of it."""
    left_out = left_out_of(store, planned.job)
    return Shortened(model=trained.model, ended=trained.sentence, taught=trained.came_near, left_out=left_out)


def question_of(store: Store, request: ShortenRequest, dataset: str, done: Shortened) -> WindowsRequest | None:
    """Return what the window gate is to be asked of the new model; None where no set has transcripts to judge by.

    Of a model that short windows came no nearer to full ones in, nothing is asked: it is used with full ones.
    """
    if done.model is None or not done.taught:
        return None
    if not (sets := judged_sets(store, request, dataset)):
        _log.warning(
            "No test clip of %s has a transcript, so that the window gate is not asked, and %s is used with short "
            "windows untested: acento judge-windows asks it, with --test a data set that has transcripts.",
            dataset,
            done.model,
        )
        return None
    shared = {name: getattr(request, name) for name in WindowsRequest.model_fields if hasattr(request, name)}
    return WindowsRequest(**shared | {"model": done.model, "test": sets[0], "guards": sets[1:] or None})


def judge(store: Store, asked: WindowsRequest) -> JudgedWindows:
    """Benchmark the new model with short windows and with full ones, and let the window gate decide."""
    return windows.run_steps(asked, in_process(store))
