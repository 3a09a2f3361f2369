"""Hallucinations: each sign is found from its threshold on, and not below it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acento.scoring.errors.hallucinations import (
    EXAMPLES,
    REPEATS,
    SIGNS,
    Hallucinations,
    Heard,
    hallucinations,
    has_loop,
)

WORDS = st.lists(st.sampled_from(["sí", "po", "ya", "no"]), max_size=12)


def heard(reference: str, hypothesis: str, duration_s: float = 3.0, insertions: int = 0, id: str = "a") -> Heard:
    return Heard(id, (reference, hypothesis), duration_s, insertions)


def signs(clip: Heard, *, characters: bool = False) -> set[str]:
    found = hallucinations([clip], characters=characters)
    shown = {name for name in SIGNS if getattr(found, name).count}
    assert found.any.count == bool(shown)
    return shown


@pytest.mark.parametrize(
    ("clip", "expected"),
    [
        (heard("uno dos tres", "uno dos tres"), set()),
        (heard("", ""), set()),
        (heard("", "gracias"), {"non_speech"}),
        (heard("sí", "sí ya no po", 0.9, 3), {"short"}),
        (heard("sí", "sí ya no", 0.9, 2), set()),
        (heard("sí", "sí ya no po", 1.0, 3), set()),
        (heard("ya no", "ya no " * 4), {"loop", "too_long"}),
        (heard("ya no ya no", "ya no " * 4), set()),
        (heard("uno dos tres cuatro", "uno dos " + "po " * 4), {"loop"}),
        (heard("uno dos tres cuatro", "uno dos " + "po " * 3), set()),
        (heard("uno dos tres", "uno dos tres a b c d e"), {"too_long"}),
        (heard("uno dos tres", "uno dos tres a b c d"), set()),
        (heard("a b c d e", "a b c d e f g h i j"), set()),
        (heard("qué risa", "qué " + "ja" * 15), {"loop"}),
        (heard("qué jajaja", "qué jajajaja"), set()),
        (heard("un tal otorrinolaringólogo", "un tal otorrinolaringólogos"), set()),
        (heard("qué " + "ja" * 12, "qué " + "ja" * 12), set()),
        (heard("uno dos", ""), set()),
        (heard("uno dos tres", "gracias por ver el video"), {"phrase"}),
        (heard("de nada", "subtítulos por la comunidad de amara org"), {"phrase", "too_long"}),
        (heard("muchas gracias", "gracias"), set()),
        (heard("uno dos tres", "gracias por ver uno dos tres"), set()),
    ],
)
def test_each_sign_has_its_threshold(clip: Heard, expected: set[str]) -> None:
    assert signs(clip) == expected


def test_characters_are_counted_where_there_are_no_spaces() -> None:
    assert signs(heard("你好", "你好我是一个学生吗"), characters=True) == set()
    assert signs(heard("你好", "你好我是一个好学生啊了吗"), characters=True) == {"too_long"}
    assert signs(heard("谢谢你了呢", "谢谢你了呢谢谢观看谢谢观看谢谢观看谢谢观看"), characters=True) == {
        "loop",
        "too_long",
    }
    assert signs(heard("好", "好我是学生吗", 0.5, 5), characters=True) == set()
    assert signs(heard("好", "好我是学生吗啊", 0.5, 6), characters=True) == {"short"}


def test_counts_say_of_how_many_clips_and_name_some() -> None:
    clips = [heard("", "gracias", id=f"silent-{index}") for index in range(7)]
    found = hallucinations([*clips, heard("uno", "uno", 0.5, id="short"), heard("uno", "dos", id="said")])
    assert (found.any.count, found.any.of, found.any.share) == (7, 9, 7 / 9)
    assert (found.non_speech.count, found.non_speech.of) == (7, 7)
    assert (found.short.count, found.short.of) == (0, 1)
    assert found.too_long.of == 2
    assert found.non_speech.examples == tuple(f"silent-{index}" for index in range(EXAMPLES))
    assert found.interval is not None
    assert found.interval.low < 7 / 9 < found.interval.high
    assert Hallucinations.model_validate_json(found.model_dump_json()) == found


def test_what_was_counted_before_the_last_sign_is_read() -> None:
    stored = hallucinations([heard("", "gracias"), heard("uno", "dos", id="b")]).model_dump()
    del stored["phrase"]
    assert Hallucinations.model_validate(stored).phrase.of == 0


def test_no_clips_have_no_share() -> None:
    found = hallucinations([])
    assert (found.any.share, found.interval) == (None, None)


@given(WORDS)
def test_what_was_said_is_no_loop(words: list[str]) -> None:
    assert not has_loop(words, words)


@given(WORDS, st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=6), WORDS, st.integers(REPEATS, 9))
def test_a_loop_is_found_wherever_it_is(before: list[str], ngram: list[str], after: list[str], often: int) -> None:
    assert has_loop([*before, *ngram, *after], [*before, *ngram * often, *after])


@given(st.lists(st.integers(0, 10**9), unique=True))
def test_words_that_all_differ_are_no_loop(numbers: list[int]) -> None:
    assert not has_loop([], [str(number) for number in numbers])


def test_a_million_characters_take_no_time() -> None:
    assert has_loop(["hola"], ["gracias", "por", "ver"] * 60_000)
    assert not has_loop(["hola"], [f"w{number % 500}" for number in range(180_000)])
