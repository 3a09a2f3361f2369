"""Benchmarks in short windows, from what was asked to what is on the board."""

import json
import time
from pathlib import Path

import pytest
from benchmarked import asked
from staged import staged
from tiny_ctc import make_ctc
from tiny_whisper import make_whisper

import acento
from acento.api.benchmarking import plan_benchmark, run_benchmark
from acento.core.errors import InputError
from acento.core.store import LocalStore
from acento.core.store.upkeep.garbage import find_garbage
from acento.inference.benchmark import clock, jobs, predictions
from acento.inference.predictions import digest
from acento.models.windows import Fit
from acento.registry.runs.leaderboards import leaderboard
from infra.compute import InlineCompute

TAUGHT = {"margin_s": 0.5, "shortest_s": 0.5}


@pytest.fixture(scope="module")
def whisper(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(make_whisper(tmp_path_factory.mktemp("whisper") / "plain"))


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = make_whisper(tmp_path_factory.mktemp("whisper") / "taught")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"acento_window": TAUGHT}))
    return str(folder)


def test_what_decides_the_texts_is_found_out_once_by_the_parent(
    in_parts: LocalStore, whisper: str, taught: str
) -> None:
    def options(model: str, window: str) -> list[object]:
        (what,) = plan_benchmark(in_parts, asked(model, window=window)).transcriptions
        return [job.options.fit for job in jobs(in_parts, what)]

    assert set(options(whisper, "auto")) == set(options(whisper, "full")) == set(options(taught, "full")) == {None}
    assert set(options(whisper, "fit")) == {Fit()}
    assert set(options(taught, "auto")) == set(options(taught, "fit")) == {Fit(**TAUGHT)}


def test_without_short_windows_jobs_are_those_of_before_and_with_them_others(
    in_parts: LocalStore, whisper: str
) -> None:
    def keys(**told: object) -> set[str]:
        (what,) = plan_benchmark(in_parts, asked(whisper, **told)).transcriptions
        return {job.key for job in jobs(in_parts, what)}

    assert keys() == keys(window="auto") == keys(window="full")
    assert not keys() & keys(window="fit")
    assert not keys() & keys(window_s=1.0)
    (job, *_) = jobs(in_parts, plan_benchmark(in_parts, asked(whisper)).transcriptions[0])
    assert job.options.model_dump().keys() == {"language", "task", "device_type", "dtype", "threads"}


def test_a_family_that_takes_any_length_is_not_touched(in_parts: LocalStore, tmp_path: Path) -> None:
    model = str(make_ctc(tmp_path / "ctc"))
    digests, keys = set(), set()
    for window in ("full", "auto", "fit"):
        planned = plan_benchmark(in_parts, asked(model, window=window, language=None))
        keys.add(tuple(job.key for job in jobs(in_parts, planned.transcriptions[0])))
        list(InlineCompute(in_parts).run(jobs(in_parts, planned.transcriptions[0]), workers=1))
        digests.add(digest(predictions(in_parts, planned.transcriptions[0])))
    assert len(keys) == len(digests) == 1


@pytest.mark.slow
def test_a_model_in_both_windows_is_on_the_board_twice_and_speeds_are_not_compared(
    in_parts: LocalStore, taught: str
) -> None:
    run_benchmark(in_parts, asked(taught, window="full"))
    short = run_benchmark(in_parts, asked(taught))
    (board,) = leaderboard(in_parts).boards
    assert {row.entry.window for row in board.rows} == {None, "clip + 0.5 s"}
    assert [row.rtfx_comparable for row in board.rows].count(True) == 1
    assert {row.label for row in board.rows} == {f"{taught} (own)", f"{taught} (clip + 0.5 s)"}
    assert "window" in board.grid().columns
    assert not any("Not taught" in note for note in board.grid().notes)
    assert [row["window"] for row in short.leaderboard.to_rows()] == ["clip + 0.5 s"]
    assert (in_parts.root / short.artifact.key / "report.html").read_text().count("clip + 0.5 s") >= 2
    result = json.loads((in_parts.root / short.artifact.key / "run.json").read_text())["results"][0]
    assert result["decoding"]["fit"] == TAUGHT
    doomed = {one.key for one in find_garbage(in_parts, grace_s=0, now=time.time() + 3600).doomed}
    assert not [key for key in doomed if key.startswith(("jobs/", "plans/"))]


