"""Any audio file to what a model hears: mono, 16 kHz, 16 bits; and FLAC, in which staged clips are kept.

libsndfile reads WAV, FLAC, Ogg and MP3; FFmpeg (by PyAV) reads what that cannot open. Both look at the content, never
at the name. What decodes is the truth, not what a header declares: a recording comes out whole, or raises. Of several
that were joined to one file all come out; of several audio streams in one container, the first.
"""

import io
import math
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

import av
import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from acento.core.audio.containers import examine
from acento.core.audio.decoders import ffmpeg, libsndfile
from acento.core.audio.decoders.stream import SAMPLE_RATE, AudioError, Stream, cut_short

__all__ = [
    "AudioError",
    "CancelingChannelsError",
    "channels_of",
    "decode",
    "decode_blocks",
    "decode_flac",
    "encode_flac",
]


class CancelingChannelsError(AudioError):
    """The mean of all channels has lost most of their sound; ``channel`` has the most, and is to be taken alone."""

    def __init__(self, channel: int) -> None:
        """Keep the channel."""
        super().__init__(f"The channels cancel one another: take channel {channel} alone.")
        self.channel = channel


_RATES = range(1_000, 768_001)
_CANCELED = 0.1
"""Below this share of the energy that the mean of independent channels has, they cancel one another."""


def decode(
    source: Path | bytes,
    *,
    max_seconds: float = 3600.0,
    start_s: float = 0.0,
    length_s: float | None = None,
    channel: int | None = None,
) -> NDArray[np.int16]:
    """Return a recording, or ``length_s`` seconds of it from ``start_s`` on, as int16, mono, 16 kHz.

    Channels are averaged, unless ``channel`` names one of them (the first is 0). Where they cancel one another, as the
    sides of a stereo file with one side inverted do, the one with the most energy is taken instead. Memory grows with
    the result only, 32 kB for each second.

    Raises:
        AudioError: it is no audio, damaged, cut short, without a single sample, without that channel, or longer than
            ``max_seconds``.
    """
    samples = bytearray()
    try:
        for block in decode_blocks(
            source, max_seconds=max_seconds, start_s=start_s, length_s=length_s, channel=channel
        ):
            samples += block.tobytes()
    except CancelingChannelsError as found:
        del samples
        return decode(source, max_seconds=max_seconds, start_s=start_s, length_s=length_s, channel=found.channel)
    return np.frombuffer(samples, dtype="<i2")


def decode_blocks(
    source: Path | bytes,
    *,
    max_seconds: float = math.inf,
    start_s: float = 0.0,
    length_s: float | None = None,
    channel: int | None = None,
    each_channel: bool = False,
) -> Iterator[NDArray[np.int16]]:
    """Yield a recording as ``decode`` returns it, in blocks; memory does not grow with its length.

    A block has a sample at least, and its shape is (samples,); with ``each_channel`` it is (samples, channels), and
    nothing is averaged. Only when the last block has come is it known that the recording is whole, so what is made of
    the others is of no use before.

    Raises:
        AudioError: as of ``decode``, or with ``each_channel`` the number of channels changes.
        CancelingChannelsError: after the last block, if the channels that were averaged have canceled one another.
    """
    try:
        with ExitStack() as stack:
            file: BinaryIO = io.BytesIO(source) if isinstance(source, bytes) else stack.enter_context(source.open("rb"))
            if not file.read(1):
                raise AudioError("The file has no bytes.", "empty")
            layout = examine(file)
            if layout.missing:
                raise AudioError(f"The file is cut short: {layout.missing}.", "truncated")
            streams = libsndfile.streams(file, stack, layout, start_s)
            if streams is None:
                streams = iter([ffmpeg.stream(file, stack, layout, start_s)])
            mixer = _Channels() if each_channel else _Mixer(channel)
            yield from _resampled(streams, mixer, max_seconds, length_s)
    except (av.FFmpegError, OSError, RuntimeError, ValueError, LookupError, ArithmeticError, MemoryError) as error:
        what = getattr(error, "strerror", None) or str(error).partition("\n")[0] or type(error).__name__
        raise AudioError(f"The file cannot be decoded ({what.rstrip('.')}).") from error
    if mixer.canceled is not None:
        raise CancelingChannelsError(mixer.canceled)


def channels_of(path: Path) -> int | None:
    """Return how many channels a recording has by its header; None if that cannot be read."""
    try:
        return int(soundfile.info(path).channels)
    except (RuntimeError, OSError, TypeError):  # soundfile's errors are RuntimeErrors
        pass
    try:
        with path.open("rb") as file, av.open(file, options=ffmpeg.OPTIONS) as container:
            return int(container.streams.audio[0].codec_context.channels)
    except (av.FFmpegError, OSError, ValueError, IndexError):
        return None


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


