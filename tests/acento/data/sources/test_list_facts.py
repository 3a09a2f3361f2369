"""What lists say of parts and texts of recordings in other people's words; what cannot be decided is rejected."""

import json
import tarfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from acento.core.errors import DataError
from acento.data.sources import SourceOptions, open_source
from acento.data.staging.found import find_inputs
from tests.acento.data.sources.layouts import read, tree


def found(where, **options):
    """Return texts by id, and (id, reason) of what was rejected, as they would be staged."""
    inputs = find_inputs(open_source(str(where), SourceOptions(**options)), workers=0)
    return {item.id: item.text for item in inputs.kept}, sorted((row.id, row.reason.value) for row in inputs.rejections)


@pytest.mark.parametrize(
    "names",
    [
        *("Start Time,End Time", "start (s),end (s)", "segment_start,segment_end", "begin_s,end_s", "from,to"),
        *("onset,offset", "startTime,endTime", "tmin,tmax", "start[sec],stop[sec]", "audio_start,audio_end"),
    ],
)
def test_times_are_known_by_the_words_of_their_columns(tmp_path, names):
    tree(tmp_path, **{"talk.wav": None, "list.csv": f"file,{names},text\ntalk.wav,1,2.5,uno\ntalk.wav,3,4,dos\n"})
    items, rejected = read(tmp_path / "list.csv")
    assert {uid: (item.text, item.start_s, item.length_s) for uid, item in items.items()} == {
        "talk#t=1,2.5": ("uno", 1.0, 1.5),
        "talk#t=3,4": ("dos", 3.0, 1.0),
    }
    assert not rejected


def test_times_in_samples_cost_their_rows_and_never_take_the_whole_recording(tmp_path):
    rows = "talk.wav,0,16000,uno\ntalk.wav,16000,32000,dos\n"
    tree(tmp_path, **{"talk.wav": None, "list.csv": f"file,start_sample,end_sample,text\n{rows}"})
    assert read(tmp_path / "list.csv") == ({}, [("talk", "bad_row"), ("talk", "bad_row")])


def test_a_manifest_cuts_by_start_and_end_too(tmp_path):
    lines = [{"audio_filepath": "talk.wav", "text": "uno", "start": 1, "end": 2.5, "duration": 1.5}]
    lines += [{"audio_filepath": "talk.wav", "text": "dos", "start_time": 3.0, "end_time": 4.0}]
    tree(tmp_path, **{"talk.wav": None, "list.json": "\n".join(map(json.dumps, lines))})
    items, _ = read(tmp_path / "list.json")
    assert {uid: item.text for uid, item in items.items()} == {"talk#t=1,2.5": "uno", "talk#t=3,4": "dos"}


def test_a_whole_number_that_pandas_made_a_float_is_that_number(tmp_path):
    line = {"audio_filepath": "a.wav", "text": "uno", "speaker": 3.0}
    items, _ = read(tree(tmp_path, **{"a.wav": None, "list.json": json.dumps(line)}) / "list.json")
    assert items["a"].speaker == "3"


@pytest.mark.parametrize("header", ["path,text", "id,path,text"])
def test_a_recording_with_texts_of_different_words_is_rejected_with_all_of_them(tmp_path, header):
    rows = ["a.wav,hola", "a.wav,adiós", "b.wav,Bien.", "b.wav,bien"]
    rows = [f"{n},{row}" if header.startswith("id") else row for n, row in enumerate(rows)]
    tree(tmp_path, **{"a.wav": b"a", "b.wav": b"b", "list.csv": "\n".join([header, *rows])})
    kept, rejected = found(tmp_path / "list.csv")
    assert set(kept.values()) <= {"Bien.", "bien"}
    assert kept
    assert [reason for _, reason in rejected].count("bad_row") == 2


def test_two_cues_at_one_time_are_rejected_both(tmp_path):
    srt = "1\n00:00:01,000 --> 00:00:02,000\nuno\n\n2\n00:00:01,000 --> 00:00:02,000\ndos\n\n"
    srt += "3\n00:00:03,000 --> 00:00:04,000\ntres\n"
    kept, rejected = found(tree(tmp_path, **{"talk.wav": None, "talk.srt": srt}))
    assert kept == {"talk#t=3,4": "tres"}
    assert rejected == [("talk#t=1,2", "bad_row")] * 2


def test_a_stereo_recording_without_a_text_for_each_channel_costs_only_itself(tmp_path):
    import numpy as np
    import soundfile

    for name, channels in (("call", 2), ("mono", 1)):
        soundfile.write(tmp_path / f"{name}.wav", np.full((1600, channels), 0.1), 16_000)
        (tmp_path / f"{name}.txt").write_text("hola")
    assert found(tmp_path, channel="split") == ({"mono": "hola"}, [("call", "no_transcript")])


