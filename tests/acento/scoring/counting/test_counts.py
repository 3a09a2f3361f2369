"""Error counts are those of jiwer, and they add."""

import jiwer
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acento.scoring.counting.counts import ErrorCounts, count_characters, count_words

SENTENCES = st.lists(st.sampled_from(["po", "la", "weá", "cachái", "sí", "no"]), max_size=12).map(" ".join)
CORPORA = st.lists(st.tuples(SENTENCES, SENTENCES), min_size=1, max_size=8)
COUNTS = st.builds(ErrorCounts, *[st.integers(0, 1000)] * 4)


def test_words_are_counted_by_kind() -> None:
    assert count_words("el perro ladra fuerte", "un perro ladra muy") == ErrorCounts(2, 0, 0, 2)
    assert count_words("uno dos", "uno dos tres") == ErrorCounts(0, 1, 0, 2)
    assert count_words("uno dos tres", "uno tres") == ErrorCounts(0, 0, 1, 2)


def test_an_empty_hypothesis_deletes_every_word() -> None:
    assert count_words("uno dos tres", "") == ErrorCounts(deletions=3)


def test_an_empty_reference_has_no_rate_but_its_insertions_count() -> None:
    silence = count_words("", "uno dos")
    assert silence.rate is None
    assert silence == ErrorCounts(insertions=2)
    assert (silence + count_words("uno dos tres cuatro", "uno dos tres cuatro")).rate == 0.5


def test_nothing_said_and_nothing_heard_is_no_error_and_no_rate() -> None:
    assert count_words("", "") == ErrorCounts()
    assert ErrorCounts().rate is None


def test_a_rate_may_pass_one() -> None:
    assert count_words("sí", "pero sí claro po").rate == 3.0


def test_words_are_parted_by_any_white_space() -> None:
    assert count_words("uno\ndos\ttres", " uno  dos tres ").errors == 0


def test_characters_include_the_spaces_between_words_and_not_those_at_the_ends() -> None:
    assert count_characters("a b", "ab") == ErrorCounts(deletions=1, hits=2)
    assert count_characters(" ab", "ab ") == ErrorCounts(hits=2)


@settings(deadline=None)
@given(COUNTS, COUNTS, COUNTS)
def test_adding_is_associative_and_commutative_and_zero_is_neutral(
    a: ErrorCounts, b: ErrorCounts, c: ErrorCounts
) -> None:
    assert (a + b) + c == a + (b + c)
    assert a + b == b + a
    assert sum([a], ErrorCounts()) == a


@settings(deadline=None)
@given(SENTENCES, SENTENCES)
def test_hits_substitutions_and_deletions_make_the_reference(reference: str, hypothesis: str) -> None:
    counts = count_words(reference, hypothesis)
    assert counts.hits + counts.substitutions + counts.deletions == counts.reference_length == len(reference.split())
    assert counts.hits + counts.substitutions + counts.insertions == len(hypothesis.split())
    assert counts.errors == counts.substitutions + counts.insertions + counts.deletions


@settings(deadline=None)
@given(CORPORA)
def test_summed_word_counts_are_those_of_jiwer(corpus: list[tuple[str, str]]) -> None:
    total = sum((count_words(*pair) for pair in corpus), ErrorCounts())
    theirs = jiwer.process_words([ref for ref, _ in corpus], [hyp for _, hyp in corpus])
    assert total == ErrorCounts(theirs.substitutions, theirs.insertions, theirs.deletions, theirs.hits)
    if total.reference_length:
        assert total.rate == pytest.approx(theirs.wer)


@settings(deadline=None)
@given(CORPORA)
def test_summed_character_counts_are_those_of_jiwer(corpus: list[tuple[str, str]]) -> None:
    total = sum((count_characters(*pair) for pair in corpus), ErrorCounts())
    theirs = jiwer.process_characters([ref for ref, _ in corpus], [hyp for _, hyp in corpus])
    assert total == ErrorCounts(theirs.substitutions, theirs.insertions, theirs.deletions, theirs.hits)


@settings(deadline=None)
@given(SENTENCES)
def test_a_perfect_hypothesis_has_no_errors(sentence: str) -> None:
    assert count_words(sentence, sentence).errors == count_characters(sentence, sentence).errors == 0
