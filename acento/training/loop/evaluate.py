"""What a training is measured by: dev decoded by the model as it stands, and the test clips of a part of the data.

A training that is measured and not kept leaves the texts of its test clips, by the base and the tuned model. Both
decode the same prepared clips in the same way: the base before the first step, the tuned one after the last, with the
weights that a model version would have got.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import pyarrow as pa

from acento.core.errors import DataError
from acento.core.store import Store
from acento.core.text import normalizer as find_normalizer
from acento.data.utterance import SAMPLE_RATE
from acento.inference.engine import Engine
from acento.inference.plan import PlannedClip
from acento.inference.predictions import FILE, Prediction, read_predictions, write_predictions
from acento.models.base import Recognizer
from acento.scoring.counting.counts import ErrorCounts
from acento.scoring.counting.headline import RATE_NAMES, Headline, counter, headline_of
from acento.scoring.errors.hallucinations import has_loop
from acento.scoring.score import UtteranceResult, score_utterances
from acento.scoring.statistics.bootstrap import interval
from acento.training.data.prepared import Prepared, load_prepared
from acento.training.data.subsets import fold_places, share_places
from acento.training.job import FinetuneJob
from acento.training.loop.state import Hooks

Role: TypeAlias = Literal["base", "tuned"]

_TOO_LONG, _SLACK = 2.0, 5
"""A hypothesis of more than twice the reference's words, and five, is longer than anybody speaks."""


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


@dataclass(frozen=True, slots=True)
class DevScore:
    """What decoding dev came to; rates are fractions."""

    wer: float
    """Or CER, where that is the headline."""
    low: float | None
    high: float | None
    """The interval over clips; None with fewer than two."""
    runaways: int
    """Clips whose text repeats itself without end, or is far too long."""
    clips: int
    """Clips that were scored."""
    failed: int
    """Clips that could not be decoded; they are not scored."""
    counts: ErrorCounts
    """Word errors of all scored clips, or character errors where CER is the headline."""
    headline: Headline = "word"
    normalizer: str | None = None
    """Name and version; None in what was written before it was kept."""


def evaluate(
    recognizer: Recognizer,
    dev: Prepared,
    *,
    normalizer: str,
    batch_size: int,
    language: str | None,
    after_batch: Callable[[float], None] = lambda _: None,
) -> DevScore:
    """Decode every dev clip, longest first, and score the texts.

    ``after_batch`` receives the audio seconds of each decoded batch; what it raises ends the evaluation.

    Raises:
        DataError: no clip of dev has a word (a character where CER is the headline) after normalizing.
        Exception: what the model raised, if not a single clip could be decoded.
    """
    predictions = decode(recognizer, dev, batch_size=batch_size, language=language, after_batch=after_batch)
    normalize = find_normalizer(normalizer)
    count = counter(normalize)
    pairs = [
        (normalize(example.text), normalize(prediction.text))
        for example, prediction in zip(dev.examples, predictions, strict=True)
        if prediction.text is not None
    ]
    counts = [count(reference, hypothesis) for reference, hypothesis in pairs]
    total = sum(counts, ErrorCounts())
    if total.rate is None:
        unit, name = headline_of(normalize), RATE_NAMES[headline_of(normalize)]
        raise DataError(
            f"No dev clip has a {unit} left by normalizer {normalizer!r}; its {name} cannot steer a training."
        )
    bounds = interval([one.errors for one in counts], [one.reference_length for one in counts])
    return DevScore(
        wer=total.rate,
        low=bounds.low if bounds else None,
        high=bounds.high if bounds else None,
        runaways=sum(is_runaway(*(map(_spaced, pair) if normalize.characters else pair)) for pair in pairs),
        clips=len(pairs),
        failed=len(predictions) - len(pairs),
        counts=total,
        headline=headline_of(normalize),
        normalizer=normalize.identity,
    )


def decode(
    recognizer: Recognizer,
    prepared: Prepared,
    *,
    batch_size: int,
    language: str | None,
    after_batch: Callable[[float], None] = lambda _: None,
) -> list[Prediction]:
    """Decode prepared clips, longest first; what became of each comes back in the order of the examples.

    Raises:
        Exception: what the model raised, if not a single clip could be decoded.
    """
    examples = prepared.examples
    order = sorted(range(len(examples)), key=lambda row: (-examples[row].samples, examples[row].id))
    clips = [PlannedClip(examples[row].id, examples[row].samples / SAMPLE_RATE, "", "", row) for row in order]
    batches = [clips[start : start + batch_size] for start in range(0, len(clips), batch_size)]
    engine = Engine(recognizer, batch_size=batch_size, language=language)
    predictions = engine.decode(batches, lambda clip: prepared.audio(clip.row), after_batch).predictions
    return [prediction for _, prediction in sorted(zip(order, predictions, strict=True), key=lambda pair: pair[0])]


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
    clips, results = clips_of(store, job), []
    heard = {example.speaker for example in clips.train.examples}
    for example in clips.test.examples:
        text = texts[example.id]
        results.append(
            UtteranceResult(
                id=example.id,
                reference=example.text,
                hypothesis=text.text,
                error=None if text.error is None else f"{text.error}: {text.detail}",
                split="test",
                speaker=example.speaker,
                speaker_seen=None if example.speaker is None else example.speaker in heard,
                accent=example.accent,
                duration_s=example.samples / SAMPLE_RATE,
            )
        )
    return score_utterances(results, job.normalizer)


def _key(job: FinetuneJob, role: Role) -> str:
    return f"{job.key}/heard/{role}"


def is_runaway(reference: str, hypothesis: str) -> bool:
    """Return whether a hypothesis repeats itself as its reference does not, or is far longer than it.

    >>> is_runaway("sí po", "sí po sí po sí po sí po sí po"), is_runaway("ya ya ya ya", "ya ya ya ya")
    (True, False)
    >>> is_runaway("uno", "uno dos tres"), is_runaway("uno", "a b c d e f g h")
    (False, True)
    """
    expected, words = reference.split(), hypothesis.split()
    return len(words) > _TOO_LONG * len(expected) + _SLACK or has_loop(expected, words)


def _spaced(text: str) -> str:
    """Return a text of a script without spaces with each character as a word of its own."""
    return " ".join("".join(text.split()))
