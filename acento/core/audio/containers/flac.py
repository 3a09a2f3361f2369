"""FLAC (RFC 9639): the true number of samples, by the last frame, and where another file begins."""

from typing import NamedTuple

from acento.core.audio.containers.layout import Data, FileLayout, FilePart

_TOTAL = (1 << 36) - 1
_LOOK_BACK = 1 << 20
_SIZES = {1: 192, **{n: 144 << n for n in range(2, 6)}, **{n: 1 << n for n in range(8, 16)}}


_RATES = {1: 88_200, 2: 176_400, 3: 192_000, 4: 8_000, 5: 16_000, 6: 22_050, 7: 24_000, 8: 32_000, 9: 44_100}
_RATES |= {10: 48_000, 11: 96_000}


class _Info(NamedTuple):
    """What the first block says: samples of a frame, samples of all, samples a second."""

    block: int
    total: int
    rate: int


def examine(data: Data) -> FileLayout | None:
    """Return whether the number of samples that a FLAC file declares is that of its frames; None if it is none."""
    if data[:4] != b"fLaC" or len(data) < 42:
        return None
    joined = data.find(b"fLaC\0\0\0\x22", 42)
    if joined > 0 and _true_total(data, joined) is None:
        joined = -1  # those bytes stand within a picture or other metadata
    end = joined if joined > 0 else len(data)
    declared = int.from_bytes(data[18:26], "big") & _TOTAL
    there = _true_total(data, end)
    if there is None:
        return FileLayout(None if declared else "its last frame is not whole")
    if declared > there:
        rate = int.from_bytes(data[18:21], "big") >> 4 or 1
        return FileLayout(f"its header declares {declared / rate:.2f} s, {there / rate:.2f} s are there")
    if declared == there:
        return FileLayout(joined_at=joined if joined > 0 else None)
    field = int.from_bytes(data[18:26], "big") & ~_TOTAL | there
    part = FilePart(0, end, patches=((18, field.to_bytes(8, "big")),))
    return FileLayout(parts=(part,), joined_at=joined if joined > 0 else None)


def _true_total(data: Data, end: int) -> int | None:
    """Return the samples to the end of the last frame; None if what stands before ``end`` is no whole frame."""
    if data[end - 128 : end - 125] == b"TAG":
        end -= 128
    rate, total = int.from_bytes(data[18:21], "big") >> 4, int.from_bytes(data[18:26], "big") & _TOTAL
    info = _Info(int.from_bytes(data[8:10], "big"), total, rate)
    start = max(42, end - _LOOK_BACK)
    tail, at = data[start:end], end - start
    candidates = []
    while (at := tail.rfind(b"\xff", 0, at)) >= 0:
        if tail[at + 1 : at + 2] in (b"\xf8", b"\xf9") and (upto := _end_of(tail, at, info)) is not None:
            if upto == info.total:
                return upto
            candidates.append((at, upto))
            if len(candidates) == 8:
                break
    return next((upto for at, upto in candidates if _crc16(tail[at:]) == 0), None)


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
    if place >= len(head) or _crc8(head[:place]) != head[place]:
        return None
    if (rate := _RATES.get(head[2] & 15, info.rate)) != info.rate:
        raise ValueError(f"its header is damaged: it says {info.rate} Hz, the last frame {rate} Hz")
    return (number if head[1] & 1 else number * info.block) + size


def _crc8(data: bytes) -> int:
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc << 1 & 0xFF ^ (0x07 if crc & 0x80 else 0)
    return crc


def _crc16(data: bytes) -> int:
    """Return the checksum of a frame, which is 0 where its own last two bytes are included."""
    crc = 0
    for byte in data:
        crc = (crc << 8 & 0xFFFF) ^ _CRC16[crc >> 8 ^ byte]
    return crc


def _table() -> list[int]:
    table = []
    for crc in range(0, 1 << 16, 1 << 8):
        for _ in range(8):
            crc = crc << 1 & 0xFFFF ^ (0x8005 if crc & 0x8000 else 0)
        table.append(crc)
    return table


_CRC16 = _table()
