"""Clips changed before features are made of them: speed, pitch, rooms, noise, level; and where in them is speech."""

from typing import Any

import numpy as np
import numpy.typing as npt
import soxr

from acento.data.utterance import SAMPLE_RATE
from acento.models.base import Audio
from acento.training.augment.noise import colored_noise, read_noise
from acento.training.augment.options import Augmentation

_EFFECTS = 5
_DIRECT_DB = (0.0, 10.0)
"""How much stronger than all echoes together a voice arrives: from the far side of a room to half a meter away."""
_FIRST_ECHO_S = 0.002
"""Seconds until the first echo: 70 cm of detour."""

FRAME = 160
"""Samples of a frame: 10 ms at 16 kHz, which is also the hop of Whisper's features."""
_WINDOW = 3
"""Frames whose power is averaged."""
_SPEECH, _QUIET = 95, 10
"""Percentiles of a clip's own frames that are called its speech level and its quiet level."""
_DEPTH_DB = 35.0
"""Speech that is further than this below the clip's speech level is hardly audible; vowels to fricatives span it."""
_RISE = 0.3
"""How far, of the way in dB from the quiet level to the speech level, speech begins."""
_NO_PAUSE_DB = 10.0
"""Where the two levels are nearer than this, the clip has no pause, and any line between them would cut speech."""
_FLOOR_DBFS = -75.0
"""Nothing below this level is speech; full-scale square waves have 0 dBFS."""
_BRIDGE = 12
"""Pauses up to so many frames are within words: closures of p, t, k last 50 to 120 ms."""


def augment(
    audio: Audio, options: Augmentation, rng: np.random.Generator, *, max_samples: int | None = None
) -> tuple[Audio, npt.NDArray[np.bool_]]:
    """Return a clip as it might have sounded elsewhere, from another speaker, and where in it is speech.

    Args:
        audio: float32, mono, 16 kHz; it is not changed.
        options: what may happen, how often and how far.
        rng: decides what does happen; nothing else is drawn from, so the same state gives the same samples.
        max_samples: the most that the result may have. A clip that would be slowed down beyond it keeps its speed.

    Returns:
        Samples within [-1, 1]: a clip that would be louder is made quieter as a whole, never clipped. And for each
        10 ms whether there is speech, judged before noise is added: in loud noise, energy no longer shows pauses.

    Raises:
        DataError: the folder of noise cannot be used.
    """
    # All of this is drawn at once, so that what one effect draws does not change the others.
    speed, pitch, reverb, noise, gain = rng.random(_EFFECTS)
    amounts = rng.random(_EFFECTS)
    if speed < options.speed:
        audio = _at_speed(audio, _between(options.speed_range, amounts[0]), max_samples)
    if pitch < options.pitch:
        audio = _at_pitch(audio, _between(options.pitch_semitones, amounts[1]))
    if reverb < options.reverb:
        audio = _in_room(audio, _between(options.reverb_s, amounts[2]), rng)
    speech = speech_frames(audio)
    if noise < options.noise:
        audio = _in_noise(audio, speech, _between(options.noise_snr_db, amounts[3]), options, rng)
    if gain < options.gain:
        audio = audio * np.float32(10 ** (_between(options.gain_db, amounts[4]) / 20))
    peak = float(np.abs(audio).max(initial=0.0))
    return (audio / np.float32(peak) if peak > 1.0 else audio), speech


def _between(bounds: tuple[float, float], amount: float) -> float:
    return bounds[0] + (bounds[1] - bounds[0]) * amount


def _at_speed(audio: Audio, factor: float, max_samples: int | None) -> Audio:
    """Resample, as Ko et al. 2015 do by sox: tempo, pitch and formants all move by the factor."""
    if max_samples is not None and len(audio) / factor > max_samples - 1:
        return audio
    changed: Audio = soxr.resample(audio, SAMPLE_RATE * factor, SAMPLE_RATE, quality="HQ")
    return changed


def _at_pitch(audio: Audio, semitones: float) -> Audio:
    """Move the pitch, the tempo staying as it is: Signalsmith Stretch, by audiomentations.

    The amount is given to the transform, so that it draws nothing from global random state.
    """
    from audiomentations import PitchShift

    transform: Any = PitchShift(p=1.0)
    transform.parameters = {"should_apply": True, "num_semitones": semitones}
    changed: Audio = transform.apply(np.ascontiguousarray(audio), SAMPLE_RATE)
    return changed[: len(audio)]


