"""Text that nobody said is removed with its reason; speech is not."""

import hashlib
from dataclasses import replace

import pytest
from heard_windows import said, texts, voice
from hypothesis import given
from hypothesis import strategies as st

from acento.inference.predictions import Segment
from acento.transcription.assembly.filters import without_hallucinations

SPOKEN = "la cazuela quedó muy blanda a las cuatro y nadie se la comió"


def reasons(window, heard=None):
    kept, removed = without_hallucinations([window], heard)
    return texts(kept), [(one.text, one.reason) for one in removed]


def test_whispers_own_rule_for_silence_needs_both_signs():
    gone = ([], [(SPOKEN, "silence")])
    assert reasons(said(SPOKEN, no_speech=0.7, logprob=-1.1)) == gone
    for facts in ({"no_speech": 0.7, "logprob": -0.4}, {"no_speech": 0.5, "logprob": -1.1}, {}):
        assert reasons(said(SPOKEN, **facts)) == ([SPOKEN], [])


def test_a_text_that_the_model_only_guessed_is_unlikely():
    assert reasons(said(SPOKEN, logprob=-1.8)) == ([], [(SPOKEN, "unlikely")])
    assert reasons(said(SPOKEN, logprob=-1.5)) == ([SPOKEN], [])


def test_a_model_that_is_certain_of_silence_is_believed_unless_a_voice_speaks_against_it():
    window = said(SPOKEN, no_speech=0.95, logprob=-0.3)
    gone = ([], [(SPOKEN, "silence")])
    assert reasons(window) == gone
    assert reasons(window, voice((0, 1))) == gone
    assert reasons(window, voice((0, window.end))) == ([SPOKEN], [])


def test_a_window_without_voice_is_silent():
    window = said(SPOKEN)
    assert reasons(window, voice()) == ([], [(SPOKEN, "silence")])
    assert reasons(window, voice((0, window.end))) == ([SPOKEN], [])


def test_words_far_from_any_voice_are_silence_and_those_before_stay():
    window = said("Ya nos vamos. Gracias por ver el video.", each=0.4)
    words = (*window.words[:3], *(replace(word, start=word.start + 9, end=word.end + 9) for word in window.words[3:]))
    late = replace(window, words=words, end=15.0)
    assert reasons(late, voice((0, 1.6))) == (["Ya nos vamos."], [("Gracias por ver el video.", "silence")])
    assert reasons(late, voice((0, 1.6), (10, 13))) == ([late.text], [])


@pytest.mark.parametrize(
    "credit",
    [
        "Subtítulos realizados por la comunidad de Amara.org",
        "Ondertiteld door de Amara.org gemeenschap",
        "Sous-titrage Société Radio-Canada",
        "Untertitel im Auftrag des ZDF für funk, 2017",
        "Субтитры сделал DimaTorzok",
        "字幕由 Amara.org 社区提供",
    ],
)
def test_credits_are_removed_whatever_speaks_for_them(credit):
    window = Segment(0, 6, credit, logprob=-0.1, no_speech=0.0)
    assert reasons(window, voice((0, 6))) == ([], [(credit, "phrase")])


def test_a_credit_after_speech_is_removed_alone():
    window = said(f"{SPOKEN}. Subtítulos por la comunidad de Amara.org")
    assert reasons(window) == ([f"{SPOKEN}."], [("Subtítulos por la comunidad de Amara.org", "phrase")])


@pytest.mark.parametrize("text", ["Muchas gracias.", "Thank you.", "Bedankt.", "ご視聴ありがとうございました"])
def test_courtesies_need_a_sign_against_them(text):
    said_so = Segment(0, 1.5, text, logprob=-0.3, no_speech=0.1)
    assert reasons(said_so, voice((0.2, 1.4))) == ([text], [])
    for facts in ({"logprob": -0.8}, {"no_speech": 0.4}):
        assert reasons(Segment(0, 1.5, text, **facts)) == ([], [(text, "phrase")])
    long = Segment(0, 25, text, logprob=-0.3)
    assert reasons(long, voice((0, 25))) == ([], [(text, "phrase")]), "25 s of voice are more than that"


def test_more_letters_than_anybody_can_say_are_unlikely():
    text = " ".join(hashlib.sha256(bytes([number])).hexdigest()[:8] for number in range(100))
    assert reasons(Segment(0, 10, text))[1] == [(text, "unlikely")]
    assert reasons(Segment(0, 60, text), voice((0, 6)))[1] == [(text, "unlikely")]
    assert reasons(Segment(0, 60, text), voice((0, 60))) == ([text], [])
    han = "".join(chr(0x4E00 + number) for number in range(300))
    assert reasons(Segment(0, 10, han))[1] == [(han, "unlikely")]
    assert reasons(Segment(0, 40, han)) == ([han], [])


def test_a_text_that_repeats_itself_with_changes_is_unlikely_and_a_refrain_is_not():
    text = " ".join(f"voy a ir a la casa de la {name}" for name in "abcdefghijklmnopqrstuvwxyz")
    assert reasons(Segment(0, 30, text))[1] == [(text, "unlikely")]
    refrain = said("cielito lindo los corazones canta y no llores porque cantando se alegran " * 4)
    assert reasons(refrain, voice((0, refrain.end))) == ([refrain.text], [])


def test_a_loop_that_is_all_of_long_speech_leaves_nothing():
    looped = Segment(0, 29, "la " * 200)
    kept, removed = without_hallucinations([looped], voice((0, 29)))
    assert kept == []
    assert {one.reason for one in removed} == {"repeated", "unlikely"}


@given(st.lists(st.sampled_from(SPOKEN.split()), min_size=1, max_size=25), st.floats(0.45, 0.8))
def test_speech_at_a_human_rate_is_never_touched(words, each):
    window = said(" ".join(f"{word}{number}" for number, word in enumerate(words)), each=each, logprob=-0.5)
    heard = voice((0, window.end))
    assert without_hallucinations([window], heard) == ([window], [])
    assert without_hallucinations([window]) == ([window], [])
