"""Captions of any document: each word once and in order, lines that fit, times that do not overlap or flash."""

import math
import re
from dataclasses import replace
from itertools import count, pairwise

import pytest
from documents import document, documents, spoken
from hypothesis import given, settings
from hypothesis import strategies as st

from acento.captions.cue import Cue
from acento.captions.cues import cues
from acento.captions.style import CaptionStyle
from acento.core.text.width import touches, width
from acento.data.document import Document, Passage
from acento.data.words import Word

STYLES = st.builds(
    CaptionStyle,
    line_length=st.sampled_from((None, 12, 42)),
    lines=st.integers(1, 3),
    reading_speed=st.sampled_from((None, 8.0, 20.0)),
    gap_frames=st.sampled_from((0, 2)),
    speakers=st.sampled_from(("none", "tag", "color")),
)
WORDS = 'One two three, four five; six seven and eight. "Nine" ten eleven.'


def texts(found: list[Cue]) -> list[list[str]]:
    return [[line.text for line in cue.lines] for cue in found]


def numbered(one: Document) -> tuple[Document, list[list[str]]]:
    """Return a document whose words are all different, and these by passages."""
    numbers = count()
    passages, tokens = [], []
    for passage in one.passages:
        new = [f"{number}w" for number, _ in zip(numbers, passage.text.split(), strict=False)]
        words = tuple(replace(word, text=text) for word, text in zip(passage.words, new, strict=False))
        passages.append(replace(passage, text=" ".join(new), words=words))
        tokens.append(new)
    return replace(one, passages=tuple(passages)), tokens


@settings(max_examples=150, deadline=None)
@given(documents(), STYLES)
def test_every_word_is_there_once_and_those_of_a_passage_are_in_order(one: Document, style: CaptionStyle) -> None:
    changed, tokens = numbered(one)
    heard = re.findall(r"\d+w", " ".join(cue.text for cue in cues(changed, style)))
    assert sorted(heard) == sorted(token for passage in tokens for token in passage)
    place = {token: index for index, token in enumerate(heard)}
    assert all(place[before] < place[after] for passage in tokens for before, after in pairwise(passage))


@settings(max_examples=100, deadline=None)
@given(documents(overlap=False), STYLES)
def test_where_nobody_speaks_into_another_the_whole_text_is_in_order(one: Document, style: CaptionStyle) -> None:
    said = "".join(passage.text for passage in one.passages)
    shown = "".join(
        line.text.removeprefix("- ") if len(cue.speakers) > 1 else line.text
        for cue in cues(one, style)
        for line in cue.lines
    )
    assert "".join(shown.split()) == "".join(said.split())


@settings(max_examples=150, deadline=None)
@given(documents(), STYLES)
def test_cues_neither_overlap_nor_flash_nor_stay(one: Document, style: CaptionStyle) -> None:
    found = cues(one, style)
    for cue in found:
        assert style.min_s - 0.002 <= cue.end - cue.start <= style.max_s + 0.002
    for before, after in pairwise(found):
        assert after.start - before.end >= style.gap_s - 0.002


@settings(max_examples=150, deadline=None)
@given(documents(), STYLES)
def test_lines_fit_and_have_one_speaker_each(one: Document, style: CaptionStyle) -> None:
    length = style.in_language("es").line_length
    for cue in cues(one, style):
        assert 1 <= len(cue.lines) <= style.lines
        for line in cue.lines:
            alone = " " not in line.text.removeprefix("- ") and not touches(line.text[:2], line.text[2:])
            assert width(line.text) <= length or alone
        if len(cue.speakers) > 1:
            begins = [line for n, line in enumerate(cue.lines) if not n or cue.lines[n - 1].speaker != line.speaker]
            assert all(line.text.startswith("- ") for line in begins)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.floats(),
            st.floats(),
            st.text(max_size=30),
            st.lists(st.tuples(st.text(max_size=5), st.floats(), st.floats()), max_size=5),
        ),
        max_size=5,
    ),
    st.floats(),
)
def test_nonsense_still_makes_captions(
    rows: list[tuple[float, float, str, list[tuple[str, float, float]]]], length: float
) -> None:
    passages = [Passage(start, end, text, tuple(Word(*word) for word in words)) for start, end, text, words in rows]
    found = cues(Document("x", length, tuple(passages)))
    assert all(0 <= cue.start < cue.end < math.inf for cue in found)
    assert all(before.end <= after.start for before, after in pairwise(found))
    assert not re.search(r"[\x00-\x08\ud800-\udfff\n]", "".join(line.text for cue in found for line in cue.lines))


def test_lines_break_at_clauses_and_cues_at_sentences() -> None:
    one = document(
        spoken("I think that the weather is fine, but tomorrow it will rain in Valdivia. Nobody knows when it stops."),
        language="en",
    )
    assert texts(cues(one)) == [
        ["I think that the weather is fine,", "but tomorrow it will rain in Valdivia."],
        ["Nobody knows when it stops."],
    ]


def test_an_article_stays_with_its_noun() -> None:
    one = document(spoken("Yesterday evening we went down to the harbor with all of them"), language="en")
    (lines,) = texts(cues(one))
    assert lines == ["Yesterday evening we went down", "to the harbor with all of them"]


