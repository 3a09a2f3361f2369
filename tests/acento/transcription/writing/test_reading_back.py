"""What is written is read by the readers of staging and of scoring with the same texts and times."""

from itertools import compress
from pathlib import Path

import pytest
from documents import document, documents, spoken
from hypothesis import given, settings
from hypothesis import strategies as st

from acento.captions.cues import DASH, cues
from acento.captions.style import CaptionStyle
from acento.captions.words import shown, words_of
from acento.core.text.width import joined
from acento.data.document import Document
from acento.data.document_json import document_from_json, document_to_json
from acento.data.rttm import read_rttm
from acento.data.sources.transcripts import nist
from acento.data.sources.transcripts.segments import TimedSegment, TranscriptFile
from acento.data.sources.transcripts.subtitles import read_subtitles, read_whisper_json
from acento.data.sources.transcripts.ttml import read_ttml
from acento.scoring.files.reading import TextFile
from acento.scoring.files.timed import read_ctm, read_stm
from acento.scoring.files.transcript import Columns
from acento.transcription.writing.formats import FORMATS
from tests.acento.data.sources.layouts import read, tree

STYLE = CaptionStyle()
TOKENS = st.sampled_from(
    (
        "hola",
        "mundo,",
        "sí.",
        "AT&T",
        "<unk>",
        "&amp;",
        "3<4",
        "a>b",
        "你好，",
        "世界",
        "한국어",
        "مرحبا",
        "שלום,",
        "e\u0301l",
    )
)
"""None that readers leave out: brackets, notes, dashes at the begin of a line."""
DOCUMENTS = documents(TOKENS)
SPOKEN = documents(st.sampled_from(("hola", "mundo,", "sí.", "AT&T", "한국어", "مرحبا", "e\u0301l")))


def written(one: Document, name: str, style: CaptionStyle = STYLE) -> str:
    content = FORMATS[name].content(one, style)
    assert isinstance(content, str)
    return content


def rows(found: TranscriptFile) -> list[tuple[float, float, str, str | None]]:
    assert all(isinstance(one, TimedSegment) for one in found.segments), found.segments
    return [(one.start_s, one.end_s, one.text, one.speaker) for one in found.segments if isinstance(one, TimedSegment)]


def captions(one: Document, style: CaptionStyle = STYLE) -> list[tuple[float, float, str, str | None]]:
    found = []
    for cue in cues(one, style):
        lines = [line.text.removeprefix(DASH) if len(cue.speakers) > 1 else line.text for line in cue.lines]
        found.append((cue.start, cue.end, joined(lines), cue.lines[0].speaker if len(cue.speakers) == 1 else None))
    return found


@pytest.mark.parametrize("name", ["vtt", "ttml"])
@settings(max_examples=60, deadline=None)
@given(one=DOCUMENTS)
def test_webvtt_and_ttml_with_their_speakers(one: Document, name: str) -> None:
    text = written(one, name)
    found = rows(read_subtitles(text) if name == "vtt" else read_ttml(text.encode()))
    assert [row[:3] for row in found] == [row[:3] for row in captions(one)]
    alone = [len(cue.speakers) == 1 for cue in cues(one, STYLE)]
    assert [row[3] for row in compress(found, alone)] == [row[3] for row in compress(captions(one), alone)]


@settings(max_examples=60, deadline=None)
@given(DOCUMENTS)
def test_subrip(one: Document) -> None:
    quiet = CaptionStyle(speakers="none")
    assert [row[:3] for row in rows(read_subtitles(written(one, "srt", quiet)))] == [
        row[:3] for row in captions(one, quiet)
    ]


def test_names_in_brackets_are_no_words() -> None:
    one = document(spoken("Hola.", speaker="Ana"), spoken("Bien.", start=4.0, speaker="Ben"))
    assert [row[2] for row in rows(read_subtitles(written(one, "srt")))] == ["Hola.", "Bien."]


@settings(max_examples=60, deadline=None)
@given(documents())
def test_json_is_the_whole_document(one: Document) -> None:
    assert document_from_json(document_to_json(one)) == one


@settings(max_examples=30, deadline=None)
@given(DOCUMENTS)
def test_json_is_read_as_whispers(one: Document) -> None:
    found = read_whisper_json(written(one, "json"))
    assert found.language == one.language
    whole = [passage for passage in one.passages if passage.start < passage.end]
    assert [
        (row[0], row[1], row[3])
        for row in rows(TranscriptFile([s for s in found.segments if isinstance(s, TimedSegment)]))
    ] == [(passage.start, passage.end, passage.speaker) for passage in whole]


@settings(max_examples=60, deadline=None)
@given(SPOKEN)
def test_ctm_has_every_word_at_its_time(one: Document) -> None:
    text = written(one, "ctm")
    expected = sorted(
        ((word.start, word.text) for _, found in words_of(one) for word in found), key=lambda word: word[0]
    )
    lines = [line.split() for line in text.splitlines()]
    assert [line[4] for line in lines] == [word for _, word in expected]
    assert [float(line[2]) for line in lines] == pytest.approx([start for start, _ in expected], abs=0.0006)
    scored = read_ctm(TextFile(Path("x.ctm"), text, ""), Columns())
    assert [word.text for word in scored.words] == [word for _, word in expected]
    staged = " ".join(row[2] for row in rows(nist.read_ctm(text)))
    assert sorted(staged.split()) == sorted(word for _, word in expected)


@settings(max_examples=60, deadline=None)
@given(SPOKEN)
def test_stm_has_every_passage_with_its_speaker(one: Document) -> None:
    text = written(one, "stm")
    expected = [(passage.start, shown(passage.text), passage.speaker) for passage in one.passages]
    names = {"_".join(name.split()) if name else None for _, _, name in expected}
    staged = rows(nist.read_stm(text))
    assert [row[2] for row in staged] == [words for _, words, _ in expected]
    assert [row[0] for row in staged] == pytest.approx([start for start, _, _ in expected], abs=0.0006)
    assert {row[3] for row in staged} == names if expected else not staged
    scored = read_stm(TextFile(Path("x.stm"), text, ""), Columns())
    assert [row.text for row in scored.rows] == [words for _, words, _ in expected]


@settings(max_examples=30, deadline=None)
@given(SPOKEN)
def test_rttm_has_every_turn(one: Document) -> None:
    found = read_rttm(written(one, "rttm")).get("talk", [])
    expected = one.turns or [passage for passage in one.passages if passage.speaker]
    assert sorted(turn.start for turn in found) == pytest.approx(sorted(turn.start for turn in expected), abs=0.0006)
    assert {turn.speaker for turn in found} == {"_".join((turn.speaker or "").split()) for turn in expected}


@pytest.mark.parametrize("name", ["srt", "vtt", "ttml", "json", "stm", "ctm"])
def test_a_file_beside_its_recording_is_staged(name: str, tmp_path: Path) -> None:
    one = document(spoken("Hola, ¿qué tal?", speaker="Ana"), spoken("Bien, gracias.", start=4.0, speaker="Ben"))
    folder = tree(tmp_path / "corrected", **{"talk.wav": None, f"talk{FORMATS[name].suffix}": written(one, name)})
    items, rejected = read(folder)
    assert [item.text for item in items.values()] == ["Hola, ¿qué tal?", "Bien, gracias."]
    assert [item.start_s for item in items.values()] == [0.5, 4.0]
    assert not rejected
    if name not in ("srt", "ctm"):
        assert [item.speaker for item in items.values()] == ["Ana", "Ben"]
