"""Times of words come back to where they were said, whatever silence was left out between them."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acento.data.words import Word
from acento.inference.predictions import Segment
from acento.inference.spans import Spans, placed

stretches = st.lists(st.tuples(st.floats(0.1, 9.0), st.floats(0.2, 5.0)), min_size=1, max_size=8)


def spans_of(drawn: list[tuple[float, float]]) -> Spans:
    edges = np.cumsum([edge for silence, length in drawn for edge in (silence, length)])
    return tuple((float(start), float(end)) for start, end in edges.reshape(-1, 2))


@given(stretches, st.lists(st.floats(0, 1), min_size=2, max_size=12))
def test_words_are_within_what_was_heard_and_in_their_order(
    drawn: list[tuple[float, float]], shares: list[float]
) -> None:
    spans = spans_of(drawn)
    length = sum(end - start for start, end in spans)
    times = sorted(share * length for share in shares)
    words = tuple(Word("a", start, end) for start, end in pairwise(times))
    found = placed(Segment(0.0, length, "a", words), spans)
    assert (found.start, found.end) == pytest.approx((spans[0][0], spans[-1][1]))
    assert all(word.start <= word.end for word in found.words)
    assert all(one.start <= other.start and one.end <= other.end for one, other in pairwise(found.words))
    for word in found.words:
        assert any(start - 1e-6 <= word.start and word.end <= end + 1e-6 for start, end in spans)


@given(stretches, st.data())
def test_a_word_that_was_said_in_one_stretch_is_given_its_very_times(
    drawn: list[tuple[float, float]], data: st.DataObject
) -> None:
    spans = spans_of(drawn)
    number = data.draw(st.integers(0, len(spans) - 1))
    start, end = spans[number]
    first, last = sorted(data.draw(st.tuples(st.floats(start, end), st.floats(start, end))))
    if last - first < 1e-3:
        return
    before = sum(b - a for a, b in spans[:number]) - start
    heard = Segment(0.0, 1.0, "a", (Word("a", first + before, last + before),))
    (word,) = placed(heard, spans).words
    assert (word.start, word.end) == pytest.approx((first, last))
