"""Errors of word times: only words that were heard right count, and errors of recordings add."""

import pytest

from acento.data.words import Word
from acento.scoring.counting.word_times import TimeErrors, time_errors


def words(text: str, shift: float = 0.0) -> list[Word]:
    return [Word(word, place + shift, place + 0.5 + shift) for place, word in enumerate(text.split())]


def test_a_word_that_was_heard_wrong_has_no_error() -> None:
    found = time_errors(words("sí pues claro"), words("Sí, po claro.", 0.25))
    assert found == TimeErrors((0.25, 0.25), (0.25, 0.25), 3)
    assert (found.median_s, found.shift_s) == (0.25, 0.25)


def test_errors_add_and_their_size_has_no_sign() -> None:
    both = time_errors(words("a b"), words("a b", 0.25)) + time_errors(words("c"), words("c", -0.75))
    assert (both.words, both.median_s, both.quantile(1.0)) == (3, 0.25, 0.75)


def test_nothing_heard_right_has_no_median() -> None:
    assert time_errors(words("a"), []).median_s is None
    assert time_errors([], words("a")).shift_s is None


@pytest.mark.parametrize(("share", "expected"), [(0.5, 0.2), (0.9, 0.4), (0.01, 0.1)])
def test_a_quantile_is_an_error_that_was_made(share: float, expected: float) -> None:
    assert TimeErrors((0.1, -0.2), (0.3, -0.4), 2).quantile(share) == expected
