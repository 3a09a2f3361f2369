"""Files whose sound is encrypted: a decoder would refuse them, or make noise of them, so they are told by their boxes.

MP4 names the coding of each track in ``moov/trak/mdia/minf/stbl/stsd``: ``enca`` for common encryption (ISO 23001-7),
``drms`` for Apple's FairPlay, ``aavd`` for Audible's AAX. Windows Media says it in its header object.
"""

import mmap
from collections.abc import Iterator
from pathlib import Path

from acento.core.audio.containers.layout import Data

_WAYS = {b"enca": "common encryption", b"drms": "Apple FairPlay", b"aavd": "Audible"}
_TO_TRACKS = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd")
_AUDIBLE = b"\x57\x90\x75\x36"
"""At byte 4 of Audible's older format."""
_ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_ENCRYPTED = (
    bytes.fromhex("fbb3112223bdd211b4b700a0c955fc6e"),
    bytes.fromhex("14e68a292226174cb935dae07ee9289c"),
)
"""The content encryption object and its extended form."""
_ASF_HEADER = 1 << 16


def protection(path: Path) -> str | None:
    """Return by what the sound of a file is encrypted, None if it is not or nobody can tell.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(_ASF_HEADER)
        if head[4:8] == _AUDIBLE:
            return "Audible"
        if head.startswith(_ASF):
            return "Windows Media DRM" if any(one in head for one in _ASF_ENCRYPTED) else None
        if head[4:8] != b"ftyp":
            return None
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            ways = (_WAYS.get(coding) for coding in _codings(data, 0, len(data), _TO_TRACKS))
            return next(filter(None, ways), None)


def _codings(data: Data, start: int, end: int, way: tuple[bytes, ...]) -> Iterator[bytes]:
    """Yield the kind of every box inside the boxes of a way."""
    while start + 8 <= end:
        length, kind, head = int.from_bytes(data[start : start + 4], "big"), data[start + 4 : start + 8], 8
        if length == 1:
            length, head = int.from_bytes(data[start + 8 : start + 16], "big"), 16
        length = length or end - start
        if length < head:
            return
        if not way:
            yield kind
        elif kind == way[0]:
            head += 8 if kind == b"stsd" else 0  # its version, and the number of entries
            yield from _codings(data, start + head, min(start + length, end), way[1:])
        start += length
