"""Texts aligned with recordings by a CTC model: here one that reads the letters off the samples."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_recognizer import FakeRecognizer

from acento.core.errors import InputError, ModelError
from acento.data.demo import demo_clips, wav_bytes
from acento.data.demo.speech import speak_words
from acento.data.words import text_of
from acento.inference.alignment import AlignedRecognizer, align, aligner_of
from acento.inference.transcriber import load_model
from acento.models.base import Audio, Transcript
from acento.models.timing.viterbi import Alphabet, Scores, alphabet_letters
from acento.scoring.counting.word_times import time_errors

LETTERS = " abcdefghijklmnopqrstuvwxyz"
NUMBERS = {letter: number for number, letter in enumerate(LETTERS)}
FRAME = 1600
"""Samples of a frame, a tenth of a second; a frame's first sample is a hundredth of its letter's number."""


def said(text: str) -> Audio:
    """Return audio that says a letter a frame, with a silent one after each."""
    frames = [number for letter in text for number in (LETTERS.index(letter), 0)]
    return np.repeat(np.array(frames, np.float32) / 100, FRAME)


class Reader(FakeRecognizer):
    """A CTC model that makes no mistake; its blank is the space."""

    alphabet = Alphabet(0, FRAME / 16000, lambda word: alphabet_letters(word, NUMBERS.get))

    def emissions(self, features: list[Audio]) -> list[Scores]:
        found = []
        for window in features:
            numbers = np.rint(window[::FRAME] * 100).astype(int)
            likely = np.full((len(numbers), len(LETTERS)), -9.0, np.float32)
            likely[range(len(numbers)), numbers] = -0.01
            found.append(likely)
        return found

    def infer(self, features: list[Audio]) -> Any:
        return features

    def finish(self, tokens: list[Audio]) -> list[Transcript]:
        """Hear the words between two silent frames in a row."""
        found = []
        for window in tokens:
            letters = "".join(LETTERS[number] for number in np.rint(window[::FRAME] * 100).astype(int))
            found.append(Transcript(letters.replace("   ", "#").replace(" ", "").replace("#", " ").strip()))
        return found


def test_words_stand_where_their_letters_are_said() -> None:
    words = align(Reader(), said("si po"), "Sí, po")
    assert [word.text for word in words] == ["Sí,", "po"]
    assert words[0].start == 0.0
    assert words[1].start == pytest.approx(0.55)
    assert words[1].end == pytest.approx(0.95)
    assert words[1].probability == pytest.approx(0.99, abs=0.01)


def test_what_the_model_lacks_takes_the_place_between_its_neighbors() -> None:
    words = align(Reader(), said("si abc po"), "si 2026 po")
    assert text_of(words) == "si 2026 po"
    assert words[0].end <= words[1].start < words[1].end <= words[2].start


def test_a_long_recording_is_cut_and_every_word_is_aligned_once() -> None:
    text = "uno dos tres cuatro cinco seis siete ocho nueve diez"
    audio = said(text)
    whole, cut = align(Reader(), audio, text), align(Reader(window_s=3.0), audio, text)
    assert text_of(cut) == text_of(whole) == text
    assert [word.start for word in cut] == pytest.approx([word.start for word in whole], abs=0.21)


def test_words_that_are_not_said_keep_their_place_in_the_text() -> None:
    audio = said("uno dos tres cuatro cinco seis siete ocho")
    words = align(Reader(window_s=3.0), audio, "uno dos tres cuatro bueno cinco seis siete ocho")
    assert text_of(words) == "uno dos tres cuatro bueno cinco seis siete ocho"
    assert [word.start for word in words] == sorted(word.start for word in words)


def test_a_text_too_long_for_its_recording_is_refused() -> None:
    with pytest.raises(InputError, match=r"A text of 12 letters cannot have been said in 0\.4 seconds"):
        align(Reader(), said("si"), "desconfianza")


def test_only_a_ctc_model_aligns() -> None:
    with pytest.raises(ModelError, match="This model aligns no text with audio: take a CTC model"):
        align(FakeRecognizer(), said("si"), "si")


class Writer(FakeRecognizer):
    """A model that knows what is said, and not when."""

    def __init__(self, *texts: str) -> None:
        super().__init__()
        self._texts = texts

    def finish(self, tokens: Sequence[int]) -> list[Transcript]:  # noqa: ARG002
        return [Transcript(text, logprob=-0.5) for text in self._texts]


def test_a_model_without_times_gets_them_from_the_aligner_window_by_window() -> None:
    audio = [said("si po"), said("ya")]
    recognizer = AlignedRecognizer(Writer("Si po.", "ya, demasiado largo"), Reader(window_s=0.5))
    first, second = recognizer.finish(recognizer.infer(recognizer.prepare(audio)))
    assert [(word.text, round(word.start, 2)) for word in first.words] == [("Si", 0.0), ("po.", 0.55)]
    assert first.logprob == -0.5
    assert second == Transcript("ya, demasiado largo", logprob=-0.5)


def test_a_model_of_another_family_is_refused_before_anything_is_loaded() -> None:
    with pytest.raises(ModelError, match="demo:whisper-mini aligns no text with audio"):
        aligner_of("demo:whisper-mini")


@pytest.mark.slow
def test_a_loaded_model_takes_its_times_from_the_model_it_is_aligned_with(tmp_path: Path) -> None:
    clip = next(clip for clip in demo_clips() if clip.accent == "neutral")
    _, known = speak_words(clip.spoken, clip.voice)
    path = tmp_path / "clip.wav"
    path.write_bytes(wav_bytes(clip))
    with load_model("demo:whisper-mini", language="es", align="demo:parakeet-mini") as model:
        found = model.transcribe(path)
    (segment,) = found.segments
    assert text_of(segment.words) == found.text
    assert segment.logprob is not None
    assert segment.language == "es"
    errors = time_errors(known, segment.words)
    assert errors.starts
    assert (errors.median_s or 0) < 0.03
