"""Files of a document: what each holds, and how they come to be under their names."""

import csv
import io
import math
import os
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from documents import document, documents, spoken
from hypothesis import given, settings

from acento.captions.style import CaptionStyle
from acento.core.errors import InputError
from acento.data.document import Document, Passage
from acento.data.document_json import document_from_json, document_to_json
from acento.data.words import Turn, Word
from acento.transcription.writing.formats import FORMATS, check_format, write

TALK = document(
    spoken("Hola, ¿qué tal?", speaker="Ana"),
    spoken("Y bien.", start=3.0, speaker="Ana"),
    spoken("=SUM(A1)", start=5.0, speaker="@Ben"),
)
STYLE = CaptionStyle()


def content(one: Document, name: str, style: CaptionStyle = STYLE) -> str:
    found = FORMATS[name].content(one, style)
    assert isinstance(found, str)
    return found


def test_text_has_a_paragraph_a_speaker() -> None:
    assert content(TALK, "txt") == "Ana: Hola, ¿qué tal? Y bien.\n\n@Ben: =SUM(A1)\n"


def test_text_without_speakers_has_a_line_a_passage_and_times_if_asked_for() -> None:
    style = CaptionStyle(speakers="none", times=True)
    assert content(TALK, "txt", style).splitlines() == [
        *("[00:00:00.500] Hola, ¿qué tal?", "[00:00:03.000] Y bien.", "[00:00:05.000] =SUM(A1)"),
    ]


def test_no_cell_is_a_formula() -> None:
    text = content(TALK, "csv")
    assert text.startswith("\ufeffstart,end,")
    rows = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline="")))
    assert [row["text"] for row in rows] == ["Hola, ¿qué tal?", "Y bien.", "'=SUM(A1)"]
    assert [row["speaker"] for row in rows] == ["Ana", "Ana", "'@Ben"]
    assert (rows[0]["start"], rows[0]["end"]) == ("0.500", "1.700")


def test_a_word_document_has_a_title_speakers_in_bold_and_the_same_bytes_each_time() -> None:
    docx = pytest.importorskip("docx")
    data = FORMATS["docx"].content(TALK, STYLE)
    assert isinstance(data, bytes)
    assert FORMATS["docx"].content(TALK, STYLE) == data
    file = docx.Document(io.BytesIO(data))
    title, _, first, second = file.paragraphs
    assert (title.style.name, title.text) == ("Title", "talk.wav")
    assert [(run.text, bool(run.bold)) for run in first.runs] == [("Ana: ", True), ("Hola, ¿qué tal? Y bien.", False)]
    assert second.text == "@Ben: =SUM(A1)"
    assert zipfile.ZipFile(io.BytesIO(data)).testzip() is None


def test_arabic_paragraphs_of_a_word_document_go_to_the_left() -> None:
    docx = pytest.importorskip("docx")
    data = FORMATS["docx"].content(document(spoken("مرحبا بالعالم")), STYLE)
    assert b"w:bidi" in zipfile.ZipFile(io.BytesIO(data)).read("word/document.xml")  # type: ignore[arg-type]
    assert docx


def test_channels_and_names_with_spaces_are_as_scorers_read_them() -> None:
    one = replace(document(replace(spoken("hola"), channel=1, speaker="Ana María")), name="a/my talk.mp3")
    assert content(one, "stm") == "my_talk 2 Ana_María 0.500 0.900 hola\n"
    assert content(one, "ctm") == "my_talk 2 0.500 0.400 hola\n"
    assert content(one, "rttm") == "SPEAKER my_talk 1 0.500 0.400 <NA> <NA> Ana_María <NA> <NA>\n"


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(
    "one",
    [
        document(),
        document(Passage(1.0, 1.0, "")),
        document(Passage(2.0, 1.0, "hacia atrás")),
        document(Passage(0.0, 1.0, "nulo\0 \ud800 fin")),
        document(spoken("a" * 200)),
        replace(document(*(spoken("uno", start=2.0 * n, speaker=f"s{n}") for n in range(15))), name=""),
    ],
    ids=["nothing", "no text", "backwards", "no characters", "long word", "15 speakers"],
)
def test_every_format_takes_bad_documents(name: str, one: Document, tmp_path: Path) -> None:
    if FORMATS[name].extra:
        pytest.importorskip(FORMATS[name].extra or "")
    assert write(one, name, tmp_path / "out")
    if name not in ("json", "docx"):
        assert "\0" not in (tmp_path / "out").read_text(encoding="utf-8")


@settings(max_examples=30, deadline=None)
@given(documents())
def test_the_same_document_gives_the_same_bytes(one: Document) -> None:
    for name, kind in FORMATS.items():
        if name != "docx":
            assert kind.content(one, STYLE) == kind.content(document_from_json(document_to_json(one)), STYLE)


def test_the_same_bytes_are_left_and_a_corrected_file_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "sub" / "talk.srt"
    assert write(TALK, "srt", path)
    os.utime(path, (1, 1))
    assert not write(TALK, "srt", path)
    assert path.stat().st_mtime == 1
    path.write_text("corrected", encoding="utf-8")
    with pytest.raises(InputError, match=r"talk\.srt is there with another content"):
        write(TALK, "srt", path)
    assert path.read_text(encoding="utf-8") == "corrected"
    assert write(TALK, "srt", path, overwrite=True)
    assert [one.name for one in path.parent.iterdir()] == ["talk.srt"]


def test_what_cannot_be_written_is_a_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder.srt").mkdir()
    for path, says in ((tmp_path / "file" / "x.srt", "cannot be"), (tmp_path / "folder.srt", "is there already")):
        with pytest.raises(InputError, match=says):
            write(TALK, "srt", path, overwrite=True)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["file", "folder.srt"]


def test_a_format_that_there_is_none_of_is_refused() -> None:
    assert check_format(".SRT") is FORMATS["srt"]
    with pytest.raises(InputError, match="There is no format 'doc'; there is txt, srt,"):
        check_format("doc")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        *(
            ("[1", "it is no JSON"),
            ("[]", "it is no document"),
            ('{"format": "acento-document"}', "it has version None"),
        ),
        ('{"format": "acento-document", "version": 2}', "install a newer acento"),
        ('{"format": "acento-document", "version": 1}', "not whole"),
        ('{"format": "acento-document", "version": 1, "segments": [3]}', "not whole"),
        (
            '{"format": "acento-document", "version": 1, "name": "x", "duration_s": 1, "segments": [{"start": "a"}]}',
            r"segments\.0\.start",
        ),
        ('{"format": "acento-document", "version": 1, "segments": [], "duration_s": NaN}', "NaN is no number"),
        ('{"format": "acento-document", "version": 1, "segments": [], "duration_s": 1e999}', "1e999 is no number"),
        ("[" * 100_000, "nested too deep"),
    ],
)
def test_what_is_no_document_is_a_sentence(text: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        document_from_json(text)


@pytest.mark.parametrize("name", FORMATS)
def test_a_time_that_is_not_finite_is_a_sentence_in_every_format(name: str, tmp_path: Path) -> None:
    endless = Passage(0.0, math.inf, "hola")
    for one in (
        Document("a.wav", math.inf, ()),
        Document("a.wav", 1.0, (endless,)),
        Document("a.wav", 1.0, (Passage(0.0, 1.0, "hola", (Word("hola", math.nan, 1.0),)),)),
        Document("a.wav", 1.0, (), turns=(Turn(0.0, math.inf, "ana"),)),
    ):
        with pytest.raises(InputError, match=r"a\.wav.* (inf|nan) "):
            write(one, name, tmp_path / "out")
    assert not [*tmp_path.iterdir()]
