"""Seeking in MP4 and Matroska to an exact sample.

Their time stamps may be rounded (Matroska: to a millisecond), and decoded samples are counted, not dated. So a file is
seeked in only if every packet stands where packets of one size would: then a time stamp tells a packet's number, and
that its first sample. All time stamps are read once, without decoding, and what follows from them is remembered.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, islice
from typing import Any, BinaryIO

import numpy as np

_SEEKABLE = {"mov", "matroska"}
_PRE_ROLL_S = 1.0
"""Decoded before a stretch, so that the decoder's memory (overlap, bit reservoir, filters, predictions) is filled."""
_remembered: "dict[tuple[int, ...], SampleGrid | None]" = {}
_REMEMBERED = 1024


@dataclass(frozen=True, slots=True)
class SampleGrid:
    """Where samples are: the first frame has ``first``, the one at time stamp ``origin`` and all after it ``size``."""

    first: int
    origin: int
    size: int
    step: Fraction

    def seek(self, container: Any, audio: Any, sample: int) -> tuple[int, Iterator[Any]] | None:
        """Move before a sample; return the number of the first sample that comes, and the frames; None if it fails."""
        early = round(_PRE_ROLL_S / audio.time_base)
        stamp = self.origin + int((sample - self.first) * self.step / self.size)
        container.seek(max(stamp - early, 0), stream=audio)
        frames = container.decode(audio)
        for frame in islice(frames, 1, 3):  # some decoders shorten the first after a seek
            if frame.pts is None or frame.samples != self.size:
                return None
            place = self.first + round((frame.pts - self.origin) / self.step) * self.size
            return (place, chain([frame], frames)) if self.first <= place <= sample else None
        return None


def grid_of(opener: Callable[[ExitStack], Any], file: BinaryIO) -> SampleGrid | None:
    """Return the grid of a file; None if it has none, or its container is not one that is seeked in."""
    try:
        status = os.fstat(file.fileno())
    except OSError:  # in memory
        return _grid(opener)
    key = status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
    if key not in _remembered:
        grid = _grid(opener)
        if len(_remembered) >= _REMEMBERED:
            del _remembered[next(iter(_remembered))]
        _remembered[key] = grid
    return _remembered[key]


def _grid(opener: Callable[[ExitStack], Any]) -> SampleGrid | None:
    with ExitStack() as stack:
        container = opener(stack)
        if _SEEKABLE.isdisjoint(container.format.name.split(",")) or not container.streams.audio:
            return None
        audio = container.streams.audio[0]
        head = list(islice(container.decode(audio), 2))
    if len(head) < 2 or head[1].pts is None or not head[1].samples:
        return None
    first, second = head
    step = Fraction(second.samples, second.sample_rate) / second.time_base
    with ExitStack() as stack:
        container = opener(stack)
        stamps = _stamps(container, container.streams.audio[0])
    if stamps is None or first.sample_rate != second.sample_rate:
        return None
    due = stamps[0] + np.arange(len(stamps)) * float(step)
    off = (second.pts - stamps[0]) / step
    if np.abs(stamps - due).max() > 1 or abs(off - round(off)) * step > 1:
        return None
    return SampleGrid(first.samples, second.pts, second.samples, step)


def _stamps(container: Any, audio: Any) -> "np.ndarray[Any, np.dtype[np.int64]] | None":
    """Return the time stamps of all packets: by the index where it is of all, else by reading the file."""
    if audio.frames and len(audio.index_entries) == audio.frames:
        return np.fromiter((entry.timestamp for entry in audio.index_entries), np.int64)
    stamps = [packet.pts for packet in container.demux(audio) if packet.size]
    return None if None in stamps or not stamps else np.array(stamps, np.int64)
