"""The unit of staging: a chunk of utterances, decided beforehand, that becomes one immutable data part.

A chunk's key covers everything that decides its bytes, so that a part which is there need not be made again: this is
how staging resumes, and why it does not matter who made it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from sys import intern

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from acento.core.audio.recording import AudioError, decode, encode_flac
from acento.core.errors import AcentoError
from acento.core.fingerprint import fingerprint, sha256
from acento.core.store import Store
from acento.data.dataset import CLIPS, REJECTED
from acento.data.sources.base import Reason, Rejection, SourceItem, stretch_of
from acento.data.staging.found import SourceFile
from acento.data.staging.known import Known, content_digest, read_known
from acento.data.utterance import META_COLUMNS, REJECTED_SCHEMA, SAMPLE_RATE, SCHEMA

STAGING_VERSION = 2
"""Raised by hand whenever the same input would become another clip."""
CHUNK_CLIPS = 200
CHUNK_BYTES = 16 << 20
"""A chunk ends at so many clips, or before so many bytes of source audio."""
GROUP_ROWS = 16
"""Rows of a Parquet row group: what a reader of one clip has to read."""

REJECTED_COLUMNS = pa.schema([*REJECTED_SCHEMA, ("source_sha256", pa.string()), ("audio_sha256", pa.string())])
"""``REJECTED_SCHEMA`` and the digests, by which a later version knows a duplicate again without decoding it."""
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
        """What this utterance is, apart from its split; see ``content_digest``."""
        item = self.item
        stretch = stretch_of(item.origin)
        return content_digest(item.id, self.file.sha256, stretch, item.text, self.language, item.speaker, item.accent)


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
        limits = [self.options.min_seconds, self.options.max_seconds, self.options.silence_dbfs]
        return f"parts/{fingerprint([STAGING_VERSION, limits, clips, sorted(self.crashed)])}"

    @property
    def size(self) -> int:
        """Bytes of source audio: how long it will take."""
        return sum(candidate.file.size for candidate in self.candidates)


@dataclass(frozen=True, slots=True)
class StagedChunk:
    """What became of a chunk: the part with its clips, or None if there are none, and what was left out."""

    key: str | None
    clips: int
    seconds: float
    rejections: tuple[Rejection, ...]
    known: Mapping[str, Known] = field(default_factory=dict)
    """Its clips by id, so that nobody need open the part again to know them."""


class _NothingStagedError(Exception):
    """No utterance of a chunk could be used, so there is no part to publish."""


def pack(candidates: Iterable[Candidate], options: StagingOptions) -> Iterator[Chunk]:
    """Cut candidates, in the order of their ids, into chunks: a pure function of the candidates."""
    chunk: list[Candidate] = []
    total = 0
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
    """Decode a chunk into its part, unless that is in the store, whole.

    Raises:
        StoreError: the store cannot be written.
    """
    key = chunk.key
    rejections: list[Rejection] = []
    known: dict[str, Known] = {}
    if store.find(key, verify=True) is None:
        try:
            with store.publish(key) as draft:
                rows = _staged(chunk, key, rejections, known)
                clips, seconds = write_clips(draft.folder / CLIPS, rows)
                if not clips:
                    raise _NothingStagedError
                pq.write_table(rejected_table(rejections), draft.folder / REJECTED)
                draft.info.update(clips=clips, seconds=seconds)
        except _NothingStagedError:
            return StagedChunk(None, 0, 0.0, tuple(rejections))
        if draft.published:
            return StagedChunk(key, clips, seconds, tuple(rejections), known)
    artifact = store.find(key)
    if artifact is None:
        raise AcentoError(f"{key} was published and is gone: another process removed it; run again.")
    table = pq.read_table(store.local_path(key, REJECTED), use_threads=False)
    info = artifact.info
    return StagedChunk(key, info["clips"], info["seconds"], read_rejections(table), read_known(store, [key]))


def judge(candidate: Candidate, options: StagingOptions) -> NDArray[np.int16] | Rejection:
    """Return the samples of a candidate (int16, mono, 16 kHz), or why it is left out."""
    item = candidate.item
    trouble = None
    try:
        samples = decode(
            item.path,
            max_seconds=options.max_seconds,
            start_s=item.start_s,
            length_s=item.length_s,
            channel=item.channel,
        )
    except AudioError as error:
        trouble = _rejection(candidate, Reason(error.reason), str(error))
    if not candidate.file.is_still(item.path):
        return _rejection(candidate, Reason.CHANGED, "The file changed while it was staged: stage it again.")
    if trouble is not None:
        return trouble
    peak = max(int(samples.max()), -int(samples.min()))
    if len(samples) < options.min_seconds * SAMPLE_RATE:
        seconds = len(samples) / SAMPLE_RATE
        return _rejection(candidate, Reason.TOO_SHORT, f"{seconds:.3f} s is shorter than {options.min_seconds:g} s.")
    if peak < 32768 * 10 ** (options.silence_dbfs / 20):
        return _rejection(candidate, Reason.SILENT, f"Its loudest sample is below {options.silence_dbfs:g} dBFS.")
    return samples


def write_clips(path: Path, rows: Iterable[dict[str, object]]) -> tuple[int, float]:
    """Write rows of ``SCHEMA`` as Parquet, the same bytes for the same rows; return their number and seconds."""
    clips, seconds, group = 0, 0.0, list[dict[str, object]]()
    with pq.ParquetWriter(
        path, SCHEMA, compression=_COMPRESSION, use_dictionary=_REPEATED, write_statistics=META_COLUMNS
    ) as writer:
        for row in rows:
            group.append(row)
            clips += 1
            seconds += float(row["duration_s"])  # type: ignore[arg-type]
            if len(group) == GROUP_ROWS:
                writer.write_table(pa.Table.from_pylist(group, SCHEMA))
                group = []
        if group:
            writer.write_table(pa.Table.from_pylist(group, SCHEMA))
    return clips, round(seconds, 6)


def part_without(store: Store, key: str, ids: Sequence[str]) -> StagedChunk:
    """Return another part: that of ``key`` without some of its clips; key None if none is left."""
    path = store.local_path(key, CLIPS)
    leave = frozenset(ids)
    new = f"parts/{fingerprint([STAGING_VERSION, key, sorted(leave)])}"
    if store.find(new, verify=True) is None:
        try:
            with store.publish(new) as draft:
                with pq.ParquetFile(path) as file:
                    groups = (file.read_row_group(n, use_threads=False) for n in range(file.num_row_groups))
                    rows = (row for group in groups for row in group.to_pylist() if row["id"] not in leave)
                    clips, seconds = write_clips(draft.folder / CLIPS, rows)
                if not clips:
                    raise _NothingStagedError
                draft.info.update(clips=clips, seconds=seconds)
        except _NothingStagedError:
            return StagedChunk(None, 0, 0.0, ())
    artifact = store.find(new)
    if artifact is None:
        raise AcentoError(f"{new} was published and is gone: another process removed it; run again.")
    return StagedChunk(new, artifact.info["clips"], artifact.info["seconds"], ())


def rejected_table(rejections: Iterable[Rejection]) -> pa.Table:
    """Return rejections as a table, sorted; what is not UTF-8 in a name is shown as a question mark."""
    rows = [(r.id, r.source, r.reason.value, r.detail, r.source_sha256, r.audio_sha256) for r in rejections]
    clean = [tuple(None if v is None else v.encode("utf-8", "replace").decode() for v in row) for row in rows]
    clean.sort(key=lambda row: tuple(value or "" for value in (row[1], row[0], *row[2:])))
    return pa.Table.from_pylist(
        [dict(zip(REJECTED_COLUMNS.names, row, strict=True)) for row in clean], REJECTED_COLUMNS
    )


def read_rejections(table: pa.Table) -> tuple[Rejection, ...]:
    """Return the rows of such a table."""
    return tuple(Rejection(**{**row, "reason": Reason(row["reason"])}) for row in table.to_pylist())


def _staged(
    chunk: Chunk, key: str, rejections: list[Rejection], known: dict[str, Known]
) -> Iterator[dict[str, object]]:
    """Yield a row of ``SCHEMA`` for each utterance that can be used, and note it; append the others to rejections."""
    for candidate in chunk.candidates:
        item = candidate.item
        if item.id in chunk.crashed:
            rejections.append(_rejection(candidate, Reason.UNREADABLE, "The file made the decoder crash."))
            continue
        samples = judge(candidate, chunk.options)
        if isinstance(samples, Rejection):
            rejections.append(samples)
            continue
        digest = sha256(samples.astype("<i2", copy=False).tobytes())
        content = bytes.fromhex(candidate.digest)
        known[item.id] = Known(content, intern(candidate.split), bytes.fromhex(digest), key)
        yield {
            "id": item.id,
            "audio": {"bytes": encode_flac(samples), "path": None},
            "duration_s": len(samples) / SAMPLE_RATE,
            "text": item.text,
            "split": candidate.split,
            "language": candidate.language,
            "speaker": item.speaker,
            "accent": item.accent,
            "source": item.origin,
            "source_sha256": candidate.file.sha256,
            "audio_sha256": digest,
        }


def _rejection(candidate: Candidate, reason: Reason, detail: str) -> Rejection:
    return Rejection(candidate.item.id, candidate.item.origin, reason, detail, candidate.file.sha256)
