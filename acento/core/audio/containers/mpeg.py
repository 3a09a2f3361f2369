"""MPEG audio (MP3, MP2): a list of all frames of a file.

A decoder that believes a tag's number of frames, or guesses it from the size, stops too early or finds nothing where it
seeks. Every frame says its own size (ISO 11172-3, 13818-3), so all are counted here, and a tag with the true number is
put before them. Nothing but tags may stand between two frames; else a frame is damaged and a decoder would skip it.
"""

import struct
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, replace

from acento.core.audio.containers.layout import Data, FileLayout, FilePart
from acento.core.audio.containers.mpeg_frames import (
    DECODER_DELAY,
    SAME,
    XING,
    Frame,
    Tag,
    after_tags,
    ends_with_tag,
    frame_of,
    is_mono,
    search,
    side_of,
    tag_of,
)

_RESERVOIR = 511
"""Bytes before a frame that it may refer to (``main_data_begin`` of 9 bits)."""
_TAG_FRAME = 0x0001_E000
"""Bits of the header of a frame without a checksum, at the highest rate of bits."""
_OVERHEAD = 4 + 2 + 32
"""Bytes of a frame, at most, that are not main data: header, checksum, side information."""
_LEADING = 1 << 16
"""Bytes before the first frame that may be something else."""


