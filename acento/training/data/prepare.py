"""Training data made ready on a CPU, once for each data set and kind of model, so that no GPU ever waits for it.

A prepared split is one artifact: all samples in one flat file of 16-bit numbers (which is what staged FLAC holds, so
nothing is lost), an index of the clips with their labels, and the clips that were left out, each with its reason. Clips
stand in the order of their ids, so the bytes do not depend on how the data set is cut into parts.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from itertools import chain, groupby, pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel

from acento.core.audio.recording import decode_flac
from acento.core.errors import DamagedError, DataError
from acento.core.fingerprint import fingerprint
from acento.core.store import Store
from acento.data.dataset import CLIPS, Card, ClipRow, read_clips
from acento.data.text_measures import measure_wording
from acento.data.utterance import SAMPLE_RATE, Utterance
from acento.models.trainable import Needs
from acento.training.data.prepared import (
    AUDIO,
    FULL_SCALE,
    INDEX,
    INDEX_SCHEMA,
    LEFT_OUT,
    LEFT_OUT_SCHEMA,
    Example,
    LeftOut,
    LeftOutReason,
)
from acento.training.data.teacher import TeacherTexts

PREPARING_VERSION = 1
"""Raised by hand whenever the same clips would become other training data."""

_WRONG_SCRIPT = 0.5
"""A text with fewer of its letters in a script of its language is refused, as by the default validation suite."""
_SENTENCES = {
    LeftOutReason.NO_TEXT: "no text",
    LeftOutReason.OTHER_SCRIPT: "text in another script than the language",
    LeftOutReason.TOO_LONG: "audio longer than the model's window",
    LeftOutReason.LABEL_TOO_LONG: "text longer than the model can write",
    LeftOutReason.AUDIO_TOO_SHORT: "audio too short for its text",
    LeftOutReason.UNWRITABLE: "text that the model's vocabulary cannot write",
    LeftOutReason.FAILED: "no text by the teacher",
    LeftOutReason.RUNAWAY: "a text by the teacher that repeats itself",
}


class PreparedRef(BaseModel, frozen=True):
    """A prepared split: where it is and how much it holds."""

    key: str
    split: str
    clips: int
    seconds: float
    left_out: int
    """Clips that cannot be learned from."""
    cached: bool
    """Whether it had been prepared before."""


def prepare(
    store: Store,
    card: Card,
    split: str,
    needs: Needs,
    labels: Callable[[str], list[int]],
    on_progress: Callable[[int, int], None],
    texts: TeacherTexts | None = None,
) -> PreparedRef:
    """Prepare one split, unless the store has it already; memory grows with the index, not with the audio.

    Args:
        store: where the data set is, and where the prepared split is published.
        card: the data set.
        split: ``train``, ``dev`` or ``test``, or several of them, such as ``train+dev``.
        needs: what the model decides.
        labels: turns a text into label ids, as ``needs.labels`` names them; raises DataError where it cannot.
        on_progress: called with the clips that are done and all clips to do.
        texts: what a model wrote, to be learned in place of the clips' own texts; of clips that it was not asked for
            nothing is learned. None: the clips' own texts.

    Raises:
        DataError: the data set has no such split, or nothing in it can be learned from.
        StoreError: the store cannot be read or written.
    """
    if needs.sample_rate != SAMPLE_RATE:
        raise DataError(f"The model hears {needs.sample_rate} Hz; staged clips have {SAMPLE_RATE} Hz and no more.")
    taught = [] if texts is None else [texts.digest]
    key = f"prepared/{fingerprint([PREPARING_VERSION, card.fingerprint, split, needs.model_dump(), *taught])}"
    if (artifact := store.find(key, verify=True)) is not None:
        return PreparedRef(key=key, split=split, cached=True, **artifact.info)
    clips = chain.from_iterable(read_clips(store, card, name) for name in split.split("+"))
    chosen, left_out = _choose(clips, needs, labels, texts)
    if not chosen:
        counts = Counter(out.reason for out in left_out).most_common()
        why = "; ".join(f"{count} with {_SENTENCES[reason]}" for reason, count in counts)
        raise DataError(
            f"None of the {len(left_out)} clips in split {split!r} of {card.title} can be learned from: {why}. "
            f"The first of them, {left_out[0].id}: {left_out[0].sentence}"
        )
    examples = [example for example, _ in chosen]
    facts = {
        "clips": len(chosen),
        "seconds": round(sum(example.samples for example in examples) / SAMPLE_RATE, 6),
        "left_out": len(left_out),
    }
    with store.publish(key) as draft:
        _write_audio(store, draft.folder / AUDIO, chosen, on_progress)
        for name, schema, rows in ((INDEX, INDEX_SCHEMA, examples), (LEFT_OUT, LEFT_OUT_SCHEMA, left_out)):
            table = pa.Table.from_pylist([asdict(row) for row in rows], schema)
            pq.write_table(table, draft.folder / name, compression="zstd")
        draft.info.update(facts)
    return PreparedRef(key=key, split=split, cached=False, **facts)


def _choose(
    rows: Iterator[ClipRow], needs: Needs, labels: Callable[[str], list[int]], texts: TeacherTexts | None
) -> tuple[list[tuple[Example, ClipRow]], list[LeftOut]]:
    """Return the clips to learn from, each with its row in the data set, and the others; both by id."""
    chosen, left_out = list[tuple[Example, ClipRow]](), list[LeftOut]()
    for row in rows:
        clip, refused = row.utterance, None
        if texts is not None:
            if clip.id not in texts.predictions:
                continue
            clip, refused = texts.given(clip)
        found = refused or _labels_of(clip, needs, labels)
        if isinstance(found, LeftOut):
            left_out.append(found)
            continue
        samples = round(clip.duration_s * SAMPLE_RATE)
        example = Example(clip.id, clip.text or "", tuple(found), clip.accent, clip.speaker, clip.language, samples)
        chosen.append((example, row))
    return sorted(chosen, key=lambda pair: pair[0].id), sorted(left_out, key=lambda out: out.id)


def _labels_of(clip: Utterance, needs: Needs, labels: Callable[[str], list[int]]) -> list[int] | LeftOut:
    """Return a clip's label ids, or why it cannot be learned from."""
    leave_out = partial(LeftOut, clip.id)
    language = clip.language or needs.language
    wording = measure_wording(clip.text, language, None)
    if not clip.text or not wording.letters:
        return leave_out(LeftOutReason.NO_TEXT, "It has no text that says what is spoken.")
    if wording.script_share is not None and wording.script_share < _WRONG_SCRIPT:
        sentence = f"Its text is in {wording.script} letters, which {language} is not written in."
        return leave_out(LeftOutReason.OTHER_SCRIPT, sentence)
    seconds = f"{clip.duration_s:.2f} s"
    if needs.window_s is not None and clip.duration_s > needs.window_s:
        sentence = f"It lasts {seconds}, and the model hears {needs.window_s:g} s: cut it."
        return leave_out(LeftOutReason.TOO_LONG, sentence)
    try:
        found = labels(clip.text)
    except DataError as error:
        return leave_out(LeftOutReason.UNWRITABLE, str(error))
    if len(found) > needs.max_labels:
        sentence = f"Its text has {len(found)} tokens, and the model can write {needs.max_labels}: cut it in two."
        return leave_out(LeftOutReason.LABEL_TOO_LONG, sentence)
    if needs.frames_per_s is not None:
        wanted = len(found) + sum(first == second for first, second in pairwise(found))
        frames = int(clip.duration_s * needs.frames_per_s)
        if wanted > frames:
            sentence = f"Its text takes {wanted} frames, and its {seconds} have {frames}: is it cut off?"
            return leave_out(LeftOutReason.AUDIO_TOO_SHORT, sentence)
    return found


