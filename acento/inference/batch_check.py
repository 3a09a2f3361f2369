"""Whether the batch size changes texts: a sample of a transcription is done again, one clip at a time, and compared.

Padding and half precision make some models write other texts in a batch than alone. The sample is a transcription as
any other: its parts are jobs, and what is in the store is not done again.
"""

import logging

from acento.core.store import Store
from acento.data.dataset import load_card
from acento.inference.benchmark import Transcription, predictions
from acento.inference.plan import make_plan
from acento.scoring.errors.summary import BatchCheck

_EXAMPLES = 5

_log = logging.getLogger(__name__)


def with_batch_check(store: Store, transcription: Transcription, clips: int) -> Transcription:
    """Return a transcription that is to be checked with so many of its clips; itself where its batches are one clip.

    Raises:
        InputError: ``clips`` is below 1.
    """
    if transcription.batch_size == 1:
        _log.warning("%s is transcribed one clip at a time: no batch size to check.", transcription.title)
        return transcription
    card = load_card(store, transcription.dataset)
    plan = make_plan(store, card, split=transcription.split, batch_size=1, limit=transcription.limit, sample=clips)
    changes = {"batch_size": 1, "plan": plan.key, "clips": plan.clips, "seconds": plan.seconds, "sample": plan.clips}
    return transcription.model_copy(update={"batch_check": transcription.model_copy(update=changes)})


def check_batches(store: Store, transcription: Transcription) -> BatchCheck | None:
    """Compare the texts of a transcription with those of its sample; None where no check was asked for.

    Raises:
        AcentoError: one of the two is not complete.
    """
    if transcription.batch_check is None:
        return None
    alone = {one.id: one.text for one in predictions(store, transcription.batch_check) if one.text is not None}
    batched = {one.id: one.text for one in predictions(store, transcription) if one.id in alone}
    changed = sorted(id for id, text in batched.items() if text is not None and text != alone[id])
    return BatchCheck(
        batch_size=transcription.batch_size,
        clips=sum(text is not None for text in batched.values()),
        changed=len(changed),
        examples=tuple(changed[:_EXAMPLES]),
    )
