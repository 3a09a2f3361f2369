"""FLAC (RFC 9639): the true number of samples, which libsndfile finds where no header bounds it, and joined files."""

import io
from contextlib import suppress
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
    said = data[frames + 2] & 15 if frames + 2 < len(data) else 0
    if _RATES.get(said, rate) != rate:
        raise ValueError(f"its header is damaged: it says {rate} Hz, the first frame {_RATES[said]} Hz")
    joined = data.find(b"fLaC\0\0\0\x22", frames)
    joined_at = joined if joined > 0 else None
    end = joined_at or len(data)
    there = _samples(data, end, field & ~_TOTAL, declared)
    if there is None:
        return FileLayout(None if declared else "not all of its frames are whole", joined_at=joined_at)
    if declared > there:
        return FileLayout(f"its header declares {declared / rate:.2f} s, {there / rate:.2f} s are there")
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


def _samples(data: Data, end: int, unbounded: int, declared: int) -> int | None:
    """Return the samples before ``end``; None if a frame is not whole, or something else follows the last."""
    end -= 128 if data[end - 128 : end - 125] == b"TAG" else 0
    file = cast(BinaryIO, io.BytesIO(data) if isinstance(data, bytes) else data)
    view = FilePart(0, end, patches=((18, unbounded.to_bytes(8, "big")),))
    if declared:
        with suppress(soundfile.LibsndfileError), OneWayFile(cast(BinaryIO, View(file, view))) as sound:
            sound.seek(declared - 1)
            if len(sound.read(2, dtype="int16")) == 1:
                return declared
    with suppress(soundfile.LibsndfileError), OneWayFile(cast(BinaryIO, View(file, view))) as sound:
        return sum(iter(lambda: len(sound.read(_BLOCK, dtype="int16")), 0))
    return None
