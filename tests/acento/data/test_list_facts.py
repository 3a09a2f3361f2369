"""What lists say of parts and texts of recordings in other people's words; what cannot be decided is rejected."""

import json

import pytest
from layouts import read, tree

from acento.data.found import find_inputs
from acento.data.sources import SourceOptions, open_source


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