@pytest.mark.slow
def test_runaways_are_counted_in_the_record_and_said_under_the_board(
    in_parts: LocalStore, whisper: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("acento.inference.engine.is_runaway", lambda transcript, characters: True)  # noqa: ARG005
    finished = run_benchmark(in_parts, asked(whisper, window="fit"))
    (board,) = finished.leaderboard.boards
    (row,) = board.rows
    assert row.entry.runaways == 6
    note = f"Windows decoded again in the model's own, as their text ran away in a short one: {whisper} 6."
    assert note in board.grid().notes
    untaught = f"Not taught short windows, so that more errors are to be expected in them: {whisper}."
    assert untaught in board.grid().notes
    assert note in (in_parts.root / finished.artifact.key / "report.html").read_text().replace("&#39;", "'")
    result = json.loads((in_parts.root / finished.artifact.key / "run.json").read_text())["results"][0]
    assert result["measured"]["runaways"] == 6
    assert finished.leaderboard.to_rows()[0]["runaways"] == 6
    full = plan_benchmark(in_parts, asked(whisper, window="full")).transcriptions[0]
    list(InlineCompute(in_parts).run(jobs(in_parts, full), workers=1))
    (short,) = plan_benchmark(in_parts, asked(whisper, window="fit")).transcriptions
    assert digest(predictions(in_parts, short)) == digest(predictions(in_parts, full)), (
        "all were decoded in the whole window"
    )
    assert sum(one.runaways for one in clock(in_parts, full)) == 0


def test_any_number_of_workers_writes_the_same_in_short_windows(
    in_parts: LocalStore, taught: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("acento.models.devices.cores", lambda _=None: 8)
    digests = set()
    for alone, workers in ((in_parts, 1), (LocalStore(tmp_path / "other"), 3)):
        staged(alone, tmp_path / "clips", 6)
        (what,) = plan_benchmark(alone, asked(taught)).transcriptions
        assert len(jobs(alone, what)) > 1
        list(InlineCompute(alone).run(jobs(alone, what), workers=workers))
        digests.add(digest(predictions(alone, what)))
    assert len(digests) == 1


def test_windows_longer_than_the_models_leave_it_out_with_a_sentence(
    in_parts: LocalStore, whisper: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"hears 4 s at once, .* take at most 4 s"):
        run_benchmark(in_parts, asked(whisper, window_s=5.0))
    other = str(make_ctc(tmp_path / "ctc"))
    finished = run_benchmark(in_parts, asked(whisper, other, window_s=5.0, language=None))
    assert [*finished.leaderboard.left_out] == [whisper]
    assert [row.entry.model for board in finished.leaderboard.boards for row in board.rows] == [other]


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        ({"window": "short"}, "window must be 'auto', 'full' or 'fit'; got 'short'"),
        ({"window_s": 0}, "window_s must be more than 0; got 0"),
        ({"window_s": "long"}, "window_s must be a number"),
    ],
)
def test_wrong_windows_are_refused(told: dict[str, object], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        asked("any", **told)


def test_a_loaded_model_decodes_as_it_was_taught_or_as_it_is_told(in_parts: LocalStore, taught: str) -> None:
    clip = next((in_parts.root.parent / "clips").rglob("*.wav"))
    found = {}
    for window in ("auto", "full", "fit"):
        with acento.load_model(taught, language="es", window=window) as model:  # type: ignore[arg-type]
            found[window] = (model.options.fit, model.transcribe(clip).text)
    assert found["auto"] == found["fit"]
    assert found["auto"][0] == Fit(**TAUGHT)
    assert found["full"][0] is None
    with pytest.raises(InputError, match="window must be"):
        acento.load_model(taught, window="short")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="at most 4 s"):
        acento.load_model(taught, window_s=10.0)
