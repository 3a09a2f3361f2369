"""Texts of others are kept as runs like any; a run is scored again from the texts that its scores keep."""

import json
from pathlib import Path
from typing import Any

import pytest
from written_texts import written

from acento.core.errors import InputError, StoreError
from acento.core.store import LocalStore
from acento.core.store.upkeep.usage import Live
from acento.registry.runs.leaderboards import RunFilter, leaderboard
from acento.registry.runs.records import Finished, entries_of, mark_live, run_leaderboard, runs, utterances_of
from acento.registry.runs.rescoring import keep, rescore
from acento.scoring.files.systems import FileOptions, System, read_systems
from acento.scoring.speakers.score import SpeakerOptions

SAID = {"a-1": "¿Cachái, po?", "a-2": "El (gran) perro ladra.", "b-1": "Uno, dos, tres."}
ONE = {"a-1": "cachái po", "a-2": "El gato ladra.", "b-1": "uno dos tres"}
TWO = {"a-1": "¿Cachái, po?", "a-2": "El perro ladra.", "b-1": "Uno, tres."}


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


def systems(folder: Path, **options: Any) -> list[System]:
    """Return two systems on one set of references in NIST's format."""
    heard = [written(folder, name, "jsonl", texts, "pred_text") for name, texts in (("one", ONE), ("two", TWO))]
    return read_systems(written(folder, "said", "trn", SAID), heard, FileOptions(**options))


def counts(store: LocalStore, finished: Finished) -> dict[tuple[str, str], tuple[int, int]]:
    """Return errors and reference words of each model by each normalizer."""
    return {
        (entry.model, entry.score.normalizer): (entry.score.overall.words.errors, entry.score.overall.words.hits)
        for entry, _ in entries_of(store, finished.artifact.key)
    }


def record(store: LocalStore, finished: Finished) -> Any:
    return json.loads(store.read_bytes(finished.artifact.key, "run.json"))


def test_what_others_wrote_is_a_run_with_its_board_and_files(store: LocalStore, tmp_path: Path) -> None:
    finished = keep(store, systems(tmp_path), ["basic"], job_id="theirs")
    (board,) = run_leaderboard(store, "theirs").boards
    assert (board.dataset, board.normalizer) == ("said", "basic-1")
    assert {row.entry.model for row in board.rows} == {"one", "two"}
    assert board.rows[1].tied is not None
    assert {"run.json", "entries.json", "results/results_theirs.csv"} <= finished.artifact.files.keys()
    (info,) = runs(store)
    assert (info.id, info.request.title) == ("theirs", "one, two on said/test")
    assert leaderboard(store, RunFilter(["said"]), groups=True).boards[0].rows == board.rows


def test_the_origin_of_each_number_is_written_down(store: LocalStore, tmp_path: Path) -> None:
    finished = keep(store, systems(tmp_path, language="es"), ["basic"])
    first = record(store, finished)["results"][0]
    assert first["files"]["references"]["path"].endswith("said.trn")
    assert first["files"]["hypotheses"]["format"] == "jsonl"
    assert first["model"]["digest"] == first["files"]["hypotheses"]["sha256"]
    assert (first["language"], first["alternations"], first["normalizer"]) == ("es", True, "basic-1")
    assert "decoding" not in first


def test_a_run_is_scored_again_as_its_texts_would_be(store: LocalStore, tmp_path: Path) -> None:
    first = keep(store, systems(tmp_path), ["basic"], job_id="theirs")
    again = rescore(store, "theirs", ["none", "basic-1"])
    fresh = keep(store, systems(tmp_path), ["none", "basic"])
    assert counts(store, again) == counts(store, fresh)
    assert counts(store, again)["one", "none-1"] != counts(store, first)["one", "basic-1"]
    body = record(store, again)
    assert {result["scored_from"] for result in body["results"]} == {"theirs"}
    assert body["request"]["scored_run"] == "theirs"
    assert len(again.leaderboard.boards) == 2
    by_rule = {board.normalizer: board for board in leaderboard(store).boards}
    assert {name: len(board.rows) for name, board in by_rule.items()} == {"none-1": 2, "basic-1": 2}


def test_a_run_that_was_scored_again_can_be_scored_again(store: LocalStore, tmp_path: Path) -> None:
    keep(store, systems(tmp_path), ["basic"], job_id="theirs")
    many = rescore(store, "theirs", ["none", "chilean-leaderboard"], job_id="many")
    last = rescore(store, many.run, ["basic"])
    assert counts(store, last) == counts(store, keep(store, systems(tmp_path), ["basic"]))


