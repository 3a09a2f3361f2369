"""Words most often wrong, confused pairs, and the clips with the highest error rates."""

import random
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from scored_runs import clip, heard

from acento.core.text import normalizer
from acento.scoring.comparing.confusions import Confusion, WrongWord, error_pairs, word_errors, worst_clips
from acento.scoring.score import UtteranceResult, counts_of, score_utterances

RULE = normalizer("basic")
CLIPS = [
    clip("a", "el pan con pan"),
    clip("b", "el pan"),
    clip("c", "sí po"),
    clip("d", None, hypothesis="x"),
    clip("e", ""),
]


def table(texts: dict[str, str | None], clips: list[UtteranceResult] = CLIPS) -> object:
    return score_utterances(heard(clips, texts), RULE)


def test_words_are_counted_as_wrong_out_of_all_times_they_were_said() -> None:
    found = word_errors(table({"a": "el van con van", "b": "el", "c": "sí po weón"}))
    assert found.wrong == (WrongWord("pan", 3, 3),)
    assert found.confused == (Confusion("pan", "van", 2),)
    assert found.inserted == (Confusion("", "weón", 1),)


def test_an_empty_reference_has_insertions_and_a_failed_clip_nothing() -> None:
    assert error_pairs(table({"e": "gracias", "a": None})) == Counter({("", "gracias"): 1})


def test_what_is_not_listed_is_counted() -> None:
    clips = [clip(f"{n:02}", f"w{n}", hypothesis=f"v{n}") for n in range(30)]
    found = word_errors(table({}, clips), top=4)
    assert [one.word for one in found.wrong] == ["w0", "w1", "w10", "w11"]
    assert (found.wrong_words, found.confused_pairs, found.inserted_words) == (30, 30, 0)


def test_characters_can_be_counted() -> None:
    assert error_pairs(table({"b": "el ban"}), "character") == Counter({("p", "b"): 1})


@given(st.lists(st.tuples(st.text("ab ", max_size=8), st.text("ab ", max_size=8)), max_size=8))
def test_pairs_add_up_to_the_errors_that_are_scored(texts: list[tuple[str, str]]) -> None:
    rows = table({}, [clip(f"{n}", one, hypothesis=other) for n, (one, other) in enumerate(texts)])
    assert error_pairs(rows).total() == counts_of(rows, "word").errors


def test_the_worst_clips_have_the_highest_rate_over_all_models() -> None:
    first, second = {"b": "la van", "a": "el pan con"}, {"b": "el van", "e": "hola"}
    worst = worst_clips([table(first), table(second)])
    assert [(one.id, one.errors, one.length) for one in worst] == [("e", 1, 0), ("b", 3, 4), ("a", 1, 8)]
    assert worst[0].rate == float("inf")
    assert worst[1].rate == 0.75


def test_clips_without_an_error_are_not_among_the_worst_and_there_are_at_most_so_many() -> None:
    assert worst_clips([table({})]) == []
    assert [one.id for one in worst_clips([table({"a": "x", "b": "x", "c": "x"})], top=1)] == ["a"]


def test_the_order_of_clips_changes_nothing() -> None:
    clips = [clip(f"{n:02}", "uno dos", hypothesis="uno" if n % 3 else "x y") for n in range(20)]
    shuffled = random.Random(1).sample(clips, k=len(clips))
    assert worst_clips([table({}, clips)]) == worst_clips([table({}, shuffled)])
    assert word_errors(table({}, clips)) == word_errors(table({}, shuffled))
