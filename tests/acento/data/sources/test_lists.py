"""Lists of every kind: damaged ones never give a clip another text; parts, channels, splits and languages are read."""

import csv
import io
import json
import os
import re
import unicodedata
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from recordings import noise, put

from acento.core.errors import DataError, InputError
from acento.core.store import LocalStore
from acento.data.dataset import read_clips, read_rejected
from acento.data.sources import Rejection, RejectReason, SourceItem, SourceOptions, open_source
from acento.data.staging import stage

NAMES = ["a", "b", "c", "d"]


@pytest.fixture
def folder(tmp_path):
    for name in NAMES:
        (tmp_path / f"{name}.wav").write_bytes(b"audio")
    return tmp_path


def read(path, **options):
    source = open_source(str(path), SourceOptions(**options))
    entries = list(source.items())
    items = {entry.id: entry for entry in entries if isinstance(entry, SourceItem)}
    return items, [entry for entry in entries if isinstance(entry, Rejection)], list(source.notes)


def staged(tmp_path, source, name="x", **options):
    store = LocalStore(tmp_path / "store")
    kinds = {key: options.pop(key) for key in tuple(options) if key in SourceOptions.model_fields}
    result = stage(store, str(source), name, workers=0, source_options=SourceOptions(**kinds), **options)
    return result, {row.utterance.id: row.utterance for row in read_clips(store, result.card)}


@pytest.mark.parametrize("list_name", ["list.csv", "train_files.csv", "metadata.csv"])
@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ('a,a.wav,"hola', "Row 2 .*quote is not closed"),
        ("a,a.wav,hola, buenos días", "Row 2 has 4 values for 3 columns"),
        ('a,a.wav,"hola" dijo', "Row 2 .*quote ends inside"),
        ("a,a.wav,ho\0la", "Row 2 holds a NUL"),
    ],
)
def test_a_damaged_row_costs_itself_only_in_every_reader(folder, list_name, bad, says):
    (folder / list_name).write_text(f"uid,file_name,text\n{bad}\nb,b.wav,dos\nc,c.wav,tres\n")
    items, rejected, _ = read(folder / list_name if list_name == "list.csv" else folder)
    assert {uid: item.text for uid, item in items.items()} == {"b": "dos", "c": "tres"}
    (row,) = [row for row in rejected if row.reason is RejectReason.BAD_ROW]
    assert re.search(says, row.detail)


def test_two_quotes_that_are_not_closed_do_not_make_one_row_of_two(folder):
    (folder / "list.csv").write_text('path,text\na.wav,"uno\nb.wav,dos"\nc.wav,tres\n')
    items, rejected, _ = read(folder / "list.csv")
    assert {uid: item.text for uid, item in items.items()} == {"b": 'dos"', "c": "tres"}
    assert "Row 2" in rejected[0].detail


def test_a_recording_of_a_refused_row_is_not_taken_with_another_text(folder):
    (folder / "test_files.csv").write_text('uid,file_name,text\na,a.wav,"hola\n')
    (folder / "a.txt").write_text("hola")
    items, rejected, _ = read(folder)
    assert not items
    assert [row.reason for row in rejected].count(RejectReason.BAD_ROW) == 1


@pytest.mark.parametrize(
    "table",
    [
        "path,start,end,text\na.wav,0.5,1.5,uno\na.wav,1.5,2.0,dos\n",
        "path,offset,duration,text\na.wav,0.5,1,uno\na.wav,1.5,0.5,dos\n",
        "path;start_time;end_time;text\na.wav;0,5;1,5;uno\na.wav;00:00:01.5;00:00:02;dos\n",
    ],
)
def test_columns_of_times_cut_stretches_and_name_them(folder, table):
    (folder / "list.csv").write_text(table)
    items, _, notes = read(folder / "list.csv")
    assert {uid: (item.text, item.start_s, item.length_s) for uid, item in items.items()} == {
        "a#t=0.5,1.5": ("uno", 0.5, 1.0),
        "a#t=1.5,2": ("dos", 1.5, 0.5),
    }
    assert not notes


@pytest.mark.parametrize("times", ["x,2", "2,1", "-1,2", "1,nan"])
def test_times_that_are_none_cost_their_row(folder, times):
    (folder / "list.csv").write_text(f"path,start,end,text\na.wav,{times},hola\nb.wav,0,1,dos\n")
    items, rejected, _ = read(folder / "list.csv")
    assert list(items) == ["b#t=0,1"]
    assert "Row 2 cannot be used" in rejected[0].detail


