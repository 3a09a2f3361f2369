"""Staging: every input accounted for, the same end by any way, and nothing rewritten that need not be."""

import io
import json
import os
import random
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile
from faults import tree
from forked import all_at_once
from recordings import RATE, noise, put

from acento.core.audio.recording import decode_flac
from acento.core.errors import DataError, StoreError
from acento.core.progress import listening
from acento.core.store import LocalStore
from acento.data.dataset import CLIPS, load_card, read_clips, read_rejected, versions
from acento.data.sources import open_source
from acento.data.staging import stage
from acento.data.staging.chunk import Candidate, StagingOptions, pack
from acento.data.staging.found import SourceFile
from acento.data.utterance import REJECTED_SCHEMA, SCHEMA


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr("acento.data.staging.chunk.CHUNK_CLIPS", 2)


def staged(store, source, name="demo", **options):
    return stage(store, str(source) if not hasattr(source, "items") else source, name, **{"workers": 0, **options})


def ids(store, card):
    return [row.utterance.id for row in read_clips(store, card)]


def reasons(store, card):
    return {row["id"]: row["reason"] for row in read_rejected(store, card).to_pylist()}


# What a version holds


def test_a_first_version_holds_every_clip_as_flac_at_16_khz(store, folder):
    result = staged(store, folder, language="es")
    card = result.card
    assert (result.found, result.staged_now, result.already_there, result.rejected) == (5, 5, 0, {})
    assert (card.version, card.clips, card.parent, sum(card.splits.values())) == (1, 5, None, 5)
    assert card.seconds == pytest.approx(1.5)
    assert card == load_card(store, "demo")
    for row in read_clips(store, card):
        assert row.utterance.language == "es"
        assert row.utterance.source == f"{row.utterance.id}.wav"
        table = pq.read_table(store.local_path(row.part, CLIPS))
        samples = decode_flac(table["audio"][row.row].as_py()["bytes"])
        assert len(samples) / 16_000 == row.utterance.duration_s == pytest.approx(0.3)


def test_parts_have_the_columns_of_an_utterance_in_row_groups_of_16(store, tmp_path):
    for n in range(40):
        put(tmp_path / "many", f"{n:03d}", n, seconds=0.12)
    (part,) = staged(store, tmp_path / "many").card.parts
    file = pq.ParquetFile(store.local_path(part.key, CLIPS))
    assert file.schema_arrow.equals(SCHEMA)
    assert [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)] == [16, 16, 8]


def test_datasets_reads_the_parts_and_knows_that_audio_is_audio(store, folder, tmp_path):
    import datasets

    card = staged(store, folder).card
    files = [str(store.local_path(part.key, CLIPS)) for part in card.parts]
    loaded = datasets.load_dataset("parquet", data_files=files, split="train", cache_dir=str(tmp_path / "cache"))
    assert isinstance(loaded.features["audio"], datasets.Audio)
    loaded = loaded.cast_column("audio", datasets.Audio(decode=False))
    assert loaded["id"][:] == [f"clip{n}" for n in range(5)]
    samples, rate = soundfile.read(io.BytesIO(loaded[0]["audio"]["bytes"]))
    assert (rate, len(samples)) == (16_000, 4_800)


