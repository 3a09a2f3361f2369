"""Splits: by a hash of the seed and the group, so that a clip never moves."""

import csv
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acento.core.errors import DataError
from acento.data.splits import group_of, prompt_of, split_of, write_splits
from acento.data.utterance import SPLITS, Utterance

clips = st.tuples(st.one_of(st.none(), st.text(max_size=5)), st.text(max_size=20))


def splits(rows, seed, split_by="auto"):
    return [split_of(group_of(speaker, text, split_by), seed) for speaker, text in rows]


@given(st.lists(clips), st.lists(clips), st.integers(0, 5))
def test_adding_clips_never_moves_one(first, more, seed):
    assert splits(first + more, seed)[: len(first)] == splits(first, seed)


@given(st.text(min_size=1), st.lists(st.text(), min_size=2), st.integers())
def test_a_speaker_is_never_in_two_splits(speaker, texts, seed):
    assert len(set(splits([(speaker, text) for text in texts], seed))) == 1


@given(st.text(), st.lists(st.one_of(st.none(), st.text()), min_size=2), st.integers())
def test_by_prompt_a_prompt_is_never_in_two_splits(text, speakers, seed):
    assert len(set(splits([(speaker, text) for speaker in speakers], seed, "prompt"))) == 1


@given(st.text())
def test_a_prompt_has_no_case_spacing_or_punctuation(text):
    assert prompt_of(f"  {text} ") == prompt_of(text)
    assert prompt_of(prompt_of(text)) == prompt_of(text)


def test_another_seed_makes_other_splits():
    groups = [f"speaker:{n}" for n in range(100)]
    assert [split_of(g, 0) for g in groups] != [split_of(g, 1) for g in groups]


def test_by_speaker_a_clip_without_one_is_one_sentence():
    with pytest.raises(DataError, match="need a speaker"):
        group_of(None, "Hola.", "speaker")


def clip(uid, split, **facts):
    return replace(Utterance(uid, 1.0, 'Dijo "hola",\nsí.', split, "es", None, None, f"{uid}.wav", "", ""), **facts)


def test_split_lists_hold_every_clip_once(tmp_path):
    written = write_splits(tmp_path, [clip("b", "train"), clip("a", "train", speaker="Anna"), clip("c", "test")])
    assert [path.name for path in written] == [f"{split}_files.csv" for split in SPLITS]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(path.name for path in written)
    with (tmp_path / "train_files.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["uid"] for row in rows] == ["a", "b"]
    assert rows[0]["text"] == 'Dijo "hola",\nsí.'
    assert (rows[0]["file_name"], rows[0]["speaker"]) == ("a.wav", "Anna")


def test_a_list_that_is_there_stays(tmp_path):
    (tmp_path / "dev_files.csv").write_text("mine")
    assert len(write_splits(tmp_path, [clip("a", "dev")])) == 2
    assert (tmp_path / "dev_files.csv").read_text() == "mine"


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path):
    with pytest.raises(DataError, match="cannot be written"):
        write_splits(tmp_path / "nothing", [clip("a", "dev")])
