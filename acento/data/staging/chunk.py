"""The unit of staging: a chunk of utterances, decided beforehand, that becomes one immutable data part.

A chunk's key covers everything that decides its bytes: a part that is in the store need not be made again.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, field
from itertools import islice
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from acento.core.audio.recording import AudioError, decode, encode_flac
from acento.core.errors import AcentoError
from acento.core.fingerprint import fingerprint, sha256
from acento.core.store import Artifact, Draft, Store
from acento.data.dataset import CLIPS, REJECTED, Card, DataPart, read_rows
from acento.data.sources.base import Rejection, RejectReason, SourceItem, stretch_of
from acento.data.staging.found import SourceFile, in_utf8
from acento.data.staging.known import Known, content_of, read_known
from acento.data.utterance import META_COLUMNS, REJECTED_SCHEMA, SAMPLE_RATE, SCHEMA, SPLITS

STAGING_VERSION = 2
"""Raised by hand whenever the same input would become another clip."""
CHUNK_CLIPS = 200
CHUNK_BYTES = 16 << 20
"""A chunk ends at so many clips, or before so many bytes of source audio."""
GROUP_ROWS = 16
"""Rows of a Parquet row group: what a reader of one clip has to read."""

_COMPRESSION = {**dict.fromkeys(META_COLUMNS, "zstd"), "audio.bytes": "none", "audio.path": "none"}
_REPEATED = ["split", "language", "speaker", "accent"]


@dataclass(frozen=True, slots=True)
class StagingOptions:
    """Which recordings are utterances: shortest and longest in seconds, and the peak below which one is silent."""

    min_seconds: float = 0.1
    max_seconds: float = 3600.0
    silence_dbfs: float = -60.0


@dataclass(frozen=True, slots=True)
class Candidate:
    """An item with all that was open decided: its split, its language, and its file as it was found."""

    item: SourceItem
    split: str
    language: str | None
    file: SourceFile

    @property
    def digest(self) -> str:
        """What this utterance is, apart from its split; see ``Known.content``."""
        item = self.item
        facts = (item.text or None, self.language, item.speaker, item.accent)
        return fingerprint([item.id, self.file.sha256, stretch_of(item.origin), *facts])


@dataclass(frozen=True, slots=True)
class Chunk:
    """Utterances that are staged together; ``crashed`` are ids whose file ends the process that decodes it."""

    candidates: tuple[Candidate, ...]
    options: StagingOptions
    crashed: frozenset[str] = field(default=frozenset())

    @property
    def key(self) -> str:
        """The store key of the part that this chunk becomes."""
        clips = [[c.digest, c.split, c.item.origin] for c in self.candidates]
        return f"parts/{fingerprint([STAGING_VERSION, astuple(self.options), clips, sorted(self.crashed)])}"

    @property
    def size(self) -> int:
        """Bytes of source audio: how long it will take."""
        return sum(candidate.file.size for candidate in self.candidates)


@dataclass(frozen=True, slots=True)
class StagedChunk:
    """The result of a chunk: the key of its part, None if no utterance could be used, and the rejected inputs."""

    key: str | None
    seconds: float
    rejections: tuple[Rejection, ...]
    known: Mapping[str, Known] = field(default_factory=dict)
    """The clips of the part by id."""


class _EmptyPartError(Exception):
    """A part would have no clips, so it is not published."""


def pack(candidates: Iterable[Candidate], options: StagingOptions) -> Iterator[Chunk]:
    """Cut candidates, in the order of their ids, into chunks: a pure function of the candidates."""
    chunk, total = list[Candidate](), 0
    for candidate in sorted(candidates, key=lambda candidate: candidate.item.id):
        length = candidate.item.length_s
        size = candidate.file.size if length is None else min(candidate.file.size, round(length * SAMPLE_RATE) * 4)
        if chunk and (len(chunk) == CHUNK_CLIPS or total + size > CHUNK_BYTES):
            yield Chunk(tuple(chunk), options)
            chunk, total = [], 0
        chunk.append(candidate)
        total += size
    if chunk:
        yield Chunk(tuple(chunk), options)


def stage_chunk(store: Store, chunk: Chunk) -> StagedChunk:
    """Decode a chunk into its part, unless that is in the store, whole."""
    key = chunk.key
    rejections: list[Rejection] = []
    known: dict[str, Known] = {}
    if store.find(key, verify=True) is None:
        try:
            with store.publish(key) as draft:
                _write_part(draft, _staged(chunk, key, rejections, known))
                pq.write_table(rejected_table(rejections), draft.folder / REJECTED)
        except _EmptyPartError:
            return StagedChunk(None, 0.0, tuple(rejections))
        if draft.published:
            return StagedChunk(key, draft.info["seconds"], tuple(rejections), known)
    seconds = _published(store, key).info["seconds"]
    table = pq.read_table(store.local_path(key, REJECTED), use_threads=False)
    return StagedChunk(key, seconds, read_rejections(table), read_known(store, [key]))


def judge(candidate: Candidate, options: StagingOptions) -> NDArray[np.int16] | Rejection:
    """Return the samples of a candidate (int16, mono, 16 kHz), or why it is left out."""
    item, longest = candidate.item, options.max_seconds
    trouble = None
    try:
        samples = decode(
            item.path, max_seconds=longest, start_s=item.start_s, length_s=item.length_s, channel=item.channel
        )
    except AudioError as error:
        trouble = _rejection(candidate, RejectReason(error.reason), str(error))
    if not candidate.file.is_still(item.path):
        return _rejection(candidate, RejectReason.CHANGED, "The file changed while it was staged: stage it again.")
    if trouble is not None:
        return trouble
    seconds = len(samples) / SAMPLE_RATE
    if len(samples) < options.min_seconds * SAMPLE_RATE:
        return _rejection(
            candidate, RejectReason.TOO_SHORT, f"{seconds:.3f} s is shorter than {options.min_seconds:g} s."
        )
    if max(int(samples.max()), -int(samples.min())) < 32768 * 10 ** (options.silence_dbfs / 20):
        return _rejection(candidate, RejectReason.SILENT, f"Its loudest sample is below {options.silence_dbfs:g} dBFS.")
    return samples


def _write_part(draft: Draft, rows: Iterable[dict[str, Any]]) -> None:
    """Write rows as a part, the same bytes for the same rows, with their number and seconds as its info."""
    clips, seconds, rows = 0, 0.0, iter(rows)
    columns = {"compression": _COMPRESSION, "use_dictionary": _REPEATED, "write_statistics": META_COLUMNS}
    with pq.ParquetWriter(draft.folder / CLIPS, SCHEMA, **columns) as writer:
        while group := list(islice(rows, GROUP_ROWS)):
            clips += len(group)
            seconds = sum((row["duration_s"] for row in group), seconds)
            writer.write_table(pa.Table.from_pylist(group, SCHEMA))
    if not clips:
        raise _EmptyPartError
    draft.info.update(clips=clips, seconds=round(seconds, 6))


def _published(store: Store, key: str) -> Artifact:
    artifact = store.find(key)
    if artifact is None:
        raise AcentoError(f"{key} was published and is gone: another process removed it; run again.")
    return artifact


def rewritten(
    store: Store,
    parts: Iterable[DataPart],
    clips: Mapping[str, Known],
    leave: Collection[str],
    texts: Mapping[str, str],
    version: int | None = None,
) -> list[DataPart]:
    """Return parts without some clips and with new texts of others, each with the version, if any, where it changed."""
    concerned: dict[str, list[str]] = {}
    for uid in (*leave, *texts):
        concerned.setdefault(clips[uid].part, []).append(uid)
    left = []
    for part in parts:
        uids = set(concerned.get(part.key, ()))
        new = {uid: texts[uid] for uid in uids & texts.keys()}
        kept = _rewritten(store, part, uids - new.keys(), new, version or part.version) if uids else part
        left += [kept] if kept is not None else []
    return left


def _rewritten(
    store: Store, part: DataPart, leave: Collection[str], texts: Mapping[str, str], version: int
) -> DataPart | None:
    """Return the part that a part becomes; None if no clip is left."""
    key = f"parts/{fingerprint([STAGING_VERSION, part.key, sorted(leave), *([dict(texts)] if texts else [])])}"
    if store.find(key, verify=True) is None:
        try:
            with store.publish(key) as draft:
                kept = (row for row in read_rows(store, part.key) if row["id"] not in leave)
                _write_part(draft, ({**row, "text": texts.get(row["id"], row["text"])} for row in kept))
        except _EmptyPartError:
            return None
    info = _published(store, key).info
    return DataPart(key=key, clips=info["clips"], seconds=info["seconds"], version=version)


def next_card(
    before: Card | None,
    name: str,
    source: str,
    options: dict[str, Any],
    parts: Iterable[DataPart],
    clips: Collection[Known],
    rejected: pa.Table,
    notes: Sequence[str] = (),
) -> Card:
    """Return the card of the version after another, of version 1 if there is none before."""
    parts = tuple(parts)
    splits = Counter(clip.split for clip in clips)
    card = Card(
        name=name,
        version=before.version + 1 if before else 1,
        fingerprint=fingerprint([STAGING_VERSION, options, content_of(clips)]),
        parent=before.fingerprint if before else None,
        source=source,
        options=options,
        parts=parts,
        clips=sum(part.clips for part in parts),
        seconds=round(sum(part.seconds for part in parts), 6),
        splits={split: splits[split] for split in SPLITS},
        rejected=rejected.num_rows,
        notes=tuple(notes),
    )
    if card.clips != len(clips):
        raise AcentoError(f"The parts of {card.title} hold {card.clips} clips instead of {len(clips)}. This is a bug.")
    return card


def rejected_table(rejections: Iterable[Rejection]) -> pa.Table:
    """Return rejections as a table, sorted; what is not UTF-8 in a name is shown as a question mark."""
    rows = [[None if value is None else in_utf8(value) for value in astuple(row)] for row in rejections]
    rows.sort(key=lambda row: [value or "" for value in (row[1], row[0], *row[2:])])
    return pa.Table.from_pylist([dict(zip(REJECTED_SCHEMA.names, row, strict=True)) for row in rows], REJECTED_SCHEMA)


def read_rejections(table: pa.Table) -> tuple[Rejection, ...]:
    """Return the rows of such a table."""
    return tuple(Rejection(**{**row, "reason": RejectReason(row["reason"])}) for row in table.to_pylist())


def _staged(
    chunk: Chunk, key: str, rejections: list[Rejection], known: dict[str, Known]
) -> Iterator[dict[str, object]]:
    """Yield a row of ``SCHEMA`` for each utterance that can be used, and add it to known, the others to rejections."""
    for candidate in chunk.candidates:
        item = candidate.item
        crash = _rejection(candidate, RejectReason.UNREADABLE, "The file made the decoder crash.")
        samples = crash if item.id in chunk.crashed else judge(candidate, chunk.options)
        if isinstance(samples, Rejection):
            rejections.append(samples)
            continue
        digest = sha256(samples.astype("<i2", copy=False).tobytes())
        known[item.id] = Known.of(candidate.digest, candidate.split, digest, key)
        yield {
            "id": item.id,
            "audio": {"bytes": encode_flac(samples), "path": None},
            "duration_s": len(samples) / SAMPLE_RATE,
            "text": item.text or None,
            "split": candidate.split,
            "language": candidate.language,
            "speaker": item.speaker,
            "accent": item.accent,
            "source": item.origin,
            "source_sha256": candidate.file.sha256,
            "audio_sha256": digest,
        }


def _rejection(candidate: Candidate, reason: RejectReason, detail: str) -> Rejection:
    return Rejection(candidate.item.id, candidate.item.origin, reason, detail, candidate.file.sha256)
