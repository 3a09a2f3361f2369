"""Eight short clips of spoken Spanish, made here, for models small enough to learn them by heart in seconds.

They are spoken slowly, so that a model with 80 ms frames has more frames than a text has letters.
"""

from functools import cache

import numpy as np
import soxr

from acento.data.demo.speech import SAMPLE_RATE, Voice, speak
from acento.models.base import Audio

LANGUAGE = "es"
TEXTS = ("ají", "adiós", "mañana", "qué tal", "una luz", "está aquí", "algún día", "dos gatos")
"""What is said, the clips lasting 0.7 to 1.6 s."""
LETTERS = "abcdefghijklmnopqrstuvwxyzáéíóúüñ "
"""What any lower-case Spanish text is written with."""
_VOICES = (Voice("es-419+m3", rate=80), Voice("es-419+f2", rate=80))


@cache
def eight_clips() -> tuple[Audio, ...]:
    """Return the audio of the texts, in their order: float32, mono, 16 kHz, not to be written to."""
    clips = tuple(_spoken(text, _VOICES[number % 2]) for number, text in enumerate(TEXTS))
    for clip in clips:
        clip.flags.writeable = False
    return clips


def _spoken(text: str, voice: Voice) -> Audio:
    samples = speak(text, voice).astype(np.float32) / 32768
    return soxr.resample(samples, SAMPLE_RATE, 16000).astype(np.float32)
