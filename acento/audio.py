"""Any audio file to what a model hears: mono, 16 kHz, 16 bits; and FLAC, in which staged clips are kept.

libsndfile reads WAV, FLAC, Ogg and MP3; FFmpeg (by PyAV) reads what that cannot open. Both look at the content, never
at the name. A file that is damaged or cut short raises; it never comes out as a shorter one.
"""

import io
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import av
import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from acento.containers import what_is_missing
from acento.data.utterance import SAMPLE_RATE
from acento.errors import DataError

_BLOCK = 1 << 17
"""Samples, of all channels together, that are decoded at once."""
_RATES = range(1_000, 768_001)
# FFmpeg also opens playlists, which name other files and addresses to read: only these containers are let in.
_CONTAINERS = (
    "wav,w64,flac,ogg,mp3,mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,aac,loas,asf,ac3,eac3,aiff,amr,amrnb,amrwb,caf,au,"
    "avi,flv,mpegts,mpeg,ape,wv,tta,mpc,mpc8,dts,gsm,rm,spx,voc"
)
# Of these, FFmpeg knows the length from the header; of others it guesses it from the size.
_KNOW_THEIR_LENGTH = {"wav", "w64", "flac", "mov", "mp4", "matroska", "webm", "asf", "caf", "aiff", "au", "tta", "ape"}


class AudioError(DataError):
    """A recording cannot be used; ``reason`` is ``unreadable``, ``truncated``, ``empty`` or ``too_long``."""

    def __init__(self, sentence: str, reason: str = "unreadable") -> None:
        """Keep the sentence and the code."""
        super().__init__(sentence)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class _Stream:
    """An open recording: float32 mono blocks at its own rate (Hz), and how many samples it says that it has."""

    rate: int
    declared: int | None
    tolerance_s: float
    blocks: Iterator[NDArray[np.float32]]


def decode(
    source: Path | bytes,
    *,
    max_seconds: float = 3600.0,
    start_s: float = 0.0,
    length_s: float | None = None,
    channel: int | None = None,
) -> NDArray[np.int16]:
    """Return a recording, or ``length_s`` seconds of it from ``start_s`` on, as int16, mono, 16 kHz.

    Channels are averaged, unless ``channel`` names one of them (the first is 0). Memory grows with the result only,
    32 kB for each second.

    Raises:
        AudioError: it is no audio, damaged, cut short, without a single sample, without that channel, or longer than
            ``max_seconds``.
    """
    try:
        with ExitStack() as stack:
            file: BinaryIO = io.BytesIO(source) if isinstance(source, bytes) else stack.enter_context(source.open("rb"))
            if not file.read(1):
                raise AudioError("The file has no bytes.", "empty")
            if missing := what_is_missing(file):
                raise AudioError(f"The file is cut short: {missing}.", "truncated")
            file.seek(0)
            stream = _by_libsndfile(file, stack, start_s, channel) or _by_ffmpeg(file, stack, start_s, channel)
            return _resampled(stream, max_seconds, length_s)
    except (av.FFmpegError, OSError, RuntimeError, ValueError, LookupError, ArithmeticError, MemoryError) as error:
        what = getattr(error, "strerror", None) or str(error).partition("\n")[0] or type(error).__name__
        raise AudioError(f"The file cannot be decoded ({what.rstrip('.')}).") from error


def encode_flac(samples: NDArray[np.int16]) -> bytes:
    """Return int16, mono, 16 kHz samples as the bytes of a FLAC file."""
    file = io.BytesIO()
    soundfile.write(file, samples, SAMPLE_RATE, format="FLAC", subtype="PCM_16")
    return file.getvalue()


def decode_flac(data: bytes) -> NDArray[np.float32]:
    """Return a staged clip's FLAC bytes as float32 in [-1, 1), mono, 16 kHz; fast, for a reading thread.

    Raises:
        AudioError: they are not FLAC, mono, 16 kHz, or not whole.
    """
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            samples: NDArray[np.float32] = file.read(dtype="float32")
            if file.samplerate != SAMPLE_RATE or samples.ndim != 1 or len(samples) != file.frames:
                raise AudioError("The clip is not a whole FLAC file, mono, 16 kHz: stage it again.")
    except (RuntimeError, TypeError) as error:
        raise AudioError(f"The clip is not FLAC ({error}): stage it again.") from error
    return samples