def test_two_systems_with_the_same_texts_keep_their_origins(store: LocalStore, tmp_path: Path) -> None:
    heard = [written(tmp_path, name, "csv", TWO) for name in ("left", "right")]
    heard[1].write_text(heard[1].read_text("utf-8") + "\n", "utf-8")
    keep(store, read_systems(written(tmp_path, "said", "csv", SAID), heard, FileOptions()), [], job_id="theirs")
    again = record(store, rescore(store, "theirs", ["basic"]))["results"]
    assert [Path(result["files"]["hypotheses"]["path"]).stem for result in again] == ["left", "right"]


def test_scores_with_several_normalizers_each_find_their_own_table(store: LocalStore, tmp_path: Path) -> None:
    finished = keep(store, systems(tmp_path), ["none", "basic"])
    for entry, key in entries_of(store, finished.artifact.key):
        errors = utterances_of(store, key)["word_insertions"].to_pylist()
        assert sum(errors) == entry.score.overall.words.insertions
    for board in leaderboard(store, groups=True).boards:
        assert {row.entry.score.normalizer for row in board.rows} == {board.normalizer}
        assert all(row.entry.score.groups for row in board.rows)


def test_the_garbage_collector_keeps_the_scores(store: LocalStore, tmp_path: Path) -> None:
    keep(store, systems(tmp_path), ["basic"], job_id="theirs")
    again = rescore(store, "theirs", ["none"])
    live = Live(grace_s=0.0)
    mark_live(store, {}, live)
    assert live.unclear == []
    assert {key for _, key in entries_of(store, again.artifact.key)} <= live.keys


def test_a_run_whose_score_is_gone_says_so(store: LocalStore, tmp_path: Path) -> None:
    finished = keep(store, systems(tmp_path), ["basic"], job_id="theirs")
    for _, key in entries_of(store, finished.artifact.key):
        store.remove(key)
    with pytest.raises(StoreError, match=r"scores/.* is not in the store"):
        rescore(store, "theirs", ["none"])


def test_what_is_not_there_is_refused(store: LocalStore, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no finished run 'nothing'"):
        rescore(store, "nothing", ["basic"])
    keep(store, systems(tmp_path), ["basic"], job_id="theirs")
    with pytest.raises(InputError, match="There is no normalizer 'spanglish'"):
        rescore(store, "theirs", ["spanglish"])
    with pytest.raises(InputError, match="Job id theirs belongs to another request"):
        rescore(store, "theirs", ["none"], job_id="theirs")
    assert [info.id for info in runs(store)] == ["theirs"]


@pytest.mark.meeteval
def test_scores_of_speakers_are_kept_and_scored_again_by_another_normalizer(store: LocalStore, tmp_path: Path) -> None:
    said, heard = tmp_path / "said.stm", tmp_path / "heard.stm"
    said.write_text("m 1 ana 0 2 ¡Hola, mundo!\nm 1 luis 2 4 Sí.\n", encoding="utf-8")
    heard.write_text("m 1 s1 0 2.1 hola mundo\nm 1 s2 2.1 4 sí\n", encoding="utf-8")
    options = FileOptions(speaker_options=SpeakerOptions(collar=0.25))
    first = keep(store, read_systems(said, [heard], options), ["none"], job_id="first")
    again = rescore(store, "first", ["basic"], job_id="again")
    scores = []
    for finished in (first, again):
        ((entry, _),) = entries_of(store, finished.artifact.key)
        assert entry.speakers is not None
        assert entry.speakers.cpwer is not None
        assert entry.speakers.options == SpeakerOptions(collar=0.25)
        assert entry.speakers.der.value == 0  # 0.1 s off, inside the collar
        scores.append(entry.speakers.cpwer.value)
    assert scores == [1.0, 0.0]
    assert "cpWER" in str(run_leaderboard(store, "again"))
    assert b"cpwer" in store.read_bytes(first.artifact.key, "results_summaries/results_summary_first.csv")


@pytest.mark.meeteval
def test_a_score_with_speakers_is_another_than_that_of_its_texts(store: LocalStore, tmp_path: Path) -> None:
    (tmp_path / "ref.rttm").write_text("SPEAKER m 1 0 2 <NA> <NA> ana <NA> <NA>\n")
    keys = set()
    for turns in ("0 2", "0 1"):
        (tmp_path / "hyp.rttm").write_text(f"SPEAKER m 1 {turns} <NA> <NA> x <NA> <NA>\n")
        found = keep(store, read_systems(tmp_path / "ref.rttm", [tmp_path / "hyp.rttm"], FileOptions()), [])
        keys |= {key for _, key in entries_of(store, found.artifact.key)}
    assert len(keys) == 2
