"""WAV, FLAC, Ogg, MP3, AIFF and their kin, by libsndfile, given the true length of what has a false one."""

import io
import os
from collections.abc import Iterator
from contextlib import ExitStack
from typing import BinaryIO, cast

import numpy as np
import soundfile
from numpy.typing import NDArray

from acento.core.audio.containers import FileLayout, FilePart, OneWayFile, View
from acento.core.audio.containers.mpeg import FrameRun, MpegLayout
from acento.core.audio.decoders.stream import BLOCK, Stream, starts_after_the_end

_COUNTED = ("PCM", "FLOAT", "DOUBLE", "ULAW", "ALAW", "VORBIS", "OPUS")
"""Codecs of which libsndfile counts and finds every sample; of others, such as MP3 in a WAV, it is near only."""
_SLACK_S = 0.1


def streams(file: BinaryIO, stack: ExitStack, layout: FileLayout, start_s: float) -> Iterator[Stream] | None:
    """Return the recordings of which a file consists, from ``start_s`` on; None if libsndfile knows no such format."""
    runs = layout.runs if isinstance(layout, MpegLayout) else ()
    if runs and all(run.first.layer == 3 for run in runs):
        return _runs(file, stack, runs, start_s)
    if len(layout.parts) > 1:
        return _parts(file, stack, layout.parts, start_s)
    opened = _open(file, stack, *layout.parts)
    if opened is None or (runs and opened.frames < sum(run.samples for run in runs)):
        return None
    return iter([_from(opened, round(start_s * opened.samplerate), start_s)])


def _parts(file: BinaryIO, stack: ExitStack, parts: tuple[FilePart, ...], start_s: float) -> Iterator[Stream]:
    """Yield joined recordings, each at its own rate, without those that end before the start."""
    left_s = start_s
    for number, part in enumerate(parts):
        opened = _open(file, stack, part)
        if opened is None:
            raise ValueError(f"it holds {len(parts)} recordings joined, of a kind that is only read alone: split them")
        if left_s < opened.frames / opened.samplerate or number == len(parts) - 1:
            yield _from(opened, round(left_s * opened.samplerate), start_s)
            left_s = 0.0
        else:
            left_s -= opened.frames / opened.samplerate


def _runs(file: BinaryIO, stack: ExitStack, runs: tuple[FrameRun, ...], start_s: float) -> Iterator[Stream]:
    """Yield joined recordings of MPEG audio, which begin at exact frames: libsndfile's own seeking is near only."""
    left_s = start_s
    for number, run in enumerate(runs):
        if left_s >= run.samples / run.first.rate and number < len(runs) - 1:
            left_s -= run.samples / run.first.rate
            continue
        start = round(left_s * run.first.rate)
        if start and start >= run.samples:
            raise starts_after_the_end(start_s)
        opened = _open(file, stack) if len(runs) == 1 and not start else None
        skip = 0
        if opened is None or opened.frames < run.samples:
            part, skip = run.part_from(start)
            opened = _open(file, stack, part)
        if opened is None or (not skip and opened.frames < run.samples - start):
            raise ValueError(f"its {run.frames} frames of MPEG audio cannot be opened")
        yield Stream(run.first.rate, run.samples - start, _blocks(opened, skip))
        left_s = 0.0


def _from(opened: OneWayFile, start: int, start_s: float) -> Stream:
    """Return a recording from one of its samples on."""
    if start and start >= opened.frames:
        raise starts_after_the_end(start_s)
    if not opened.subtype.startswith(_COUNTED):
        slack = round(_SLACK_S * opened.samplerate)
        return Stream(opened.samplerate, max(0, opened.frames - start - slack), _blocks(opened, start))
    if start:
        opened.seek(start)
    return Stream(opened.samplerate, opened.frames - start, _blocks(opened))


def _blocks(opened: OneWayFile, skip: int = 0) -> Iterator[NDArray[np.float32]]:
    frames = max(1, BLOCK // opened.channels)
    while len(block := opened.read(frames, dtype="float32", always_2d=True)):
        if skip < len(block):
            yield block[skip:]
        skip = max(0, skip - len(block))


def _open(file: BinaryIO, stack: ExitStack, part: FilePart | None = None) -> OneWayFile | None:
    """Open a file, or a part of it, by its descriptor so that its name plays no part; None if it is of no format."""
    try:
        if part is not None:
            opened = OneWayFile(cast(BinaryIO, View(file, part)))
        elif isinstance(file, io.BytesIO):
            file.seek(0)
            opened = OneWayFile(file)
        else:
            os.lseek(file.fileno(), 0, os.SEEK_SET)
            opened = OneWayFile(os.dup(file.fileno()))  # libsndfile closes it, also when it cannot open it
    except (soundfile.LibsndfileError, TypeError):
        return None
    stack.enter_context(opened)
    return opened
