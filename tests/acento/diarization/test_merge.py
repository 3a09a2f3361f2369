"""Every word has its speaker once: what a plain reading of the rule gives, whatever words and turns there are."""

import time
from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acento.core.errors import InputError
from acento.data.words import Turn, Word
from acento.diarization.merge import attribute

TICKS = st.integers(0, 60)
"""Tenths of a second: few enough that ties are frequent."""


@st.composite
def some_words(draw: st.DrawFn) -> list[Word]:
    spans = draw(st.lists(st.tuples(TICKS, st.integers(0, 12)), max_size=12))
    return [Word(f"w{at}", start / 10, (start + length) / 10) for at, (start, length) in enumerate(spans)]


@st.composite
def some_turns(draw: st.DrawFn) -> list[Turn]:
    spans = draw(st.lists(st.tuples(TICKS, st.integers(0, 25), st.sampled_from("abc")), max_size=10))
    return [Turn(start / 10, (start + length) / 10, who) for start, length, who in spans]


def ticks(seconds: float) -> int:
    return round(seconds * 1_000_000)


def by_hand(word: Word, turns: list[Turn]) -> str | None:
    """The rule, microsecond by tenth: each speaker's covered tenths of a second as a set."""
    begin, end = ticks(word.start), max(ticks(word.end), ticks(word.start) + 1)
    stretches: dict[str, list[list[int]]] = defaultdict(list)
    for turn in sorted(turns, key=lambda one: (one.start, one.end)):
        if turn.end == turn.start:
            continue
        mine = stretches[turn.speaker]
        if mine and ticks(turn.start) <= mine[-1][1]:
            mine[-1][1] = max(mine[-1][1], ticks(turn.end))
        else:
            mine.append([ticks(turn.start), ticks(turn.end)])
    candidates = []
    for who, mine in stretches.items():
        shared = [(max(0, min(end, b) - max(begin, a)), a) for a, b in mine]
        if covered := sum(one for one, _ in shared):
            candidates.append((-covered, min(a for one, a in shared if one), who))
    if candidates:
        return min(candidates)[2]
    away = [(max(a - end, begin - b), a, who) for who, mine in stretches.items() for a, b in mine]
    return min(away)[2] if away else None


@given(some_words(), some_turns())
def test_each_word_goes_where_the_rule_says(words: list[Word], turns: list[Turn]) -> None:
    found = attribute(words, turns)
    assert [word.speaker for word in found] == [by_hand(word, turns) for word in words]
    assert [replace(word, speaker=None) for word in found] == words


@given(some_words(), some_turns(), st.randoms(use_true_random=False), st.integers(1, 1000))
def test_neither_the_order_of_turns_nor_how_they_are_cut_matters(
    words: list[Word], turns: list[Turn], dice: object, at: int
) -> None:
    cut = []
    for turn in turns:
        middle = round(turn.start + (turn.end - turn.start) * at / 1000, 6)
        cut += [Turn(turn.start, middle, turn.speaker), Turn(middle, turn.end, turn.speaker)]
    dice.shuffle(cut)  # type: ignore[attr-defined]
    assert attribute(words, cut) == attribute(words, turns)


@given(some_words(), some_turns(), st.sampled_from(["overlap", "chunks"]), st.booleans())
def test_no_merge_loses_or_changes_a_word(words: list[Word], turns: list[Turn], method: str, by_sentence: bool) -> None:
    found = attribute(words, turns, method=method, by_sentence=by_sentence)  # type: ignore[arg-type]
    assert [replace(word, speaker=None) for word in found] == words
    assert {word.speaker for word in found} <= {turn.speaker for turn in turns} | {None}


@given(some_words(), some_turns(), TICKS)
def test_a_shift_of_all_times_changes_no_speaker(words: list[Word], turns: list[Turn], by: int) -> None:
    late = attribute(
        [replace(one, start=one.start + by, end=one.end + by) for one in words],
        [replace(one, start=one.start + by, end=one.end + by) for one in turns],
    )
    assert [one.speaker for one in late] == [one.speaker for one in attribute(words, turns)]


