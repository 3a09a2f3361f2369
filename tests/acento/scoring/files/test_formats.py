"""Each format is read back as it was written, in every encoding that it may have, and recognized by its content."""

import json
import string
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from written_texts import written

from acento.core.errors import InputError
from acento.scoring.files import FORMATS, read_transcripts
from acento.scoring.files.transcript import Columns

SAID = {"ana-01": "hola po", "ana-02": "el perro come pan", "beto-01": "¿cachái?", "beto-02": "sí"}
_WORDS = st.text(st.characters(categories=("L", "N", "P", "S"), exclude_characters="\ufeff"), min_size=1, max_size=6)
# "NaN" is what pandas writes where there is none
_TEXTS = st.lists(_WORDS, min_size=1, max_size=5).map(" ".join).filter(lambda text: text != "NaN")
_IDS = st.text(string.ascii_letters + string.digits + "_-./", min_size=1, max_size=8)
_BY_TIME = ("stm", "ctm", "rttm", "seglst")


def texts(path: Path, format: str | None = None) -> dict[str, str | None]:
    return {row.id: row.text for row in read_transcripts(path, format).rows}


@pytest.mark.parametrize("format", [name for name in FORMATS if name not in _BY_TIME])
@settings(max_examples=40)
@given(said=st.dictionaries(_IDS, _TEXTS, min_size=1, max_size=5))
def test_what_was_written_is_read_back(format: str, said: dict[str, str]) -> None:
    with TemporaryDirectory() as folder:
        assert texts(written(Path(folder), "said", format, said), format) == said


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("ending", ["", ".txt"])
def test_a_format_is_known_by_its_content(tmp_path: Path, format: str, ending: str) -> None:
    path = written(tmp_path, "said", format, SAID)
    found = read_transcripts(path.rename(path.with_suffix(ending)))
    assert found.format == format
    assert [row.text for row in found.rows] == ([None] * len(SAID) if format == "rttm" else [*SAID.values()])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("format", ["jsonl", "csv", "kaldi", "trn"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_encoding_with_a_mark_and_every_line_end_is_read(
    tmp_path: Path, encoding: str, format: str, end: str
) -> None:
    path = written(tmp_path, "said", format, SAID)
    path.write_bytes(path.read_text(encoding="utf-8").replace("\n", end).encode(encoding))
    assert texts(path, format) == SAID


@pytest.mark.parametrize("character", ["\u2028", "\x0b", "\x85", "\u3000"])
def test_only_line_feeds_end_a_line(tmp_path: Path, character: str) -> None:
    path = tmp_path / "said.csv"
    path.write_text(f'id,text\na,"x{character}y"\nb,"two\nlines, quoted ""so"""\n', encoding="utf-8")
    assert texts(path) == {"a": f"x{character}y", "b": 'two\nlines, quoted "so"'}


def test_a_manifest_has_more_than_texts(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    path.write_text(
        '{"audio_filepath": "a.wav", "duration": 1.5, "time": 0.1, "text": "sí", "pred_text": "", "lang": "es", '
        '"speaker": "ana"}\n\n{"audio_filepath": "b.wav", "duration": NaN, "text": null, "pred_text": NaN}\n',
        encoding="utf-8",
    )
    first, second = read_transcripts(path).rows
    assert (first.id, first.text, first.prediction, first.duration_s, first.time_s) == ("a.wav", "sí", "", 1.5, 0.1)
    assert (first.language, first.speaker) == ("es", "ana")
    assert (second.text, second.prediction, second.duration_s, second.has_prediction) == (None, None, None, True)


def test_pieces_of_a_session_become_one_row_in_their_order(tmp_path: Path) -> None:
    path = tmp_path / "chunks.jsonl"
    rows = [
        {"audio_filepath": f"s-{index}", "parent_id": "s", "chunk_index": index, "text": "uno dos", "time": 0.5}
        | {"duration": 2.0, "pred_text": text}
        for index, text in ((1, " dos"), (0, "uno "), (2, None))
    ]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    (row,) = read_transcripts(path).rows
    assert (row.id, row.text, row.prediction, row.duration_s, row.time_s) == ("s", "uno dos", "uno dos", 6.0, 1.5)


def test_columns_can_be_named(tmp_path: Path) -> None:
    path = tmp_path / "odd.tsv"
    path.write_text("número\tdicho\toído\na\tsí\tno\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"no column that is known to hold ids \(it has número, dicho, oído\)"):
        read_transcripts(path)
    (row,) = read_transcripts(path, columns=Columns("número", "dicho", "oído")).rows
    assert (row.id, row.text, row.prediction) == ("a", "sí", "no")
    with pytest.raises(InputError, match="has no column 'nada'; it has número"):
        read_transcripts(path, columns=Columns("nada"))


@pytest.mark.parametrize(
    ("name", "data", "what"),
    [
        ("a.jsonl", b'{"id": "a", "text": "x"}\n{"id": "b", "text": \n', r"a.jsonl, line 2: this is no JSON"),
        ("a.jsonl", b'["a"]\n', r"line 1: there must be an object"),
        ("a.jsonl", b'{"id": "a", "text": 5}\n', r"line 1: 'text' must be text; it is 5"),
        ("a.jsonl", b'{"text": "x"}\n', r"no column that is known to hold ids \(it has text\)"),
        ("a.jsonl", b'{"id": "a", "text": "x"}\n{"text": "y"}\n', r"line 2: there is no id under 'id'"),
        ("a.jsonl", b'{"id": "a", "text": "x", "duration": "long"}\n', r"line 1: 'duration' must be a number of sec"),
        ("a.jsonl", b'{"id": "a", "text": "x", "duration": -1}\n', r"line 1: 'duration' must be a number of seconds"),
        ("a.jsonl", b"[" * 100_000, r"this is no"),
        ("a.csv", b"id,text\na,x\nb,x,y\n", r"line 3: there are 3 cells under 2 column names"),
        ("a.csv", b'id,text\na,"x\n\ny"\nb\n', r"line 5: there are 1 cells under 2 column names"),
        ("a.trn", b"hola\n", r"line 1: there is no id in parentheses at its end"),
        ("a.stm", b"rec 1 ana 0.0\n", r"line 1: an STM line is"),
        ("a.stm", b"rec 1 ana 2.0 1.0 hola\n", r"line 1: the segment ends at 1.0, before it begins at 2.0"),
        ("a.ctm", b"rec 1 soon 1.0 hola\n", r"line 1: 'soon' is no time in seconds"),
        ("a.ctm", b"rec 1 nan 1.0 hola\n", r"line 1: 'nan' is no time in seconds"),
        ("a.ctm", b"rec 1 * * <ALT_BEGIN>\n", r"line 1: <ALT_BEGIN> is not read"),
        ("a.txt", "a sí\nb sí\n".encode("latin-1"), r"line 1: byte 0xed is not UTF-8; save the whole file as UTF-8"),
        ("a.txt", "a sí\n".encode() + "b sí\n".encode("latin-1"), r"a.txt, line 2: byte 0xed is not UTF-8"),
        ("a.txt", "\ufeffa sí\n".encode("utf-16-le")[:-1], r"not UTF-16-LE"),
        ("a.txt", b"a x\nb \x00\x01\n", r"line 2: there is a zero byte; this is no text file"),
        ("a.txt", b"\n \n", r"has no utterance"),
        ("a.csv", b"", r"no column that is known to hold ids \(it has none\)"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, name: str, data: bytes, what: str) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(InputError, match=what):
        read_transcripts(path)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder"):
        read_transcripts(tmp_path)
    with pytest.raises(InputError, match="cannot be read"):
        read_transcripts(tmp_path / "nothing.csv")
