"""An alignment is the one that is counted, and gives back both texts."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acento.scoring.counting.alignment import align, marked
from acento.scoring.counting.counts import count_characters, count_words
from acento.scoring.counting.headline import Headline

TEXTS = st.text(alphabet="abé ", max_size=25)


@given(reference=TEXTS, hypothesis=TEXTS, unit=st.sampled_from(["word", "character"]))
def test_it_is_the_alignment_that_is_counted(reference: str, hypothesis: str, unit: Headline) -> None:
    if unit == "word":
        counted = count_words(reference, hypothesis)
    else:
        counted = count_characters(reference, hypothesis, spaces=False)
    kinds = Counter(one.kind for one in align(reference, hypothesis, unit))
    assert kinds["hit"] == counted.hits
    assert kinds["substitution"] == counted.substitutions
    assert kinds["deletion"] == counted.deletions
    assert kinds["insertion"] == counted.insertions


@given(reference=TEXTS, hypothesis=TEXTS)
def test_both_texts_are_in_it_in_order(reference: str, hypothesis: str) -> None:
    aligned = align(reference, hypothesis)
    assert [one.reference for one in aligned if one.reference] == reference.split()
    assert [one.hypothesis for one in aligned if one.hypothesis] == hypothesis.split()


@pytest.mark.parametrize(("reference", "hypothesis"), [("", ""), ("", "a b"), ("a b", "")])
def test_an_empty_text_is_aligned_with_nothing(reference: str, hypothesis: str) -> None:
    assert [(one.reference, one.hypothesis) for one in align(reference, hypothesis)] == [
        *((word, "") for word in reference.split()),
        *(("", word) for word in hypothesis.split()),
    ]


def test_a_long_text_is_cut_and_counted() -> None:
    assert marked("a " * 10, "a " * 10, limit=3) == "a a a … (10)"
