"""Every other container, by FFmpeg: its first audio stream."""

import io
import os
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, BinaryIO, cast

import av
import numpy as np
from numpy.typing import NDArray

from acento.core.audio.containers import FileLayout, View
from acento.core.audio.decoders.grid import grid_of
from acento.core.audio.decoders.stream import AudioError, NoAudioError, Stream, cut_short, starts_after_the_end

# FFmpeg also opens playlists, which name other files and addresses to read: only these containers are let in.
OPTIONS = {
    "format_whitelist": "wav,w64,flac,ogg,mp3,mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,aac,loas,asf,ac3,eac3,aiff,amr,"
    "amrnb,amrwb,caf,au,avi,flv,mpegts,mpeg,ape,wv,tta,mpc,mpc8,dts,gsm,rm,spx,voc,nistsphere"
}
# Of these, FFmpeg knows the length from the header; of others it guesses it from the size.
_KNOW_THEIR_LENGTH = {"w64", "flac", "mov", "mp4", "matroska", "webm", "asf", "aiff", "tta", "ape"}
_TOLERANCE_S = 0.25
"""Seconds by which a header may be longer than the sound."""
_NEAR_S = 20.0
"""A stretch that begins before is reached by decoding from the start."""


def stream(file: BinaryIO, stack: ExitStack, layout: FileLayout, start_s: float) -> Stream:
    """Open a file, which FFmpeg is given without its name, so that it sees only the content."""
    grid = grid_of(lambda own: _open(file, own, layout), file) if start_s > _NEAR_S else None
    container = _open(file, stack, layout)
    if not container.streams.audio:
        raise NoAudioError("The file has no audio in it.")
    audio = container.streams.audio[0]
    if audio.codec_context is None:
        raise AudioError("The sound in the file is coded in a way for which there is no decoder.")
    audio.codec_context.thread_count = 1
    rate = int(audio.codec_context.sample_rate or audio.rate or 0)
    if not rate or not audio.codec_context.channels:
        raise AudioError(f"The file claims {audio.codec_context.channels} channels at {rate} Hz.")
    start = round(start_s * rate)

    def blocks() -> Iterator[NDArray[np.float32]]:
        nonlocal container, audio
        place, frames = 0, container.decode(audio)
        if grid is not None:
            found = grid.seek(container, audio, start)
            if found is None:  # the container finds no way: decode all that comes before
                container = _open(file, stack, layout)
                audio = container.streams.audio[0]
                frames = container.decode(audio)
            else:
                place, frames = found
        end: float | None = None
        for block, until in _samples(frames, rate):
            end = until or end
            if place + len(block) > start:
                yield block[max(0, start - place) :]
            place += len(block)
        if place < start or (start and place == start):
            raise starts_after_the_end(start_s)
        due = _declared(container, audio, rate)
        if due is not None and due - place > _TOLERANCE_S * rate:
            if not layout.complete or end is None:
                raise cut_short(due / rate, place / rate)
            if end - place / rate > _TOLERANCE_S:
                sentence = (
                    f"The file has gaps: it lasts {end:.2f} s by its time stamps and has {place / rate:.2f} s of sound."
                )
                raise AudioError(sentence, "truncated")

    return Stream(rate, None, blocks())


def _open(file: BinaryIO, stack: ExitStack, layout: FileLayout) -> Any:
    """Open a file anew, from its start."""
    if layout.parts:
        view = cast(BinaryIO, View(file, layout.parts[0]))
    else:
        view = file if isinstance(file, io.BytesIO) else stack.enter_context(os.fdopen(os.dup(file.fileno()), "rb"))
    view.seek(0)
    return stack.enter_context(cast(Any, av.open(view, options=OPTIONS)))


def _samples(frames: Iterator[Any], rate: int) -> Iterator[tuple[NDArray[np.float32], float | None]]:
    """Yield frames as float32 (samples, channels) at one rate, and the second at which each ends by the time stamps."""
    resampler, kind, first = None, None, None
    for frame in frames:
        if kind != (kind := (frame.sample_rate, frame.layout.name, frame.format.name)):
            if resampler is not None:
                yield from ((part.to_ndarray().T, None) for part in resampler.resample(None))
            resampler = av.AudioResampler(format="fltp", rate=rate if frame.sample_rate != rate else None)
        assert resampler is not None
        end = None
        if frame.pts is not None:
            first = frame.pts if first is None else first
            end = float((frame.pts - first) * frame.time_base) + frame.samples / frame.sample_rate
        yield from ((part.to_ndarray().T, end) for part in resampler.resample(frame))


def _declared(container: Any, audio: Any, rate: int) -> int | None:
    """Return how many samples the audio has by its header; None where that is unknown or another stream's length."""
    if _KNOW_THEIR_LENGTH.isdisjoint(container.format.name.split(",")):
        return None
    if audio.duration is not None:
        return int(audio.duration * audio.time_base * rate)
    if container.duration is not None and len(container.streams) == 1:
        return int(container.duration * rate) // 1_000_000
    return None
