"""The length of an audio file by its bytes, where the decoders do not look, or believe a false header.

libsndfile shortens a cut WAV, AIFF, AU, CAF or W64 to what is there, stops where a header says that the sound ends, and
reads only the first of several recordings that were joined; FFmpeg takes a cut WMA or AVI for a short one. Half a
recording would pass for a whole one. So these few headers are read here.
"""

import io
import mmap
import os
from dataclasses import replace
from typing import BinaryIO

from acento.core.audio.containers import blocks, boxes, chunks, flac, mpeg
from acento.core.audio.containers.layout import Data, FileLayout, FilePart, OneWayFile, View

__all__ = ["FileLayout", "FilePart", "OneWayFile", "View", "examine"]

_EXAMINERS = (chunks.examine, flac.examine, boxes.examine, blocks.examine, mpeg.examine)
_remembered: dict[tuple[int, ...], FileLayout] = {}
_REMEMBERED = 32


def examine(file: BinaryIO) -> FileLayout:
    """Return what a file's bytes say about its length.

    The last few files on a disk are remembered, for there may be many segments of one.

    Raises:
        ValueError: it is damaged, or joined of recordings that cannot be told apart.
    """
    if isinstance(file, io.BytesIO):
        return _examined(file.getvalue())
    status = os.fstat(file.fileno())
    key = status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
    if key not in _remembered:
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            layout = _examined(data)
        if len(_remembered) >= _REMEMBERED:
            del _remembered[next(iter(_remembered))]
        _remembered[key] = layout
    return _remembered[key]


def _examined(data: Data) -> FileLayout:
    """Return the layout of a file and, where it is several joined, of all of them; one copy of the rest at a time."""
    first = layout = _first_of(data)
    if first.joined_at is None:
        return first
    start, parts, missing, size = 0, list[FilePart](), None, len(data)
    while True:
        end = size - start if layout.joined_at is None else layout.joined_at
        parts += [part.moved(start) for part in layout.parts or (FilePart(0, end),)]
        missing = missing or layout.missing
        if layout.joined_at is None:
            return replace(first, missing=missing, parts=tuple(parts))
        start += layout.joined_at
        layout = _first_of(bytes(data[start:]))


def _first_of(data: Data) -> FileLayout:
    return next((found for one in _EXAMINERS if (found := one(data)) is not None), FileLayout())
