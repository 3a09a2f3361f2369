"""The demo data set: Chilean Spanish sentences, spoken by espeak-ng, the accent made by respelling.

Its speech is synthetic, and deterministic to the byte; it needs nothing but the wheels that Acento installs.
"""

from acento.data.demo.accent import RULES, pronounce
from acento.data.demo.clips import COUNTS, DemoClip, demo_clips, demo_written, wav_bytes, write_demo
from acento.data.demo.sentences import base_sentences, sentences, vocabulary
from acento.data.demo.speech import SAMPLE_RATE, Voice, speak
from acento.data.demo.voices import BASE_SPEAKERS, SPEAKERS

__all__ = [
    "BASE_SPEAKERS",
    "COUNTS",
    "RULES",
    "SAMPLE_RATE",
    "SPEAKERS",
    "DemoClip",
    "Voice",
    "base_sentences",
    "demo_clips",
    "demo_written",
    "pronounce",
    "sentences",
    "speak",
    "vocabulary",
    "wav_bytes",
    "write_demo",
]