def test_a_short_word_of_another_speaker_shares_the_cue() -> None:
    one = document(spoken("¿Vienes mañana?", speaker="Ana"), spoken("Sí.", start=1.35, speaker="Ben"))
    (cue,) = cues(one)
    assert [(line.text, line.speaker) for line in cue.lines] == [("- ¿Vienes mañana?", "Ana"), ("- Sí.", "Ben")]


def test_two_who_speak_at_once_share_a_cue() -> None:
    one = document(spoken("uno dos tres cuatro", speaker="Ana"), spoken("ya ya ya", start=1.0, speaker="Ben"))
    assert texts(cues(one)) == [["- uno dos tres cuatro", "- ya ya ya"]]


def test_speech_into_a_long_sentence_is_shown_near_its_time() -> None:
    long = "So the first thing that they told us when we came was that it rains all day. Nobody there believed it."
    one = document(
        spoken(long, speaker="Ana"), spoken("Right, right, exactly as I said.", start=4.0, speaker="Ben"), language="en"
    )
    (cue,) = [cue for cue in cues(one) if "Ben" in cue.speakers]
    assert abs(cue.start - 4.0) < 1.5


def test_a_cue_is_shown_as_long_as_it_is_read_where_there_is_time() -> None:
    text = "Todo esto lo dijo muy, muy rápido."
    one = replace(document(spoken(text, each=0.1)), duration_s=30.0)
    (cue,) = cues(one, CaptionStyle(reading_speed=10))
    assert cue.end - cue.start == pytest.approx(len(text) / 10)
    (slower,) = cues(one, CaptionStyle(reading_speed=5))
    assert slower.end - slower.start == pytest.approx(len(text) / 5)


def test_a_last_word_is_not_shown_after_the_end_but_for_the_shortest_time() -> None:
    (cue,) = cues(document(spoken("Sí.", start=2.0, each=0.2)))
    assert (cue.start, cue.end) == (2.0, 2.833)


def test_a_pause_ends_a_cue() -> None:
    assert len(cues(document(spoken("uno dos"), spoken("tres cuatro", start=8.0)))) == 2


def test_chinese_lines_are_of_sixteen_characters_and_begin_with_no_comma() -> None:
    passage = Passage(0.0, 9.0, "你好世界，今天我们讨论天气和别的事情，大家都很高兴，因为明天不下雨了。")
    lines = [line for cue in texts(cues(document(passage, language="zh"))) for line in cue]
    assert "".join(lines) == passage.text
    assert all(width(line) <= 32 for line in lines)
    assert not any(line[0] in "，。" for line in lines)


def test_joined_latin_words_are_never_broken() -> None:
    words = [Word("una", 0, 1), *(Word("-palabra", n, n + 1, joined=True) for n in range(1, 9))]
    (cue,) = cues(document(Passage(0, 9, "", tuple(words))), CaptionStyle(line_length=20, max_s=10))
    assert [line.text for line in cue.lines] == ["una" + "-palabra" * 8]


@pytest.mark.parametrize(
    ("label", "lines"),
    [
        ("none", [["Hola, ¿qué tal?"], ["Bien."]]),
        ("prefix", [["Ana: Hola, ¿qué tal?"], ["Ben: Bien."]]),
        ("bracket", [["[Ana] Hola, ¿qué tal?"], ["[Ben] Bien."]]),
    ],
)
def test_speakers_are_named_where_they_change(label: str, lines: list[list[str]]) -> None:
    one = document(spoken("Hola, ¿qué tal?", speaker="Ana"), spoken("Bien.", start=4.0, speaker="Ben"))
    assert texts(cues(one, CaptionStyle(speakers=label))) == lines  # type: ignore[arg-type]


def test_times_that_go_back_are_shared_out_again() -> None:
    words = (Word("uno", 3.0, 3.5), Word("dos", 1.0, 0.5), Word("tres", math.nan, 9.0))
    (cue,) = cues(document(Passage(2.0, 4.0, "uno dos tres", words)))
    assert (cue.start, cue.text) == (2.0, "uno dos tres")


@pytest.mark.parametrize("passage", [Passage(1.0, 1.0, "un dos tres"), Passage(3.0, 1.0, "un dos tres")])
def test_a_passage_without_length_is_shown_long_enough(passage: Passage) -> None:
    (cue,) = cues(document(passage))
    assert (cue.text, round(cue.end - cue.start, 3)) == ("un dos tres", 0.833)


def test_a_very_long_word_is_whole() -> None:
    (cue,) = cues(document(spoken("a" * 200)))
    assert cue.text == "a" * 200


def test_an_empty_document_has_no_cue() -> None:
    assert cues(document()) == []
    assert cues(document(Passage(0, 1, " \0 "))) == []


def test_fifteen_speakers_each_have_their_lines() -> None:
    one = document(*(spoken("uno dos tres", start=3.0 * n, speaker=f"s{n}") for n in range(15)))
    assert [cue.speakers for cue in cues(one)] == [[f"s{n}"] for n in range(15)]


def test_a_passage_that_is_given_as_one_word_is_cut_as_if_it_had_none() -> None:
    text = "Esto lo dice alguien sin tiempos de palabras, y por eso es una sola palabra muy larga con espacios."
    whole = document(Passage(0.0, 8.0, text))
    assert cues(document(Passage(0.0, 8.0, text, (Word(text, 0.0, 8.0),)))) == cues(whole)
    assert len(cues(whole)) == 2