def test_bad_files_among_good_ones_are_rejected_each_with_its_reason_and_the_good_ones_stage(store, folder):
    good = (folder / "clip0.wav").read_bytes()
    (folder / "zero.wav").write_bytes(b"")
    (folder / "no_samples.wav").write_bytes(good[:44].replace(good[40:44], bytes(4)))
    (folder / "cut.wav").write_bytes(good[: len(good) // 2])
    (folder / "text.wav").write_text("I am a text file.")
    shutil.copy(put(folder, "mislabeled", 50, suffix="flac"), folder / "mislabeled.mp3")
    (folder / "mislabeled.flac").unlink()
    soundfile.write(folder / "silent.wav", np.zeros(RATE), RATE)
    soundfile.write(folder / "short.wav", noise(60, seconds=0.05), RATE)
    soundfile.write(folder / "long.wav", noise(61, seconds=2.0), RATE)
    put(folder, "mute", 62, text=None)
    (folder / "alone.txt").write_text("Hola.")
    put(folder, "other", 63)
    put(folder, "other", 64, suffix="flac")
    put(folder, "again", 0)
    for name in ("zero", "no_samples", "cut", "text", "silent", "short", "long"):
        (folder / f"{name}.txt").write_text(f"this is {name}")
    result = staged(store, folder, max_seconds=1.0)
    expected = {
        "zero": "empty",
        "no_samples": "empty",
        "cut": "truncated",
        "text": "unreadable",
        "silent": "silent",
        "short": "too_short",
        "long": "too_long",
        "mute": "no_transcript",
        "alone": "no_audio",
        "other": "duplicate_id",
        "clip0": "duplicate_audio",
    }
    assert reasons(store, result.card) == expected, "of equal audio the smallest id stays, and that is 'again'"
    assert set(ids(store, result.card)) == {"clip1", "clip2", "clip3", "clip4", "mislabeled", "other", "again"}
    assert result.rejected == Counter(expected.values())
    assert result.found == result.staged_now + sum(result.rejected.values())
    for row in read_rejected(store, result.card).to_pylist():
        assert row["source"]
        assert row["detail"].endswith(".")
        assert set(REJECTED_SCHEMA.names) <= row.keys()


def test_a_source_of_which_nothing_can_be_staged_is_one_sentence_with_reasons(store, tmp_path):
    for n in range(3):
        put(tmp_path / "mute", f"{n}", n, text=None)
    with pytest.raises(
        DataError, match=r"Nothing could be staged from .*: 3 × no_transcript \(e.g. 0.wav: There is no"
    ):
        staged(store, tmp_path / "mute")
    assert versions(store, "demo") == []


# The same end by any way


@pytest.mark.slow
@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("workers", [1, 3])
def test_any_number_of_workers_leaves_the_same_bytes(tmp_path, folder, workers):
    (folder / "broken.wav").write_bytes(b"x")
    (folder / "broken.txt").write_text("Hola.")
    alone, many = LocalStore(tmp_path / "alone"), LocalStore(tmp_path / "many")
    assert staged(alone, folder) == staged(many, folder, workers=workers)
    assert tree(alone.root) == tree(many.root)


@pytest.mark.usefixtures("small_chunks")
def test_any_order_of_listing_leaves_the_same_bytes(tmp_path, folder):
    put(folder, "twice", 1)
    straight, shuffled = LocalStore(tmp_path / "straight"), LocalStore(tmp_path / "shuffled")
    source = open_source(str(folder))
    entries = list(source.items())
    random.Random(0).shuffle(entries)
    source.items = lambda: iter(entries)
    staged(straight, folder)
    staged(shuffled, source)
    assert tree(straight.root) == tree(shuffled.root)


def test_the_fingerprint_does_not_depend_on_chunks_or_on_how_many_steps_it_took(tmp_path, folder, monkeypatch):
    at_once = staged(LocalStore(tmp_path / "at once"), folder).card
    monkeypatch.setattr("acento.data.staging.chunk.CHUNK_CLIPS", 1)
    store = LocalStore(tmp_path / "in steps")
    for n in (3, 0, 4, 1, 2):
        part = tmp_path / "part"
        part.mkdir(exist_ok=True)
        for suffix in ("wav", "txt"):
            shutil.copy(folder / f"clip{n}.{suffix}", part)
        card = staged(store, part).card
    assert card.version == 5
    assert card.fingerprint == at_once.fingerprint


@pytest.mark.parametrize(
    "change", [{"text": "Something else."}, {"split": "test"}, {"speaker": "Anna"}, {"accent": "x"}, {"language": "es"}]
)
def test_the_fingerprint_covers_every_fact_of_a_clip(tmp_path, folder, change):
    source = open_source(str(folder))
    entries = [replace(item, split="train") for item in source.items()]
    source.items = lambda: iter(entries)
    before = staged(LocalStore(tmp_path / "one"), source).card.fingerprint
    entries[2] = replace(entries[2], **change)
    assert staged(LocalStore(tmp_path / "two"), source).card.fingerprint != before


@pytest.mark.parametrize("options", [{"seed": 1}, {"max_seconds": 9}, {"language": "es"}, {"split_by": "prompt"}, {}])
def test_the_fingerprint_covers_the_options_and_the_bytes(tmp_path, folder, options):
    before = staged(LocalStore(tmp_path / "one"), folder).card.fingerprint
    if not options:
        put(folder, "clip0", 99, text=None)
    assert staged(LocalStore(tmp_path / "two"), folder, **options).card.fingerprint != before


@pytest.mark.usefixtures("small_chunks")
def test_a_part_that_is_there_is_not_made_again(store, folder, monkeypatch):
    staged(store, folder)
    store.remove("datasets/demo/000001")
    monkeypatch.setattr("acento.data.staging.chunk.decode", None)
    assert staged(store, folder).card.clips == 5


def test_a_damaged_part_is_made_again(store, folder):
    (part,) = staged(store, folder).card.parts
    path = store.local_path(part.key, CLIPS)
    whole = path.read_bytes()
    path.write_bytes(whole[:-100] + bytes(100))
    store.remove("datasets/demo/000001")
    staged(LocalStore(store.root), folder)
    assert path.read_bytes() == whole


# Versions


def test_the_same_source_again_makes_no_version_and_writes_nothing(store, folder):
    put(folder, "twice", 1)
    put(folder, "mute", 9, text=None)
    (folder / "broken.wav").write_bytes(b"x")
    (folder / "broken.txt").write_text("Hola.")
    first = staged(store, folder)
    before = tree(store.root)
    again = staged(store, folder)
    assert (again.card, again.new_version, again.staged_now, again.already_there) == (first.card, False, 0, 5)
    assert again.rejected == first.rejected
    assert tree(store.root) == before


def test_appending_adds_parts_and_a_card_and_touches_nothing_else(store, folder):
    first = staged(store, folder)
    before = tree(store.root)
    put(folder, "new", 20)
    second = staged(store, folder)
    assert (second.staged_now, second.already_there, second.new_version) == (1, 5, True)
    assert second.card.parts[: len(first.card.parts)] == first.card.parts
    assert [part.version for part in second.card.parts] == [1, 2]
    assert second.card.parent == first.card.fingerprint
    assert before.items() <= tree(store.root).items()
    kept = {row.utterance.id: row.utterance.split for row in read_clips(store, first.card)}
    now = {row.utterance.id: row.utterance.split for row in read_clips(store, second.card)}
    assert kept.items() < now.items()


def test_a_clip_that_the_source_lost_stays(store, folder):
    staged(store, folder)
    (folder / "clip0.wav").unlink()
    (folder / "clip0.txt").unlink()
    result = staged(store, folder)
    assert (result.found, result.card.clips, result.new_version) == (4, 5, False)


@pytest.mark.usefixtures("small_chunks")
def test_a_corrected_clip_replaces_the_one_before_and_the_old_version_keeps_it(store, folder):
    first = staged(store, folder).card
    (folder / "clip2.txt").write_text("corrected")
    put(folder, "clip3", 30, text=None)
    second = staged(store, folder).card
    texts = {row.utterance.id: row.utterance.text for row in read_clips(store, second)}
    assert texts["clip2"] == "corrected"
    assert sorted(texts) == [f"clip{n}" for n in range(5)]
    assert second.clips == 5
    old = {row.utterance.id: row.utterance for row in read_clips(store, first)}
    new = {row.utterance.id: row.utterance for row in read_clips(store, second)}
    assert old["clip2"].text == "sentence number 2"
    assert old["clip3"].audio_sha256 != new["clip3"].audio_sha256
    assert {uid: clip.split for uid, clip in old.items()} == {uid: clip.split for uid, clip in new.items()}
    assert {part.key for part in first.parts} & {part.key for part in second.parts}, "the other parts are the same"


def test_a_correction_that_is_no_good_leaves_the_clip_as_it_was(store, folder):
    first = staged(store, folder).card
    (folder / "clip0.wav").write_bytes(b"x")
    shutil.copy(folder / "clip2.wav", folder / "clip1.wav")
    second = staged(store, folder)
    assert second.rejected == {"unreadable": 1, "duplicate_audio": 1}
    assert second.card.fingerprint == first.fingerprint
    assert second.card.parts == first.parts
    assert reasons(store, second.card) == {"clip0": "unreadable", "clip1": "duplicate_audio"}
    assert not staged(store, folder).new_version


def test_of_equal_audio_the_clip_that_was_there_first_stays(store, folder):
    staged(store, folder)
    put(folder, "a-newcomer", 3)
    second = staged(store, folder)
    assert reasons(store, second.card) == {"a-newcomer": "duplicate_audio"}
    (detail,) = read_rejected(store, second.card)["detail"].to_pylist()
    assert detail == "It has the same audio as clip3."
    put(folder, "clip3", 77, text=None)
    third = staged(store, folder)
    assert "a-newcomer" in ids(store, third.card), "its twin was corrected, so it is one of its own now"
    assert reasons(store, third.card) == {}


def test_a_rejection_is_kept_until_its_input_is_seen_again(store, folder, tmp_path):
    put(folder, "mute", 9, text=None)
    (folder / "alone.txt").write_text("Hola.")
    (folder / "train_files.csv").write_text("uid,file_name,text\n,clip0.wav,x\n")
    assert set(reasons(store, staged(store, folder).card).values()) == {"no_transcript", "no_audio", "bad_row"}
    put(tmp_path / "elsewhere", "other", 40)
    assert len(reasons(store, staged(store, tmp_path / "elsewhere").card)) == 3
    (folder / "mute.txt").write_text("It speaks.")
    put(folder, "alone", 41, text=None)
    (folder / "train_files.csv").write_text("uid,file_name,text\nclip0,clip0.wav,x\n")
    assert reasons(store, staged(store, folder).card) == {}


def test_options_are_fixed_by_the_first_version(store, folder):
    staged(store, folder, seed=3, language="es", split_by="prompt")
    put(folder, "new", 20)
    card = staged(store, folder).card
    assert (card.options["seed"], card.options["language"], card.options["split_by"]) == (3, "es", "prompt")
    for options in ({"seed": 4}, {"split_by": "auto"}, {"language": "en"}, {"max_seconds": 5}):
        with pytest.raises(DataError, match="stage under another name"):
            staged(store, folder, **options)
    staged(store, folder, seed=3)


def test_another_stager_that_is_first_makes_this_one_stage_upon_its_version(store, folder, tmp_path, monkeypatch):
    put(tmp_path / "other", "other", 40)
    from acento.data import staging

    real = staging.save_card
    calls = []

    def save_card(*arguments):
        if not calls:
            calls.append(1)
            staged(LocalStore(store.root), tmp_path / "other")
        return real(*arguments)

    monkeypatch.setattr(staging, "save_card", save_card)
    result = staged(store, folder)
    assert (result.card.version, result.card.clips) == (2, 6)


def test_two_stagers_at_once_lose_nothing(store, tmp_path):
    for side in ("left", "right"):
        for n in range(6):
            put(tmp_path / side, f"{side}{n}", n + 10 * (side == "right"))
    all_at_once(
        lambda: stage(LocalStore(store.root), str(tmp_path / "left"), "demo", workers=0),
        lambda: stage(LocalStore(store.root), str(tmp_path / "right"), "demo", workers=0),
    )
    card = load_card(store, "demo")
    assert (card.version, len(set(ids(store, card)))) == (2, 12)


# Splits


def test_splits_written_back_decide_the_same_splits(store, folder):
    first = staged(store, folder, write_splits=True)
    assert [Path(path).name for path in first.split_lists] == [f"{s}_files.csv" for s in ("train", "dev", "test")]
    again = staged(store, folder, write_splits=True)
    assert (again.new_version, again.already_there, again.split_lists) == (False, 5, ())
    fresh = staged(store, folder, name="fresh", seed=9)
    splits = [{row.utterance.id: row.utterance.split for row in read_clips(store, r.card)} for r in (first, fresh)]
    assert splits[0] == splits[1]


def test_splits_cannot_be_written_into_a_manifest(store, tmp_path):
    (tmp_path / "m.jsonl").write_text("")
    with pytest.raises(DataError, match="audio folder only"):
        staged(store, tmp_path / "m.jsonl", write_splits=True)


def test_splits_by_speaker_need_speakers(store, folder):
    with pytest.raises(DataError, match=r"clip0.wav: .*need a speaker"):
        staged(store, folder, split_by="speaker")


# Other sources, other trouble


def test_a_manifest_stages_stretches_of_one_recording_and_rejects_what_it_misses(store, tmp_path):
    put(tmp_path, "talk", 5, seconds=1.0, text=None)
    lines = [
        {"audio_filepath": "talk.wav", "text": "eins", "offset": 0.0, "duration": 0.5},
        {"audio_filepath": "talk.wav", "text": "zwei", "offset": 0.5, "duration": 0.5, "speaker": "Anna"},
        {"audio_filepath": "talk.wav", "text": "drei", "offset": 0.9, "duration": 0.5},
        {"audio_filepath": "gone.wav", "text": "vier"},
    ]
    (tmp_path / "m.jsonl").write_text("\n".join(map(json.dumps, lines)))
    result = staged(store, tmp_path / "m.jsonl")
    assert {row.utterance.text: row.utterance.duration_s for row in read_clips(store, result.card)} == {
        "eins": 0.5,
        "zwei": 0.5,
    }
    assert result.rejected == {"truncated": 1, "no_audio": 1}
    assert not staged(store, tmp_path / "m.jsonl").new_version


def test_names_that_are_not_utf_8_are_rejected_and_crash_nothing(store, folder):
    for suffix in (b"wav", b"txt"):
        shutil.copy(folder / f"clip0.{suffix.decode()}", os.fsencode(folder) + b"/bad\xff." + suffix)
    (folder / "clip1.txt").write_text("fine")
    assert staged(store, folder).rejected == {"bad_row": 1}


def test_a_file_that_changes_while_it_is_staged_is_said_so(store, folder, monkeypatch):
    from acento.data.staging import chunk as staging_chunk

    real = staging_chunk.decode

    def decode(path, **options):
        samples = real(path, **options)
        if path.name == "clip1.wav":
            put(folder, "clip1", 70, text=None)
        return samples

    monkeypatch.setattr(staging_chunk, "decode", decode)
    assert staged(store, folder).rejected == {"changed": 1}
    monkeypatch.undo()
    assert staged(store, folder).card.clips == 5


@pytest.mark.parametrize("name", ["", "a/b", "a b", ".hidden", "a@2", "--x"])
def test_a_name_that_cannot_be_a_data_set_is_one_sentence(store, folder, name):
    with pytest.raises(DataError, match="cannot name a data set"):
        staged(store, folder, name=name)


def test_a_store_that_cannot_be_written_is_one_sentence(store, folder):
    store.check_writable()
    (store.root / "parts").write_text("in the way")
    for workers in (0, 1):
        with pytest.raises(StoreError, match="cannot be written"):
            staged(store, folder, workers=workers)


@pytest.mark.usefixtures("small_chunks")
def test_progress_counts_clips_up_to_the_total(store, folder):
    seen = []
    with listening(seen.append):
        staged(store, folder)
    assert [(p.step, p.done, p.total, p.unit) for p in seen] == [("stage demo", d, 5, "clips") for d in (0, 2, 4, 5)]


# Chunks


def candidates(folder, sizes):
    item = next(iter(open_source(str(folder)).items()))
    return [
        Candidate(replace(item, id=f"{n:05d}"), "train", None, SourceFile("0", size, 0)) for n, size in enumerate(sizes)
    ]


def test_chunks_are_bounded_in_clips_and_bytes_and_hold_each_clip_once_in_order(folder):
    few, many = 1 << 10, 9 << 20
    given = candidates(folder, [few] * 450 + [many] * 3 + [40 << 20] + [few] * 3)
    chunks = list(pack(reversed(given), StagingOptions()))
    assert [clip for chunk in chunks for clip in chunk.candidates] == given
    assert [len(chunk.candidates) for chunk in chunks] == [200, 200, 51, 1, 1, 1, 3]