@pytest.mark.parametrize("key", ["channel", "channel_selector"])
def test_each_row_has_its_channel(tmp_path, key):
    sides = np.stack([noise(1, 1.0), noise(2, 1.0)], axis=1)
    soundfile.write(tmp_path / "call.wav", sides, 16_000)
    lines = [{"audio_filepath": "call.wav", "text": text, key: n} for n, text in enumerate(["uno", "dos"])]
    (tmp_path / "list.jsonl").write_text("\n".join(map(json.dumps, lines)))
    result, clips = staged(tmp_path, tmp_path / "list.jsonl")
    assert {uid: clip.text for uid, clip in clips.items()} == {"call#channel=0": "uno", "call#channel=1": "dos"}
    assert result.rejected == {}


def test_the_option_channel_takes_one_and_split_wants_a_text_of_each(tmp_path):
    source = tmp_path / "calls"
    source.mkdir()
    sides = np.stack([noise(1, 1.0), noise(2, 1.0)], axis=1)
    soundfile.write(source / "call.wav", sides, 16_000)
    (source / "call.txt").write_text("los dos")
    _, first = staged(tmp_path, source, "first", channel="0")
    _, mixed = staged(tmp_path, source, "mixed")
    assert first["call"].audio_sha256 != mixed["call"].audio_sha256
    with pytest.raises(DataError, match=r"several channels and one transcript.*call-ch0.txt"):
        staged(tmp_path, source, "split", channel="split")
    for number in (0, 1):
        (source / f"call-ch{number}.txt").write_text(f"lado {number}")
    _, both = staged(tmp_path, source, "split", channel="split")
    assert {uid: clip.text for uid, clip in both.items()} == {"call-ch0": "lado 0", "call-ch1": "lado 1"}
    assert both["call-ch0"].audio_sha256 == first["call"].audio_sha256


def test_columns_that_are_not_understood_are_named(folder):
    (folder / "list.csv").write_text("path,text,mood,up_votes\na.wav,hola,sad,2\n")
    assert read(folder / "list.csv")[2] == ["Columns of the table list.csv that are not used: mood."]
    (folder / "list.json").write_text('{"audio_filepath": "a.wav", "text": "x", "duration": 1, "humor": 2}')
    assert read(folder / "list.json")[2] == ["Columns of the manifest list.json that are not used: humor."]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "latin-1"])
@pytest.mark.parametrize("kind", ["list.csv", "list.jsonl", "a.txt", "metadata.csv", "train_files.csv"])
def test_encodings_are_told_by_mark_or_option(folder, kind, encoding):
    text = {
        "list.csv": "path,text\na.wav,señor\n",
        "list.jsonl": '{"audio_filepath": "a.wav", "text": "señor"}',
        "a.txt": "señor",
        "metadata.csv": "file_name,transcription\na.wav,señor\n",
        "train_files.csv": "uid,file_name,text\na,a.wav,señor\n",
    }[kind]
    (folder / kind).write_bytes(text.encode(encoding))
    options = {"encoding": "latin-1"} if encoding == "latin-1" else {}
    assert read(folder / kind if kind.startswith("list") else folder, **options)[0]["a"].text == "señor"


def test_an_encoding_that_is_none_is_one_sentence(folder):
    (folder / "list.csv").write_text("path,text\na.wav,x\n")
    with pytest.raises(DataError, match="'klingon' is no encoding"):
        read(folder / "list.csv", encoding="klingon")


def test_missing_values_are_no_words_but_words_are(folder):
    rows = ["a.wav,nan,Anna", "b.wav,null,NaN", "c.wav,nan dijo,None"]
    (folder / "list.csv").write_text("\n".join(["path,text,speaker", *rows]))
    items, rejected, _ = read(folder / "list.csv")
    assert {uid: (item.text, item.speaker) for uid, item in items.items()} == {
        "b": ("null", None),
        "c": ("nan dijo", None),
    }
    assert "'nan'" in rejected[0].detail
    lines = ['{"audio_filepath": "a.wav", "text": NaN}', '{"audio_filepath": "b.wav", "text": "hola", "speaker": NaN}']
    (folder / "list.json").write_text("\n".join(lines))
    items, rejected, _ = read(folder / "list.json")
    assert items["b"].speaker is None
    assert [row.reason for row in rejected] == [RejectReason.NO_TRANSCRIPT]


