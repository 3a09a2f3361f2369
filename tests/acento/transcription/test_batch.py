"""The ledger: a row for each file, read while it is written, the same after a kill; and what outputs are called."""

import csv
import io
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stored_recordings import put_recording

from acento.core.errors import InputError, TransientError
from acento.core.store import LocalStore
from acento.core.store.upkeep.garbage import find_garbage
from acento.transcription.batch import (
    LEDGER,
    Ledger,
    Row,
    batch_id,
    check_writable,
    columns,
    counts,
    csv_of,
    output_folder,
    stems,
)


def test_the_last_row_of_a_file_counts_and_another_process_reads_it(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    ledger = Ledger(store, "b", None)
    ledger.write(Row(file="a.wav"), Row(file="b.wav"))
    ledger.write(Row(file="a.wav", state="done", seconds=3.0))
    seen = Ledger(store, "b", None).rows()
    assert [(row.file, row.state) for row in seen.values()] == [("a.wav", "done"), ("b.wav", "waiting")]
    assert counts(seen.values()) == {"done": 1, "failed": 0, "skipped": 0, "waiting": 1}


def test_what_was_written_is_there_after_it_was_tidied(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    ledger = Ledger(store, "b", tmp_path)
    for number in range(20):
        ledger.write(Row(file=f"{number}.wav"))
    ledger.tidy()
    ledger.write(Row(file="3.wav").failed("truncated", ValueError("The file is cut short.")))
    assert len(list(store.list_files("batches/b/ledger"))) == 2
    rows = Ledger(store, "b", tmp_path).rows()
    assert [*rows] == [f"{number}.wav" for number in range(20)]
    assert (rows["3.wav"].reason, rows["3.wav"].sentence) == ("truncated", "The file is cut short.")


def test_the_file_beside_the_transcripts_has_a_line_for_each_file(tmp_path: Path) -> None:
    ledger = Ledger(LocalStore(tmp_path / "store"), "b", tmp_path)
    ledger.write(
        Row(file='say "a", b.wav', state="done", seconds=60.0, inference_s=4.0, outputs={"a.txt": "1", "a.srt": "2"})
    )
    ledger.write(Row(file="c.wav"))
    ledger.tidy()
    lines = [*csv.DictReader((tmp_path / LEDGER).open(encoding="utf-8"))]
    assert [line["file"] for line in lines] == ['say "a", b.wav', "c.wav"]
    assert (lines[0]["rtfx"], lines[0]["outputs"], lines[1]["state"]) == ("15.0", "a.txt a.srt", "waiting")


def test_a_folder_is_written_by_one_process_at_a_time(tmp_path: Path) -> None:
    ledger = Ledger(LocalStore(tmp_path / "store"), "b", tmp_path / "out")
    with ledger.lease(), pytest.raises(TransientError, match="out is being written by process"):
        Ledger(LocalStore(tmp_path / "store"), "b", tmp_path / "out").lease().acquire()


names = st.lists(st.text("abAB./", min_size=1, max_size=6).map(lambda text: "x" + text.replace("/", "-")), unique=True)


@settings(deadline=None)
@given(names, st.lists(st.sampled_from(["xa", "xb", "ledger"])))
def test_no_two_files_have_outputs_of_one_name(found: list[str], taken: list[str]) -> None:
    called = stems({name: name for name in found}, taken)
    assert [*called] == found
    folded = [stem.casefold() for stem in called.values()]
    assert len(set(folded)) == len(folded)
    assert not set(folded) & set(taken)


def test_names_that_were_given_stay_when_more_files_come() -> None:
    first = stems({"/a/talk.wav": "talk.wav"}, [])
    second = stems({"/b/talk.mp3": "talk.mp3"}, first.values())
    assert (first, second) == ({"/a/talk.wav": "talk"}, {"/b/talk.mp3": "talk.mp3"})


def test_a_batch_is_named_by_the_folder_that_it_writes_to_or_by_what_it_reads(tmp_path: Path) -> None:
    assert batch_id(tmp_path, ["a"]) == batch_id(tmp_path, ["b"])
    assert batch_id(None, ["a", "b"]) == batch_id(None, ["b", "a"]) != batch_id(None, ["a"])


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"file/out cannot be written \(Not a directory\); choose another with -o"):
        check_writable(output_folder(str(tmp_path / "file" / "out")))
    with pytest.raises(InputError, match="a folder of this machine, not to s3://b/x"):
        output_folder("s3://b/x")


def test_rows_without_facts_have_empty_cells() -> None:
    (line,) = csv.DictReader(io.StringIO(csv_of([Row(file="a.wav")])))
    assert [line[name] for name in ("seconds", "language", "speakers", "rtfx")] == [""] * 4


def test_a_table_has_short_paths_and_no_column_in_which_nothing_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    mine = Row(file=f"{tmp_path}/talks/a.wav", state="done", seconds=90.0, outputs={"a.txt": "", "a.srt": ""})
    theirs = Row(file="https://host/b.mp3", state="failed", sentence="It is no audio.")
    assert columns([mine, theirs]) == {
        "file": ["talks/a.wav", "https://host/b.mp3"],
        "state": ["done", "failed"],
        "length": ["1.5 min", ""],
        "written": ["a.txt, a.srt", ""],
    }
    assert theirs.named_sentence == "https://host/b.mp3: It is no audio."
    assert columns([]) == {}


def test_recordings_that_a_ledger_names_are_no_garbage_and_others_are(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    used, unused = (put_recording(store, np.full(16_000, level, np.int16)) for level in (1, 2))
    Ledger(store, "b", None).write(Row(file="a.wav", state="done", recording=used.key))
    (doomed,) = find_garbage(store, grace_s=0.0, now=time.time() + 60).doomed
    assert (doomed.key, doomed.why) == (unused.key, "audio of recordings that no transcription refers to")


def test_a_batch_that_waits_keeps_what_its_work_needs(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    with store.publish("plans/0123") as draft:
        (draft.folder / "plan.parquet").touch()
    ledger = Ledger(store, "b", None)
    ledger.write(Row(file="a.wav"))
    later = time.time() + 60
    assert find_garbage(store, grace_s=1000.0, now=later + 2000).doomed == ()
    ledger.write(Row(file="a.wav", state="done"))
    assert [one.key for one in find_garbage(store, grace_s=1000.0, now=later + 2000).doomed] == ["plans/0123"]
