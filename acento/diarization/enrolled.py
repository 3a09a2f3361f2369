"""Recordings of one person's voice: what is heard in them, and why one may not do.

What is asked of them is chosen with the threshold of :mod:`acento.diarization.enrollment`: with 2 s of speech, or with
speech no louder than the noise, three times as many voices are not recognized as with 10 s of clear speech.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from acento.core.errors import InputError
from acento.core.store import Store
from acento.data.recordings.recording import FRAME, RecordingReader, load_speech
from acento.data.utterance import SAMPLE_RATE
from acento.diarization.activity import runs
from acento.diarization.channels import SPEECH, levels_of
from acento.diarization.diarizer import Speakers
from acento.diarization.engines.embedded.vectors import Vector
from acento.diarization.engines.embedded.voices import load_voices
from acento.diarization.engines.engine import find_engine, load_engine
from acento.diarization.job import EnrolledVoice
from acento.models.base import Audio, DecodeOptions

_MOST_S: Final = 120.0
"""Speech that is listened to, of a stretch four times as long."""
LEAST_S: Final = 3.0
"""Speech that is asked for."""
LEAST_DB: Final = 3.0
"""How far the speech has to be above the noise."""
_OTHER_S, _OTHER_SHARE = 2.0, 0.2
"""Seconds of somebody else's speech, and their share of all, with which a recording is of two people."""

_kept: dict[tuple[str, str], Vector] = {}
"""By recording and device: each recording of a batch asks for the same voices."""


def enrolled_voice(store: Store, voice: EnrolledVoice, options: DecodeOptions) -> Vector:
    """Return the voice in a recording of one person: of its speech, up to two minutes.

    Raises:
        InputError: nobody speaks in it, or too little, too low above the noise, or more than one person.
    """
    key = (voice.recording, options.device_type)
    if key not in _kept:
        audio = enrolled_speech(store, voice)
        _refuse_company(audio, options, _title(voice))
        heard = load_voices(options.device_type)(audio)
        assert heard is not None, "it is long enough"
        _kept[key] = heard
    return _kept[key]


def enrolled_speech(store: Store, voice: EnrolledVoice) -> Audio:
    """Return the speech in the recording of a voice, its first channel, without its pauses, up to two minutes.

    Raises:
        InputError: nobody speaks in it, or too little, or too low above the noise.
    """
    key, title, second = voice.recording, _title(voice), SAMPLE_RATE / FRAME
    spoken = load_speech(store, key)[: round(_MOST_S * 4 * second), 0] >= SPEECH * 255
    whole = RecordingReader(store).read(key, 0, 0.0, len(spoken) / second)
    parts = [whole[start * FRAME : end * FRAME] for start, end in runs(spoken)]
    audio = np.concatenate([*parts, np.zeros(0, np.float32)])[: round(_MOST_S * SAMPLE_RATE)]
    seconds = len(audio) / SAMPLE_RATE
    if not parts:
        raise InputError(f"Nobody speaks in {title}: enroll one with some 10 s of speech.")
    if seconds < LEAST_S:
        raise InputError(f"In {title} are {seconds:.1f} s of speech: enroll at least {LEAST_S:g} s, better 10 s.")
    above = _above_noise(levels_of([[whole]], FRAME, lambda _: None)[:, 0], spoken)
    if above < LEAST_DB:
        raise InputError(
            f"In {title} speech is {max(0.0, above):.0f} dB above the noise, too little to know a voice by: enroll a "
            "clearer one."
        )
    return audio


def _title(voice: EnrolledVoice) -> str:
    return f"the recording of the voice {voice.name!r}"


def _above_noise(levels: npt.NDArray[Any], spoken: npt.NDArray[np.bool_]) -> float:
    """Return by how many decibels speech is louder than what is heard in its pauses, the quietest tenth of all."""
    power = 10 ** (levels.astype(float) / 10)
    noise = max(float(np.quantile(power, 0.1)), 1e-10)
    speech = float(power[spoken[: len(power)]].mean())
    return float(10 * np.log10(max(speech - noise, 1e-10) / noise))


def _refuse_company(audio: Audio, options: DecodeOptions, title: str) -> None:
    """Raise InputError where several people speak."""
    turns = load_engine(find_engine("fast"), options).diarize([audio], Speakers(), lambda _: None)
    seconds = dict.fromkeys((turn.speaker for turn in turns), 0.0)
    for turn in turns:
        seconds[turn.speaker] += turn.end - turn.start
    others = sorted(seconds.values())[:-1]
    if others and others[-1] >= max(_OTHER_S, _OTHER_SHARE * sum(seconds.values())):
        raise InputError(
            f"In {title} {len(seconds)} people seem to speak, one of them for {others[-1]:.0f} s: enroll speech of one "
            "person alone."
        )