@pytest.mark.parametrize(("on_disk", "in_list"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_names_match_in_both_unicode_forms(tmp_path, on_disk, in_list):
    place = tmp_path / unicodedata.normalize(on_disk, "café")
    place.mkdir()
    (place / unicodedata.normalize(on_disk, "niño.wav")).write_bytes(b"audio")
    (tmp_path / "list.csv").write_text(unicodedata.normalize(in_list, "path,text\ncafé/niño.wav,hola\n"))
    assert [item.text for item in read(tmp_path / "list.csv")[0].values()] == ["hola"]
    (tmp_path / "list.csv").unlink()
    (place / unicodedata.normalize(in_list, "niño.txt")).write_text("chao")
    assert [item.text for item in read(tmp_path)[0].values()] == ["chao"]


def test_links_are_followed_and_loops_are_not(tmp_path):
    outside = tmp_path / "outside"
    put(outside, "far", 1, text="Lejos.")
    source = tmp_path / "source"
    put(source, "near", 2, text="Cerca.")
    (source / "linked").symlink_to(outside)
    (source / "loop").symlink_to(source)
    assert set(read(source)[0]) == {"near", "linked/far"}


def test_every_file_of_a_folder_is_counted(tmp_path):
    for name in ("a.WAV", "a.txt", "b.sph", "c.weird", "d.gsm", "notes.docx", "README.md", ".hidden", "meta.json"):
        (tmp_path / name).write_bytes(b"x")
    items, rejected, _ = read(tmp_path)
    assert set(items) == {"a"}
    assert {(row.source, row.reason.value) for row in rejected} == {
        ("b.sph", "no_transcript"),
        ("d.gsm", "no_transcript"),
        ("c.weird", "not_audio"),
        ("notes.docx", "not_audio"),
    }


def test_of_two_recordings_of_one_name_that_without_loss_is_kept(folder):
    for suffix in ("mp3", "flac"):
        (folder / f"z.{suffix}").write_bytes(b"audio")
    (folder / "z.txt").write_text("hola")
    items, rejected, _ = read(folder)
    assert items["z"].origin == "z.flac"
    assert ("z.mp3", RejectReason.DUPLICATE_ID) in {(row.source, row.reason) for row in rejected}


def test_a_folder_with_a_list_uses_it_and_takes_the_rest_with_its_texts(folder):
    (folder / "transcripts.csv").write_text("file,text\na.wav,uno\n")
    (folder / "b.txt").write_text("dos")
    items, rejected, _ = read(folder)
    assert {uid: item.text for uid, item in items.items()} == {"a": "uno", "b": "dos"}
    assert {(row.source, row.reason) for row in rejected} == {
        ("c.wav", RejectReason.NO_TRANSCRIPT),
        ("d.wav", RejectReason.NO_TRANSCRIPT),
    }


def test_a_text_of_several_lines_is_one_line(tmp_path):
    put(tmp_path / "source", "a", 1, text="Hola,\r\n  ¿qué\u2028tal?\n")
    assert staged(tmp_path, tmp_path / "source")[1]["a"].text == "Hola, ¿qué tal?"


def test_folders_say_splits(tmp_path):
    for number, name in enumerate(["train-clean/a", "validation/b", "data/test.other/c", "anna/d"]):
        put(tmp_path / "source", name, number, text=f"frase {number}")
    result, clips = staged(tmp_path, tmp_path / "source", into_split="dev")
    splits = {uid: clip.split for uid, clip in clips.items()}
    assert splits == {"train-clean/a": "train", "validation/b": "dev", "data/test.other/c": "test", "anna/d": "dev"}
    assert "Names of folders or lists say the splits of 3 clips: train 1, dev 1, test 1." in result.notes


def test_lists_say_splits_one_after_the_other(tmp_path):
    for number, name in enumerate("ab"):
        put(tmp_path, name, number, text=None)
    for split, name in (("train", "a"), ("test", "b")):
        line = {"audio_filepath": f"{name}.wav", "text": "hola"}
        (tmp_path / f"{split}_manifest.json").write_text(json.dumps(line))
    staged(tmp_path, tmp_path / "train_manifest.json")
    _, clips = staged(tmp_path, tmp_path / "test_manifest.json")
    assert {uid: clip.split for uid, clip in clips.items()} == {"a": "train", "b": "test"}


def test_a_clip_that_was_tested_on_never_comes_into_train(tmp_path):
    put(tmp_path, "a", 1, text=None)
    path = tmp_path / "list.csv"
    path.write_text("path,text,split\na.wav,hola,test\n")
    staged(tmp_path, path)
    path.write_text("path,text,split\na.wav,hola,train\n")
    result, clips = staged(tmp_path, path)
    assert clips["a"].split == "test"
    assert any(note.startswith("Kept in the test split") and "1 of" in note for note in result.notes)
    path.write_text("path,text\na.wav,hola\n")
    assert staged(tmp_path, path, into_split="train")[1]["a"].split == "test"


def test_clips_staged_before_do_not_move_towards_train_by_a_name(tmp_path):
    put(tmp_path, "a", 1, text=None)
    row = "path,text,split\na.wav,hola,dev\n"
    (tmp_path / "list.csv").write_text(row)
    staged(tmp_path, tmp_path / "list.csv")
    (tmp_path / "train.csv").write_text("path,text\na.wav,hola\n")
    result, clips = staged(tmp_path, tmp_path / "train.csv")
    assert clips["a"].split == "dev"
    assert not result.new_version


def test_one_speaker_is_split_by_prompt_and_a_later_staging_goes_on_so(tmp_path):
    source = tmp_path / "source"
    rows = ["path,text,speaker"]
    for number in range(30):
        put(source, f"c{number}", number, text=None)
        rows.append(f"c{number}.wav,frase {number},Anna")
    (source / "list.csv").write_text("\n".join(rows))
    result, clips = staged(tmp_path, source, split_by="auto")
    assert {clip.split for clip in clips.values()} == {"train", "dev", "test"}
    assert any("by its one speaker a split would be empty" in note for note in result.notes)
    assert not staged(tmp_path, source, split_by="auto")[0].new_version


def test_regions_are_accents_and_names_are_codes(tmp_path):
    rows = ["path,text,language,accent"]
    for number, (language, accent) in enumerate([("es-CL", ""), ("es_AR", "porteño"), ("Spanish", ""), ("xx", "")]):
        put(tmp_path, f"c{number}", number, text=None)
        rows.append(f"c{number}.wav,frase {number},{language},{accent}")
    (tmp_path / "list.csv").write_text("\n".join(rows))
    result, clips = staged(tmp_path, tmp_path / "list.csv", language="spa")
    assert {uid: (clip.language, clip.accent) for uid, clip in clips.items()} == {
        "c0": ("es", "es-CL"),
        "c1": ("es", "porteño"),
        "c2": ("es", None),
    }
    assert result.rejected == {"bad_row": 1}
    assert result.card.options["language"] == "es"
    row = read_rejected(LocalStore(tmp_path / "store"), result.card).to_pylist()[0]
    assert row["detail"].startswith("Row 5 cannot be used: 'xx' is no known language")
    with pytest.raises(DataError, match="'gibberishese' is no known language"):
        staged(tmp_path, tmp_path / "list.csv", "y", language="gibberishese")


def test_a_data_set_of_before_keeps_its_languages(tmp_path, monkeypatch):
    put(tmp_path / "source", "a", 1, text="hola")
    with monkeypatch.context() as old:
        old.setattr("acento.data.staging.plan.language_and_accent", lambda language, accent: (language, accent))
        _, clips = staged(tmp_path, tmp_path / "source", language="es-CL")
    assert clips["a"].language == "es-CL"
    result, _ = staged(tmp_path, tmp_path / "source", language="es-CL")
    assert (result.already_there, result.new_version) == (1, False)


CELL = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(CELL, min_size=4, max_size=4), delimiter=st.sampled_from(",;\t|"), quote=st.booleans())
def test_any_table_that_is_written_is_read_back(folder, texts, delimiter, quote):
    table = io.StringIO(newline="")
    writer = csv.writer(table, delimiter=delimiter, quoting=csv.QUOTE_ALL if quote else csv.QUOTE_MINIMAL)
    writer.writerow(["path", "text"])
    writer.writerows([f"{name}.wav", text] for name, text in zip(NAMES, texts, strict=True))
    (folder / "list.csv").write_bytes(table.getvalue().encode())
    items, rejected, _ = read(folder / "list.csv")
    missing = {"", "nan", "NaN", "NAN", "NA", "N/A", "#N/A", "<NA>", "None", "NULL"}
    wanted = {name: text.strip() for name, text in zip(NAMES, texts, strict=True) if text.strip() not in missing}
    assert {uid: item.text for uid, item in items.items()} == wanted
    assert {row.reason for row in rejected} <= {RejectReason.NO_TRANSCRIPT}


LINES = {"ana": "hola, po", "beto": 'dijo "sí"', "carla": "uno\ndos", "diego": "chao"}
"""Names of which none becomes another by one bit, as no reader could know that."""


def _table():
    table = io.StringIO(newline="")
    csv.writer(table).writerows([["path", "text"], *([f"{name}.wav", text] for name, text in LINES.items())])
    return table.getvalue().encode()


@pytest.mark.slow
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, len(_table()) - 1), bit=st.integers(0, 8))
def test_a_cut_or_flipped_byte_never_gives_a_clip_the_text_of_another(folder, place, bit):
    table = _table()
    for name in LINES:
        (folder / f"{name}.wav").write_bytes(b"audio")
    damaged = table[:place] if bit == 8 else table[:place] + bytes([table[place] ^ (1 << bit)]) + table[place + 1 :]
    (folder / "list.csv").write_bytes(damaged)
    try:
        items, rejected, _ = read(folder / "list.csv")
    except DataError as error:
        assert str(error).endswith(".")  # noqa: PT017 - either outcome is right
        return
    for uid, item in items.items():
        others = {text for name, text in LINES.items() if name != uid}
        assert not any(text in item.text for text in others)
    assert all(row.detail.endswith(".") for row in rejected)
    changed = sum(uid not in LINES or item.text != LINES[uid] for uid, item in items.items())
    assert changed <= 1