def _in_room(audio: Audio, decay_s: float, rng: np.random.Generator) -> Audio:
    """Convolve with a made-up room: the voice, then noise that decays exponentially (Polack 1988).

    The loudness and the length stay: what echoes after the clip's end is cut.
    """
    from scipy.signal import fftconvolve

    direct_db = _between(_DIRECT_DB, rng.random())
    seconds = np.arange(1, round(decay_s * SAMPLE_RATE)) / SAMPLE_RATE
    echoes = rng.standard_normal(len(seconds)) * 10 ** (-3 * seconds / decay_s) * (seconds >= _FIRST_ECHO_S)
    echoes *= 10 ** (-direct_db / 20) / max(float(np.linalg.norm(echoes)), 1e-9)
    response = np.concatenate([[1.0], echoes]).astype(np.float32)
    echoed: Audio = fftconvolve(audio, response)[: len(audio)]
    before, after = float(np.linalg.norm(audio)), float(np.linalg.norm(echoed))
    return echoed * np.float32(before / after if after > 0 else 1.0)


def _in_noise(
    audio: Audio, speech: npt.NDArray[np.bool_], snr_db: float, options: Augmentation, rng: np.random.Generator
) -> Audio:
    """Add noise of a power that is ``snr_db`` below the speech's; a clip without any speech stays as it is."""
    if options.noise_folder is None:
        color = options.noise_colors[int(rng.integers(len(options.noise_colors)))]
        noise = colored_noise(len(audio), color, rng)
    else:
        noise = read_noise(options.noise_folder).stretch(len(audio), rng)
    spoken = audio[np.repeat(speech, FRAME)[: len(audio)]]
    speech_power, noise_power = (
        float(np.mean(np.square(x, dtype=np.float64))) if len(x) else 0.0 for x in (spoken, noise)
    )
    if speech_power == 0.0 or noise_power == 0.0:
        return audio
    return audio + noise * np.float32(np.sqrt(speech_power / noise_power * 10 ** (-snr_db / 10)))


def speech_frames(audio: Audio) -> npt.NDArray[np.bool_]:
    """Return for every 10 ms whether there is speech, by energy.

    A frame speaks when its power is a third of the way, in dB, from the clip's quiet level (the 10th percentile of its
    frames) to its speech level (the 95th), and not more than 35 dB below that. Short pauses inside words belong to
    them. A clip without pauses is speech all over; one of digital silence has none.

    Args:
        audio: samples, float32, mono, 16 kHz.

    Returns:
        Shape ``(ceil(samples / 160),)``; a last frame that is cut counts as one.

    >>> tone = np.sin(np.arange(3200)).astype(np.float32)
    >>> frames = speech_frames(np.concatenate([np.zeros(8000, np.float32), tone, np.zeros(4800, np.float32)]))
    >>> len(frames), int(frames.argmax()), int(frames.sum())
    (100, 49, 22)
    """
    count = -(-len(audio) // FRAME)
    if count == 0:
        return np.zeros(0, dtype=np.bool_)
    padded = np.zeros(count * FRAME, dtype=np.float32)
    padded[: len(audio)] = audio
    frames = padded.reshape(count, FRAME)
    power = np.einsum("ij,ij->i", frames, frames, dtype=np.float64) / FRAME
    edges = np.concatenate([[power[0]], power, [power[-1]]])
    level = 10 * np.log10(np.convolve(edges, np.full(_WINDOW, 1 / _WINDOW), mode="valid").clip(min=1e-12))
    speech, quiet = (float(np.percentile(level, percentile)) for percentile in (_SPEECH, _QUIET))
    lowest = speech - _DEPTH_DB
    if speech - quiet > _NO_PAUSE_DB:
        lowest = max(lowest, quiet + _RISE * (speech - quiet))
    return _bridged(level > max(lowest, _FLOOR_DBFS))


def _bridged(speaks: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Return the frames with pauses of at most ``_BRIDGE`` frames between speech closed."""
    at = np.flatnonzero(speaks)
    for gap in np.flatnonzero(np.diff(at) > 1):
        if at[gap + 1] - at[gap] <= _BRIDGE + 1:
            speaks[at[gap] : at[gap + 1]] = True
    return speaks
