"""The synthesizer's own word times: in the order of the words, without the pauses between sentences."""

import numpy as np
import pytest

from acento.core.errors import AcentoError
from acento.data.demo.speech import SAMPLE_RATE, Voice, speak, speak_words

VOICE = Voice("es-419+f2")


def test_the_speech_is_the_same_with_word_times_and_each_word_has_its_own() -> None:
    text = "la guitarra de otra pintora"
    samples, words = speak_words(text, VOICE)
    assert np.array_equal(samples, speak(text, VOICE))
    assert " ".join(word.text for word in words) == text
    edges = [edge for word in words for edge in (word.start, word.end)]
    assert edges == sorted(edges)
    assert all(word.end - word.start > 0.05 for word in words)
    assert words[-1].end <= len(samples) / SAMPLE_RATE


def test_a_word_ends_where_the_pause_behind_it_begins() -> None:
    _, words = speak_words("la casa, mañana", VOICE)
    assert words[2].start - words[1].end > 0.1
    assert words[1].start == words[0].end


def test_what_is_not_said_word_by_word_has_no_times() -> None:
    with pytest.raises(AcentoError, match="says other words than are written"):
        speak_words("son 2026 – sí", VOICE)
