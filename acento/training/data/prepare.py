"""Training data made ready on a CPU, once for each data set and kind of model, so that no GPU ever waits for it.

A prepared split is one artifact: all samples in one flat file of 16-bit numbers (which is what staged FLAC holds, so
nothing is lost), an index of the clips with their labels, and the clips that were left out, each with its reason. Clips
stand in the order of their ids, so the bytes do not depend on how the data set is cut into parts.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
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
    LeftOut,
    Reason,
)

PREPARING_VERSION = 1
"""Raised by hand whenever the same clips would become other training data."""

_WRONG_SCRIPT = 0.5
"""A text with fewer of its letters in a script of its language is refused, as by the default validation suite."""
_SENTENCES = {
    Reason.NO_TEXT: "no text",
    Reason.OTHER_SCRIPT: "text in another script than the language",
    Reason.TOO_LONG: "audio longer than the model's window",
    Reason.LABEL_TOO_LONG: "text longer than the model can write",
    Reason.AUDIO_TOO_SHORT: "audio too short for its text",
    Reason.UNWRITABLE: "text that the model's vocabulary cannot write",
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


@dataclass(frozen=True, slots=True)
class _Planned:
    """A clip that is learned from: its row in a data part, and what the index says of it."""

    part: str
    row: int
    samples: int
    index: tuple[str, str, list[int], str | None, str | None, str | None]


def prepare(
    store: Store,
    card: Card,
    split: str,
    needs: Needs,
    labels: Callable[[str], list[int]],
    heard: Callable[[int, int], None],
) -> PreparedRef:
    """Prepare one split, unless the store has it already; memory grows with the index, not with the audio.

    Args:
        store: where the data set is, and where the prepared split is published.
        card: the data set.
        split: ``train``, ``dev`` or ``test``, or several of them, such as ``train+dev``.
        needs: what the model decides.
        labels: turns a text into label ids, as ``needs.labels`` names them; raises DataError where it cannot.
        heard: called with the clips that are done and all clips to do.

    Raises:
        DataError: the data set has no such split, or nothing in it can be learned from.
        StoreError: the store cannot be read or written.
    """
    if needs.sample_rate != SAMPLE_RATE:
        raise DataError(f"The model hears {needs.sample_rate} Hz; staged clips have {SAMPLE_RATE} Hz and no more.")
    key = f"prepared/{fingerprint([PREPARING_VERSION, card.fingerprint, split, needs.model_dump()])}"
    if (artifact := store.find(key, verify=True)) is not None:
        return PreparedRef(key=key, split=split, cached=True, **artifact.info)
    clips = chain.from_iterable(read_clips(store, card, name) for name in split.split("+"))
    planned, left_out = _plan(clips, needs, labels)
    if not planned:
        raise _nothing_left(card, split, left_out)
    facts = {
        "clips": len(planned),
        "seconds": round(sum(clip.samples for clip in planned) / SAMPLE_RATE, 6),
        "left_out": len(left_out),
    }
    with store.publish(key) as draft:
        _write_audio(store, draft.folder / AUDIO, planned, heard)
        _write_table(draft.folder / INDEX, INDEX_SCHEMA, [(*clip.index, clip.samples) for clip in planned])
        rows = [(out.id, out.reason.value, out.sentence) for out in left_out]
        _write_table(draft.folder / LEFT_OUT, LEFT_OUT_SCHEMA, rows)
        draft.info.update(facts)
    return PreparedRef(key=key, split=split, cached=False, **facts)


def _plan(
    rows: Iterator[ClipRow], needs: Needs, labels: Callable[[str], list[int]]
) -> tuple[list[_Planned], list[LeftOut]]:
    """Sort clips into those that are learned from and those that are not, each by id, from what is known of them."""
    planned, left_out = list[_Planned](), list[LeftOut]()
    for row in rows:
        clip = row.utterance
        found = _labels_of(clip, needs, labels)
        if isinstance(found, LeftOut):
            left_out.append(found)
        else:
            index = (clip.id, clip.text or "", found, clip.accent, clip.speaker, clip.language)
            planned.append(_Planned(row.part, row.row, round(clip.duration_s * SAMPLE_RATE), index))
    planned.sort(key=lambda clip: clip.index[0])
    left_out.sort(key=lambda out: out.id)
    return planned, left_out


def _labels_of(clip: Utterance, needs: Needs, labels: Callable[[str], list[int]]) -> list[int] | LeftOut:
    """Return a clip's label ids, or why it cannot be learned from."""
    language = clip.language or needs.language
    wording = measure_wording(clip.text, language, None)
    if not clip.text or not wording.letters:
        return LeftOut(clip.id, Reason.NO_TEXT, "It has no text that says what is spoken.")
    if wording.script_share is not None and wording.script_share < _WRONG_SCRIPT:
        sentence = f"Its text is in {wording.script} letters, which {language} is not written in."
        return LeftOut(clip.id, Reason.OTHER_SCRIPT, sentence)
    if needs.window_s is not None and clip.duration_s > needs.window_s:
        sentence = f"It lasts {clip.duration_s:.2f} s, and the model hears {needs.window_s:g} s: cut it."
        return LeftOut(clip.id, Reason.TOO_LONG, sentence)
    try:
        found = labels(clip.text)
    except DataError as error:
        return LeftOut(clip.id, Reason.UNWRITABLE, str(error))
    if len(found) > needs.max_labels:
        sentence = f"Its text has {len(found)} tokens, and the model can write {needs.max_labels}: cut it in two."
        return LeftOut(clip.id, Reason.LABEL_TOO_LONG, sentence)
    if needs.frames_per_s is not None:
        wanted = len(found) + sum(first == second for first, second in pairwise(found))
        frames = int(clip.duration_s * needs.frames_per_s)
        if wanted > frames:
            sentence = f"Its text takes {wanted} frames, and its {clip.duration_s:.2f} s have {frames}: is it cut off?"
            return LeftOut(clip.id, Reason.AUDIO_TOO_SHORT, sentence)
    return found


