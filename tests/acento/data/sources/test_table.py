"""A CSV or TSV table with a header: each row an utterance or a rejection."""

import pytest
from recordings import put

from acento.core.errors import DataError
from acento.core.store import LocalStore
from acento.data.sources import Rejection, RejectReason, SourceItem, SourceOptions, open_source
from acento.data.staging import stage


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "wavs").mkdir()
    for name in ("a", "b", "c"):
        (tmp_path / f"wavs/{name}.wav").write_bytes(b"audio")
    return tmp_path


def read(folder, table, name="list.csv", **options):
    path = folder / name
    path.write_bytes(table if isinstance(table, bytes) else table.encode())
    return list(open_source(str(path), SourceOptions(**options)).items())


def texts(entries):
    return {entry.id: entry.text for entry in entries if isinstance(entry, SourceItem)}


def reasons(entries):
    return {(entry.id, entry.reason) for entry in entries if isinstance(entry, Rejection)}


def test_a_row_is_an_utterance_named_by_its_path(folder):
    (item,) = read(folder, "path,sentence\nwavs/a.wav,Hola.\n")
    assert item == SourceItem("wavs/a", folder / "wavs/a.wav", "Hola.", "wavs/a.wav")


@pytest.mark.parametrize(
    "header",
    ["audio,text", "file_name,transcription", "audio_filepath,transcript", "Path , Sentence", "file,raw_text"],
)
def test_the_usual_names_of_columns_are_known(folder, header):
    assert texts(read(folder, f"{header}\nwavs/a.wav,Hola.\n")) == {"wavs/a": "Hola."}


def test_unusual_columns_are_named_by_options(folder):
    table = "path,was_liegt,gesagt,text\nx,wavs/a.wav,Hallo.,y\n"
    assert texts(read(folder, table, audio_column="was_liegt", text_column="Gesagt")) == {"wavs/a": "Hallo."}


@pytest.mark.parametrize(
    ("table", "options", "says"),
    [
        ("name,text\n", {}, r"no column for the recordings' paths .*: its columns are name, text; name one by audio_c"),
        ("path,words\n", {}, r"no column for the texts .*: its columns are path, words; name one by text_column"),
        ("path,text\n", {"text_column": "palabras"}, r"no column 'palabras': its columns are path, text\."),
        ("path,text\n", {"source_split": "test"}, r"no column for the split, of which 'test' was asked for"),
        ("", {}, "is empty"),
        ("\n\n", {}, "is empty"),
        ("path,señal\n".encode("latin-1"), {}, "is not UTF-8"),
    ],
)
def test_a_table_without_a_usable_header_is_one_sentence(folder, table, options, says):
    with pytest.raises(DataError, match=says):
        read(folder, table, **options)


def test_facts_are_taken_where_they_are_given(folder):
    header = "path,text,uid,split,client_id,accents,locale"
    (item,) = read(folder, f"{header}\nwavs/a.wav,Hola.,A1,validation,Anna,Chile,es\n")
    facts = (item.id, item.split, item.speaker, item.accent, item.language)
    assert facts == ("A1", "dev", "Anna", "Chile", "es")


def test_one_split_of_it_is_taken_when_asked_for(folder):
    table = "path,text,split\nwavs/a.wav,Hola.,train\nwavs/b.wav,Chao.,Test\n"
    assert texts(read(folder, table, source_split="test")) == {"wavs/b": "Chao."}


