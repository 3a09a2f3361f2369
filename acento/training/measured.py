"""What a training that is measured and not kept leaves behind: the texts of its test clips, by the base and the tuned.

Both models decode the same prepared clips in the same way: the base before the first step, the tuned one after the
last, with the weights that a model version would have got.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import pyarrow as pa

from acento.core.store import Store
from acento.core.text import normalizer as find_normalizer
from acento.data.utterance import SAMPLE_RATE
from acento.inference.predictions import FILE, read_predictions, write_predictions
from acento.models.base import Recognizer
from acento.scoring.score import UtteranceResult, score_utterances
from acento.training.data.prepared import Prepared, load_prepared
from acento.training.data.subsets import fold_places, share_places
from acento.training.job import FinetuneJob
from acento.training.loop.evaluate import decode
from acento.training.loop.hooks import Hooks

Role: TypeAlias = Literal["base", "tuned"]


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
    return JobClips(*map(train.chosen, fold_places(train.examples, job.part)))


def decode_test(
    store: Store, job: FinetuneJob, role: Role, recognizer: Recognizer, clips: Prepared, hooks: Hooks
) -> None:
    """Decode the test clips and publish the texts, unless that was done before.

    Raises:
        Stopped: somebody asked for the end, or time is up; then nothing of it is kept.
    """
    key = _key(job, role)
    if store.find(key, verify=True) is not None:
        return
    texts = decode(
        recognizer,
        clips,
        batch_size=job.recipe.eval_batch_size,
        language=job.language,
        after_batch=hooks.while_decoding(
            clips, f"decode with the {role} model", f"while the test clips were decoded with the {role} model"
        ),
    )
    with store.publish(key) as draft:
        write_predictions(draft.folder / FILE, texts)
        draft.info |= {"clips": len(texts), "failed": sum(text.failed for text in texts)}


def scored_table(store: Store, job: FinetuneJob, role: Role) -> pa.Table:
    """Return the scored utterances of a job's test clips, sorted by id; see ``acento.scoring.score.SCHEMA``.

    Raises:
        StoreError: the job is not done.
    """
    texts = {row.id: row for row in read_predictions(store.local_path(_key(job, role), FILE))}
    results = []
    for example in clips_of(store, job).test.examples:
        text = texts[example.id]
        results.append(
            UtteranceResult(
                id=example.id,
                reference=example.text,
                hypothesis=text.text,
                error=None if text.error is None else f"{text.error}: {text.detail}",
                split="test",
                speaker=example.speaker,
                accent=example.accent,
                duration_s=example.samples / SAMPLE_RATE,
            )
        )
    return score_utterances(results, find_normalizer(job.recipe.normalizer))


def _key(job: FinetuneJob, role: Role) -> str:
    return f"{job.key}/heard/{role}"
