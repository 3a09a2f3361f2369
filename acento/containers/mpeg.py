"""MPEG audio (MP3, MP2): a list of all frames of a file.

A decoder that believes a tag's number of frames, or guesses it from the size, stops too early or finds nothing where it
seeks. Every frame says its own size (ISO 11172-3, 13818-3), so all are counted here, and a tag with the true number is
put before them. Nothing but tags may stand between two frames; else a frame is damaged and a decoder would skip it.
"""

import re
import struct
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from acento.containers.layout import Data, Layout, Part

_RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
_KBPS = {
    (3, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (3, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (3, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_DECODER_DELAY = 529
"""Samples by which every Layer III decoder is late."""
_RESERVOIR = 511
"""Bytes before a frame that it may refer to (``main_data_begin`` of 9 bits)."""
_TAG_FRAME = 0x0001_E000
"""Bits of the header of a frame without a checksum, at the highest rate of bits."""
_OVERHEAD = 4 + 2 + 32
"""Bytes of a frame, at most, that are not main data: header, checksum, side information."""
_SAME = 0xFFFE_0C00
"""Bits of a header that do not change within a recording: sync, version, layer, rate."""
_XING = (b"Xing", b"Info")
_ZEROS = re.compile(rb"\0+")
_LEADING = 1 << 16
"""Bytes before the first frame that may be something else."""


class DamagedError(ValueError):
    """Among frames there is something that is neither a frame nor a tag."""

    def __init__(self, place: int) -> None:
        """Say where."""
        super().__init__(f"damaged at byte {place}: neither a frame nor a tag begins there")


@dataclass(frozen=True, slots=True)
class Run:
    """Frames of one version, layer, rate and number of channels, one after the other in the file.

    ``starts`` has the place of each frame and of the end. ``delay`` and ``padding`` are samples that the encoder added
    at both ends, by the LAME tag; ``declared`` is the tag's number of frames.
    """

    header: int
    rate: int
    layer: int
    frame_samples: int
    starts: "array[int]"
    delay: int
    padding: int
    declared: int | None
    tag_start: int
    tag_bytes: int | None
    cut: bool

    @property
    def frames(self) -> int:
        """How many frames there are."""
        return len(self.starts) - 1

    @property
    def samples(self) -> int:
        """How many samples they decode to, without the encoder's delay and padding."""
        return max(0, self.frames * self.frame_samples - self.delay - self.padding)

    @property
    def missing(self) -> str | None:
        """Say what the end of the recording lacks, as far as the tag and the last frame tell."""
        there = self.frames * self.frame_samples / self.rate
        if self.declared is not None:
            due = self.declared * self.frame_samples / self.rate
            bytes_there = self.starts[-1] - self.tag_start
            if due - there > 0.1 and self.tag_bytes != bytes_there:
                return f"its header declares {due:.2f} s, {there:.2f} s are there"
        if self.cut and (self.declared is None or self.declared > self.frames):
            return "its last frame is not whole"
        return None

    @property
    def honest(self) -> bool:
        """Whether the tag's number of frames is true, so that a decoder may believe it."""
        return self.declared is not None and self.declared == self.frames

    def part(self) -> Part:
        """Return the frames as a recording of their own, with a tag that has their true number."""
        return Part(self.starts[0], self.starts[-1], self._head(self.frames, self.delay))

    def part_from(self, sample: int) -> tuple[Part, int]:
        """Return the frames from some before ``sample`` on, and how many samples to leave out after decoding.

        Begins so early that what the decoder remembers (bit reservoir, overlap, filter) is what it would be.
        """
        first = max(0, min((sample + self.delay) // self.frame_samples, self.frames - 1) - 3)
        upto, room = first, 0
        while first and room < _RESERVOIR:
            first -= 1
            room = self.starts[upto] - self.starts[first] - (upto - first) * _OVERHEAD
        if first == 0:
            return self.part(), sample
        head = self._head(self.frames - first, 0)
        return Part(self.starts[first], self.starts[-1], head), sample + self.delay - first * self.frame_samples

    def _head(self, frames: int, delay: int) -> bytes:
        """Return a tag with so many frames and samples to leave out at the start.

        Decoders that read the tag always leave out at least their own delay: a silent frame comes before the others
        where that is too much.
        """
        header = (self.header & 0xFFFE_0CFF) | _TAG_FRAME
        spec, silence = _frame(header), b""
        assert spec is not None
        if delay < _DECODER_DELAY:
            shortest = _frame(header & ~0xF000 | 0x1000)
            assert shortest is not None
            silence = struct.pack(">I", header & ~0xF000 | 0x1000).ljust(shortest.size, b"\0")
            frames, delay = frames + 1, delay + self.frame_samples
        tag, at = bytearray(spec.size), _side(header)
        struct.pack_into(">I", tag, 0, header)
        struct.pack_into(">4sII", tag, at, b"Xing", 1, frames)
        padding = self.padding + _DECODER_DELAY if self.padding else 0
        tag[at + 12 : at + 16] = b"LAME"
        tag[at + 33 : at + 36] = ((delay - _DECODER_DELAY) << 12 | padding).to_bytes(3, "big")
        return bytes(tag) + silence


@dataclass(frozen=True, slots=True)
class _Frame:
    """What a frame's header says: bytes in all, samples a second, layer, samples of each channel."""

    size: int
    rate: int
    layer: int
    samples: int


@dataclass(frozen=True, slots=True)
class _Tag:
    """What a Xing or VBRI frame says."""

    frames: int | None
    bytes: int | None
    delay: int = 0
    padding: int = 0


def examine(data: Data) -> Layout | None:
    """Return the recordings of a file of MPEG audio; None if it is none.

    Raises:
        DamagedError: something that is neither a frame nor a tag stands among them.
    """
    if not is_mpeg(data):
        return None
    found = tuple(runs(data))
    missing = next((run.missing for run in found if run.missing), None)
    if len(found) > 1:  # at a joint, players leave out nothing, and time stamps are theirs
        found = tuple(replace(run, delay=0 if number else run.delay, padding=0) for number, run in enumerate(found))
    return Layout(missing=missing, runs=found)


def is_mpeg(data: Data) -> bool:
    """Whether a file begins with frames of MPEG audio, after tags and zeros; not of a free rate of bits."""
    place = _after_tags(data, 0)
    tagged, synced = data[:3] == b"ID3", data[place : place + 1] == b"\xff"
    return (tagged or synced) and _search(data, place, place + _LEADING) is not None


def runs(data: Data) -> Iterator[Run]:
    """Yield the recordings that a file of MPEG audio consists of.

    Raises:
        DamagedError: something else stands between two frames or after the last.
    """
    place = _after_tags(data, 0)
    at = _search(data, place, place + _LEADING)
    while at is not None:
        run, place = _run(data, at)
        if run is None:
            raise DamagedError(at)
        yield run
        if run.cut:
            return
        place = _after_tags(data, place)
        at = _search(data, place, len(data))
        last = at is None and (run.honest or place == len(data) or _ends_with_tag(data))
        if not last and at != place:
            raise DamagedError(place)


def _run(data: Data, place: int) -> tuple[Run | None, int]:
    """Return the frames like the one at a place, and where they end."""
    (first,) = struct.unpack_from(">I", data, place)
    spec, tag_start = _frame(first), place
    assert spec is not None
    tag = _tag_of(data, place, first)
    if tag is not None:
        place += spec.size
    tag = tag or _Tag(None, None)
    starts, size, side, cut = array("Q"), len(data), _side(first), False
    while place + 4 <= size:
        (header,) = struct.unpack_from(">I", data, place)
        if (header ^ first) & _SAME or _is_mono(header) is not _is_mono(first) or (frame := _frame(header)) is None:
            break
        if starts and data[place + side : place + side + 4] in _XING:
            break
        if place + frame.size > size:
            cut = True
            break
        starts.append(place)
        place += frame.size
    if not starts:
        return None, place
    starts.append(place)
    padding = tag.padding if tag.frames == len(starts) - 1 else 0
    told = tag.frames, tag_start, tag.bytes
    return Run(first, spec.rate, spec.layer, spec.samples, starts, tag.delay, padding, *told, cut), place


@lru_cache(maxsize=4096)
def _frame(header: int) -> _Frame | None:
    """Read a frame's header; None if it is none, or one of a free rate of bits, whose size it does not say."""
    version, layer = header >> 19 & 3, 4 - (header >> 17 & 3)
    rate, kbps = header >> 10 & 3, header >> 12 & 15
    if header >> 21 != 0x7FF or version == 1 or layer == 4 or rate == 3 or not 0 < kbps < 15:
        return None
    hertz, half = _RATES[version][rate], version != 3
    bits = 1000 * _KBPS[2 if half else 3, min(layer, 2) if half else layer][kbps - 1]
    pad = header >> 9 & 1
    if layer == 1:
        return _Frame((12 * bits // hertz + pad) * 4, hertz, layer, 384)
    samples = 576 if layer == 3 and half else 1152
    return _Frame(samples // 8 * bits // hertz + pad, hertz, layer, samples)


def _is_mono(header: int) -> bool:
    return header >> 6 & 3 == 3


def _side(header: int) -> int:
    """Return how many bytes of a frame stand before its main data, where a tag is; without a checksum."""
    if header >> 19 & 3 == 3:
        return 4 + (17 if _is_mono(header) else 32)
    return 4 + (9 if _is_mono(header) else 17)


def _tag_of(data: Data, place: int, header: int) -> _Tag | None:
    """Read the tag of encoders in a first frame; None if it is a frame of sound."""
    if data[place + 36 : place + 40] == b"VBRI":
        size, frames = struct.unpack(">II", data[place + 46 : place + 54])
        return _Tag(frames, size)
    at = place + _side(header)
    if data[at : at + 4] not in _XING:
        return None
    flags = int.from_bytes(data[at + 4 : at + 8], "big")
    at += 8
    numbers = [int.from_bytes(data[at + 4 * n : at + 4 * n + 4], "big") for n in range(2)]
    frames = numbers.pop(0) if flags & 1 else None
    size = numbers.pop(0) if flags & 2 else None
    at += 4 * flags.bit_count() + (96 if flags & 4 else 0)
    encoder, added = data[at : at + 4], int.from_bytes(data[at + 21 : at + 24], "big")
    if encoder not in (b"LAME", b"Lavf", b"Lavc", b"L3.9", b"GOGO"):
        return _Tag(frames, size)
    return _Tag(frames, size, (added >> 12) + _DECODER_DELAY, max(0, (added & 0xFFF) - _DECODER_DELAY))


def _after_tags(data: Data, place: int) -> int:
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


def _search(data: Data, place: int, end: int) -> int | None:
    """Return where the first frame begins that is followed by another like it, or by nothing."""
    size = len(data)
    while (place := data.find(b"\xff", place, end)) >= 0:
        header = int.from_bytes(data[place : place + 4], "big")
        if (frame := _frame(header)) is not None:
            after = _after_tags(data, place + frame.size)
            then = int.from_bytes(data[after : after + 4], "big")
            if after >= size or (_frame(then) and not (header ^ then) & _SAME):
                return place
        place += 1
    return None


def _ends_with_tag(data: Data) -> bool:
    """Whether a file ends with a tag that begins before its name does (APE 1 and 2, Lyrics3)."""
    end = data[-160:]
    return b"APETAGEX" in end or b"LYRICS" in end
