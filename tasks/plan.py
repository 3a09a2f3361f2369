"""The task that plans a benchmark: everything named is found, and all work fixed, before anything is computed."""

import logging
from collections.abc import Mapping
from contextlib import closing

from pydantic import BaseModel, ConfigDict

from acento.core.errors import InputError, ModelError
from acento.core.settings import settings
from acento.core.store import open_store
from acento.core.text import normalizer
from acento.data.dataset import load_card
from acento.inference.benchmark import Transcription, jobs, plan_transcription, unfinished
from acento.models.base import DecodeOptions
from acento.models.checkpoints.checkpoint import Checkpoint
from acento.models.checkpoints.references import with_engine
from acento.models.checkpoints.resolver import resolve
from acento.models.devices import Elsewhere, default_dtype, held_by_cores, pick_device
from acento.models.family import WHISPER
from acento.registry.precheck import unusable
from acento.registry.runs import BenchmarkRequest, begin, utc_now
from acento.validation.gatekeeper import USED_ALL_THE_SAME, require_valid
from infra.compute import open_compute
from tasks.policy import step

_log = logging.getLogger(__name__)


class PlannedRun(BaseModel):
    """A run that has begun, and what is to be transcribed for it."""

    model_config = ConfigDict(frozen=True)

    run: str
    placements: int
    compute: str
    transcriptions: list[Transcription]
    left_out: dict[str, str] = {}
    """Models and data sets that cannot be used, each with the reason."""


@step("plan", run_name="plan {request.title}")
def plan_run(request: BenchmarkRequest, job_id: str | None = None) -> PlannedRun:
    """Find every model and data set, plan each transcription, and write down that the run was asked for."""
    store = open_store(settings().store)
    normalizer(request.normalizer)
    elsewhere, hindrance = asked_compute(request.compute)
    device = pick_device(request.device, elsewhere)
    options = DecodeOptions(
        language=request.language,
        device_type=device,
        dtype=request.dtype or default_dtype(device, elsewhere),
        threads=request.threads or settings().threads,
    )
    known = unusable(
        store,
        request.models,
        request.datasets,
        split=request.split,
        language=request.language,
        engine=request.engine,
        quantization=request.quantization,
        allow_invalid=request.allow_invalid,
        installed=elsewhere is None,
    )
    # a set named twice, by its name and by its latest version, is one
    named = [load_card(store, name) for name in request.datasets if name not in known]
    cards = list({card.key: card for card in named}.values())
    validation = {f"{card.name}@{card.version}": require_valid(store, card, request.allow_invalid) for card in cards}
    for name, outcome in validation.items():
        if outcome == USED_ALL_THE_SAME:
            _log.warning("Data set %s failed validation and is used all the same.", name)
    checkpoints, left_out = _found(request, elsewhere, known)
    transcriptions = [
        plan_transcription(
            store,
            card,
            checkpoint,
            split=request.split,
            options=options,
            batch_size=request.gpu_batch_size,
            limit=request.limit,
        )
        for checkpoint in checkpoints  # the outer loop, so that each model is loaded once
        for card in cards
    ]
    if hindrance is not None and any(unfinished(store, jobs(store, one)) for one in transcriptions):
        raise hindrance
    inputs = {card.title: card.fingerprint for card in cards} | {model.id: model.digest for model in checkpoints}
    run = begin(store, request, inputs, job_id, utc_now(), validation)
    return PlannedRun(
        run=run,
        placements=request.num_requests or default_placements(device, options.threads, elsewhere),
        compute=request.compute or settings().compute,
        transcriptions=transcriptions,
        left_out=left_out,
    )


def check_compute(name: str | None, *, begin: bool = True) -> Elsewhere | None:
    """See that the backend that was asked for could begin, before work is planned for it.

    Args:
        name: the backend; None: the settings' one.
        begin: False: see only that the work could be planned.

    Returns:
        What is known of its machines; None where they are this one.

    Raises:
        InputError: it could not; the sentence says what to set up.
    """
    with closing(open_compute(name or settings().compute, open_store(settings().store))) as backend:
        return backend.check(begin=begin)


def asked_compute(name: str | None) -> tuple[Elsewhere | None, InputError | None]:
    """Return what is known of a backend's machines, and why they could not begin now, which what is done needs not.

    Raises:
        InputError: not even the plan could be made.
    """
    try:
        return check_compute(name), None
    except InputError as hindrance:
        elsewhere = check_compute(name, begin=False)
        _log.warning("%s What is in the store already does without.", hindrance)
        return elsewhere, hindrance


def _found(
    request: BenchmarkRequest, elsewhere: Elsewhere | None = None, left_out: Mapping[str, str] | None = None
) -> tuple[list[Checkpoint], dict[str, str]]:
    """Return the models that can be run, and of the others, by name, why they cannot; ``left_out`` are known already.

    What is installed elsewhere cannot be asked: there every model is tried, and one that lacks something fails with a
    sentence of the machine that lacks it.

    Raises:
        InputError: a quantization without an engine that takes one.
        ModelError: not one model can be run.
    """
    if request.quantization is not None and request.engine is None:
        raise InputError("A quantization is for CTranslate2: add --engine ctranslate2.")
    checkpoints, reasons = [], dict(left_out or {})
    for name in dict.fromkeys(request.models):
        if name in reasons:
            continue
        try:
            checkpoint = _resolved(name, request)
            if elsewhere is None and (missing := checkpoint.family.missing()) is not None:
                raise ModelError(missing)
            checkpoints.append(checkpoint)
        except InputError as error:
            reasons[name] = str(error)
    if not checkpoints:
        raise ModelError(next(reasons[name] for name in request.models))
    for name, why in reasons.items():
        _log.warning("%s is left out. %s", name, why)
    return checkpoints, reasons


def _resolved(name: str, request: BenchmarkRequest) -> Checkpoint:
    """Return a model, with the engine that was asked for where its family knows it."""
    checkpoint = resolve(name)
    if request.engine is None or checkpoint.family.name != WHISPER:
        return checkpoint
    named = with_engine(name, request.engine, request.quantization)
    return checkpoint if named == name else resolve(named)


def default_placements(device: str, threads: int, elsewhere: Elsewhere | None = None) -> int:
    """Return how many placements share the work where nobody says: one on a GPU, on the CPU what its cores can hold.

    Each CPU placement computes on ``threads`` threads, by default 1: many clips at a time use cores better than many
    threads on one clip do, and the texts are then the same on a machine with more cores.
    """
    if device != "cpu":
        return 1
    return held_by_cores(threads, elsewhere)