def _resampled(stream: _Stream, max_seconds: float, length_s: float | None) -> NDArray[np.int16]:
    """Read a stream to its end or for ``length_s`` seconds, resample it, and check its length against its header."""
    if stream.rate not in _RATES:
        raise AudioError(f"The file claims a sample rate of {stream.rate} Hz.")
    wanted = stream.declared if length_s is None else round(length_s * stream.rate)
    if wanted is not None and wanted > max_seconds * stream.rate:
        raise _too_long(max_seconds)
    resampler = soxr.ResampleStream(stream.rate, SAMPLE_RATE, 1, dtype="float32", quality="VHQ")
    samples, got = bytearray(), 0
    for block in stream.blocks:
        if length_s is not None and wanted is not None:
            block = block[: wanted - got]
        if not np.isfinite(block).all():
            raise AudioError("The file holds samples that are not numbers.")
        got += len(block)
        samples += _int16(block if stream.rate == SAMPLE_RATE else resampler.resample_chunk(block))
        if len(samples) > 2 * SAMPLE_RATE * max_seconds:
            raise _too_long(max_seconds)
        if length_s is not None and got == wanted:
            break
    if stream.rate != SAMPLE_RATE:
        samples += _int16(resampler.resample_chunk(np.zeros(0, np.float32), last=True))
    if wanted is not None and wanted - got > stream.tolerance_s * stream.rate:
        due, there = wanted / stream.rate, got / stream.rate
        raise AudioError(f"The file is cut short: {due:.2f} s are due, {there:.2f} s are there.", "truncated")
    if not samples:
        raise AudioError("The file has no samples.", "empty")
    return np.frombuffer(samples, dtype="<i2")


def _int16(samples: NDArray[np.float32]) -> bytes:
    """Return samples as 16-bit little-endian bytes; those that were 16 bits before come back as they were."""
    return np.clip(np.rint(samples * 32768.0), -32768, 32767).astype("<i2").tobytes()


def _too_long(max_seconds: float) -> AudioError:
    return AudioError(f"The recording is longer than {max_seconds:g} s: cut it into utterances.", "too_long")


def _mono(block: NDArray[np.float32], channel: int | None) -> NDArray[np.float32]:
    """Return one channel of a block (samples, channels), or the mean of all."""
    channels = block.shape[1]
    if channel is not None and not 0 <= channel < channels:
        number = f"{channels} channel{'s'[: channels > 1]}"
        raise AudioError(f"The file has no channel {channel}: it has {number}, counted from 0.")
    if channel is not None or channels == 1:
        return block[:, channel or 0]
    return block.mean(axis=1, dtype=np.float32)


def _by_libsndfile(file: BinaryIO, stack: ExitStack, start_s: float, channel: int | None) -> _Stream | None:
    """Open a file by libsndfile, by its descriptor so that its name plays no part; None if it knows no such format."""
    try:
        opened = soundfile.SoundFile(file if isinstance(file, io.BytesIO) else _descriptor(file))
    except (soundfile.LibsndfileError, TypeError):
        file.seek(0)
        return None
    stack.enter_context(opened)
    start = round(start_s * opened.samplerate)
    if start and start >= opened.frames:
        raise _starts_after_the_end(start_s)
    if start:
        opened.seek(start)

    def blocks() -> Iterator[NDArray[np.float32]]:
        frames = max(1, _BLOCK // opened.channels)
        while len(block := opened.read(frames, dtype="float32", always_2d=True)):
            yield _mono(block, channel)

    return _Stream(opened.samplerate, opened.frames - start, 0.1, blocks())


def _descriptor(file: BinaryIO) -> int:
    """Return a second descriptor of an open file, at its start; libsndfile closes it, also when it cannot open it."""
    os.lseek(file.fileno(), 0, os.SEEK_SET)
    return os.dup(file.fileno())


def _by_ffmpeg(file: BinaryIO, stack: ExitStack, start_s: float, channel: int | None) -> _Stream:
    """Open the first audio stream of a file by FFmpeg, which is given no name and hence sees only the content."""
    nameless = file if isinstance(file, io.BytesIO) else stack.enter_context(os.fdopen(os.dup(file.fileno()), "rb"))
    nameless.seek(0)
    opening: AbstractContextManager[Any] = av.open(nameless, options={"format_whitelist": _CONTAINERS})
    container = stack.enter_context(opening)
    if not container.streams.audio:
        raise AudioError("The file has no audio in it.")
    audio = container.streams.audio[0]
    audio.codec_context.thread_count = 1
    rate = int(audio.codec_context.sample_rate or audio.rate or 0)
    start = round(start_s * rate)
    declared = _declared(container, audio, rate)

    def blocks() -> Iterator[NDArray[np.float32]]:
        resampler = av.AudioResampler(format="fltp")
        skip = start
        for frame in container.decode(audio):
            for part in resampler.resample(frame):
                block = _mono(part.to_ndarray().T, channel)
                if len(block) > skip:
                    yield block[skip:]
                skip = max(0, skip - len(block))
        if skip:
            raise _starts_after_the_end(start_s)

    return _Stream(rate, None if declared is None else declared - start, 0.25, blocks())


def _declared(container: Any, audio: Any, rate: int) -> int | None:
    """Return how many samples the audio has by its header; None where that is unknown or another stream's length."""
    if _KNOW_THEIR_LENGTH.isdisjoint(container.format.name.split(",")):
        return None
    if audio.duration is not None:
        return int(audio.duration * audio.time_base * rate)
    if container.duration is not None and len(container.streams) == 1:
        return int(container.duration * rate) // 1_000_000
    return None


def _starts_after_the_end(start_s: float) -> AudioError:
    return AudioError(f"The recording ends before {start_s:g} s, where the utterance should begin.", "truncated")