def _nothing_left(card: Card, split: str, left_out: Sequence[LeftOut]) -> DataError:
    counts = Counter(out.reason for out in left_out)
    why = "; ".join(f"{count} with {_SENTENCES[reason]}" for reason, count in counts.most_common())
    first = left_out[0]
    return DataError(
        f"None of the {len(left_out)} clips in split {split!r} of {card.title} can be learned from: {why}. "
        f"The first of them, {first.id}: {first.sentence}"
    )


def _write_audio(store: Store, path: Path, planned: Sequence[_Planned], heard: Callable[[int, int], None]) -> None:
    """Write every clip's samples to its place, reading one row group of one part at a time."""
    starts = np.concatenate([[0], np.cumsum([clip.samples for clip in planned])])
    # in the order of the parts, so that each of them is read once
    order = sorted(range(len(planned)), key=lambda at: (planned[at].part, planned[at].row))
    done = 0
    with path.open("wb") as file:
        file.truncate(2 * int(starts[-1]))
        for part, places in groupby(order, key=lambda at: planned[at].part):
            wanted = {planned[at].row: at for at in places}
            for row, name, data in _flacs(store, part, wanted.keys()):
                at = wanted[row]
                samples = decode_flac(data)
                if name != planned[at].index[0] or len(samples) != planned[at].samples:
                    raise DamagedError(f"Row {row} of {part} is not the clip that the data set names: stage it again.")
                file.seek(2 * int(starts[at]))
                file.write((samples * FULL_SCALE).astype("<i2").tobytes())
                done += 1
                heard(done, len(planned))


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


def _write_table(path: Path, schema: pa.Schema, rows: Sequence[tuple[object, ...]]) -> None:
    """Write rows as Parquet: the same bytes for the same rows."""
    columns = zip(*rows, strict=True) if rows else [()] * len(schema)
    arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
    pq.write_table(pa.table(arrays, schema=schema), path, compression="zstd")
