"""Digests of staged clips, by which staging recognizes a clip and its duplicates."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from sys import intern
from typing import IO

import pyarrow.parquet as pq

from acento.core.fingerprint import fingerprint
from acento.core.store import Store
from acento.data.dataset import CLIPS
from acento.data.sources.base import stretch_of
from acento.data.utterance import META_COLUMNS


@dataclass(frozen=True, slots=True)
class Known:
    """One clip: the digest of what it is apart from its split, its split, the digest of its samples, and its part.

    The digests are the 32 bytes themselves, as there may be a million of them.
    """

    content: bytes
    split: str
    audio: bytes
    part: str


def content_digest(*facts: str | None) -> str:
    """Return the digest of id, source bytes, stretch, text, language, speaker and accent, in this order."""
    return fingerprint(list(facts))


def content_of(clips: Iterable[Known]) -> str:
    """Return one digest for what clips are and in which splits, whatever their order.

    It is ``fingerprint_rows`` of the lines ``CONTENT:SPLIT``, which sort as their contents do: so no line is kept.
    """
    digest = sha256()
    for clip in sorted(clips, key=lambda clip: clip.content):
        digest.update(f"{clip.content.hex()}:{clip.split}\n".encode())
    return digest.hexdigest()


def read_known(store: Store, keys: Sequence[str], workers: int = 0) -> dict[str, Known]:
    """Return what is known of every clip of these parts, by id; their checksums are verified by ``workers`` threads.

    Raises:
        StoreError: a part is gone, or damaged.
    """
    known: dict[str, Known] = {}
    with ThreadPoolExecutor(max(1, workers), thread_name_prefix="verifying") as threads:
        for key, path in zip(keys, threads.map(lambda key: store.local_path(key, CLIPS), keys), strict=True):
            known.update(known_clips(key, path))
    return known


def known_clips(key: str, file: Path | IO[bytes]) -> Iterator[tuple[str, Known]]:
    """Yield every clip of one part by id."""
    for row in pq.read_table(file, columns=META_COLUMNS, use_threads=False).to_pylist():
        facts = (row["text"], row["language"], row["speaker"], row["accent"])
        content = content_digest(row["id"], row["source_sha256"], stretch_of(row["source"]), *facts)
        audio = bytes.fromhex(row["audio_sha256"])
        yield row["id"], Known(bytes.fromhex(content), intern(row["split"]), audio, key)