@pytest.mark.parametrize("place", ["", "list.csv"])
def test_columns_that_options_name_are_found_in_a_folder_and_in_a_table_of_two_columns(tmp_path, place):
    tree(tmp_path, **{"a.wav": None, "b.wav": None, "list.csv": "grabación,letra\na.wav,hola\nb.wav,chao\n"})
    items, rejected = read(tmp_path / place, audio_column="grabación", text_column="letra")
    assert {uid: item.text for uid, item in items.items()} == {"a": "hola", "b": "chao"}
    assert not rejected


def test_a_column_that_no_list_of_a_folder_has_is_one_sentence(tmp_path):
    tree(tmp_path, **{"a.wav": None, "list.csv": "path,text\na.wav,hola\n"})
    with pytest.raises(DataError, match="no column 'letra': its columns are path, text"):
        read(tmp_path, text_column="letra")


@pytest.mark.parametrize("name", ["metadata.csv", "metadata.jsonl", "metadata.parquet"])
def test_a_recording_of_a_refused_row_of_an_audio_folder_is_counted_once(tmp_path, name):
    tree(tmp_path, **{"a.wav": None, "b.wav": None})
    if name == "metadata.csv":
        tree(tmp_path, **{name: 'file_name,text\na.wav,"hola\nb.wav,bien\n'})
    elif name == "metadata.jsonl":
        tree(tmp_path, **{name: '{"file_name": "a.wav", "text"\n{"file_name": "b.wav", "text": "bien"}\n'})
    else:
        rows = {"file_name": ["a.wav", "b.wav"], "text": ["hola", "bien"], "start": [float("nan"), 0.0]}
        pq.write_table(pa.table(rows), tmp_path / name)
    items, rejected = read(tmp_path)
    assert [item.text for item in items.values()] == ["bien"]
    assert [reason for _, reason in rejected] == ["bad_row"]


def test_a_word_for_a_missing_text_in_metadata_is_no_text(tmp_path):
    tree(tmp_path, **{"a.wav": None, "b.wav": None, "metadata.csv": "file_name,text\na.wav,nan\nb.wav,bien\n"})
    items, rejected = read(tmp_path)
    assert [item.text for item in items.values()] == ["bien"]
    assert [reason for _, reason in rejected] == ["no_transcript"]


@pytest.mark.parametrize("name", ["test", "dev-clean", "Train"])
@pytest.mark.parametrize("lists", [False, True])
def test_the_name_of_the_folder_or_archive_given_says_the_split(tmp_path, name, lists):
    files = {"list.csv": "path,text\na.wav,hola\n"} if lists else {"a.txt": "hola"}
    folder = tree(tmp_path / name, **{"a.wav": None, **files})
    (item,) = find_inputs(open_source(str(folder)), workers=0).kept
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        archive.add(folder, name)
    with open_source(str(tmp_path / "x.tar")) as source:
        (inside,) = find_inputs(source, workers=0).kept
    assert item.split == inside.split == name.partition("-")[0].lower()
    assert item.split_by_name


def test_a_folder_whose_name_says_more_than_a_split_is_split_by_rule(tmp_path):
    folder = tree(tmp_path / "my-test", **{"a.wav": None, "a.txt": "hola"})
    assert find_inputs(open_source(str(folder)), workers=0).kept[0].split is None


def test_captions_that_roll_say_each_word_once(tmp_path):
    vtt = (
        "WEBVTT\n\n00:00.000 --> 00:02.000 align:start position:0%\n \nhola<00:00:00.500><c> a todos</c>\n\n"
        "00:02.000 --> 00:02.010 align:start position:0%\nhola a todos\n \n\n"
        "00:02.010 --> 00:04.000 align:start position:0%\nhola a todos\ny<00:00:02.500><c> bienvenidos</c>\n"
    )
    items, rejected = read(tree(tmp_path, **{"talk.wav": None, "talk.vtt": vtt}))
    assert {uid: item.text for uid, item in items.items()} == {
        "talk#t=0,2": "hola a todos",
        "talk#t=2.01,4": "y bienvenidos",
    }
    assert [reason for _, reason in rejected] == ["no_transcript"]


def test_prompts_of_a_neighboring_folder_name_each_recording_once(tmp_path):
    tree(
        tmp_path,
        **{
            "anna/wav/es-1.wav": None,
            "anna/etc/PROMPTS": "anna/mfc/es-1 ADIOS\n",
            "anna/etc/prompts-original": "es-1 Adiós\n",
        },
    )
    items, rejected = read(tmp_path)
    assert {uid: (item.text, item.origin) for uid, item in items.items()} == {
        "anna/wav/es-1": ("Adiós", "anna/wav/es-1.wav")
    }
    assert not rejected