def test_turns_of_one_speaker_that_overlap_count_once() -> None:
    turns = [Turn(0.0, 1.0, "b"), Turn(0.2, 1.0, "b"), Turn(0.8, 3.0, "a")]
    assert attribute([Word("x", 0.5, 1.9)], turns)[0].speaker == "a"  # 1.1 s against 0.5, not against 1.0


def test_a_short_yeah_inside_a_long_turn_does_not_take_its_words() -> None:
    turns = [Turn(0.0, 10.0, "ana"), Turn(4.0, 4.3, "luis")]
    words = [Word(f"w{at}" + "." * (at % 11 == 10), at * 0.3, at * 0.3 + 0.3) for at in range(33)]
    assert {word.speaker for word in attribute(words, turns)} == {"ana"}
    by_chunks = [word.speaker for word in attribute(words, turns, method="chunks")]
    assert by_chunks == ["ana"] * 11 + ["luis"] * 11 + [None] * 11


def test_the_merge_of_seed_3_loses_what_follows_the_last_turn() -> None:
    words = [Word("Hola.", 0, 1), Word("Sí.", 1, 2), Word("Adiós.", 5, 6)]
    turns = [Turn(0, 1, "a"), Turn(1, 2, "b")]
    assert [one.speaker for one in attribute(words, turns, method="chunks")] == ["a", "b", None]
    assert [one.speaker for one in attribute(words, turns)] == ["a", "b", "b"]


def test_words_without_turns_stay_as_they_are() -> None:
    words = [Word("hola", 0, 1, 0.5, "left", True)]
    assert attribute(words, []) == attribute(words, [Turn(3, 3, "a")]) == words
    assert attribute([], [Turn(0, 1, "a")]) == []


def test_probability_and_joining_are_kept() -> None:
    assert attribute([Word("好", 0, 1, 0.5, None, True)], [Turn(0, 1, "a")]) == [Word("好", 0, 1, 0.5, "a", True)]


@pytest.mark.parametrize(
    ("words", "turns", "says"),
    [
        ([Word("hola", float("nan"), 1)], [Turn(0, 1, "a")], "The word 'hola' goes from nan to 1.0 s"),
        ([Word("hola", 0, 1)], [Turn(0, float("inf"), "ana")], "The turn 'ana' goes from 0.0 to inf s"),
        ([Word("hola", 0, 1)], [Turn(2, 1, "ana")], "'ana' ends at 1 s, before it begins at 2 s"),
    ],
)
def test_times_that_are_none_are_refused(words: list[Word], turns: list[Turn], says: str) -> None:
    with pytest.raises(InputError, match=says):
        attribute(words, turns)


def test_an_unknown_merge_is_refused() -> None:
    with pytest.raises(InputError, match="There is no merge 'best': give overlap or chunks"):
        attribute([], [], method="best")  # type: ignore[arg-type]


@pytest.mark.slow
def test_a_million_words_take_under_ten_seconds() -> None:
    dice = np.random.default_rng(0)
    starts = np.cumsum(dice.exponential(0.36, 1_000_000))
    words = [
        Word("palabra", at, at + length) for at, length in zip(starts, dice.uniform(0, 0.6, len(starts)), strict=True)
    ]
    words[500] = replace(words[500], end=words[500].start + 3600)  # one that is wrong must not cost the others
    begins = np.sort(dice.uniform(0, starts[-1], 100_000))
    turns = [
        Turn(at, at + length, f"s{at % 15:.0f}")
        for at, length in zip(begins, dice.exponential(4, len(begins)), strict=True)
    ]
    began = time.process_time()
    found = attribute(words, turns, by_sentence=True)
    assert time.process_time() - began < 10
    assert len(found) == len(words)