@pytest.mark.parametrize(("name", "mark"), [("x.csv", ","), ("x.tsv", "\t"), ("x.csv", ";"), ("x.csv", "\t")])
def test_what_separates_columns_is_found_out(folder, name, mark):
    table = f"path{mark}text{mark}speaker\nwavs/a.wav{mark}Hola{mark}Anna\n"
    assert texts(read(folder, table, name)) == {"wavs/a": "Hola"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_no_text(folder, encoding):
    table = "path,text\r\nwavs/a.wav,¿Cómo?\r\n".encode(encoding)
    assert texts(read(folder, table)) == {"wavs/a": "¿Cómo?"}


def test_quotes_and_newlines_inside_of_values_are_part_of_them(folder):
    table = 'path,text\nwavs/a.wav,"Dijo ""hola"",\ny se fue"\nwavs/b.wav,Chao "tú"\n'
    assert texts(read(folder, table)) == {"wavs/a": 'Dijo "hola",\ny se fue', "wavs/b": 'Chao "tú"'}
    table = 'path\ttext\nwavs/a.wav\t"Dijo ""hola"",\ny se fue"\nwavs/b.wav\tChao\n'
    assert texts(read(folder, table, "x.tsv")) == {"wavs/a": 'Dijo "hola",\ny se fue', "wavs/b": "Chao"}


def test_a_quote_that_is_never_closed_swallows_no_rows_of_a_table_with_tabs(folder):
    table = 'path\ttext\nwavs/a.wav\t"Hola\nwavs/b.wav\tdijo" él\nwavs/c.wav\t"Sí"\n'
    found = texts(read(folder, table, "x.tsv"))
    assert found == {"wavs/a": '"Hola', "wavs/b": 'dijo" él', "wavs/c": '"Sí"'}


def test_rows_that_cannot_be_used_are_rejected_one_by_one(folder):
    table = (
        b"path,text,split\nwavs/a.wav,Hola.,\nwavs/b.wav,Hola, po.,train\nwavs/x.wav,Hola.,\n,Hola.,\nwavs/b.wav,,\n"
        b"wavs/c.wav,se\xf1or,\nwavs/c.wav,Hola.,someday\n\n,,\nwavs/b.wav\n"
    )
    entries = read(folder, table)
    assert texts(entries) == {"wavs/a": "Hola."}
    assert [(entry.id, entry.reason) for entry in entries[1:]] == [
        ("list.csv:3", RejectReason.BAD_ROW),
        ("wavs/x", RejectReason.NO_AUDIO),
        ("list.csv:5", RejectReason.BAD_ROW),
        ("wavs/b", RejectReason.NO_TRANSCRIPT),
        ("list.csv:7", RejectReason.BAD_ROW),
        ("wavs/c", RejectReason.BAD_ROW),
        ("wavs/b", RejectReason.NO_TRANSCRIPT),
    ]
    assert "4 values for 3 columns" in entries[1].detail
    assert "not UTF-8" in entries[5].detail


def test_a_value_that_is_far_too_long_costs_one_row(folder):
    entries = read(folder, f"path,text\nwavs/a.wav,{'x' * 200_000}\nwavs/b.wav,Hola.\n")
    assert texts(entries) == {"wavs/b": "Hola."}
    assert reasons(entries) == {("list.csv:2", RejectReason.BAD_ROW)}


def test_all_bad_rows_and_no_rows_are_one_sentence_of_staging(folder):
    path = folder / "list.csv"
    for table, says in [
        ("path,text\nx.wav,Hola.\n,y\n", "1 × no_audio.*1 × bad_row"),
        ("path,text\n", "no recordings"),
    ]:
        path.write_text(table)
        with pytest.raises(DataError, match=says):
            stage(LocalStore(folder / "store"), str(path), "x", workers=0)


def test_names_with_spaces_quotes_newlines_and_other_scripts_are_names(folder):
    names = ["a b", 'it\'s "x"', "line\nbreak", "ñandú 你好", "a.b.c"]
    for name in names:
        (folder / f"{name}.wav").write_bytes(b"audio")
    rows = "".join('"{}.wav",Hola.\n'.format(name.replace('"', '""')) for name in names)
    assert sorted(texts(read(folder, f"path,text\n{rows}"))) == sorted(names)


def test_ids_that_repeat_and_files_that_are_damaged_are_rejected_when_staged(tmp_path):
    for n in range(3):
        put(tmp_path, f"clip{n}", n, text=None)
    (tmp_path / "bad.wav").write_bytes(b"x")
    rows = ["A,clip0.wav,uno", "A,clip1.wav,dos", "B,clip2.wav,tres", "C,bad.wav,cuatro"]
    (tmp_path / "list.csv").write_text("\n".join(["id,path,text", *rows]))
    result = stage(LocalStore(tmp_path / "store"), str(tmp_path / "list.csv"), "x", workers=0)
    assert (result.found, result.staged_now) == (4, 2)
    assert result.rejected == {"duplicate_id": 1, "unreadable": 1}


def test_a_row_that_is_mended_is_no_longer_rejected(tmp_path):
    put(tmp_path, "a", 1, text=None)
    put(tmp_path, "b", 2, text=None)
    path, store = tmp_path / "list.csv", LocalStore(tmp_path / "store")
    path.write_text("path,text\na.wav,Hola.\nb.wav,Chao, po.\n")
    assert stage(store, str(path), "x", workers=0).card.rejected == 1
    path.write_text('path,text\na.wav,Hola.\nb.wav,"Chao, po."\n')
    assert stage(store, str(path), "x", workers=0).card.rejected == 0


def test_a_recording_that_changes_while_it_is_staged_is_rejected(tmp_path, monkeypatch):
    put(tmp_path, "a", 1, text=None)
    changing = put(tmp_path, "b", 2, text=None)
    (tmp_path / "list.csv").write_text("path,text\na.wav,Hola.\nb.wav,Chao.\n")
    from acento.data.staging import chunk as staging_chunk

    def decode(path, **options):
        if path == changing:
            put(tmp_path, "b", 3, text=None, seconds=0.4)
        return real(path, **options)

    real = staging_chunk.decode
    monkeypatch.setattr(staging_chunk, "decode", decode)
    result = stage(LocalStore(tmp_path / "store"), str(tmp_path / "list.csv"), "x", workers=0)
    assert result.rejected == {"changed": 1}
    assert result.staged_now == 1


@pytest.mark.parametrize(
    "table",
    [
        'path\ttext\na.wav\t"uno"\nb.wav\t"dos\nc.wav\t"tres"\nd.wav\t"cuatro"\n',
        '"path"\t"text"\n"a.wav"\t"uno"\n"b.wav"\t"dos\n"c.wav"\t"tres"\n"d.wav"\t"cuatro"\n',
        'path\ttext\na.wav\tuno\nb.wav\t"dos\nc.wav\t"tres"\nd.wav\t"dijo ""cuatro"""\n',
    ],
)
def test_one_bad_quote_in_a_quoted_table_with_tabs_costs_its_row_only(tmp_path, table):
    for name in "abcd":
        (tmp_path / f"{name}.wav").write_bytes(b"audio")
    entries = read(tmp_path, table, name="list.tsv")
    said = [entry.text for entry in entries if not isinstance(entry, Rejection)]
    assert [text.replace("dijo ", "").strip('"') for text in said] == ["uno", "tres", "cuatro"]
    assert not any(text.startswith('"') for text in said)
    assert [entry.detail for entry in entries if isinstance(entry, Rejection)] == [
        "Row 3 cannot be read: a quote ends inside of a value, or is not closed."
    ]


def test_quotes_of_sentences_in_a_table_with_tabs_are_part_of_them(tmp_path):
    for name in "abc":
        (tmp_path / f"{name}.wav").write_bytes(b"audio")
    table = 'path\ttext\na.wav\t"Hola", dijo.\nb.wav\t"Adiós"\nc.wav\ttres\n'
    assert texts(read(tmp_path, table, name="list.tsv")) == {"a": '"Hola", dijo.', "b": '"Adiós"', "c": "tres"}
