"""Dev decoded: which WER steers, what is counted as runaway, and what a clip that fails does."""

from collections.abc import Sequence

import numpy as np
import pytest
from fake_recognizer import FakeRecognizer

from acento.core.errors import DataError
from acento.models.base import Audio, Transcript
from acento.scoring.statistics.bootstrap import Interval
from acento.training.data.prepared import Example
from acento.training.loop.evaluate import DevScore, evaluate


class Dev:
    """A prepared split in memory: the n-th clip has n + 1 hundred samples."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.examples = [Example(f"c{n}", text, (), None, None, "es", 100 * (n + 1)) for n, text in enumerate(texts)]

    def audio(self, at: int) -> Audio:
        return np.full(self.examples[at].samples, 0.1, np.float32)


class Reader(FakeRecognizer):
    """Writes for each clip the text that it was given for clips of that length."""

    def __init__(self, texts: Sequence[str], **options: object) -> None:
        super().__init__(**options)  # type: ignore[arg-type]
        self.texts = {100 * (n + 1): text for n, text in enumerate(texts)}

    def finish(self, tokens: list[int]) -> list[Transcript]:
        return [Transcript(self.texts[count]) for count in tokens]


def score(references: Sequence[str], hypotheses: Sequence[str], **options: object) -> DevScore:
    recognizer = Reader(hypotheses, **options)
    return evaluate(recognizer, Dev(references), normalizer="basic", batch_size=2, language="es")  # type: ignore[arg-type]


def test_wer_is_errors_over_words_of_the_corpus_and_not_a_mean_of_rates() -> None:
    found = score(["uno dos tres cuatro", "sí", "Hola."], ["uno dos tres cuatro", "no", "hola"])
    assert (found.wer, found.clips, found.failed, found.runaways) == (pytest.approx(1 / 6), 3, 0, 0)
    assert found.low is not None
    assert found.high is not None
    assert found.wer in Interval(found.low, found.high)


def test_texts_go_to_their_own_clips_whatever_the_order_of_decoding() -> None:
    texts = ["uno", "dos", "tres", "cuatro", "cinco"]
    assert score(texts, texts).wer == 0.0


def test_runaway_repetition_is_counted() -> None:
    found = score(
        ["sí po", "ya ya ya ya ya", "uno"], ["sí po sí po sí po sí po sí po", "ya ya ya ya", "a b c d e f g h"]
    )
    assert found.runaways == 2


def test_a_clip_that_cannot_be_decoded_is_counted_and_not_scored_as_silence() -> None:
    found = score(["uno", "dos", "tres"], ["uno", "dos", "tres"], refuse=lambda window: len(window) == 200)
    assert (found.wer, found.clips, found.failed) == (0.0, 2, 1)


def test_dev_of_a_script_without_spaces_is_measured_by_characters() -> None:
    texts, recognizer = ["今日は良い天気です", "雨です"], Reader(["今日は 良い 電気です", "雨雨雨雨雨雨雨雨雨雨です"])
    found = evaluate(recognizer, Dev(texts), normalizer="unicode-ja", batch_size=2, language="ja")  # type: ignore[arg-type]
    assert (found.headline, found.normalizer, found.wer) == ("character", "unicode-ja-1", pytest.approx(10 / 12))
    assert found.runaways == 1, "one character again and again is a loop there"


def test_the_score_of_dev_names_its_normalizer() -> None:
    found = score(["uno"], ["dos"])
    assert (found.headline, found.normalizer) == ("word", "basic-1")


def test_dev_without_a_word_cannot_steer() -> None:
    with pytest.raises(DataError, match="No dev clip has a word left"):
        score(["...", "!"], ["uno", "dos"])
