"""What the version before left is gone on with: finished work is found, half-done work ends with what lacks alone."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from commands import acento, api, newest_run
from servers import PrefectServer

RECORDED = ("--normalizer", "chilean-leaderboard")

pytestmark = [pytest.mark.server, pytest.mark.slow]


class Repeated:
    """The commands of ``make.py``, given again in the working folder."""

    def __init__(self, server: PrefectServer, folder: Path, commands: dict[str, list[str]]) -> None:
        self.server, self.folder, self.store, self._commands = server, folder, folder / "store", commands

    def run(self, name: str, *more: str) -> str:
        """Give a command again; return what it printed.

        A training of that version had one normalizer whatever its language, and its recipe still names it.
        """
        command = self._commands[name]
        return self.acento(*command, *(() if command[0] == "benchmark" else RECORDED), *more)

    def acento(self, *arguments: str) -> str:
        """Run any command; return what it printed."""
        done = acento(self.server, self.folder, *arguments)
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout

    def written(self, pattern: str) -> dict[str, int]:
        """Return files of the store and when each was written."""
        return {str(path.relative_to(self.store)): path.stat().st_mtime_ns for path in self.store.glob(pattern)}

    def states(self, flow: str) -> dict[str, set[str]]:
        """Return the states of the tasks of the flow's newest run, by the first words of their names."""
        run = newest_run(self.server, flow)
        states: dict[str, set[str]] = {}
        for task in api(self.server, "task_runs", flow_runs={"id": {"any_": [run["id"]]}}):
            states.setdefault(task["name"].partition(" ")[0], set()).add(task["state_name"])
        return states


@pytest.fixture
def again(prefect_server: PrefectServer, world: Path, expected: Any) -> Repeated:
    return Repeated(prefect_server, world, expected["commands"])


def results(again: Repeated, run: str) -> list[dict[str, Any]]:
    """Return what a run found, without what the clock said."""
    found = json.loads((again.store / "runs" / run / "run.json").read_text(encoding="utf-8"))["results"]
    return [
        {"model": one["model"]["id"], "dataset": one["dataset"]["name"], "split": one["dataset"]["split"]}
        | {"clips": one["dataset"]["clips"], "normalizer": one["normalizer"], "texts_sha256": one["texts_sha256"]}
        for one in found
    ]


def test_a_finished_benchmark_is_found_whole_also_when_what_nobody_needs_is_gone(
    again: Repeated, expected: Any
) -> None:
    again.acento("store", "gc", "--yes")
    before = again.written("jobs/**/*"), again.written("measurements/**/*")
    scores = again.written("scores/**/*")
    again.run("monday", "--job-id", "again")
    assert (again.written("jobs/**/*"), again.written("measurements/**/*")) == before
    assert scores.items() <= again.written("scores/**/*").items(), "intervals are other ones now: scored anew, beside"
    assert again.states("benchmark") | {"plan": set(), "publish": set()} == {
        "plan": set(),
        "transcribe": {"Cached"},
        "score": {"Completed"},
        "publish": set(),
    }
    assert results(again, "again") == results(again, "monday") == expected["results"]["monday"]


def test_a_converted_model_is_found(again: Repeated, expected: Any) -> None:
    before = again.written("converted/**/*")
    assert before
    again.run("converted", "--job-id", "again")
    assert again.written("converted/**/*") == before
    assert again.states("benchmark")["transcribe"] == {"Cached"}
    assert results(again, "again") == expected["results"]["converted"]


def test_a_half_done_benchmark_computes_the_missing_parts_alone(again: Repeated, expected: Any) -> None:
    before = again.written("jobs/*/attempt-*/*.parquet")
    again.run("tuesday", "--job-id", "tuesday-2")
    after = again.written("jobs/*/attempt-*/*.parquet")
    assert before.items() <= after.items()
    assert len(after) - len(before) == expected["parts that lack"] == 3
    assert results(again, "tuesday-2") == expected["results"]["tuesday-2"]


def test_a_finished_training_is_found(again: Repeated, expected: Any) -> None:
    before = again.written("jobs/**/*"), again.written("models/**/*")
    assert expected["tiny"][1] in again.run("second")
    assert again.states("finetune")["finetune"] == {"Cached"}
    assert (again.written("jobs/**/*"), again.written("models/**/*")) == before


def test_a_half_done_training_goes_on_from_its_checkpoint(again: Repeated) -> None:
    (log,) = again.store.glob("logs/half/*")
    newest = max(again.store.glob(f"jobs/{log.name}*/checkpoints/*/state.json"))
    begun = json.loads(newest.read_text(encoding="utf-8"))
    assert begun["step"] == 4
    again.run("half")
    (made,) = again.store.glob("models/half/*/model/history.jsonl")
    history = [json.loads(line) for line in made.read_text(encoding="utf-8").splitlines()]
    assert history[: len(begun["history"])] == begun["history"], "what it had learned, to the time that each step took"
    assert history[-1]["step"] == 8


def trials(again: Repeated, search: str) -> list[list[str]]:
    """Return the table of a search's trials."""
    with (again.store / "searches" / search / "trials.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def test_a_finished_search_is_shown_and_trains_nothing(again: Repeated, expected: Any) -> None:
    before = again.written("jobs/**/*")
    shown = again.run("found")
    assert again.states("search")["search"] == {"Cached"}
    assert again.written("jobs/**/*") == before
    assert trials(again, "found") == expected["found"]
    for row in expected["found"][1:]:
        assert f"{100 * float(row[2]):.2f}" in shown


def test_a_half_done_search_repeats_no_trial_that_has_ended(again: Repeated, expected: Any) -> None:
    ended = again.written("jobs/*/unpublished/*")
    begun = {path.name for path in again.store.glob("searches/sought/jobs/*")}
    assert len(begun) == 3, "two trials that have ended, and one that was killed"
    again.run("sought")
    assert ended.items() <= again.written("jobs/*/unpublished/*").items()
    assert len({path.name for path in again.store.glob("searches/sought/jobs/*")} - begun) == 1
    now, then = trials(again, "sought"), expected["sought"]
    assert [row[:2] for row in now] == [row[:2] for row in then]
    assert [row[2] for row in now[:3]] == [row[2] for row in then[:3]]


def test_a_validation_is_found_and_the_doctor_looks_again_with_the_languages_rule(again: Repeated) -> None:
    validations, reports, jobs = (again.written(f"{folder}/**/*") for folder in ("validations", "doctor", "jobs"))
    again.acento("validate", "guard", "--doctor", "models/one")
    assert (again.written("validations/**/*"), again.written("jobs/**/*")) == (validations, jobs)
    assert reports.items() < again.written("doctor/**/*").items()


def test_a_learning_curve_and_a_cross_validation_are_found(again: Repeated) -> None:
    before = again.written("jobs/**/*"), again.written("curves/**/*"), again.written("crossvalidations/**/*")
    again.run("curve")
    again.run("folds")
    after = again.written("jobs/**/*"), again.written("curves/**/*"), again.written("crossvalidations/**/*")
    assert after == before