def _write_audio(
    store: Store, path: Path, chosen: Sequence[tuple[Example, ClipRow]], on_progress: Callable[[int, int], None]
) -> None:
    """Write every clip's samples to its place, reading one row group of one part at a time."""
    starts = np.cumsum([0, *(example.samples for example, _ in chosen)])
    # in the order of the parts, so that each of them is read once
    places = sorted((row.part, row.row, at) for at, (_, row) in enumerate(chosen))
    done = 0
    with path.open("wb") as file:
        file.truncate(2 * int(starts[-1]))
        for part, rows in groupby(places, key=lambda place: place[0]):
            wanted = {row: at for _, row, at in rows}
            for row, name, data in _flacs(store, part, wanted.keys()):
                at = wanted[row]
                samples = decode_flac(data)
                if name != chosen[at][0].id or len(samples) != chosen[at][0].samples:
                    raise DamagedError(f"Row {row} of {part} is not the clip that the data set names: stage it again.")
                file.seek(2 * int(starts[at]))
                file.write((samples * FULL_SCALE).astype("<i2").tobytes())
                done += 1
                on_progress(done, len(chosen))


def _flacs(store: Store, part: str, wanted: Collection[int]) -> Iterator[tuple[int, str, bytes]]:
    """Yield row, id and FLAC bytes of the wanted rows of a data part, passing over row groups that have none."""
    with pq.ParquetFile(store.local_path(part, CLIPS)) as file:
        first = 0
        for number in range(file.num_row_groups):
            size = file.metadata.row_group(number).num_rows
            here = [row for row in range(first, first + size) if row in wanted]
            if here:
                group = file.read_row_group(number, columns=["id", "audio"], use_threads=False).to_pylist()
                for row in here:
                    yield row, group[row - first]["id"], group[row - first]["audio"]["bytes"]
            first += size
