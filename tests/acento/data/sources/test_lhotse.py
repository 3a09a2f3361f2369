"""Lhotse manifests, as lhotse writes them, are read, and a data set that is written as such is read back."""

import gzip
import json

import pytest

from acento.core.errors import DataError, InputError
from acento.data.dataset import read_clips
from acento.data.export import export_lhotse
from acento.data.sources import RejectReason
from acento.data.staging import stage
from tests.acento.data.sources.layouts import read, tree


def recording(uid="r", channels=(0,), kind="file", **more):
    source = {"type": kind, "channels": list(channels), "source": f"audio/{uid}.wav"}
    return {"id": uid, "sources": [source], "sampling_rate": 16000, "num_samples": 64000, "duration": 4.0, **more}


def supervision(uid, start=0.0, duration=1.0, channel=0, text="hola", **more):
    times = {"start": start, "duration": duration, "channel": channel}
    return {"id": uid, "recording_id": "r", **times, "text": text, "language": "es", "speaker": "ana", **more}


def cut(uid, *supervisions, of=None, start=0.0, **more):
    body = {"id": uid, "start": start, "duration": 4.0, "channel": 0, "supervisions": list(supervisions)}
    return {**body, "recording": of or recording(), "type": "MonoCut", **more}


def lines(*objects):
    return gzip.compress("".join(json.dumps(entry) + "\n" for entry in objects).encode())


def test_cuts_give_stretches_of_their_recordings_with_all_that_is_known(tmp_path):
    cuts = lines(
        cut("one", supervision("s1", 0.5, custom={"accent": "cl", "split": "test"}), start=1.0),
        cut("two", supervision("s2"), supervision("s3", 2.0, channel=1), of=recording(channels=(0, 1))),
        cut("whole", supervision("s4", duration=4.0)),
    )
    items, rejected = read(tree(tmp_path / "f", **{"cuts_train.jsonl.gz": cuts, "audio/r.wav": None}))
    assert {uid: (item.start_s, item.length_s, item.channel, item.split) for uid, item in items.items()} == {
        "one": (1.5, 1.0, None, "test"),
        "s2": (0.0, 1.0, 0, "train"),
        "s3": (2.0, 1.0, 1, "train"),
        "whole": (0.0, None, None, "train"),
    }
    one = items["one"]
    assert (one.text, one.speaker, one.accent, one.language) == ("hola", "ana", "cl", "es")
    assert one.origin == "audio/r.wav#t=1.5,2.5"
    assert not rejected


def test_what_is_no_stretch_of_a_file_is_rejected_by_its_id(tmp_path):
    cuts = lines(
        cut("mixed", type="MixedCut", tracks=[]),
        cut("url", supervision("s"), of=recording(kind="url")),
        cut("command", supervision("s"), of=recording(kind="command")),
        cut("faster", supervision("s"), of=recording(transforms=[{"name": "Speed", "kwargs": {"factor": 1.1}}])),
        cut("silent"),
        cut("textless", supervision("s", text=None)),
        cut("gone", supervision("s"), of=recording("gone")),
        cut("before", supervision("s", -1.0)),
        [1],
    )
    items, rejected = read(tree(tmp_path / "f", **{"cuts.jsonl.gz": cuts, "audio/r.wav": None}))
    assert not items
    assert dict(rejected) == {
        **dict.fromkeys(["mixed", "url", "command", "faster", "before", "cuts.jsonl.gz:9"], RejectReason.BAD_ROW),
        **dict.fromkeys(["silent", "textless"], RejectReason.NO_TRANSCRIPT),
        "gone": RejectReason.NO_AUDIO,
    }


def test_recordings_and_supervisions_belong_together_by_their_names(tmp_path):
    files = {
        "c_recordings_dev.jsonl.gz": lines(recording(), recording("unused")),
        "c_supervisions_dev.jsonl.gz": lines(supervision("s1"), supervision("s2", recording_id="gone")),
    }
    folder = tree(tmp_path / "f", **files, **{"audio/r.wav": None})
    for where in (folder, *(folder / name for name in files)):
        items, rejected = read(where)
        assert {uid: item.split for uid, item in items.items()} == {"s1": "dev"}
        assert rejected == [("s2", RejectReason.NO_AUDIO), ("unused", RejectReason.NO_TRANSCRIPT)]


def test_a_manifest_that_is_cut_short_is_a_sentence(tmp_path):
    whole = lines(*(cut(f"c{n}", supervision("s")) for n in range(50)))
    folder = tree(tmp_path / "f", **{"cuts.jsonl.gz": whole[: len(whole) // 2], "audio/r.wav": None})
    with pytest.raises(DataError, match="cannot be read to its end"):
        read(folder)


def test_a_data_set_written_as_lhotse_is_read_back_also_after_it_was_moved(tmp_path, store, folder):
    first = stage(store, str(folder), "a", language="es", workers=0)
    export_lhotse(store, first.card, tmp_path / "lhotse")
    with pytest.raises(InputError, match="is there already"):
        export_lhotse(store, first.card, tmp_path / "lhotse")
    (tmp_path / "lhotse").rename(tmp_path / "moved")
    second = stage(store, str(tmp_path / "moved"), "b", workers=0)
    kept = [
        sorted(
            (c.utterance.id, c.utterance.text, c.utterance.split, c.utterance.audio_sha256)
            for c in read_clips(store, card)
        )
        for card in (first.card, second.card)
    ]
    assert kept[0] == kept[1]
    assert not second.rejected
