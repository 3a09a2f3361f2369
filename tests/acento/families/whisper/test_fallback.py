"""Whisper's second tries, by their rules alone: what passes, what is tried again, and what is silence."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acento.families.whisper.fallback import Attempt, with_fallback

GOOD = Attempt([1, 2, 3], -1.0)
UNLIKELY = Attempt([4, 5, 6], -4.1)
REPEATS = Attempt([9] * 60, -1.0)
ALL = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


def read(ids: Sequence[int]) -> str:
    return "".join(f"{number} " for number in ids)


def tried(answers: dict[float, list[Attempt]], **how: bool) -> tuple[list[Attempt], list[list[int]]]:
    """Return what is kept, and the rows that were written at each temperature."""
    calls: list[list[int]] = []

    def write(rows: Sequence[int], temperature: float) -> list[Attempt]:
        calls.append(list(rows))
        return [answers[temperature][row] for row in rows]

    rows = len(next(iter(answers.values())))
    return with_fallback(write, read, list(answers), rows, **how), calls


def test_a_text_that_passes_is_kept_and_the_others_are_tried_again() -> None:
    other = Attempt([7], -0.5)
    kept, calls = tried({0.0: [GOOD, UNLIKELY, REPEATS], 0.2: [other, other, REPEATS], 0.4: [other, other, other]})
    assert kept == [GOOD, other, other]
    assert calls == [[0, 1, 2], [1, 2], [2]]


def test_the_last_text_is_kept_where_none_passes() -> None:
    kept, calls = tried({temperature: [UNLIKELY] for temperature in ALL} | {1.0: [REPEATS]})
    assert kept == [REPEATS]
    assert len(calls) == len(ALL)


def test_the_likeliest_that_does_not_repeat_itself_is_kept_where_that_is_asked_for() -> None:
    worse = Attempt([7, 8, 9], -6.0)
    answers = {0.0: [UNLIKELY, REPEATS, REPEATS], 0.2: [worse, worse, REPEATS], 0.4: [worse, UNLIKELY, REPEATS]}
    assert tried(answers, likeliest=True)[0] == [UNLIKELY, UNLIKELY, REPEATS]
    assert tried(answers)[0] == [worse, UNLIKELY, REPEATS]
    assert tried({0.0: [UNLIKELY], 0.2: [GOOD]}, likeliest=True)[0] == [GOOD]


@pytest.mark.parametrize(
    ("attempt", "passes"),
    [
        (Attempt([1, 2, 3], -4.0), True),  # a mean of -1.0 with the end token, as OpenAI counts
        (Attempt([1, 2, 3], -4.001), False),
        (Attempt([], -0.9), True),
        (Attempt([9] * 6, -0.1), True),  # "9 9 9 9 9 9" is too short to be made smaller by zlib
        (Attempt([9] * 60, -0.1), False),
        (Attempt([1, 2, 3], -9.0, no_speech=0.61), True),  # silence
        (Attempt([1, 2, 3], -9.0, no_speech=0.6), False),
        (Attempt([1, 2, 3], -1.0, no_speech=0.9), True),  # likely enough to be believed
    ],
)
def test_thresholds_are_openais(attempt: Attempt, passes: bool) -> None:
    assert len(tried({0.0: [attempt], 0.2: [GOOD]})[1]) == (1 if passes else 2)


def test_a_silent_window_has_no_text_and_a_likely_text_is_kept_whatever_the_silence() -> None:
    silent, likely = Attempt([1, 2], -9.0, no_speech=0.7), Attempt([1, 2], -1.0, no_speech=0.99)
    assert [one.ids for one in tried({0.0: [silent, likely]})[0]] == [[], [1, 2]]


def test_in_a_short_window_what_repeats_or_has_no_end_is_left_to_the_engine() -> None:
    endless = Attempt([1, 2, 3], -9.0, ended=False)
    kept, calls = tried({0.0: [REPEATS, endless, UNLIKELY], 0.2: [GOOD, GOOD, GOOD]}, short=True)
    assert kept == [REPEATS, endless, GOOD]
    assert calls[1] == [2]


@given(st.lists(st.lists(st.sampled_from([GOOD, UNLIKELY, REPEATS]), min_size=3, max_size=3), min_size=1, max_size=5))
def test_a_row_is_what_it_would_be_alone(drawn: list[list[Attempt]]) -> None:
    answers = {place / 10: row for place, row in enumerate(drawn)}
    alone = [tried({key: [row[number]] for key, row in answers.items()})[0][0] for number in range(3)]
    assert tried(answers)[0] == alone
