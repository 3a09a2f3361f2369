"""A folder of recordings with transcripts beside them or in CSV files."""

import sys

import pytest

from acento.core.errors import DataError
from acento.data.sources import Rejection, RejectReason, SourceItem, open_source


@pytest.fixture
def folder(tmp_path):
    return tmp_path


def put(folder, **files):
    """Write files; ``a_wav="x"`` is ``a.wav``."""
    for name, content in files.items():
        stem, _, suffix = name.rpartition("_")
        data = content if isinstance(content, bytes) else content.encode()
        (folder / f"{stem}.{suffix}").write_bytes(data)


def read(folder):
    entries = list(open_source(str(folder)).items())
    items = {entry.id: entry for entry in entries if isinstance(entry, SourceItem)}
    rejected = {(entry.id, entry.reason) for entry in entries if isinstance(entry, Rejection)}
    assert len(items) + len(rejected) == len(entries)
    return items, rejected


def test_a_recording_and_its_txt_are_an_utterance(folder):
    put(folder, a_wav="audio", a_txt="Hola.\n", b_MP3="audio", b_TXT="Chao.")
    items, rejected = read(folder)
    assert {uid: item.text for uid, item in items.items()} == {"a": "Hola.", "b": "Chao."}
    assert items["a"].path == folder / "a.wav"
    assert items["a"].origin == "a.wav"
    assert items["a"].split is None
    assert not rejected


def test_origins_are_not_interned_as_a_path_made_of_them_would_be(folder):
    put(folder, a_unlikely_wav="audio", a_unlikely_txt="Hola.")
    (item,) = read(folder)[0].values()
    assert sys.intern(item.origin.encode().decode()) is not item.origin


def test_a_byte_order_mark_is_no_text(folder):
    put(folder, a_wav="audio", a_txt="¿Cómo estás?".encode("utf-8-sig"))
    assert read(folder)[0]["a"].text == "¿Cómo estás?"


def test_a_text_that_is_not_utf_8_is_a_bad_row(folder):
    put(folder, a_wav="audio", a_txt="señor".encode("latin-1"))
    assert read(folder) == ({}, {("a", RejectReason.BAD_ROW)})


def test_a_recording_without_text_and_a_text_without_recording_are_rejected(folder):
    put(folder, a_wav="audio", b_txt="Hola.", c_wav="audio", c_txt=" \n")
    reasons = {("a", RejectReason.NO_TRANSCRIPT), ("b", RejectReason.NO_AUDIO), ("c", RejectReason.NO_TRANSCRIPT)}
    assert read(folder) == ({}, reasons)


def test_subfolders_belong_to_it_and_are_part_of_the_id(folder):
    (folder / "anna").mkdir()
    put(folder / "anna", x_wav="audio", x_txt="Hola.")
    put(folder, x_wav="audio", x_txt="Chao.")
    items, _ = read(folder)
    assert {item.id: item.origin for item in items.values()} == {"x": "x.wav", "anna/x": "anna/x.wav"}


def test_hidden_files_and_files_of_other_kinds_are_no_inputs(folder):
    put(folder, a_wav="audio", a_txt="Hola.", notes_pdf="x")
    (folder / "._a.wav").write_bytes(b"x")
    (folder / ".git").mkdir()
    put(folder / ".git", z_wav="audio")
    items, rejected = read(folder)
    assert set(items) == {"a"}
    assert not rejected


def test_csv_files_decide_splits_texts_and_facts(folder):
    put(folder, a_wav="audio", b_wav="audio", b_txt="from the file", c_wav="audio", c_txt="Sola.", d_wav="audio")
    put(folder, train_files_csv='uid,file_name,text,speaker,accent,language\nA,a.wav,"Hola, po.",Anna,chilean,es\n')
    put(folder, test_files_csv="\ufeffuid,file_name,text\r\nb,b.wav,\r\n")
    items, rejected = read(folder)
    a = items["A"]
    assert (a.text, a.split, a.speaker, a.accent, a.language) == ("Hola, po.", "train", "Anna", "chilean", "es")
    assert (items["b"].text, items["b"].split) == ("from the file", "test")
    assert (items["c"].text, items["c"].split) == ("Sola.", None), (
        "named in no CSV: its own text, its split by the rule"
    )
    assert rejected == {("d", RejectReason.NO_TRANSCRIPT)}


def test_csv_rows_that_cannot_be_used_are_rejected_one_by_one(folder):
    put(folder, a_wav="audio", e_wav="audio")
    put(
        folder,
        train_files_csv="uid,file_name,text\na,a.wav,Hola.\nb,b.wav,Hola.\nc,../c.wav,Hola.\n,a.wav,Hola.\nd,/d.wav,x\n"
        f"e,e.wav,\nf,{'f' * 300}.wav,x\ng\n",
    )
    items, rejected = read(folder)
    assert set(items) == {"a"}
    assert rejected == {
        ("b", RejectReason.NO_AUDIO),
        ("c", RejectReason.BAD_ROW),
        ("train_files.csv:5", RejectReason.BAD_ROW),
        ("d", RejectReason.BAD_ROW),
        ("e", RejectReason.NO_TRANSCRIPT),
        ("f", RejectReason.NO_AUDIO),
        ("g", RejectReason.BAD_ROW),
    }


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("name,text\n", "no column 'uid': .* first line should be uid,file_name,text"),
        (b"uid,file_name,se\xf1or\n", "UTF-8"),
    ],
)
def test_a_csv_that_cannot_be_read_as_a_whole_is_one_sentence(folder, content, says):
    put(folder, a_wav="audio", dev_files_csv=content)
    with pytest.raises(DataError, match=says):
        read(folder)


def test_names_with_spaces_quotes_newlines_and_other_scripts_are_names(folder):
    names = ["a b", 'it\'s "x"', "line\nbreak", "ñandú 你好", "a.b.c", "#t=1,2"]
    for name in names:
        (folder / f"{name}.wav").write_bytes(b"audio")
        (folder / f"{name}.txt").write_text("Hola.")
    items, rejected = read(folder)
    assert sorted(items) == sorted(names)
    assert not rejected


@pytest.mark.parametrize("where", ["", "nothing/here/at/all", "x" * 5000, "a\0b"])
def test_a_path_that_is_not_there_is_one_sentence_that_says_what_is_known(tmp_path, where):
    with pytest.raises(DataError, match=r"There is nothing at .*a folder.*NeMo manifest"):
        open_source(where or f"{tmp_path}/nothing")


def test_an_empty_folder_and_an_unknown_kind_are_one_sentence(tmp_path):
    with pytest.raises(DataError, match="holds no recordings"):
        open_source(str(tmp_path))
    put(tmp_path, data_xlsx="x")
    with pytest.raises(DataError, match="holds no recordings"):
        open_source(str(tmp_path))
    with pytest.raises(DataError, match="not a source that is known"):
        open_source(str(tmp_path / "data.xlsx"))