def _resampled(
    streams: Iterator[Stream], mixer: "_Mixer | _Channels", max_seconds: float, length_s: float | None
) -> Iterator[NDArray[np.int16]]:
    """Read streams to their end or for ``length_s`` seconds, mix and resample them, and check their lengths."""
    count, left_s = 0, length_s
    if length_s is not None and length_s > max_seconds:
        raise _too_long(max_seconds)
    for stream in streams:
        if stream.rate not in _RATES:
            raise AudioError(f"The file claims a sample rate of {stream.rate} Hz.")
        if length_s is None and stream.due is not None and stream.due > max_seconds * stream.rate:
            raise _too_long(max_seconds)
        wanted = None if left_s is None else round(left_s * stream.rate)
        resampler, mono, got = None, np.zeros(0, np.float32), 0
        for block in stream.blocks:
            mono = mixer.mix(block if wanted is None else block[: wanted - got])
            if not np.isfinite(mono).all():
                raise AudioError("The file holds samples that are not numbers.")
            got += len(mono)
            if resampler is None and stream.rate != SAMPLE_RATE:
                resampler = soxr.ResampleStream(stream.rate, SAMPLE_RATE, mixer.channels, "float32", "VHQ")
            samples = _int16(mono if resampler is None else resampler.resample_chunk(mono))
            count += len(samples)
            if count > SAMPLE_RATE * max_seconds:
                raise _too_long(max_seconds)
            if len(samples):
                yield samples
            if got == wanted:
                break
        if resampler is not None:
            samples = _int16(resampler.resample_chunk(mono[:0], last=True))
            count += len(samples)
            if len(samples):
                yield samples
        if wanted is None and stream.due is not None and got < stream.due:
            raise cut_short(stream.due / stream.rate, got / stream.rate)
        if left_s is not None:
            left_s -= got / stream.rate
            if got == wanted:
                break
    if length_s is not None and left_s is not None and left_s > 0.1:
        raise cut_short(length_s, length_s - left_s)
    if not count:
        raise AudioError("The file has no samples.", "empty")


class _Channels:
    """Leaves channels as they are, the same number of them to the end."""

    channels = 0
    canceled = None

    def mix(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return a block (samples, channels) as it is."""
        if self.channels not in (0, block.shape[1]):
            raise AudioError(f"The number of channels changes from {self.channels} to {block.shape[1]}.")
        self.channels = block.shape[1]
        return np.ascontiguousarray(block)


class _Mixer:
    """Makes one channel of several, and finds out whether they cancel one another."""

    channels = 1

    def __init__(self, channel: int | None) -> None:
        self._channel = channel
        self._energies: NDArray[np.float64] | None = None
        self._mixed = 0.0
        self._alike = True

    def mix(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return one channel of a block (samples, channels), or the mean of all."""
        channels, channel = block.shape[1], self._channel
        if channel is not None and not 0 <= channel < channels:
            number = "1 channel" if channels == 1 else f"{channels} channels"
            raise AudioError(f"The file has no channel {channel}: it has {number}, counted from 0.")
        if channel is not None or channels == 1:
            self._alike = self._alike and self._energies is None
            return block[:, channel or 0]
        mixed: NDArray[np.float32] = block.mean(axis=1, dtype=np.float32)
        energies = np.einsum("ij,ij->j", block, block).astype(np.float64)
        if self._energies is None:
            self._energies = np.zeros(channels)
        self._alike = self._alike and len(self._energies) == channels
        if self._alike:
            self._energies += energies
            self._mixed += float(mixed @ mixed)
        return mixed

    @property
    def canceled(self) -> int | None:
        """The channel with the most energy, if the mean of all has lost most of it; else None."""
        if self._energies is None or not self._alike:
            return None
        independent = self._energies.sum() / len(self._energies) ** 2
        return int(self._energies.argmax()) if self._mixed < _CANCELED * independent else None


def _int16(samples: NDArray[np.float32]) -> NDArray[np.int16]:
    """Return samples as 16-bit little-endian numbers; those that were 16 bits before come back as they were."""
    return np.clip(np.rint(samples * 32768.0), -32768, 32767).astype("<i2")


def _too_long(max_seconds: float) -> AudioError:
    return AudioError(f"The recording is longer than {max_seconds:g} s: cut it into utterances.", "too_long")
