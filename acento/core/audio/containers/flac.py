"""FLAC (RFC 9639): the true number of samples, which libsndfile finds where no header bounds it, and joined files."""

import io
from typing import BinaryIO, cast

import soundfile

from acento.core.audio.containers.layout import Data, FileLayout, FilePart, OneWayFile, View

_TOTAL = (1 << 36) - 1
_RATES = {1: 88_200, 2: 176_400, 3: 192_000, 4: 8_000, 5: 16_000, 6: 22_050, 7: 24_000, 8: 32_000, 9: 44_100}
_RATES |= {10: 48_000, 11: 96_000}
_BLOCK = 1 << 17


def examine(data: Data) -> FileLayout | None:
    """Return whether the number of samples that a FLAC file declares is that of its frames; None if it is none.

    Raises:
        ValueError: its header and its first frame say different rates.
    """
    if data[:4] != b"fLaC" or len(data) < 42:
        return None
    field = int.from_bytes(data[18:26], "big")
    rate, declared = field >> 44, field & _TOTAL
    frames = _metadata_end(data)
    first = _RATES.get(data[frames + 2] & 15, rate) if frames + 2 < len(data) else rate
    if first != rate:
        raise ValueError(f"its header is damaged: it says {rate} Hz, the first frame {first} Hz")
    joined = data.find(b"fLaC\0\0\0\x22", frames)
    joined_at = joined if joined > 0 else None
    end = joined_at or len(data)
    try:
        there = _samples(data, end, field & ~_TOTAL, declared)
    except soundfile.LibsndfileError:
        return FileLayout("not all of its frames are whole")
    if declared == there:
        return FileLayout(joined_at=joined_at)
    patch = (18, (field & ~_TOTAL | there).to_bytes(8, "big"))
    return FileLayout(parts=(FilePart(0, end, patches=(patch,)),), joined_at=joined_at)


def _metadata_end(data: Data) -> int:
    """Return where the first frame begins, after the blocks of metadata, the last of which is marked."""
    place, last = 4, False
    while not last and place + 4 <= len(data):
        last = bool(data[place] & 0x80)
        place += 4 + int.from_bytes(data[place + 1 : place + 4], "big")
    return place


def _samples(data: Data, end: int, unbounded: int, declared: int) -> int:
    """Return the samples before ``end``, or as many as are declared where those are not there.

    Raises:
        LibsndfileError: there are more than are declared, and not all of them are whole.
    """
    end -= 128 if data[end - 128 : end - 125] == b"TAG" else 0
    file = cast(BinaryIO, io.BytesIO(data) if isinstance(data, bytes) else data)
    view = FilePart(0, end, patches=((18, unbounded.to_bytes(8, "big")),))
    if declared:
        try:
            with OneWayFile(cast(BinaryIO, View(file, view))) as sound:
                sound.seek(declared - 1)
                if len(sound.read(2, dtype="int16")) < 2:
                    return declared
        except soundfile.LibsndfileError:  # the decoder will say what is missing
            return declared
    with OneWayFile(cast(BinaryIO, View(file, view))) as sound:
        return sum(iter(lambda: len(sound.read(_BLOCK, dtype="int16")), 0))
