"""Ranks of many models: equal ones share a rank, however many there are; what is told apart truly differs."""

import numpy as np
import pyarrow as pa
import pytest
from counted import WORDS, drawn, table

from acento.scoring.comparing.ranks import place


def errors(one: pa.Table) -> int:
    return int(np.sum(one["word_substitutions"].to_numpy()))


def best_first(seed: int, rates: list[float], clips: int) -> list[pa.Table]:
    return sorted(drawn(np.random.default_rng(seed), rates, clips), key=errors)


def ranks(tables: list[pa.Table | None]) -> list[int]:
    return [one.rank for one in place(tables)]


@pytest.mark.slow
def test_ten_equal_models_share_one_rank_on_at_least_95_percent_of_boards() -> None:
    boards = [best_first(seed, [0.15] * 10, clips=40) for seed in range(60)]
    several = sum(max(ranks(list(tables))) > 1 for tables in boards)
    assert several <= 3


def test_models_that_differ_have_ranks_of_their_own() -> None:
    tables = best_first(1, [0.05, 0.3, 0.31, 0.8], clips=200)
    found = place(list(tables))
    assert [(one.rank, one.tied) for one in found] == [(1, None), (2, False), (2, True), (4, False)]


def test_a_row_says_what_it_was_tested_against() -> None:
    tables = best_first(1, [0.05, 0.3, 0.31, 0.8], clips=200)
    first, second, tied, last = place(list(tables))
    assert first.against is None
    for one in (second, tied, last):
        assert one.against is not None
        assert one.against.difference is not None
        assert one.against.difference.p_value is not None
    wrong = [errors(one) for one in tables]
    words = WORDS * 200
    # the best of a rank is tested against that of the rank above, and every other row against the best of its own
    assert second.against.difference.delta == pytest.approx((wrong[1] - wrong[0]) / words)  # type: ignore[union-attr]
    assert tied.against.difference.delta == pytest.approx((wrong[2] - wrong[1]) / words)  # type: ignore[union-attr]
    assert last.against.difference.delta == pytest.approx((wrong[3] - wrong[1]) / words)  # type: ignore[union-attr]


def test_more_models_ask_for_a_clearer_difference() -> None:
    worse = [1] * 12 + [-1] * 2
    best, other = np.full(40, 2), np.full(40, 2)
    other[:14] += worse
    assert ranks([table(best), table(other)]) == [1, 2]
    many = [table(best)] * 9
    assert ranks([*many, table(other)]) == [1] * 10


def test_what_cannot_be_told_from_the_best_shares_its_rank_though_a_model_between_the_two_does_not() -> None:
    best = np.full(100, 1)
    between = best + (np.arange(100) < 20)  # a little worse on many clips
    uneven = best + (np.arange(100) < 3) * 8  # much worse on three
    found = place([table(best), table(between), table(uneven)])
    assert [(one.rank, one.tied) for one in found] == [(1, None), (3, False), (1, True)]


def test_four_unseen_speakers_tell_nothing_however_bad_one_of_them_is_heard() -> None:
    even = np.full(40, 1)
    bad = even + (np.arange(40) % 4 == 0) * 5
    assert ranks([table(even), table(bad)]) == [1, 2]
    assert ranks([table(even, 4), table(bad, 4)]) == [1, 1]


def test_nine_unseen_speakers_tell_nothing_and_ten_do() -> None:
    even = np.full(90, 1)
    assert ranks([table(even, 9), table(even + 1, 9)]) == [1, 1]
    assert ranks([table(even, 10), table(even + 1, 10)]) == [1, 2]


def test_without_tables_ranks_are_places_and_one_board_may_lack_some() -> None:
    assert [(one.rank, one.tied) for one in place([None, None, None])] == [(1, None), (2, None), (3, None)]
    good, bad = table(np.full(50, 1)), table(np.full(50, 4))
    assert ranks([good, None, bad]) == [1, 2, 3]
    assert place([]) == []
