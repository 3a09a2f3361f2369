"""Dynamic time warping: the cheapest way, found without a loop over columns, is that of the plain recurrence."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from acento.data.words import Word
from acento.models.timing.warping import Floats, attended_words, likeness, warp, without_pauses
from acento.models.timing.words import Timing

COSTS = st.tuples(st.integers(1, 7), st.integers(1, 12)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=st.integers(-50, 50).map(float))
)


def cheapest(costs: Floats) -> float:
    """Return the cost of the cheapest way, cell by cell."""
    total = np.full(costs.shape, np.inf)
    for row, column in np.ndindex(*costs.shape):
        before = [
            total[one, other]
            for one, other in ((row - 1, column - 1), (row - 1, column), (row, column - 1))
            if one >= 0 and other >= 0
        ]
        total[row, column] = costs[row, column] + min(before, default=0.0)
    return float(total[-1, -1])


@given(COSTS)
def test_the_way_is_monotonic_covers_every_frame_and_is_the_cheapest(costs: Floats) -> None:
    rows, columns = costs.shape
    starts = warp(costs)
    assert starts[0] == 0
    assert starts == sorted(starts)
    assert starts[-1] < columns
    # a row ends where the next begins, or before it: what is cheaper is what the way did
    ways = [0.0]
    ends = [*starts[1:], columns - 1]
    for row, (start, end) in enumerate(zip(starts, ends, strict=True)):
        last = row == rows - 1
        shared = costs[row, start : end + 1].sum()
        parted = costs[row, start:end].sum() if not last and end > start else np.inf
        ways = [way + step for way in ways for step in ((shared,) if last else (shared, parted)) if np.isfinite(step)]
    assert min(ways) == pytest.approx(cheapest(costs))


def test_a_token_stands_where_its_row_looks() -> None:
    attention = np.full((2, 4, 40), 0.01, np.float32)
    for row, (first, end) in enumerate(((0, 10), (10, 25), (25, 32), (32, 40))):
        attention[:, row, first:end] = 0.2
    starts = warp(-likeness(attention))
    assert [abs(found - known) <= 1 for found, known in zip(starts, (0, 10, 25, 32), strict=True)] == [True] * 4


def test_attention_that_never_changes_is_no_error() -> None:
    assert np.isfinite(likeness(np.full((1, 3, 2), 0.5, np.float32))).all()


def words(*edges: tuple[str, float, float]) -> list[Word]:
    return [Word(*one) for one in edges]


def test_the_pause_before_a_sentence_is_taken_off_its_first_word() -> None:
    found = without_pauses(words(("sí.", 0, 0.4), ("Pero", 0.4, 4.0), ("no", 4.0, 4.3), ("sé", 4.3, 4.7)))
    assert (found[1].start, found[1].end) == (pytest.approx(3.2), 4.0)
    assert found[0].end == 0.4


def test_a_window_that_begins_with_silence_does_not_begin_with_a_word() -> None:
    found = without_pauses(words(("sí", 0, 3.0), ("pero", 3.0, 3.4), ("no", 3.4, 3.8)))
    assert found[0].start == pytest.approx(2.2)


def test_a_long_word_inside_a_sentence_keeps_its_time() -> None:
    said = words(("otorrino", 0, 0.4), ("laringólogo", 0.4, 2.0), ("ya", 2.0, 2.3))
    assert without_pauses(said) == tuple(said)
    assert without_pauses([]) == ()


def test_a_space_gives_its_time_to_the_word_behind_it() -> None:
    found = attended_words(["a", " ", "b"], Timing([0.0, 0.2, 0.3], [0.2, 0.3, 0.5]))
    assert (found[0].end, found[1].start) == (0.2, 0.2)


def test_the_silence_before_the_first_sound_is_none_of_the_first_word() -> None:
    found = attended_words(["a", " b"], Timing([0.0, 0.6], [0.6, 0.9], onset=0.4))
    assert [(word.start, word.end) for word in found] == [(0.4, 0.6), (0.6, 0.9)]
    assert attended_words(["a"], Timing([0.0], [0.3], onset=0.4))[0].start == 0.3
