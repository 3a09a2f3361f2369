"""A recording's windows become a document: passages in the order of time, each of one speaker and of bounded length."""

from dataclasses import replace
from itertools import pairwise

import pytest
from heard_windows import said, voice
from hypothesis import given
from hypothesis import strategies as st

from acento.data.words import Turn, Word, text_of
from acento.inference.predictions import Segment
from acento.transcription.assembly.documents import document_of, with_speakers
from acento.transcription.assembly.passages import LONGEST_S, PAUSE_S, passages_of

WORDS = st.lists(
    st.tuples(st.sampled_from(["ya", "no,", "sé.", "po"]), st.floats(0.1, 2), st.floats(0, 1.5)), min_size=1
)


def window_of(drawn):
    words, at = [], 0.0
    for text, length, gap in drawn:
        words.append(Word(text, at + gap, at + gap + length))
        at = words[-1].end
    return Segment(0.0, at, text_of(words), tuple(words))


@given(WORDS)
def test_passages_hold_every_word_once_and_end_at_pauses(drawn):
    window = window_of(drawn)
    passages = passages_of([window])
    assert [word for passage in passages for word in passage.words] == list(window.words)
    for passage in passages:
        assert passage.text == text_of(passage.words)
        assert (passage.start, passage.end) == (passage.words[0].start, passage.words[-1].end)
        assert passage.end - passage.start <= LONGEST_S or len(passage.words) == 1
        assert all(b.start - a.end < PAUSE_S for a, b in pairwise(passage.words))


def test_a_sentence_ends_a_passage_with_a_short_pause_or_when_it_is_long():
    assert [one.text for one in passages_of([said("Ya po. Nos vamos. Chao.", gap=0.4)])] == [
        "Ya po.",
        "Nos vamos.",
        "Chao.",
    ]
    assert [one.text for one in passages_of([said("Ya po. Nos vamos.", gap=0.1)])] == ["Ya po. Nos vamos."]
    long = said("uno " * 50 + "fin. Otra cosa.", gap=0.05)
    assert [one.text for one in passages_of([long])] == ["uno " * 50 + "fin.", "Otra cosa."]


def test_what_is_too_long_is_divided_at_a_clause_before_any_other_place():
    text = "uno " * 50 + "dos, " + "tres " * 60
    first, second = passages_of([said(text, each=0.3, gap=0.05)])
    assert first.words[-1].text == "dos,"
    assert first.words + second.words == said(text, each=0.3, gap=0.05).words


def test_a_passage_goes_on_over_the_end_of_a_window():
    first, second = said("mañana vamos", 0), said("al cine", 0.8)
    [passage] = passages_of([replace(first, logprob=-0.2), replace(second, logprob=-0.6)])
    assert passage.text == "mañana vamos al cine"
    assert passage.logprob == pytest.approx(-0.4)


def test_another_language_is_another_passage():
    windows = [said("mañana vamos", language="es"), said("see you", 0.8, language="en")]
    assert [(one.text, one.language) for one in passages_of(windows)] == [("mañana vamos", "es"), ("see you", "en")]


def test_windows_without_times_of_words_are_passages_and_only_long_ones_are_divided():
    short = Segment(0, 20, "Ya  po. Nos vamos.", logprob=-0.1, language="es")
    [passage] = passages_of([short])
    assert (passage.start, passage.end, passage.text, passage.words) == (0, 20, "Ya po. Nos vamos.", ())
    long = Segment(0, 100, "Esto es una frase. " * 20)
    parts = passages_of([long])
    assert " ".join(part.text for part in parts) == long.text.strip()
    assert all(part.end - part.start <= LONGEST_S and part.text.endswith(".") and not part.words for part in parts)


def test_scripts_without_spaces_stay_without():
    window = Segment(0, 4, "你好我們", tuple(Word(c, i, i + 0.9, joined=i > 0) for i, c in enumerate("你好我們")))
    assert [one.text for one in passages_of([window])] == ["你好我們"]


def test_channels_are_interleaved_in_time_and_stitched_apart():
    left = [said("¿Aló? ¿Quién habla?", 0, gap=0.4), said("Ya.", 8)]
    right = [said("Soy yo.", 4)]
    document = document_of("call.wav", 10, {0: left, 1: right}, language="es", model="m")
    assert [(one.channel, one.text) for one in document.passages] == [
        (0, "¿Aló?"),
        (0, "¿Quién habla?"),
        (1, "Soy yo."),
        (0, "Ya."),
    ]
    assert (document.name, document.duration_s, document.language, document.model) == ("call.wav", 10, "es", "m")


def test_overlaps_are_stitched_after_what_nobody_said_is_gone():
    """A window that is taken out leaves the words of the overlap to its neighbor."""
    words = ["uno", "dos", "tres", "cuatro", "cinco", "seis", "siete", "ocho", "nueve", "diez"]
    all_of = said(" ".join(words))
    first = Segment(0, 2.3, text_of(all_of.words[:6]), all_of.words[:6], logprob=-2.0)
    second = Segment(1.2, 4, text_of(all_of.words[3:]), all_of.words[3:])
    document = document_of("a.wav", 4, {None: [first, second]})
    assert document.text == " ".join(words[3:])
    assert [(one.reason, one.text) for one in document.removed] == [("unlikely", " ".join(words[:6]))]
    assert document_of("a.wav", 4, {None: [first, second]}, filtered=False).text == " ".join(words)


def test_the_language_is_that_of_most_of_the_text():
    windows = [said("see you", language="en"), said("mañana nos vamos al cine", 5, language="es")]
    assert document_of("a.wav", 9, {None: windows}).language == "es"
    assert document_of("a.wav", 9, {None: windows}, language="pt").language == "pt"


def test_silence_is_an_empty_document():
    document = document_of("a.wav", 600, {None: []}, voices={None: voice()})
    assert (document.passages, document.text, document.removed) == ((), "", ())
    heard = document_of("a.wav", 600, {None: [said("Thank you.", 3)]}, voices={None: voice()})
    assert (heard.text, [one.reason for one in heard.removed]) == ("", ["silence"])


def test_speakers_divide_passages_and_no_word_is_lost():
    document = document_of("a.wav", 9, {None: [said("sí claro que no y tú")]})
    turns = (Turn(0, 1.1, "ana"), Turn(1.1, 3, "eva"))

    def attribute(words):
        return [replace(word, speaker="ana" if word.end < 1.3 else "eva") for word in words]

    spoken = with_speakers(document, attribute, turns)
    assert [(one.speaker, one.text) for one in spoken.passages] == [("ana", "sí claro que"), ("eva", "no y tú")]
    assert spoken.turns == turns
    assert [word.text for word in spoken.words] == [word.text for word in document.words]


def test_a_passage_without_times_of_words_has_one_speaker():
    document = document_of("a.wav", 9, {None: [Segment(0, 4, "Ya po."), Segment(5, 9, "Sí.")]})
    asked = []

    def attribute(words):
        asked.extend(words)
        return [replace(word, speaker=f"S{number}") for number, word in enumerate(words)]

    spoken = with_speakers(document, attribute)
    assert [(one.text, one.start, one.end) for one in asked] == [("Ya po.", 0, 4), ("Sí.", 5, 9)]
    assert [(one.speaker, one.text, one.words) for one in spoken.passages] == [("S0", "Ya po.", ()), ("S1", "Sí.", ())]


def test_a_merge_that_loses_a_word_is_refused():
    document = document_of("a.wav", 9, {None: [said("sí claro")]})
    with pytest.raises(ValueError, match="Of 2 words 1 came back"):
        with_speakers(document, lambda words: words[:1])
