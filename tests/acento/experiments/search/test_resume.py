"""A search that is killed and started again ends as one that never was; several processes share one search."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import pytest

from acento.core.store import LocalStore
from acento.experiments.search.budget import Budget
from acento.experiments.search.outcome import read_rows
from acento.experiments.search.run import run_study
from acento.experiments.search.study import open_study
from tests.acento.experiments.search.made_up_search import good, plan, search

KIT = Path(__file__).parents[3] / "kit"

PROGRAM = """
import json, os, sys, time
from pathlib import Path
from tests.acento.experiments.search.made_up_search import plan, search, unsynced
from acento.experiments.search.outcome import TrialOutcome

folder, sampler, trials, hang, parallel = Path(sys.argv[1]), sys.argv[2], *map(int, sys.argv[3:])

def objective(number, recipe, report):
    with (folder / "begun.jsonl").open("a") as file:
        file.write(json.dumps([os.getpid(), number, recipe.learning_rate]) + chr(10))
    report(10, 0.5)
    while number == hang:
        time.sleep(0.05)
    report(20, 0.4)
    return TrialOutcome(0.5 - 100 * recipe.learning_rate, minutes=1.0)

with unsynced():
    outcome = search(folder, plan(sampler=sampler), objective, trials, parallel=parallel)
print(json.dumps([[row.number, row.state] for row in outcome.trials]))
"""


def start(folder: Path, sampler: str, trials: int, hang: int, parallel: int = 1) -> "subprocess.Popen[str]":
    folder.mkdir(exist_ok=True)
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(folder), sampler, str(trials), str(hang), str(parallel)],
        env={**os.environ, "PYTHONPATH": str(KIT), "CUDA_VISIBLE_DEVICES": ""},
        stdout=subprocess.PIPE,
        text=True,
    )


def begun(folder: Path) -> list[tuple[int, int, float]]:
    path = folder / "begun.jsonl"
    return [tuple(json.loads(line)) for line in path.read_text().splitlines()] if path.exists() else []


def kill_in_trial(folder: Path, process: "subprocess.Popen[str]", number: int) -> None:
    """Kill a search when one of its trials has told an evaluation."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if any(trial == number for _, trial, _ in begun(folder)):
            with open_study(plan(sampler=process.args[4]), folder) as study:  # type: ignore[index]
                if any(row.number == number and row.evaluations for row in read_rows(study)):
                    break
        assert process.poll() is None, "the search ended before it could be killed"
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()


@pytest.mark.slow
def test_a_search_killed_in_its_third_trial_ends_as_one_that_never_was(tmp_path: Path) -> None:
    folder, sampler = tmp_path / "killed", "tpe"
    kill_in_trial(folder, start(folder, sampler, 8, hang=2), 2)
    again = start(folder, sampler, 8, hang=-1)
    assert json.loads(again.communicate(timeout=120)[0]) == [[number, "finished"] for number in range(8)]
    assert Counter(number for _, number, _ in begun(folder)) == Counter(
        {0: 1, 1: 1, 2: 2, **dict.fromkeys(range(3, 8), 1)}
    )
    with open_study(plan(sampler=sampler), folder) as study:
        rows = read_rows(study)
        assert len(study.trials.get_trials()) == 8
    assert rows[2].evaluations == ((10, 0.5), (20, 0.4))
    assert len({row.params["learning_rate"] for row in rows}) == 8

    straight = search(tmp_path / "straight", plan(sampler=sampler), good, 8)
    assert [row.params for row in rows] == [row.params for row in straight.trials]


@pytest.mark.slow
def test_three_processes_share_a_search_and_take_up_what_a_killed_one_left(tmp_path: Path) -> None:
    kill_in_trial(tmp_path, start(tmp_path, "random", 8, hang=1, parallel=2), 1)
    processes = [start(tmp_path, "random", 8, hang=-1, parallel=2) for _ in range(3)]
    for process in processes:
        assert json.loads(process.communicate(timeout=180)[0]) == [[number, "finished"] for number in range(8)]
        assert process.returncode == 0
    later = Counter(number for pid, number, _ in begun(tmp_path) if pid in {process.pid for process in processes})
    assert set(later.values()) == {1}  # nothing twice, whoever began it
    assert 1 in later


def test_of_several_who_reach_for_a_trial_at_once_one_gets_it(tmp_path: Path) -> None:
    with ExitStack() as stack:
        everybody = [stack.enter_context(open_study(plan(), tmp_path)).lease(7) for _ in range(4)]
        assert [lease.try_acquire() for lease in everybody] == [True, False, False, False]
        everybody[0].release()
        assert [lease.try_acquire() for lease in reversed(everybody)] == [True, False, False, False]
        everybody[3].release()


def test_processes_that_ask_at_once_run_no_more_trials_than_were_asked_for(tmp_path: Path) -> None:
    made = plan()
    with open_study(made, tmp_path) as study:
        ask = study.trials.ask

        def asked_twice() -> object:
            ask()  # another process, which dies before it has claimed its trial
            return ask()

        study.trials.ask = asked_twice  # type: ignore[method-assign, assignment]
        outcome = run_study(study, good, budget=Budget(trials=3))
    assert [(row.number, row.state) for row in outcome.trials] == [(number, "finished") for number in range(3)]
    assert search(tmp_path, made, good, 4).done == 4


@pytest.mark.slow
def test_a_trial_of_a_living_owner_is_left_to_it(tmp_path: Path) -> None:
    made, record = plan(), {"id": "them", "host": "another", "pid": 1, "born": "1", "since": 0.0, "machine": "another"}
    with open_study(made, tmp_path) as study:
        number = study.trials.ask().number
        lease = f"searches/{made.name}/trials/{number:06d}/000001.json"
        assert LocalStore(tmp_path).create_exclusive(lease, json.dumps(record | {"expiry_s": 1.0}).encode())
        assert [row.state for row in read_rows(study)] == ["running"]
        time.sleep(1.1)  # its heartbeat has stopped
        assert [row.state for row in read_rows(study)] == ["open"]
    outcome = search(tmp_path, made, good, 2)
    assert [row.state for row in outcome.trials] == ["finished", "finished"]


def test_a_trial_that_a_version_with_claims_in_the_study_left_is_taken_up(tmp_path: Path) -> None:
    """Owners were rows of a second study; the last one's minutes still count."""
    made = plan()
    with open_study(made, tmp_path) as study:
        study.trials.ask().set_user_attr("heartbeat", {"token": "x", "at": 0.0, "released": False, "minutes": 3.0})
        assert [(row.state, row.minutes) for row in read_rows(study)] == [("open", 3.0)]
    outcome = search(tmp_path, made, good, 2)
    assert [(row.state, row.minutes) for row in outcome.trials] == [("finished", 4.0), ("finished", 1.0)]
