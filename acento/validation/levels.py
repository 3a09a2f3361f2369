"""What one clip's samples say of it: level, clipping, silence, noise, and whether its ends are cut.

Levels are in dBFS, where 0 dBFS is the power of a full-scale square wave: a full-scale sine has -3.01 dBFS RMS.
"""

import io
import math
from dataclasses import dataclass

import numpy as np
import soundfile
from numpy.typing import NDArray

FRAME_S = 0.02
"""Seconds of a frame: what speech and noise levels are told from."""
CLIPPED = 0.999
"""Samples this far out, of full scale, count as clipped."""
SILENT_DB, SILENT_DBFS = -40.0, -60.0
"""A frame is silent when it is this far below the speech level, or below this level."""
SPEECH_PERCENTILE, NOISE_PERCENTILE = 95, 15
FLOOR_DBFS = -120.0
"""What digital silence is called."""

_EDGE_FRAMES = 2
_SNR_FRAMES = 10
_BLOCK_FRAMES = 1500


@dataclass(frozen=True, slots=True)
class Levels:
    """What was measured of one clip; all is None but ``audio_error`` when the audio cannot be read."""

    sample_rate: int | None = None
    """Hz."""
    channels: int | None = None
    seconds: float | None = None
    """Length of the decoded samples."""
    rms_dbfs: float | None = None
    peak_dbfs: float | None = None
    clipping_share: float | None = None
    """Share of samples at full scale."""
    silence_share: float | None = None
    """Share of frames without sound."""
    speech_dbfs: float | None = None
    noise_dbfs: float | None = None
    snr_db: float | None = None
    """Estimated signal-to-noise ratio, at most 100 dB, None below 0.2 s; see :func:`snr_db`."""
    start_db: float | None = None
    """Level of the first 40 ms below (-) or above (+) the speech level: near 0, a word may be cut."""
    end_db: float | None = None
    """The same of the last 40 ms."""
    audio_error: str | None = None


def measure_levels(data: bytes | None) -> Levels:
    """Measure a clip's FLAC bytes, some seconds at a time: memory does not grow with its length."""
    if not data:
        return Levels(audio_error="The clip has no audio.")
    power, peak, clipped, samples = 0.0, 0.0, 0, 0
    frame_powers: list[NDArray[np.float64]] = []
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            rate, channels, length = file.samplerate, file.channels, file.frames
            size = max(1, round(FRAME_S * rate))
            for block in file.blocks(blocksize=size * _BLOCK_FRAMES, dtype="float32", always_2d=True):
                mono = block[:, 0] if channels == 1 else block.mean(axis=1)
                squares, loudness = np.square(mono, dtype=np.float64), np.abs(mono)
                samples += len(mono)
                power += float(squares.sum())
                peak = max(peak, float(loudness.max(initial=0.0)))
                clipped += int(np.count_nonzero(loudness >= CLIPPED))
                whole = len(mono) // size * size
                frame_powers.append(squares[:whole].reshape(-1, size).mean(axis=1))
                if not whole and samples == len(mono) and len(mono):  # the whole clip is shorter than a frame
                    frame_powers.append(squares.mean(keepdims=True))
    except (RuntimeError, TypeError, ValueError) as error:
        return Levels(audio_error=f"The clip cannot be decoded ({str(error).rstrip('.')}).")
    if samples != length or not samples:
        return Levels(audio_error=f"The clip is cut short: {samples} of {length} samples.")
    frames = np.concatenate(frame_powers)
    speech, noise = (float(np.percentile(frames, p)) for p in (SPEECH_PERCENTILE, NOISE_PERCENTILE))
    silent = 10 ** (max(dbfs(speech) + SILENT_DB, SILENT_DBFS) / 10)
    start, end = (dbfs(float(part.mean())) for part in (frames[:_EDGE_FRAMES], frames[-_EDGE_FRAMES:]))
    return Levels(
        sample_rate=rate,
        channels=channels,
        seconds=samples / rate,
        rms_dbfs=round(dbfs(power / samples), 2),
        peak_dbfs=round(dbfs(peak**2), 2),
        clipping_share=round(clipped / samples, 6),
        silence_share=round(float(np.mean(frames < silent)), 4),
        speech_dbfs=round(dbfs(speech), 2),
        noise_dbfs=round(dbfs(noise), 2),
        snr_db=round(snr_db(speech, noise), 2) if len(frames) >= _SNR_FRAMES else None,
        start_db=round(start - dbfs(speech), 2),
        end_db=round(end - dbfs(speech), 2),
    )


def snr_db(speech_power: float, noise_power: float) -> float:
    """Return the SNR in dB from the power of frames with speech (and noise) and of frames with noise alone.

    Powers are read off the distribution of the power of 20 ms frames, as NIST's ``stnr`` (Speech Quality Assurance
    package) and ISIP's ``signal_to_noise`` do: speech and noise at the 95th percentile, noise at the 15th. It is an
    estimate: a clip without any pause has no noise frames and comes out too low.
    """
    noise = max(noise_power, 10 ** (FLOOR_DBFS / 10))
    return min(100.0, 10 * math.log10(max(speech_power - noise, noise * 1e-2) / noise))


def dbfs(power: float) -> float:
    """Return a mean square of samples in [-1, 1] as dBFS, at least ``FLOOR_DBFS``.

    >>> round(dbfs(0.5), 2), dbfs(0.0)
    (-3.01, -120.0)
    """
    return max(FLOOR_DBFS, 10 * math.log10(power)) if power > 0 else FLOOR_DBFS
