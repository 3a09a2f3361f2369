"""Fine-tune a model on a data set."""

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from typing import Any

from pydantic import BaseModel

from acento.api.precheck import check_training
from acento.api.session import options_of, session
from acento.core.arguments import Named, name_of
from acento.core.errors import AcentoError, InputError
from acento.core.progress import report
from acento.core.settings import settings
from acento.core.store import Store
from acento.data.dataset import Card, language_of, load_card, seconds_in
from acento.inference.runner import Runner
from acento.models.base import DecodeOptions
from acento.models.checkpoints.resolver import resolve
from acento.models.devices import Elsewhere, default_workers, pick_device
from acento.registry.model_version import ModelVersion
from acento.registry.versions import find_version
from acento.requests import FinetuneRequest, TrainingRequest
from acento.training.data.teacher import TeacherTexts
from acento.training.devices import check_devices
from acento.training.job import FinetuneJob, FinetuneResult, state
from acento.training.planning import plan_finetune, recipe_of_model
from acento.training.windows import warn_of_windows
from acento.validation.verdict import USED_ALL_THE_SAME, require_valid

_log = logging.getLogger(__name__)


class PlannedTraining(BaseModel, frozen=True):
    """A training that can begin: its data are prepared."""

    title: str
    compute: str
    job: FinetuneJob


@options_of(FinetuneRequest, "base_model", "dataset", "compute", "max_minutes")
def finetune(base: Named, data: Named, **options: Any) -> ModelVersion:
    """Fine-tune a base model on the train split of a data set, its dev split steering; killed, a second call goes on.

    >>> tuned = finetune("demo:whisper-mini", "mine", strategy="lora", recipe={"max_steps": 1})
    >>> tuned.name, tuned.about.strategy
    ('whisper-mini-mine', 'lora')
    >>> tuned.transcribe("clip.wav").text
    'la casuela quedó muy blanda a las cuatro'

    Args:
        base: a folder, a Hugging Face id (``owner/name@revision``), ``demo:NAME`` or ``registry:NAME@VERSION``.
        data: the name of a staged data set, or what ``stage`` returned.
        options: see below.

    Returns:
        The new version in the registry: ``transcribe()`` uses it, ``card`` tells of it, ``path`` is its folder.

    Raises:
        InputError: the data, the model or the recipe cannot be used.
        AcentoError: the training diverged.
    """
    request = FinetuneRequest.of(base_model=name_of(base), dataset=name_of(data), **options)
    with session("finetune") as store:
        check_training(store, request)
        return find_version(store, finetune_model(store, request).model or "")


def finetune_model(store: Store, request: FinetuneRequest) -> FinetuneResult:
    """Plan a training and carry it out in this process."""
    return train_here(store, plan_training(store, request))


def train_here(store: Store, planned: PlannedTraining) -> FinetuneResult:
    """Train in this process; it is an error if that diverged, or was stopped before the end."""
    with closing(Runner(store)) as runner:
        result = runner.execute(planned.job)
    if not result.done or result.why == "diverged":
        raise AcentoError(f"The training {planned.title} did not end: {result.sentence}")
    return result


def plan_training(
    store: Store,
    request: TrainingRequest,
    elsewhere: Elsewhere | None = None,
    hindrance: InputError | None = None,
    texts: Mapping[str, TeacherTexts] | None = None,
) -> PlannedTraining:
    """Find the model and the data, settle the recipe, and prepare both splits, so that no GPU waits for it.

    ``elsewhere`` is what is known of the machines that will do the work, None where this process does it; ``hindrance``
    why they could not begin now, raised if anything is left to do; ``texts`` by split what a teacher wrote, where that
    is to be learned.
    """
    card = usable_card(store, request)
    checkpoint = resolve(request.base_model)
    options = training_options(request, elsewhere)
    devices = request.devices if isinstance(request, FinetuneRequest) else 1
    if elsewhere is None:
        check_devices(options.device_type, devices)
    clips = len(texts["train"].predictions) if texts else card.splits.get("train", 0)
    spoken = spoken_in(store, card, request)
    recipe = recipe_of_model(
        checkpoint, clips, options.device_type, request.changes, spoken, lambda: seconds_in(store, card, ["train"])
    )

    def on_progress(done: int, total: int) -> None:
        if hindrance is not None:  # what is only now prepared was never learned from
            raise hindrance
        on_prepared(request)(done, total)

    job = plan_finetune(
        store,
        card,
        checkpoint,
        recipe,
        name=request.model_name,
        options=options,
        language=request.language,
        texts=texts,
        on_progress=on_progress,
    )
    if isinstance(request, FinetuneRequest):
        job = job.model_copy(update={"minutes": request.max_minutes, "devices": devices})
    warn_of_windows(store, job, checkpoint)
    if hindrance is not None and state(store, job) is None:
        raise hindrance
    return PlannedTraining(title=request.title, compute=request.compute or settings().compute, job=job)


def on_prepared(request: TrainingRequest) -> Callable[[int, int], None]:
    """Return what reports how many clips are prepared."""
    return lambda done, total: report(f"prepare {request.title}", done, total, "clips")


def usable_card(store: Store, request: TrainingRequest) -> Card:
    """Return the data set that was asked for; if it failed validation and is used all the same, the log says so."""
    card = load_card(store, request.dataset)
    if require_valid(store, card, request.allow_invalid) == USED_ALL_THE_SAME:
        _log.warning("Data set %s failed validation and is learned from all the same.", card.title)
    return card


def spoken_in(store: Store, card: Card, request: TrainingRequest, splits: Sequence[str] = ("dev",)) -> str | None:
    """Return the language of the clips that a training is measured by: as they say it, else what the model is told."""
    there = [split for split in splits if card.splits.get(split)]  # a split that lacks is refused by who needs it
    return language_of(store, card, there) or request.output_language


def training_options(request: TrainingRequest, elsewhere: Elsewhere | None = None) -> DecodeOptions:
    """Return where a training computes: a training is one worker, so on the CPU it has every core."""
    return DecodeOptions(
        device_type=pick_device(request.device, elsewhere),
        threads=request.threads or default_workers("cpu", 1, elsewhere),
    )