def test_an_audio_folder_is_written_for_datasets_and_read_back(tmp_path):
    import datasets

    from acento.data.export import FORMATS

    for number, name in enumerate(["train/a", "validation/b", "test/c"]):
        put(tmp_path / "source", name, number, text=f'frase "{number}", po')
    result, clips = staged(tmp_path, tmp_path / "source", language="es-CL")
    place = FORMATS["audiofolder"](LocalStore(tmp_path / "store"), result.card, tmp_path / "out")
    again, back = staged(tmp_path, place, "back")
    assert again.found == 3
    facts = [(clip.id, clip.text, clip.split, clip.language, clip.accent, clip.audio_sha256) for clip in clips.values()]
    assert sorted(facts) == sorted(
        (clip.id, clip.text, clip.split, clip.language, clip.accent, clip.audio_sha256) for clip in back.values()
    )
    # reading the rows takes torchcodec, which is not needed here
    builder = datasets.load_dataset_builder("audiofolder", data_dir=str(place), cache_dir=str(tmp_path / "cache"))
    assert {split: len(files) for split, files in builder.config.data_files.items()} == {
        "train": 2,
        "validation": 2,
        "test": 2,
    }
    with pytest.raises(InputError, match="is there already"):
        FORMATS["audiofolder"](LocalStore(tmp_path / "store"), result.card, place)