@dataclass(frozen=True, slots=True)
class FrameRun:
    """Frames of one version, layer, rate and number of channels, one after the other in the file.

    ``first``: what the first frame's header says. ``starts``: the place of each frame and of the end. ``delay`` and
    ``padding``: samples that the encoder added at both ends. ``tag``: what it says of all in a frame before them.
    """

    header: int
    first: Frame
    starts: "array[int]"
    delay: int
    padding: int
    tag: Tag
    tag_start: int
    cut: bool

    @property
    def frames(self) -> int:
        """How many frames there are."""
        return len(self.starts) - 1

    @property
    def samples(self) -> int:
        """How many samples they decode to, without the encoder's delay and padding."""
        return max(0, self.frames * self.first.samples - self.delay - self.padding)

    @property
    def missing(self) -> str | None:
        """Say what the end of the recording lacks, as far as the tag and the last frame tell."""
        declared, size = self.tag.frames, self.tag.bytes
        lacks = 0 if declared is None else declared - self.frames
        if size is None:
            lacks -= 1  # some encoders count the tag's own frame
        if lacks > 0 and (size is None or size > self.starts[-1] - self.tag_start):
            due, there = (n * self.first.samples / self.first.rate for n in (self.frames + lacks, self.frames))
            return f"its header declares {due:.2f} s, {there:.2f} s are there"
        return "its last frame is not whole" if self.cut and declared != self.frames else None

    def part_from(self, sample: int) -> tuple[FilePart, int]:
        """Return the frames from some before ``sample`` on, and how many samples to leave out after decoding.

        Begins so early that what the decoder remembers (bit reservoir, overlap, filter) is what it would be.
        """
        first = max(0, min((sample + self.delay) // self.first.samples, self.frames - 1) - 3)
        upto, room = first, 0
        while first and room < _RESERVOIR:
            first -= 1
            room = self.starts[upto] - self.starts[first] - (upto - first) * _OVERHEAD
        if first == 0:
            return FilePart(self.starts[0], self.starts[-1], self._head(self.frames, self.delay)), sample
        head = self._head(self.frames - first, 0)
        return FilePart(self.starts[first], self.starts[-1], head), sample + self.delay - first * self.first.samples

    def _head(self, frames: int, delay: int) -> bytes:
        """Return a tag with so many frames and samples to leave out at the start.

        Decoders that read the tag always leave out at least their own delay: a silent frame comes before the others
        where that is too much.
        """
        header = (self.header & 0xFFFE_0CFF) | _TAG_FRAME
        spec, silence = frame_of(header), b""
        assert spec is not None
        if delay < DECODER_DELAY:
            shortest = frame_of(header & ~0xF000 | 0x1000)
            assert shortest is not None
            silence = struct.pack(">I", header & ~0xF000 | 0x1000).ljust(shortest.size, b"\0")
            frames, delay = frames + 1, delay + self.first.samples
        tag, at = bytearray(spec.size), side_of(header)
        struct.pack_into(">I", tag, 0, header)
        struct.pack_into(">4sII", tag, at, b"Xing", 1, frames)
        padding = self.padding + DECODER_DELAY if self.padding else 0
        tag[at + 12 : at + 16] = b"LAME"
        tag[at + 33 : at + 36] = ((delay - DECODER_DELAY) << 12 | padding).to_bytes(3, "big")
        return bytes(tag) + silence


@dataclass(frozen=True, slots=True)
class MpegLayout(FileLayout):
    """A file of MPEG audio: the recordings of which it consists."""

    runs: tuple[FrameRun, ...] = ()


def examine(data: Data) -> MpegLayout | None:
    """Return the recordings of a file of MPEG audio; None if it is none.

    Raises:
        ValueError: something that is neither a frame nor a tag stands among them.
    """
    first = _first(data)
    if first is None:
        return None
    found = tuple(_runs(data, first))
    missing = next((run.missing for run in found if run.missing), None)
    if len(found) > 1:  # at a joint, players leave out nothing, and time stamps are theirs
        found = tuple(replace(run, delay=0 if number else run.delay, padding=0) for number, run in enumerate(found))
    return MpegLayout(missing=missing, runs=found)


def _first(data: Data) -> int | None:
    """Return where the first frame begins, after tags, zeros, or the rest of a frame of a stream; None if nowhere."""
    if data[:3] == b"\0\0\1":  # a program stream, in which frames stand among other things
        return None
    place = after_tags(data, 0)
    at = search(data, place, place + (_LEADING if data[:3] == b"ID3" else 2048), frames=3)
    if at not in (None, place) and frame_of(int.from_bytes(data[place : place + 4], "big")):
        raise _damaged(place)
    return at


def _runs(data: Data, at: int | None) -> Iterator[FrameRun]:
    """Yield the recordings that a file of MPEG audio consists of, from a first frame on."""
    while at is not None:
        run, place = _run(data, at)
        if run is None:
            raise _damaged(at)
        yield run
        if run.cut:
            return
        place = after_tags(data, place)
        at = search(data, place, len(data))
        last = at is None and (run.tag.frames == run.frames or place == len(data) or ends_with_tag(data))
        if not last and at != place:
            raise _damaged(place)


def _run(data: Data, place: int) -> tuple[FrameRun | None, int]:
    """Return the frames like the one at a place, and where they end."""
    (first,) = struct.unpack_from(">I", data, place)
    spec, tag_start = frame_of(first), place
    assert spec is not None
    tag = tag_of(data, place, first)
    if tag is not None:
        place += spec.size
    tag = tag or Tag(None, None)
    starts, size, side, cut = array("Q"), len(data), side_of(first), False
    while place + 4 <= size:
        (header,) = struct.unpack_from(">I", data, place)
        if (header ^ first) & SAME or is_mono(header) is not is_mono(first) or (frame := frame_of(header)) is None:
            break
        if starts and data[place + side : place + side + 4] in XING:
            break
        if place + frame.size > size:
            cut = True
            break
        starts.append(place)
        place += frame.size
    if not starts:
        return None, place
    starts.append(place)
    ends = tag.frames == len(starts) - 1 or (tag.frames and tag.bytes == place - tag_start)  # where the encoder did
    return FrameRun(first, spec, starts, tag.delay, tag.padding if ends else 0, tag, tag_start, cut), place


def _damaged(place: int) -> ValueError:
    return ValueError(f"damaged at byte {place}: neither a frame nor a tag begins there")
