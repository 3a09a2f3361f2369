"""The batch check: a sample transcribed one clip at a time says how many texts the batch changed."""

import json
import logging
import time
from pathlib import Path

import pytest
from fake_recognizer import FAKE, FakeRecognizer, fake_model
from staged import staged

from acento.api.benchmarking import run_benchmark
from acento.core.errors import InputError
from acento.core.settings import settings
from acento.core.store import LocalStore
from acento.core.store.upkeep.garbage import find_garbage
from acento.inference import jobs as job_module
from acento.inference.plan import load_part, make_plan
from acento.models.base import Audio
from acento.registry.runs.records import Finished
from acento.requests import BenchmarkRequest


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalStore:
    """Six clips of different lengths, and a model that hears as much as the longest clip of the batch has."""
    monkeypatch.setenv("ACENTO_STORE", str(tmp_path / "store"))
    settings.cache_clear()
    monkeypatch.setitem(job_module.FAMILIES, "fake", FAKE)
    monkeypatch.setattr(FakeRecognizer, "infer", padded)
    found = LocalStore(tmp_path / "store")
    staged(found, tmp_path / "clips", 6)
    fake_model(tmp_path / "model")
    return found


def padded(self: FakeRecognizer, features: list[Audio]) -> list[int]:
    self.batches.append(len(features))
    return [max(map(len, features))] * len(features)


def run(store: LocalStore, **asked: int | str | None) -> Finished:
    model = str(store.root.parent / "model")
    return run_benchmark(store, BenchmarkRequest(models=[model], datasets=["demo"], allow_invalid=True, **asked))  # type: ignore[arg-type]


def test_texts_that_the_batch_changed_are_counted(store: LocalStore) -> None:
    finished = run(store, gpu_batch_size=2, batch_check=6, job_id="checked")
    (row,) = finished.leaderboard.boards[0].rows
    check = row.entry.batch_check
    assert check is not None
    # clips are sorted by length, longest first: the second of each of the three batches is padded
    assert (check.batch_size, check.clips, check.changed) == (2, 6, 3)
    assert check.examples == ("c00", "c02", "c04")
    assert "3 of 6" in (finished.folder / "leaderboard.md").read_text()
    (summary,) = (finished.folder / "results_summaries").iterdir()
    assert "batch_check_changed" in summary.read_text().splitlines()[0]


def test_a_sample_is_drawn_from_the_clips_of_the_run_and_is_always_the_same(store: LocalStore) -> None:
    card = staged(store, store.root.parent / "clips", 6)

    def ids(**asked: int) -> list[str]:
        plan = make_plan(store, card, split="test", batch_size=1, **asked)
        return sorted(clip.id for part in plan.parts for clip in load_part(store, plan.key, part.index).clips)

    assert ids(sample=3) == ids(sample=3)
    assert len(ids(sample=3)) == 3
    assert set(ids(sample=2)) < set(ids(sample=3))
    assert set(ids(sample=2, limit=4)) < set(ids(limit=4))
    assert ids(sample=99) == ids()
    with pytest.raises(InputError, match="A sample of 0 decodes nothing"):
        ids(sample=0)


@pytest.mark.slow
def test_the_score_is_that_of_the_batches_and_a_second_run_decodes_nothing(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = run(store, gpu_batch_size=2).leaderboard.boards[0].rows[0].entry
    checked = run(store, gpu_batch_size=2, batch_check=4).leaderboard.boards[0].rows[0].entry
    assert checked.score == plain.score
    assert plain.batch_check is None
    monkeypatch.setattr(FakeRecognizer, "infer", None)  # nothing may be decoded from here on
    again = run(store, gpu_batch_size=2, batch_check=4).leaderboard.boards[0].rows[0].entry
    assert again.batch_check == checked.batch_check


@pytest.mark.slow
def test_a_check_is_not_repeated_for_the_clock(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []

    def counted(self: FakeRecognizer, features: list[Audio]) -> list[int]:
        sizes.append(len(features))
        return padded(self, features)

    monkeypatch.setattr(FakeRecognizer, "infer", counted)
    run(store, gpu_batch_size=2, batch_check=4, repeats=2)
    assert (sizes.count(2), sizes.count(1)) == (6, 4)


def test_one_clip_at_a_time_has_nothing_to_check(store: LocalStore, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    (row,) = run(store, gpu_batch_size=1, batch_check=4).leaderboard.boards[0].rows
    assert row.entry.batch_check is None
    assert "one clip at a time: no batch size to check" in caplog.text


@pytest.mark.slow
def test_what_a_check_rests_on_is_kept(store: LocalStore) -> None:
    finished = run(store, gpu_batch_size=2, batch_check=4, job_id="checked")
    result = json.loads((finished.folder / "run.json").read_text())["results"][0]
    assert result["batch_check"]["decoding"]["batch_size"] == 1
    doomed = {one.key for one in find_garbage(store, grace_s=0, now=time.time() + 3600).doomed}
    assert result["batch_check"]["decoding"]["plan"] not in doomed
    assert not [key for key in doomed if key.startswith("jobs/")]
    assert len([*store.list("jobs")]) == 2


@pytest.mark.slow
def test_a_run_of_an_older_version_is_taken_up_again(store: LocalStore) -> None:
    run(store, gpu_batch_size=2, job_id="old")
    path = store.root / "requests" / "old.json"
    asked = json.loads(path.read_text())
    del asked["request"]["batch_check"]
    path.write_text(json.dumps(asked))
    assert run(store, gpu_batch_size=2, job_id="old").run == "old"
    with pytest.raises(InputError, match="belongs to another request"):
        run(store, gpu_batch_size=2, job_id="old", batch_check=3)


def test_a_check_of_no_clips_is_refused() -> None:
    with pytest.raises(InputError, match="batch_check must be at least 1"):
        BenchmarkRequest.of(models=["m"], datasets=["d"], batch_check=0)
