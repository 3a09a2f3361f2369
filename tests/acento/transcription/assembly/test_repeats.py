"""Loops are cut to one phrase; what people repeat stays."""

from itertools import pairwise

import pytest
from heard_windows import said, texts, voice
from hypothesis import given
from hypothesis import strategies as st

from acento.inference.predictions import Segment
from acento.transcription.assembly.repeats import runs_of, without_repeats

REFRAIN = "ay ay ay ay canta y no llores porque cantando se alegran los corazones "


@pytest.mark.parametrize(
    "text",
    [
        "sí, sí, sí",
        "no, no, no, no",
        "no no no no no no no no no no",
        "ya ya ya po",
        "¿qué qué qué?",
        REFRAIN * 4,
        "muy muy muy muy bien",
    ],
)
@pytest.mark.parametrize("known", [True, False], ids=["voice-known", "voice-unknown"])
def test_what_people_repeat_stays(text, known):
    window = said(text)
    kept, removed = without_repeats([window], voice((0, window.end)) if known else None)
    assert kept == [window]
    assert removed == []


def test_a_chant_stays_where_voice_and_certainty_speak_for_it():
    window = said("el pueblo unido jamás será vencido " * 12, each=0.35, probability=0.8)
    assert without_repeats([window], voice((0, window.end)))[0] == [window]
    unsure = said("el pueblo unido jamás será vencido " * 12, each=0.35, probability=0.2)
    [kept], removed = without_repeats([unsure], voice((0, unsure.end)))
    assert kept.text == "el pueblo unido jamás será vencido"
    assert len(removed) == 1


def test_a_loop_that_nobody_can_say_so_fast_is_cut_to_one():
    window = said("ya no sé" + " no sé" * 40 + " chao", each=0.03, gap=0.0)
    [kept], [removed] = without_repeats([window])
    assert kept.text == "ya no sé chao"
    assert (removed.reason, removed.text) == ("repeated", " ".join(["no sé"] * 40))
    assert removed.start == pytest.approx(0.09)


def test_a_loop_over_silence_is_cut_where_the_voice_is_known():
    window = said("claro que sí claro que sí claro que sí claro que sí claro que sí", each=0.4)
    heard = voice((0, 0.6))
    assert texts(without_repeats([window], heard)[0]) == ["claro que sí"]
    assert without_repeats([window], voice((0, window.end)))[0] == [window]


def test_a_loop_in_a_window_that_the_model_is_unsure_of_is_cut():
    assert texts(without_repeats([said("sí po sí po sí po sí po", logprob=-1.2)])[0]) == ["sí po"]
    assert texts(without_repeats([said("sí po sí po sí po sí po", no_speech=0.8)])[0]) == ["sí po"]
    assert texts(without_repeats([said("sí po sí po sí po sí po", logprob=-0.4)])[0]) == ["sí po sí po sí po sí po"]


def test_very_many_repeats_are_a_loop_whatever_the_rate():
    window = said("la verdad " * 30, probability=0.99)
    assert texts(without_repeats([window], voice((0, window.end)))[0]) == ["la verdad"]


def test_windows_that_all_say_the_same_little_of_much_speech_are_a_loop():
    windows = [said("Thank you.", start, end=start + 25) for start in (0.0, 25.0, 50.0, 75.0)]
    music = voice((0, 100))
    assert texts(without_repeats(windows, music)[0]) == ["Thank you."]
    short = voice(*((start, start + 0.8) for start in (0, 25, 50, 75)))
    assert without_repeats(windows, short)[0] == windows, "somebody said no more than that, four times"


def test_a_loop_goes_over_the_end_of_a_window():
    first, second = said("bueno a ver a ver", each=0.02, gap=0), said("a ver a ver a ver ya", 0.1, each=0.02, gap=0)
    kept, [removed] = without_repeats([first, second])
    assert " ".join(texts(kept)) == "bueno a ver ya"
    assert removed.text == "a ver a ver a ver a ver"


def test_windows_without_times_of_words_are_cut_by_their_rate():
    looped = Segment(0, 10, "no sé qué decir" + " no sé" * 80)
    assert texts(without_repeats([looped])[0]) == ["no sé qué decir no sé"]
    sung = Segment(0, 10, "sí, sí, sí, claro")
    assert without_repeats([sung])[0] == [sung]


def test_scripts_without_spaces_repeat_characters():
    assert texts(without_repeats([Segment(0, 10, "我" + "不知道" * 80)])[0]) == ["我不知道"]
    normal = Segment(0, 3, "好好好我去")
    assert without_repeats([normal])[0] == [normal]


def test_letters_in_a_word_are_a_loop_only_where_nobody_laughs_so_fast():
    [kept], [removed] = without_repeats([said("qué " + "ja" * 60, each=0.5)])
    assert (kept.text, removed.text) == ("qué ja", "ja" * 59)
    laughed = said("qué jajajajaja", each=0.8)
    assert without_repeats([laughed])[0] == [laughed]


@given(st.lists(st.sampled_from("abc"), max_size=40))
def test_runs_are_repeats_in_a_row_that_do_not_overlap(keys):
    runs = runs_of(keys)
    for run in runs:
        phrase = keys[run.first : run.first + run.size]
        assert keys[run.first : run.end] == phrase * run.times
        assert run.times >= 3
    assert all(one.end <= other.first for one, other in pairwise(runs))


@given(st.lists(st.sampled_from(["ya", "no", "sé", "po"]), min_size=1, max_size=60), st.sampled_from([0.02, 0.3]))
def test_every_word_is_kept_or_removed(words, each):
    window = said(" ".join(words), each=each)
    kept, removed = without_repeats([window])
    assert sorted(" ".join([*texts(kept), *(one.text for one in removed)]).split()) == sorted(words)