def test_texts_in_structs_are_found_or_named(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "source" / "a.flac"
    put(tmp_path / "source", "a", 1, text=None)
    audio = {"bytes": Path(os.path.splitext(path)[0] + ".wav").read_bytes(), "path": "a.wav"}  # noqa: PTH122
    rows = {"audio": [audio], "transcription": [{"text": "hola", "words": 1}], "translation": [{"en": "hi", "fr": "x"}]}
    pq.write_table(pa.table(rows), tmp_path / "rows.parquet")
    assert [clip.text for clip in staged(tmp_path, tmp_path / "rows.parquet")[1].values()] == ["hola"]
    _, clips = staged(tmp_path, tmp_path / "rows.parquet", "fr", text_column="translation.fr")
    assert [clip.text for clip in clips.values()] == ["x"]


def test_split_lists_keep_the_parts_of_recordings(tmp_path):
    source = tmp_path / "source"
    put(source, "talk", 1, text=None, seconds=3.0)
    rows = ["uid,file_name,text,start,end", "x,talk.wav,uno,0,1", "y,talk.wav,dos,1.5,2.5"]
    (source / "train_files.csv").write_text("\n".join(rows))
    result, clips = staged(tmp_path, source)
    from acento.data.splits import write_splits

    (source / "train_files.csv").unlink()
    write_splits(source, clips.values())
    again, same = staged(tmp_path, source, "again")
    assert same == clips
    assert (result.found, again.found) == (2, 2)


def test_of_equal_recordings_in_test_and_train_that_of_test_is_kept(tmp_path):
    put(tmp_path / "source", "train/a", 1)
    put(tmp_path / "source", "test/b", 1)
    result, clips = staged(tmp_path, tmp_path / "source")
    assert {uid: clip.split for uid, clip in clips.items()} == {"test/b": "test"}
    assert result.rejected == {"duplicate_audio": 1}


def test_a_table_without_any_text_is_still_read_by_its_header(folder):
    (folder / "list.csv").write_bytes(b"path\ttext\r\n" + b"".join(b"%s.wav\t\r\n" % name.encode() for name in NAMES))
    items, rejected, _ = read(folder / "list.csv")
    assert not items
    assert [row.reason for row in rejected] == [RejectReason.NO_TRANSCRIPT] * len(NAMES)
