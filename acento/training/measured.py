"""What a training that is measured and not kept leaves behind: the texts of its test clips, by the base and the tuned.

Both models decode the same prepared clips in the same way: the base before the first step, the tuned one after the
last, with the weights that a model version would have got.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import pyarrow as pa

from acento.core.progress import report
from acento.core.store import Store
from acento.core.text import normalizer as find_normalizer
from acento.data.utterance import SAMPLE_RATE
from acento.inference.predictions import FILE, Prediction, read_predictions, write_predictions
from acento.models.base import Recognizer
from acento.scoring.score import UtteranceResult, score_utterances
from acento.training.data.prepared import Prepared, load_prepared
from acento.training.data.subsets import fold_places, share_places
from acento.training.job import FinetuneJob
from acento.training.loop.evaluate import decode

Who: TypeAlias = Literal["base", "tuned"]


@dataclass(frozen=True, slots=True)
class JobClips:
    """The clips of a training."""

    train: Prepared
    dev: Prepared
    test: Prepared
    """What a training on a part is measured by; of a share of train that is dev."""


def clips_of(store: Store, job: FinetuneJob) -> JobClips:
    """Open a job's prepared clips and choose the job's part of them.

    Raises:
        StoreError: they are not in the store.
        InputError: a fold cannot be made of them.
    """
    train = load_prepared(store, job.train)
    dev = train if job.dev == job.train else load_prepared(store, job.dev)
    if job.part is None:
        return JobClips(train, dev, dev)
    if job.part.kind == "share":
        return JobClips(train.chosen(share_places(train.examples, job.part)), dev, dev)
    places = fold_places(train.examples, job.part)
    return JobClips(train.chosen(places.train), train.chosen(places.dev), train.chosen(places.test))


def hear(
    store: Store,
    job: FinetuneJob,
    who: Who,
    recognizer: Recognizer,
    clips: Prepared,
    check: Callable[[str], None],
) -> None:
    """Decode the test clips and publish the texts, unless that was done before.

    ``check`` is called after each batch with what is going on; what it raises ends the decoding, and nothing is kept.
    """
    key = _key(job, who)
    if store.find(key, verify=True) is not None:
        return
    total = sum(example.samples for example in clips.examples) / SAMPLE_RATE
    done = 0.0

    def after_batch(seconds: float) -> None:
        nonlocal done
        done += seconds
        report(f"decode with the {who} model", min(done, total), total, "s")
        check(f"while the test clips were decoded with the {who} model")

    texts = decode(
        recognizer, clips, batch_size=job.recipe.eval_batch_size, language=job.language, after_batch=after_batch
    )
    with store.publish(key) as draft:
        write_predictions(draft.folder / FILE, texts)
        draft.info |= {"clips": len(texts), "failed": sum(text.failed for text in texts)}


def test_table(store: Store, job: FinetuneJob, who: Who) -> pa.Table:
    """Return the scored utterances of a job's test clips, sorted by id; see ``acento.scoring.score.SCHEMA``.

    Raises:
        StoreError: the job is not done.
    """
    texts = {row.id: row for row in read_predictions(store.local_path(_key(job, who), FILE))}
    results = [
        UtteranceResult(
            id=example.id,
            reference=example.text,
            hypothesis=texts[example.id].text,
            error=_reason(texts[example.id]),
            split="test",
            speaker=example.speaker,
            accent=example.accent,
            duration_s=example.samples / SAMPLE_RATE,
        )
        for example in clips_of(store, job).test.examples
    ]
    return score_utterances(results, find_normalizer(job.recipe.normalizer))


def whole(store: Store, job: FinetuneJob) -> bool:
    """Tell whether the texts of both models are in the store."""
    return all(store.find(_key(job, who)) is not None for who in ("base", "tuned"))


def _key(job: FinetuneJob, who: str) -> str:
    return f"{job.key}/heard/{who}"


def _reason(prediction: Prediction) -> str | None:
    return None if prediction.error is None else f"{prediction.error}: {prediction.detail}"
