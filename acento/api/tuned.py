"""What runs each model of a benchmark: as it was asked for, or what is fastest on this machine."""

import logging
from dataclasses import replace

from acento.core.settings import settings
from acento.core.store import Store
from acento.data.dataset import Card
from acento.inference.benchmark import Transcription, preview_transcription, unfinished
from acento.inference.jobs import TranscribeJob
from acento.inference.tuning.settle import Asked, Settled, given, is_tuned, settle_batches, settle_engine
from acento.models.base import DecodeOptions
from acento.models.checkpoints.checkpoint import Checkpoint
from acento.models.devices import Elsewhere
from acento.requests import BenchmarkRequest
from acento.requests.benchmark import AUTO

_log = logging.getLogger(__name__)


def settled(
    store: Store,
    request: BenchmarkRequest,
    card: Card,
    checkpoint: Checkpoint,
    options: DecodeOptions,
    elsewhere: Elsewhere | None = None,
    *,
    measure: bool = True,
) -> Settled:
    """Return what runs a model on a data set; what is to be found is measured here, unless workers are elsewhere.

    Without ``measure`` only what was measured before is known. Where a transcription of these clips was begun with the
    default threads and batch size, it goes on so.
    """
    asked = Asked(
        split=request.split,
        bound=request.engine_bound,
        dtype=request.dtype,
        quantization=request.quantization,
        threads=request.threads or (settings().threads if "threads" in settings().model_fields_set else None),
        batch_size=request.gpu_batch_size,
        workers=request.num_requests,
        measure=measure,
    )
    found = given(checkpoint, options, asked)
    if elsewhere is not None:
        if request.engine == AUTO or is_tuned(found, asked):
            found = replace(found, why="workers elsewhere cannot be measured here: defaults run it")
    else:
        if request.engine == AUTO:
            found = settle_engine(store, card, checkpoint, options, asked)
        if is_tuned(found, asked):
            begun = _begun(store, request, card, found)
            tuned = settle_batches(store, card, found, replace(asked, measure=measure and not begun))
            # what was begun with the defaults goes on so
            found = found if begun and tuned.setting != found.setting else tuned
    if found.why and measure:
        _log.info("%s: %s.", checkpoint.id, found.why)
    return found


def _begun(store: Store, request: BenchmarkRequest, card: Card, found: Settled) -> bool:
    """Tell whether the store has texts of any part of what would be planned."""
    _, planned = planned_with(store, request, card, found, keep=False)
    return len(unfinished(store, planned)) < len(planned)


def planned_with(
    store: Store, request: BenchmarkRequest, card: Card, found: Settled, *, keep: bool
) -> tuple[Transcription, list[TranscribeJob]]:
    """Return the transcription that a request asks for with what was settled, and its jobs.

    The store is not changed unless ``keep``.
    """
    what, jobs = preview_transcription(
        store,
        card,
        found.checkpoint,
        split=request.split,
        options=found.options,
        batch_size=found.batch_size,
        limit=request.limit,
        keep=keep,
    )
    return what.model_copy(update={"workers": found.workers, "chosen": found.why}), jobs
