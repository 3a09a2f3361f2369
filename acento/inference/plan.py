"""The plan: which clips are decoded together, fixed once and for all before anything runs.

A *part* is about five minutes of audio, the unit of work, of resume and of caching; it holds *batches* of clips of
similar length. Clips are sorted by length within stretches of about an hour that do not cross versions of the data
set: so a part reads from few files, and clips added later make new parts and leave the old ones, and what was
computed from them, as they are.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from acento.core.errors import InputError
from acento.core.fingerprint import fingerprint
from acento.core.store import Store
from acento.data.dataset import Card, ClipRow, read_clips
from acento.inference.spans import Spans

PART_SECONDS = 300.0
STRETCH_SECONDS = 3600.0
_FILE = "plan.parquet"
_VERSION = 1
_ROWS = 4096
"""Clips of a plan that are read at a time."""


@dataclass(frozen=True, slots=True)
class PlannedClip:
    """A clip and where its audio is."""

    id: str
    duration_s: float
    audio_sha256: str
    data_part: str
    row: int
    start_s: float | None = None
    """Of a window of a recording: where it begins there, in seconds, ``row`` being its channel; None: a whole clip."""
    spans: Spans | None = None
    """Of a window: the stretches of the recording that it has; None: it is one, or a whole clip."""

    @property
    def heard(self) -> Spans:
        """What is decoded of its recording, in seconds."""
        start = self.start_s or 0.0
        return self.spans or ((start, start + self.duration_s),)


@dataclass(frozen=True, slots=True)
class Part:
    """One unit of work."""

    index: int
    batches: tuple[tuple[PlannedClip, ...], ...]
    digest: str
    """Names the work itself: ids and audio of every batch, in order."""

    @property
    def clips(self) -> list[PlannedClip]:
        """Every clip, in the order of decoding."""
        return [clip for batch in self.batches for clip in batch]

    @property
    def seconds(self) -> float:
        """Audio seconds."""
        return sum(clip.duration_s for clip in self.clips)


@dataclass(frozen=True, slots=True)
class PlannedPart:
    """What a plan's header says of a part, without its clips."""

    index: int
    digest: str
    clips: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Plan:
    """A stored plan: its key, and what can be known without reading the clips."""

    key: str
    batch_size: int
    parts: tuple[PlannedPart, ...]

    @property
    def clips(self) -> int:
        """How many clips are planned."""
        return sum(part.clips for part in self.parts)

    @property
    def seconds(self) -> float:
        """Audio seconds planned."""
        return sum(part.seconds for part in self.parts)


def make_plan(
    store: Store,
    card: Card,
    *,
    split: str,
    batch_size: int,
    limit: int | None = None,
    sample: int | None = None,
    keep: bool = True,
) -> Plan:
    """Plan the decoding of one split (its first ``limit`` clips by id) and store the plan; the same again is found.

    Of these clips ``sample`` are planned, by chance but always the same, or all of them. Without ``keep`` nothing is
    written: the plan is what it would be.

    Raises:
        InputError: ``batch_size``, ``limit`` or ``sample`` is below 1.
        DataError: the split has no clips.
    """
    for name, value in (("batch size", batch_size), ("limit", limit), ("sample", sample)):
        if value is not None and value < 1:
            raise InputError(f"A {name} of {value} decodes nothing; give 1 or more.")
    key = "plans/" + fingerprint(
        {
            "version": _VERSION,
            "dataset": card.fingerprint,
            "parts": [part.key for part in card.parts],
            "split": split,
            "batch_size": batch_size,
            "limit": limit,
        }
        | ({} if sample is None else {"sample": sample})
    )
    if store.find(key, verify=True) is None:
        chosen = _sampled(_chosen(store, card, split, limit), sample)
        parts = list(plan_parts(chosen, batch_size, {p.key: p.version for p in card.parts}))
        if not keep:
            headers = (PlannedPart(part.index, part.digest, len(part.clips), part.seconds) for part in parts)
            return Plan(key, batch_size, tuple(headers))
        _publish(store, key, parts, batch_size, dataset=card.title, split=split)
    return load_plan(store, key)


def plan_windows(store: Store, windows: Sequence[PlannedClip], batch_size: int) -> Plan:
    """Plan the decoding of windows of recordings, in the order of the recordings, and store it; the same is found.

    Raises:
        InputError: there is no window, or ``batch_size`` is below 1.
    """
    if batch_size < 1 or not windows:
        raise InputError(f"{len(windows)} windows in batches of {batch_size} are nothing to decode; give 1 or more.")
    digest = fingerprint([[window.id, window.audio_sha256] for window in windows])
    key = "plans/" + fingerprint({"version": _VERSION, "windows": digest, "batch_size": batch_size})
    if store.find(key, verify=True) is None:
        # half as long as those of clips, so that a single recording of ten minutes is work for two
        _publish(store, key, list(pack(windows, batch_size, part_s=PART_SECONDS / 2)), batch_size)
    return load_plan(store, key)


def _publish(store: Store, key: str, parts: Sequence[Part], batch_size: int, **info: str) -> None:
    with store.publish(key) as draft:
        pq.write_table(_table(parts), draft.folder / _FILE)
        headers = [[part.digest, len(part.clips), part.seconds] for part in parts]
        draft.info |= {**info, "batch_size": batch_size, "parts": headers}