def test_blank_lines_before_the_header_are_skipped(tmp_path):
    tree(tmp_path, **{"a.wav": None, "list.csv": "\n , \npath,text\na.wav,hola\n"})
    items, _ = read(tmp_path / "list.csv")
    assert items["a"].text == "hola"


def test_what_one_list_without_a_header_does_not_name_is_no_input(tmp_path):
    tree(tmp_path, **{"a.wav": None, "b.wav": None, "c.wav": None, "list.txt": "a.wav|hola\nb.wav|adiós\n"})
    assert read(tmp_path / "list.txt")[1] == []
    assert read(tmp_path)[1] == [("c", "no_transcript")]


@pytest.mark.parametrize("names", [("Train-00000-of-00001", "Test-00000-of-00001"), ("TRAIN/part0", "TEST/part0")])
def test_splits_in_names_of_parquet_are_kept_whatever_their_case(tmp_path, names):
    tree(tmp_path, **{"a.wav": None, "b.wav": None})
    for name, recording in zip(names, ("a.wav", "b.wav"), strict=True):
        path = tmp_path / f"{name}.parquet"
        path.parent.mkdir(exist_ok=True)
        pq.write_table(pa.table({"path": [recording], "text": ["hola"]}), path)
    items, _ = read(tmp_path)
    assert {uid: item.split for uid, item in items.items()} == {"a": "train", "b": "test"}


def test_every_file_of_an_audio_folder_with_metadata_is_counted(tmp_path):
    names = {"a.wav": None, "b.wav": None, "b.txt": "suelto", "x.bak": "?", "README.md": "x"}
    items, rejected = read(tree(tmp_path, **names, **{"metadata.csv": "file_name,text\na.wav,hola\n"}))
    assert len(items) == 1
    assert rejected == [("b", "no_transcript"), ("b.txt", "not_audio"), ("x.bak", "not_audio")]


@pytest.mark.parametrize(
    ("name", "line"),
    [("list.csv", "path,text\nx.wav,hola"), ("manifest.json", '{"audio_filepath": "x.wav", "text": "hola"}')],
)
def test_lists_in_folders_below_name_the_recordings_there(tmp_path, name, line):
    for split in ("train", "test"):
        tree(tmp_path / split, **{"x.wav": split.encode(), "y.wav": None, name: f"{line}\n"})
    kept, rejected = found(tmp_path)
    assert kept == {"train/x": "hola", "test/x": "hola"}
    assert rejected == [("test/y", "no_transcript"), ("train/y", "no_transcript")]
    inputs = find_inputs(open_source(str(tmp_path)), workers=0)
    assert {item.id: item.split for item in inputs.kept} == {"train/x": "train", "test/x": "test"}


def test_a_list_in_a_folder_below_does_not_take_recordings_that_have_texts_of_their_own(tmp_path):
    tree(tmp_path, **{"sub/a.wav": None, "sub/a.txt": "del texto", "sub/list.csv": "path,text\na.wav,de la lista\n"})
    items, _ = read(tmp_path)
    assert items["sub/a"].text == "del texto"


def test_a_manifest_may_be_one_array(tmp_path):
    lines = [{"audio_filepath": "a.wav", "text": "uno"}, {"audio_filepath": "b.wav", "text": "señor"}]
    tree(tmp_path, **{"a.wav": None, "b.wav": None, "list.json": json.dumps(lines, indent=1)})
    assert {uid: item.text for uid, item in read(tmp_path / "list.json")[0].items()} == {"a": "uno", "b": "señor"}


def test_a_text_may_have_the_whole_name_of_its_recording(tmp_path):
    tree(tmp_path, **{"a.wav": None, "a.wav.txt": "hola", "b.wav": None, "b.txt": "bien", "b.wav.txt": "no"})
    items, rejected = read(tmp_path)
    assert {uid: item.text for uid, item in items.items()} == {"a": "hola", "b": "bien"}
    assert rejected == [("b.wav", "no_audio")]


def test_the_name_of_an_archive_or_of_a_folder_with_subtitles_says_the_split(tmp_path):
    srt = "1\n00:00:01,000 --> 00:00:02,000\nhola\n"
    folder = tree(tmp_path / "dev", **{"talk.wav": None, "talk.srt": srt})
    with tarfile.open(tmp_path / "test.tar.gz", "w:gz") as archive:
        archive.add(folder / "talk.wav", "talk.wav")
        archive.add(folder / "talk.srt", "talk.srt")
    for where, split in ((folder, "dev"), (tmp_path / "test.tar.gz", "test")):
        with open_source(str(where)) as source:
            assert [item.split for item in find_inputs(source, workers=0).kept] == [split]
