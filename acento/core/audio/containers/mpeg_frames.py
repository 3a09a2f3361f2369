"""Headers of frames of MPEG audio (ISO 11172-3, 13818-3), and the tags that stand before, among and after frames."""

import re
import struct
from dataclasses import dataclass
from functools import lru_cache

from acento.core.audio.containers.layout import Data

_RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
_KBPS = {
    (3, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (3, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (3, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
DECODER_DELAY = 529
"""Samples by which every Layer III decoder is late."""
SAME = 0xFFFE_0C00
"""Bits of a header that do not change within a recording: sync, version, layer, rate."""
XING = (b"Xing", b"Info")
_ZEROS = re.compile(rb"\0+")


@dataclass(frozen=True, slots=True)
class Frame:
    """What a frame's header says: bytes in all, samples a second, layer, samples of each channel."""

    size: int
    rate: int
    layer: int
    samples: int


@dataclass(frozen=True, slots=True)
class Tag:
    """What a Xing or VBRI frame says."""

    frames: int | None
    bytes: int | None
    delay: int = 0
    padding: int = 0


@lru_cache(maxsize=4096)
def frame_of(header: int) -> Frame | None:
    """Read a frame's header; None if it is none, or one of a free rate of bits, whose size it does not say."""
    version, layer = header >> 19 & 3, 4 - (header >> 17 & 3)
    rate, kbps = header >> 10 & 3, header >> 12 & 15
    if header >> 21 != 0x7FF or version == 1 or layer == 4 or rate == 3 or not 0 < kbps < 15:
        return None
    hertz, half = _RATES[version][rate], version != 3
    bits = 1000 * _KBPS[2 if half else 3, min(layer, 2) if half else layer][kbps - 1]
    pad = header >> 9 & 1
    if layer == 1:
        return Frame((12 * bits // hertz + pad) * 4, hertz, layer, 384)
    samples = 576 if layer == 3 and half else 1152
    return Frame(samples // 8 * bits // hertz + pad, hertz, layer, samples)


def is_mono(header: int) -> bool:
    return header >> 6 & 3 == 3


def side_of(header: int) -> int:
    """Return how many bytes of a frame stand before its main data, where a tag is; without a checksum."""
    if header >> 19 & 3 == 3:
        return 4 + (17 if is_mono(header) else 32)
    return 4 + (9 if is_mono(header) else 17)


def tag_of(data: Data, place: int, header: int) -> Tag | None:
    """Read the tag of encoders in a first frame; None if it is a frame of sound."""
    if data[place + 36 : place + 40] == b"VBRI":
        size, frames = struct.unpack(">II", data[place + 46 : place + 54])
        return Tag(frames, size)
    at = place + side_of(header)
    if data[at : at + 4] not in XING:
        return None
    flags = int.from_bytes(data[at + 4 : at + 8], "big")
    at += 8
    numbers = [int.from_bytes(data[at + 4 * n : at + 4 * n + 4], "big") for n in range(2)]
    frames = numbers.pop(0) if flags & 1 else None
    size = numbers.pop(0) if flags & 2 else None
    at += 4 * flags.bit_count() + (96 if flags & 4 else 0)
    encoder, added = data[at : at + 4], int.from_bytes(data[at + 21 : at + 24], "big")
    if encoder not in (b"LAME", b"Lavf", b"Lavc", b"L3.9", b"GOGO"):
        return Tag(frames, size)
    return Tag(frames, size, (added >> 12) + DECODER_DELAY, max(0, (added & 0xFFF) - DECODER_DELAY))


def after_tags(data: Data, place: int) -> int:
    """Skip what may stand between recordings: ID3 of both versions, APE, and zeros."""
    while True:
        before = place
        head = data[place : place + 32]
        if head[:3] == b"ID3" and len(head) > 10 and not any(byte & 0x80 for byte in head[6:10]):
            size = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
            place += 10 + size + (10 if head[5] & 0x10 else 0)
        elif head[:3] == b"TAG":
            place += 128
        elif head[:8] == b"APETAGEX":
            place += 32 + int.from_bytes(head[12:16], "little")
        elif head[:1] == b"\0":
            place = _ZEROS.match(data, place).end()  # type: ignore[union-attr]
        if place == before or place >= len(data):
            return min(place, len(data))


def search(data: Data, place: int, end: int, *, frames: int = 2) -> int | None:
    """Return where the first frame begins that is followed by so many like it in all, or by nothing."""
    while (place := data.find(b"\xff", place, end)) >= 0:
        at, header = place, int.from_bytes(data[place : place + 4], "big")
        for _ in range(frames):
            here = int.from_bytes(data[at : at + 4], "big")
            if (here ^ header) & SAME or (frame := frame_of(here)) is None:
                break
            at = after_tags(data, at + frame.size)
            if at >= len(data):
                return place
        else:
            return place
        place += 1
    return None


def ends_with_tag(data: Data) -> bool:
    """Whether a file ends with a tag that begins before its name does (APE 1 and 2, Lyrics3)."""
    end = data[-160:]
    return b"APETAGEX" in end or b"LYRICS" in end