def load_plan(store: Store, key: str) -> Plan:
    """Return the header of a stored plan."""
    found = store.find(key)
    if found is None:
        raise InputError(f"There is no plan {key} in {store.url}.")
    parts = tuple(PlannedPart(i, digest, clips, s) for i, (digest, clips, s) in enumerate(found.info["parts"]))
    return Plan(key, found.info["batch_size"], parts)


def load_part(store: Store, key: str, index: int) -> Part:
    """Return one part of a stored plan with its batches."""
    table = pq.read_table(store.local_path(key, _FILE), filters=[("part", "=", index)])
    return _part(index, table.to_pylist())


def load_parts(store: Store, key: str) -> Iterator[Part]:
    """Yield every part of a stored plan in order; the plan is read once, few of its clips are in memory."""
    with pq.ParquetFile(store.local_path(key, _FILE)) as file:
        clips = (row for batch in file.iter_batches(_ROWS) for row in batch.to_pylist())
        for index, rows in groupby(clips, itemgetter("part")):
            yield _part(index, rows)


def _part(index: int, rows: Iterable[dict[str, Any]]) -> Part:
    batches: dict[int, list[PlannedClip]] = defaultdict(list)
    for row in rows:
        row.pop("part")
        if spans := row.pop("spans", None):
            row["spans"] = tuple((start, end) for start, end in spans)
        batches[row.pop("batch")].append(PlannedClip(**row))
    return make_part(index, [batches[number] for number in sorted(batches)])


def make_part(index: int, batches: Sequence[Sequence[PlannedClip]]) -> Part:
    """Put batches together to a part and name the work."""
    digest = fingerprint([[[clip.id, clip.audio_sha256] for clip in batch] for batch in batches])
    return Part(index, tuple(tuple(batch) for batch in batches), digest)


def plan_parts(clips: Iterable[ClipRow], batch_size: int, versions: dict[str, int]) -> Iterator[Part]:
    """Yield parts for clips in the order of their data parts; ``versions`` says which version brought each."""
    found = ((row.utterance, row.part, row.row) for row in clips)
    planned = (PlannedClip(one.id, one.duration_s, one.audio_sha256, part, row) for one, part, row in found)
    return pack(planned, batch_size, lambda clip: versions[clip.data_part])


def pack(
    clips: Iterable[PlannedClip],
    batch_size: int,
    version: Callable[[PlannedClip], int] = lambda _: 0,
    *,
    part_s: float | None = None,
) -> Iterator[Part]:
    """Yield parts for clips in the order of their data parts; no part holds clips of two versions.

    Only a part's last batch has fewer than ``batch_size`` clips, and only the last part of a stretch fewer seconds than
    ``part_s``, by default ``PART_SECONDS``.
    """
    index, enough_s = 0, part_s or PART_SECONDS
    for stretch in _stretches(clips, version):
        stretch.sort(key=lambda clip: (-clip.duration_s, clip.id))
        batches: list[list[PlannedClip]] = []
        seconds = 0.0
        for start in range(0, len(stretch), batch_size):
            batch = stretch[start : start + batch_size]
            batches.append(batch)
            seconds += sum(clip.duration_s for clip in batch)
            if seconds >= enough_s:
                yield make_part(index, batches)
                index, batches, seconds = index + 1, [], 0.0
        if batches:
            yield make_part(index, batches)
            index += 1


def _chosen(store: Store, card: Card, split: str, limit: int | None) -> list[ClipRow]:
    """Return the clips to decode, in the order of their data parts."""
    rows = list(read_clips(store, card, split))
    if limit is None or limit >= len(rows):
        return rows
    kept = set(sorted(row.utterance.id for row in rows)[:limit])
    return [row for row in rows if row.utterance.id in kept]


def _sampled(rows: list[ClipRow], sample: int | None) -> list[ClipRow]:
    """Return a sample of clips that the hash of each id draws, in their order."""
    if sample is None or sample >= len(rows):
        return rows
    kept = set(sorted((row.utterance.id for row in rows), key=lambda id: fingerprint(["sample", id]))[:sample])
    return [row for row in rows if row.utterance.id in kept]


def _stretches(clips: Iterable[PlannedClip], version: Callable[[PlannedClip], int]) -> Iterator[list[PlannedClip]]:
    """Yield runs of clips of about an hour that are of one version."""
    stretch: list[PlannedClip] = []
    seconds, last, part = 0.0, None, None
    for clip in clips:
        full = seconds >= STRETCH_SECONDS and clip.data_part != part
        if stretch and (full or version(clip) != last):
            yield stretch
            stretch, seconds = [], 0.0
        last, part = version(clip), clip.data_part
        stretch.append(clip)
        seconds += clip.duration_s
    if stretch:
        yield stretch


def _table(parts: Sequence[Part]) -> pa.Table:
    return pa.Table.from_pylist(
        [
            {"part": part.index, "batch": number, **_columns(clip)}
            for part in parts
            for number, batch in enumerate(part.batches)
            for clip in batch
        ]
    )


def _columns(clip: PlannedClip) -> dict[str, Any]:
    """Return what is written of a clip; of a whole one no place in a recording."""
    columns = asdict(clip)
    if clip.start_s is None:
        del columns["start_s"], columns["spans"]
    return columns
