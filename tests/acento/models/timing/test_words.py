"""Words of tokens: they make the text, punctuation belongs to one, scripts without spaces are cut at tokens."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acento.data.words import text_of
from acento.models.timing.words import Timing, words_of

PIECES = st.lists(
    st.text(st.sampled_from([*"aé ñZ9,.¿?-'’\"()", *"你好我。，「」ไทยи́"]), min_size=1, max_size=4), max_size=12
)


def timing(count: int) -> Timing:
    return Timing([float(place) for place in range(count)], [place + 0.5 for place in range(count)], [-0.5] * count)


def texts(*pieces: str) -> list[str]:
    return [word.text for word in words_of(pieces, timing(len(pieces)))]


@given(PIECES)
def test_words_say_all_of_the_text_in_its_order_and_no_time_runs_back(pieces: list[str]) -> None:
    words = words_of(pieces, timing(len(pieces)))
    assert text_of(words) == " ".join("".join(pieces).split())
    assert not any(any(map(str.isspace, word.text)) for word in words)
    assert [word.start for word in words] == sorted(word.start for word in words)
    assert all(word.start <= word.end for word in words)
    assert all(word.probability == pytest.approx(math.exp(-0.5)) for word in words)


def test_spaces_part_words_wherever_they_stand_in_tokens() -> None:
    assert texts(" Ho", "la ", "a", " ", "to", "dos los", " de") == ["Hola", "a", "todos", "los", "de"]


def test_punctuation_belongs_to_the_word_that_it_touches_and_takes_none_of_its_time() -> None:
    (que, pues) = words_of([" ¿", "Qué", "?", " Pues", "..."], timing(5))
    assert (que.text, que.start, que.end) == ("¿Qué?", 1.0, 1.5)
    assert (pues.text, pues.start, pues.end) == ("Pues...", 3.0, 3.5)


def test_a_sign_between_spaces_is_a_word() -> None:
    assert texts("sí", " –", " no") == ["sí", "–", "no"]


def test_what_is_written_without_spaces_is_cut_at_tokens_but_not_inside_latin_words() -> None:
    words = words_of(["今天", "用", "Win", "dows", "。", "「", "好", "」", " ok"], timing(9))
    assert [word.text for word in words] == ["今天", "用", "Windows。", "「好」", "ok"]
    assert [word.joined for word in words] == [False, True, True, True, False]


def test_a_mark_stays_with_its_letter() -> None:
    assert texts("ก", "\u0e34", "น") == ["ก\u0e34", "น"]


def test_a_token_of_two_words_gives_each_its_share_of_the_time() -> None:
    (one, other) = words_of([" ab cdef"], Timing([0.0], [6.0], [-1.0]))
    assert (one.start, one.end, other.start, other.end) == (0.0, 2.0, 2.0, 6.0)


def test_without_probabilities_a_word_has_none() -> None:
    assert words_of(["a"], Timing([0.0], [1.0]))[0].probability is None
