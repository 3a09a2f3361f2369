"""Digests of staged clips, by which staging recognizes a clip and its duplicates."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from sys import intern
from typing import IO

import pyarrow.parquet as pq

from acento.core.fingerprint import fingerprint
from acento.core.store import Store
from acento.core.store.base import together
from acento.data.dataset import CLIPS
from acento.data.sources.base import stretch_of
from acento.data.utterance import META_COLUMNS


@dataclass(frozen=True, slots=True)
class Known:
    """One clip; the digests are the 32 bytes themselves, as there may be a million of them."""

    content: bytes
    """The digest of id, source bytes, stretch, text, language, speaker and accent."""
    split: str
    audio: bytes
    """The digest of the samples."""
    part: str

    @classmethod
    def of(cls, content: str, split: str, audio: str, part: str) -> "Known":
        """Return what is known of a clip, from hexadecimal digests."""
        return cls(bytes.fromhex(content), intern(split), bytes.fromhex(audio), part)


def content_of(clips: Iterable[Known]) -> str:
    """Return one digest for what clips are and in which splits, whatever their order.

    It is ``fingerprint_rows`` of the lines ``CONTENT:SPLIT``, which sort as their contents do: so no line is kept.
    """
    digest = sha256()
    for clip in sorted(clips, key=lambda clip: clip.content):
        digest.update(f"{clip.content.hex()}:{clip.split}\n".encode())
    return digest.hexdigest()


def read_known(store: Store, keys: Sequence[str], workers: int = 0) -> dict[str, Known]:
    """Return what is known of every clip of these parts, by id; ``workers`` threads verify their checksums."""
    paths = together(lambda key: store.local_path(key, CLIPS), keys, max(1, workers))
    return {uid: clip for key, path in zip(keys, paths, strict=True) for uid, clip in known_clips(key, path)}


def known_clips(key: str, file: Path | IO[bytes]) -> Iterator[tuple[str, Known]]:
    """Yield every clip of one part by id."""
    for row in pq.read_table(file, columns=META_COLUMNS, use_threads=False).to_pylist():
        facts = (row["text"], row["language"], row["speaker"], row["accent"])
        content = fingerprint([row["id"], row["source_sha256"], stretch_of(row["source"]), *facts])
        yield row["id"], Known.of(content, row["split"], row["audio_sha256"], key)
