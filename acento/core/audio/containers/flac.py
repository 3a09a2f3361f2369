"""FLAC (RFC 9639): the true number of samples, by the last frame, and where another file begins."""

from typing import NamedTuple

from acento.core.audio.containers.layout import Data, FileLayout, FilePart

_TOTAL = (1 << 36) - 1
_LOOK_BACK = 1 << 20
_SIZES = {1: 192, **{n: 144 << n for n in range(2, 6)}, **{n: 1 << n for n in range(8, 16)}}
_RATES = {1: 88_200, 2: 176_400, 3: 192_000, 4: 8_000, 5: 16_000, 6: 22_050, 7: 24_000, 8: 32_000, 9: 44_100}
_RATES |= {10: 48_000, 11: 96_000}


class _Info(NamedTuple):
    """What the first block says: samples of a frame, samples a second, samples of all."""

    block: int
    rate: int
    total: int


def examine(data: Data) -> FileLayout | None:
    """Return whether the number of samples that a FLAC file declares is that of its frames; None if it is none."""
    if data[:4] != b"fLaC" or len(data) < 42:
        return None
    field = int.from_bytes(data[18:26], "big")
    info = _Info(int.from_bytes(data[8:10], "big"), field >> 44, field & _TOTAL)
    joined: int | None = data.find(b"fLaC\0\0\0\x22", 42)
    there = _samples_to(data, joined, info) if joined and joined > 0 else None
    if there is None:  # such bytes may stand within a picture or other metadata
        joined, there = None, _samples_to(data, len(data), info)
    if there is None:
        return FileLayout(None if info.total else "its last frame is not whole")
    if info.total > there:
        rate = info.rate or 1
        return FileLayout(f"its header declares {info.total / rate:.2f} s, {there / rate:.2f} s are there")
    if info.total == there:
        return FileLayout(joined_at=joined)
    patch = (18, (field & ~_TOTAL | there).to_bytes(8, "big"))
    return FileLayout(parts=(FilePart(0, joined or len(data), patches=(patch,)),), joined_at=joined)


def _samples_to(data: Data, end: int, info: _Info) -> int | None:
    """Return the samples to the end of the last frame; None if what stands before ``end`` is no whole frame."""
    if data[end - 128 : end - 125] == b"TAG":
        end -= 128
    start = max(42, end - _LOOK_BACK)
    tail, at = data[start:end], end - start
    candidates = []
    while (at := tail.rfind(b"\xff", 0, at)) >= 0 and len(candidates) < 8:
        if tail[at + 1 : at + 2] in (b"\xf8", b"\xf9") and (upto := _end_of(tail, at, info)) is not None:
            if upto == info.total:
                return upto
            candidates.append((at, upto))
    return next((upto for at, upto in candidates if _crc(tail[at:], 16, _CRC16) == 0), None)


def _end_of(data: bytes, at: int, info: _Info) -> int | None:
    """Return the number of the first sample after the frame whose header begins here; None if it is no header."""
    head = data[at : at + 16]
    if len(head) < 6 or head[3] & 1 or not head[2] >> 4 or head[2] & 15 == 15 or head[3] >> 4 > 10:
        return None
    more = max(0, 8 - (head[4] ^ 0xFF).bit_length())  # of the number's bytes, which are written as in UTF-8
    if more == 1 or more == 8:
        return None
    number, place = head[4] & (0x7F >> more), 5
    for byte in head[5 : 4 + more]:
        number, place = number << 6 | byte & 63, place + 1
    kind = head[2] >> 4
    wide = {6: 1, 7: 2}.get(kind, 0)
    size = int.from_bytes(head[place : place + wide], "big") + 1 if wide else _SIZES[kind]
    place += wide + {12: 1, 13: 2, 14: 2}.get(head[2] & 15, 0)
    if place >= len(head) or _crc(head[:place], 8, _CRC8) != head[place]:
        return None
    if (rate := _RATES.get(head[2] & 15, info.rate)) != info.rate:
        raise ValueError(f"its header is damaged: it says {info.rate} Hz, the last frame {rate} Hz")
    return (number if head[1] & 1 else number * info.block) + size


def _table(bits: int, polynomial: int) -> list[int]:
    table = []
    for crc in range(0, 1 << bits, 1 << bits - 8):
        for _ in range(8):
            crc = crc << 1 & (1 << bits) - 1 ^ (polynomial if crc >> bits - 1 else 0)
        table.append(crc)
    return table


_CRC8, _CRC16 = _table(8, 0x07), _table(16, 0x8005)


def _crc(data: bytes, bits: int, table: list[int]) -> int:
    """Return a checksum of 8 or 16 bits; it is 0 where it stands at the end of the data itself."""
    crc = 0
    for byte in data:
        crc = crc << 8 & (1 << bits) - 1 ^ table[crc >> bits - 8 ^ byte]
    return crc
