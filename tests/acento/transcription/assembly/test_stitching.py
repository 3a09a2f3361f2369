"""Words that are planted survive cutting at every offset: each is there once, in order."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acento.data.words import Word, text_of
from acento.inference.predictions import Prediction, Segment
from acento.transcription.assembly.heard import heard_in, plain
from acento.transcription.assembly.stitching import stitch

VOCABULARY = ("no", "sí", "po", "casa", "Santiago,", "mañana.", "el", "la", "cachái", "después", "había")
HAN = tuple("你好我們去那裡看電影吧")


@st.composite
def speech(draw, vocabulary=VOCABULARY, most=40, gap=(0.0, 0.4)):
    """Words as somebody says them without a long pause."""
    words, at = [], draw(st.floats(0, 2))
    for text in draw(st.lists(st.sampled_from(vocabulary), min_size=2, max_size=most)):
        start = at + draw(st.floats(*gap))
        at = start + draw(st.floats(0.18, 0.6))
        words.append(Word(text, start, at))
    return words


def heard(words, start, end, *, jitter=lambda: 0.0, garble=True, timed=True):
    """What a window hears: the words in it, at times that are a little off; one that an edge cuts in two is garbled."""
    found = []
    for word in words:
        shown = max(0.0, min(word.end, end) - max(word.start, start)) / (word.end - word.start)
        if shown < 0.1:
            continue
        text = word.text
        if shown < 1 and garble:
            letters = max(1, int(len(text) * shown))
            text = text[:letters] if word.end > end else text[-letters:]
        elif shown < 1:
            continue
        moved = replace(word, text=text, start=max(start, word.start) + jitter(), end=min(end, word.end) + jitter())
        found.append(replace(moved, end=max(moved.end, moved.start + 0.02)))
    return Segment(start, end, text_of(found), tuple(found) if timed else ())


def texts(windows):
    return [plain(word.text) for window in windows for word in window.words]


def planted(words):
    return [plain(word.text) for word in words]


@given(words=speech(), data=st.data())
def test_planted_words_survive_cutting_at_every_offset(words, data):
    overlap = data.draw(st.floats(1.7, 4))
    cut = data.draw(st.floats(words[0].start - overlap, words[-1].end))
    jitter = lambda: data.draw(st.floats(-0.04, 0.04))  # noqa: E731
    first = heard(words, 0.0, cut + overlap, jitter=jitter)
    second = heard(words, cut, words[-1].end + 1, jitter=jitter)
    assert texts(stitch([second, first])) == planted(words)


@given(words=speech(most=80), data=st.data())
def test_many_windows_that_overlap_give_every_word_once(words, data):
    window, overlap = data.draw(st.floats(4, 12)), data.draw(st.floats(1.7, 2))
    windows, start = [], 0.0
    while not windows or windows[-1].end < words[-1].end:
        windows.append(heard(words, start, start + window))
        start += window - overlap
    stitched = stitch(windows)
    assert texts(stitched) == planted(words)
    said = [word for one in stitched for word in one.words]
    assert all(one.start <= other.start and one.end <= other.end for one, other in pairwise(said))


@given(words=speech(gap=(0.05, 3)), data=st.data())
def test_a_seam_in_a_pause_or_in_an_overlap_without_a_whole_word_loses_nothing(words, data):
    """Where nothing is common, the times decide: what one window alone heard stays, and is not doubled."""
    overlap = data.draw(st.floats(0.1, 1))
    cut = data.draw(st.floats(0.0, words[-1].end))
    said = stitch([heard(words, 0.0, cut + overlap, garble=False), heard(words, cut, words[-1].end, garble=False)])
    whole = [word for word in words if not (word.start < cut and word.end > cut + overlap)]
    assert texts(said) == planted(whole)


@given(words=speech(), data=st.data())
def test_windows_that_touch_are_put_one_after_the_other(words, data):
    cut = words[data.draw(st.integers(1, len(words) - 1))].start
    windows = [heard(words, 0.0, cut), heard(words, cut, words[-1].end)]
    assert stitch(windows) == [window for window in windows if window.text]


@given(share=st.floats(0, 1), overlap=st.floats(2.5, 5), names=st.permutations(range(1000, 1060)))
def test_without_times_words_are_aligned_by_the_text(share, overlap, names):
    words = [Word(f"w{name}", number * 0.35, number * 0.35 + 0.33) for number, name in enumerate(names)]
    cut = 4 + share * (words[-1].end - overlap - 6)
    first = heard(words, 0.0, cut + overlap, timed=False)
    second = heard(words, cut, words[-1].end, timed=False)
    assert " ".join(one.text for one in stitch([first, second])) == text_of(words)


@given(data=st.data())
def test_scripts_without_spaces_are_stitched_by_character(data):
    text = "".join(data.draw(st.permutations(HAN)) + data.draw(st.permutations(tuple("今天晚上大家都很高興"))))
    words = [Word(one, number * 0.3, number * 0.3 + 0.3, joined=number > 0) for number, one in enumerate(text)]
    cut = data.draw(st.floats(1, 3))
    timed = data.draw(st.booleans())
    stitched = stitch(
        [heard(words, 0.0, cut + 2.5, timed=timed), heard(words, cut, max(words[-1].end, cut + 2.6), timed=timed)]
    )
    assert "".join(one.text for one in stitched) == text
    if timed:
        assert text_of(word for one in stitched for word in one.words) == text


def test_words_after_a_seam_do_not_begin_before_those_in_front_of_it():
    words = (Word("la", 1, 2), Word("tape", 5.1, 5.3), Word("ha", 5.3, 5.5), Word("ido", 5.5, 5.7))
    first = Segment(0, 6, "la tape ha ido", words)
    second = Segment(4, 9, "ha ido ya", (Word("ha", 5.07, 5.07), Word("ido", 5.2, 5.4), Word("ya", 7, 8)))
    stitched = [word for window in stitch([first, second]) for word in window.words]
    assert [word.text for word in stitched] == ["la", "tape", "ha", "ido", "ya"]
    assert all(one.start <= one.end <= other.start for one, other in pairwise(stitched))
    assert stitched[-1] == Word("ya", 7, 8)


def test_a_word_said_many_times_is_counted_by_the_times():
    words = [Word("no,", number * 0.3, number * 0.3 + 0.25) for number in range(20)]
    stitched = stitch([heard(words, 0.0, 4.1), heard(words, 2.2, 6.0)])
    assert len(texts(stitched)) == 20


def test_what_a_window_heard_differently_is_there_once():
    first = Segment(0, 10, "ya no sé", (Word("ya", 7, 7.5), Word("no", 8, 8.4), Word("sé", 9, 9.4)))
    second = Segment(8, 18, "nos hace bien", (Word("nos", 8, 8.5), Word("hace", 9, 9.5), Word("bien", 12, 12.5)))
    assert " ".join(texts(stitch([first, second]))) == "ya no hace bien"


def test_a_window_that_another_holds_adds_nothing():
    words = tuple(Word(text, at, at + 0.4) for at, text in enumerate(("uno", "dos", "tres", "cuatro")))
    whole = Segment(0, 4, text_of(words), words)
    inside = Segment(1, 3, "dos tres", words[1:3])
    assert stitch([inside, whole, whole]) == [whole]


def test_a_neighbor_that_heard_nothing_takes_nothing_away():
    words = (Word("hola", 8.1, 8.6), Word("oye", 9, 9.5), Word("po", 11, 11.4))
    silent, speaks = Segment(0, 10, "", ()), Segment(8, 12, "hola oye po", words)
    early = Segment(0, 10, "ya", (Word("ya", 1, 1.5),))
    assert texts(stitch([silent, speaks])) == ["hola", "oye", "po"]
    assert texts(stitch([early, speaks])) == ["ya", "hola", "oye", "po"]


def test_what_is_cut_keeps_its_punctuation_language_and_likelihood():
    first = heard([Word("Sí,", 0, 0.5), Word("claro", 0.6, 1.1), Word("que", 1.2, 1.5)], 0, 1.6)
    second = heard([Word("claro", 0.6, 1.1), Word("que", 1.2, 1.5), Word("sí.", 1.6, 2)], 0.55, 2)
    stitched = stitch([replace(first, language="es", logprob=-0.2), replace(second, language="es", logprob=-0.3)])
    assert " ".join(one.text for one in stitched) == "Sí, claro que sí."
    assert [(one.language, one.logprob) for one in stitched] == [("es", -0.2), ("es", -0.3)]
    assert stitched[0].end == stitched[0].words[-1].end
    assert stitched[1].start == stitched[1].words[0].start


def test_a_prediction_has_times_relative_to_its_window():

    segment = Segment(0, 3, "ya po", (Word("ya", 0.5, 1.0), Word("po", 1.1, 1.5)), -0.1, 0.02, "es")
    [window] = heard_in(((60.0, 63.0),), Prediction("w", "ya po", (segment,)))
    assert (window.start, window.end, window.logprob, window.no_speech, window.language) == (60, 63, -0.1, 0.02, "es")
    assert [(word.start, word.end) for word in window.words] == [(60.5, 61.0), (61.1, 61.5)]
    assert heard_in(((60.0, 63.0),), Prediction("w", "")) == []
    assert heard_in(((60.0, 63.0),), Prediction("w", None, error="model_error", detail="It died.")) == []


@pytest.mark.parametrize("text", ["", " "])
def test_nothing_heard_is_nothing(text):
    assert stitch([]) == []
    assert stitch([Segment(0, 1, text)]) == []
