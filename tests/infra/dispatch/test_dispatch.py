"""Slices in processes of their own: workers are slow, die, hang, are taken away; nothing is lost or done for ever."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from forked import ended, fork
from s3 import S3Server
from servers import wait_until
from staged import staged
from stores import S3Place

from acento.core.callbacks import Callbacks
from acento.core.errors import AcentoError, InputError, StoreError, TransientError
from acento.core.store import LocalStore, Store
from acento.data.dataset import load_card
from acento.inference.benchmark import clock, jobs, plan_transcription, predictions, unfinished
from acento.inference.predictions import digest
from acento.inference.runner import Runner, Worker
from acento.jobs.job import Job, Result
from acento.models.base import DecodeOptions
from acento.models.checkpoints.resolver import resolve
from infra.compute.dispatch import worker, worklist
from infra.compute.dispatch.dispatcher import DEATHS, Dispatcher
from infra.compute.dispatch.worker import run_slice
from infra.compute.dispatch.worklist import WorkList, sweep
from tests.infra.dispatch.dispatching import (
    BEAT_S,
    Scripted,
    carry_out,
    done,
    errors,
    inline_digest,
    phases,
    planned,
    scripted,
)
from tests.infra.dispatch.local_engine import LocalEngine, engine

pytestmark = pytest.mark.usefixtures("quick_and_fake")


def test_two_processes_share_the_parts_and_the_texts_are_those_of_one(tmp_path: Path) -> None:
    store, what = planned(tmp_path, infer_s=0.02)
    heard: list[float] = []
    with engine(lambda: LocalStore(store.root)) as local:
        outcomes = carry_out(store, jobs(store, what), local, 2, callbacks=Callbacks(on_progress=heard.append))
        wait_until(lambda: phases(local) == ["ended", "ended"], "the end of their processes", 10)
    assert errors(outcomes) == []
    assert sorted(outcome.job.title for outcome in outcomes) == sorted(job.title for job in jobs(store, what))
    assert digest(predictions(store, what)) == inline_digest(tmp_path, infer_s=0.02)
    measured = clock(store, what)
    assert {one.pid for one in measured} == set(local.children.values())
    assert len({one.placement for one in measured}) == 2
    assert {(one.backend, one.placements) for one in measured} == {("test", 2)}
    assert sum(heard) == pytest.approx(what.seconds)
    assert not any((store.root / "worklists").iterdir())


@pytest.mark.slow
def test_runs_share_a_list_on_s3_and_one_that_is_killed_is_replaced(
    tmp_path: Path, s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACENTO_CACHE", str(tmp_path / "cache"))
    alone = inline_digest(tmp_path, infer_s=0.3)
    place = S3Place(s3)
    store = place.open()
    card = staged(store, tmp_path / "clips-s3", 12)
    model = resolve(str(tmp_path / "model"))
    what = plan_transcription(store, load_card(store, card.name), model, split="test", options=DecodeOptions())
    killed: list[int] = []

    def watch(dispatcher: Dispatcher) -> None:
        if not killed and (run := next((run for run in dispatcher._runs if run.at is not None), None)):
            killed.append(local.children[run.id])
            os.kill(killed[0], signal.SIGKILL)

    with engine(place.open) as local:
        outcomes = carry_out(store, jobs(store, what), local, 2, watch=watch)
    assert killed
    assert errors(outcomes) == []
    assert digest(predictions(store, what)) == alone
    assert list(store.walk("worklists")) == []


def kill_first(how: signal.Signals, local: Callable[[], LocalEngine], lost: list[int]) -> Callable[[Dispatcher], None]:
    """Return what sends a signal to the first run that is at a job, once."""

    def watch(dispatcher: Dispatcher) -> None:
        if not lost and (run := next((run for run in dispatcher._runs if run.at is not None), None)):
            assert run.at is not None
            lost.append(run.at)
            os.kill(local().children[run.id], how)

    return watch


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_what_a_run_left_that_died_or_fell_silent_is_submitted_again_its_part_by_itself(
    tmp_path: Path, how: signal.Signals
) -> None:
    store, what = planned(tmp_path, infer_s=0.1)
    todo, lost = jobs(store, what), list[int]()
    with engine(lambda: LocalStore(store.root)) as local:
        outcomes = carry_out(store, todo, local, 1, watch=kill_first(how, lambda: local, lost))
    assert errors(outcomes) == []
    assert len(outcomes) == len(todo)
    assert local.submitted[0] == list(range(len(todo)))
    assert local.submitted[1] == lost
    assert local.submitted[2] == [index for index in range(len(todo)) if index not in lost][: len(local.submitted[2])]
    if how == signal.SIGSTOP:
        assert any("given up: it gave no sign of life" in sentence for sentence in local.said)
    assert digest(predictions(store, what)) == inline_digest(tmp_path, infer_s=0.1)


@pytest.mark.slow
def test_a_part_whose_run_died_three_times_is_failed_by_name_and_the_others_are_done(tmp_path: Path) -> None:
    store, what = planned(tmp_path)

    def deadly(job: Job, worker: Worker) -> Result:
        if job.title == "part 1":
            os.kill(os.getpid(), signal.SIGKILL)  # as a kernel does that is out of memory
        return done(job, worker)

    with engine(lambda: LocalStore(store.root), runner=scripted(deadly)) as local:
        outcomes = {one.job.title: one.error for one in carry_out(store, jobs(store, what), local, 2)}
    error = outcomes.pop("part 1")
    assert isinstance(error, AcentoError)
    assert "Part 1 ended its process 3 times; memory may be short" in str(error)
    assert "exit code -9" in str(error)
    assert set(outcomes.values()) == {None}
    assert local.submitted.count([1]) == DEATHS - 1, "after the first death it has runs of its own"


@pytest.mark.slow
def test_sigterm_ends_a_run_after_its_current_part_and_is_nobodys_fault(tmp_path: Path) -> None:
    store, what = planned(tmp_path, infer_s=0.1)
    todo, told = jobs(store, what), list[str]()
    assert len(todo) > DEATHS + 1

    def watch(dispatcher: Dispatcher) -> None:
        for run in dispatcher._runs:
            if run.at is not None and run.id not in told and len(told) <= DEATHS:
                told.append(run.id)
                os.kill(local.children[run.id], signal.SIGTERM)

    with engine(lambda: LocalStore(store.root)) as local:
        outcomes = carry_out(store, todo, local, 1, watch=watch)
    assert len(told) == DEATHS + 1
    assert errors(outcomes) == []
    parts = [len(slice_) for slice_ in local.submitted]
    assert parts == list(range(len(todo), len(todo) - len(parts), -1)), "each did the one part that it was at"
    assert len(clock(store, what)) == len(todo), "no part was done twice"


def test_a_run_skips_what_the_store_has_by_then(tmp_path: Path) -> None:
    store, what = planned(tmp_path)
    todo = jobs(store, what)
    work = WorkList.post(store, todo)
    Runner(store).execute(todo[0])
    run_slice(WorkList(store, work.id), Runner(store), "0001", range(len(todo)), backend="test")
    results = {record["outcome"]: record["result"] for _, record in work.run("0001").since() if "outcome" in record}
    assert [results[index]["cached"] for index in sorted(results)] == [True] + [False] * (len(todo) - 1)


def test_an_error_arrives_as_what_it_was(tmp_path: Path) -> None:
    store, what = planned(tmp_path)
    failures: list[Exception] = [InputError("no such thing."), ConnectionError("reset"), ZeroDivisionError("a bug")]

    def failing(job: Job, worker: Worker) -> Result:
        if failures:
            raise failures.pop(0)
        return done(job, worker)

    with engine(lambda: LocalStore(store.root), runner=scripted(failing)) as local:
        found = [outcome.error for outcome in carry_out(store, jobs(store, what), local, 1)]
    assert isinstance(found[0], InputError)
    assert str(found[0]) == "no such thing."
    assert isinstance(found[1], TransientError)
    assert isinstance(found[2], RuntimeError)
    assert str(found[2]) == "ZeroDivisionError: a bug"
    assert "raise failures.pop(0)" in found[2].__notes__[0], "its traceback is lost"
    assert set(found[3:]) == {None}


def test_calling_it_off_ends_a_run_in_the_middle_of_a_part(tmp_path: Path) -> None:
    store, what = planned(tmp_path, infer_s=0.5)
    todo = jobs(store, what)
    with engine(lambda: LocalStore(store.root)) as local:

        def interrupt(dispatcher: Dispatcher) -> None:
            if any(run.at is not None for run in dispatcher._runs):
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            carry_out(store, todo, local, 1, watch=interrupt)
        wait_until(lambda: phases(local) == ["ended"], "the end of its process", 10)
    assert unfinished(store, todo) == todo


@contextmanager
def child(store: LocalStore, work: WorkList, runner: Callable[[Store], Runner] = Runner) -> Iterator[int]:
    """Do all jobs of a list in a child process."""
    indices = range(len(work.jobs))

    def serve() -> None:
        other = LocalStore(store.root)
        run_slice(WorkList(other, work.id), runner(other), "0001", indices, backend="test")

    number = fork(serve)
    wait_until(lambda: any(record["at"] is not None for _, record in work.run("0001").since()), "its first job", 30)
    yield number


@pytest.mark.slow
def test_a_run_whose_parent_is_gone_or_silent_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, what = planned(tmp_path, infer_s=2.0)
    work = WorkList.post(store, jobs(store, what), heartbeat_s=BEAT_S)
    with child(store, work) as number:
        work.clear()
        assert ended(number) == 0
    assert not (store.root / work.key).exists(), "it leaves nothing in a list that is gone"

    monkeypatch.setattr(worker, "PARENT_SILENT_S", 2.0)
    work = WorkList.post(store, jobs(store, what), heartbeat_s=BEAT_S)
    with child(store, work) as number:
        assert ended(number) == 0
    assert [record for _, record in work.run("0001").since()][-1]["ended"] == "its parent has been silent for too long"


def test_a_run_that_was_given_up_and_lives_ends_and_does_no_harm(tmp_path: Path) -> None:
    store, what = planned(tmp_path)
    work = WorkList.post(store, jobs(store, what), heartbeat_s=BEAT_S)

    def slow(job: Job, worker: Worker) -> Result:
        work.leave("0001")
        wait_until(worker.cancelled.is_set, "it to notice", 30)
        return done(job, worker)

    indices = range(len(work.jobs))
    report = run_slice(WorkList(store, work.id), Scripted(store, slow), "0001", indices, backend="test")
    assert "held to be dead" in report.why
    assert report.done == 1


def test_a_run_that_its_engine_begins_again_leaves_its_work_to_the_parent(tmp_path: Path) -> None:
    store, what = planned(tmp_path)
    work = WorkList.post(store, jobs(store, what))
    before = {"host": "h", "pid": 1, "at": 2, "heard": 0.0, "rows": []}
    work.run("0001").append(before)  # and then its process was killed
    report = run_slice(WorkList(store, work.id), Scripted(store, done), "0001", [2, 3], backend="test")
    assert (report.done, report.why) == (0, "the engine began it a second time")
    last = [record for _, record in work.run("0001").since()][-1]
    assert (last["at"], last["blame"]) == (2, True), "the parent knows over which part"


def test_a_store_that_is_full_ends_the_run_with_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, what = planned(tmp_path)
    work = WorkList.post(store, jobs(store, what))
    real = LocalStore.create_exclusive

    def full(self: LocalStore, key: str, data: bytes) -> bool:
        if b'"outcome"' in data:
            raise StoreError("The store is full; free some space.")
        return real(self, key, data)

    monkeypatch.setattr(LocalStore, "create_exclusive", full)
    with pytest.raises(StoreError, match="full"):
        run_slice(WorkList(store, work.id), Scripted(store, done), "0001", [0], backend="test")


def test_a_run_that_no_worker_begins_is_given_up_and_another_one_does_its_work(tmp_path: Path) -> None:
    store, what = planned(tmp_path)
    with engine(lambda: LocalStore(store.root)) as local:
        local.taken_limit_s = 0.5
        local.begin = lambda run: run != "0001"
        outcomes = carry_out(store, jobs(store, what), local, 1)
    assert errors(outcomes) == []
    assert local.submitted[0] == local.submitted[1]
    assert "a worker took it" in local.ended["0001"].why


@pytest.mark.slow
def test_an_engine_that_is_away_for_a_while_stops_nothing(tmp_path: Path) -> None:
    store, what = planned(tmp_path, infer_s=0.1)
    lost: list[int] = []

    def watch(dispatcher: Dispatcher) -> None:
        open_ = len(dispatcher._open)
        local.away = 2 < open_ < len(dispatcher._jobs)
        if open_ <= 2:
            kill_first(signal.SIGKILL, lambda: local, lost)(dispatcher)

    with engine(lambda: LocalStore(store.root)) as local:
        outcomes = carry_out(store, jobs(store, what), local, 1, watch=watch)
    assert errors(outcomes) == []
    assert lost


@pytest.mark.slow
def test_of_more_runs_than_a_limit_lets_in_the_others_wait(tmp_path: Path) -> None:
    store, what = planned(tmp_path, infer_s=0.05)
    most = 0

    def watch(_: Dispatcher) -> None:
        nonlocal most
        most = max(most, sum(run not in local.ended for run in local.children))

    with engine(lambda: LocalStore(store.root), limit=2) as local:
        outcomes = carry_out(store, jobs(store, what), local, 5, watch=watch)
    assert errors(outcomes) == []
    assert most == 2
    assert len(local.submitted) == 5, "nothing is cut again while runs wait"


@pytest.mark.slow
def test_of_more_runs_than_a_limit_accepts_the_others_are_submitted_later(tmp_path: Path) -> None:
    store, what = planned(tmp_path, infer_s=0.1)
    with engine(lambda: LocalStore(store.root), limit=2) as local:
        local.refuses_to_wait = True
        outcomes = carry_out(store, jobs(store, what), local, 5)
    assert errors(outcomes) == []
    assert len(outcomes) == len(jobs(store, what))


def test_runs_that_end_one_after_another_and_finish_nothing_are_given_up(tmp_path: Path) -> None:
    store, what = planned(tmp_path)

    def broken(_: Store) -> Runner:
        raise SystemExit("there is no such device")

    with engine(lambda: LocalStore(store.root), runner=broken) as local:
        with pytest.raises(AcentoError, match=r"2 runs of the engine ended .* finished nothing.*exit code 1"):
            carry_out(store, jobs(store, what), local, 1)
        assert len(local.submitted) == 2


@pytest.mark.slow
def test_a_run_that_will_be_at_it_for_long_leaves_its_last_parts_to_a_worker_that_is_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.compute.dispatch.sizing.MEASURED_S", 0.2)
    store, what = planned(tmp_path, clips=24)
    todo = jobs(store, what)

    def paced(job: Job, worker: Worker) -> Result:
        for _ in range(10):  # the first run is six times slower than others
            time.sleep(0.3 if worker.name.endswith(".0001") else 0.01)
            worker.callbacks.on_progress(job.seconds / 10)  # type: ignore[union-attr]
        return done(job, worker)

    with engine(lambda: LocalStore(store.root), runner=scripted(paced)) as local:
        outcomes = carry_out(store, todo, local, 2)
    assert errors(outcomes) == []
    assert len(outcomes) == len(todo)
    assert len(local.submitted) >= 3
    assert set(local.submitted[2]) < set(local.submitted[0])
    assert max(local.submitted[2]) == max(local.submitted[0])


def test_lists_of_parents_that_have_long_been_silent_are_removed(tmp_path: Path) -> None:
    store, what = planned(tmp_path)
    old = WorkList.post(store, jobs(store, what))
    assert sweep(store) == []
    (path,) = (store.root / old.key / "parent").glob("*.json")
    path.write_text(json.dumps({"when": time.time() - worklist.ABANDONED_S - 1}))
    living = WorkList.post(store, jobs(store, what))
    assert list(store.list("worklists")) == [living.key]
