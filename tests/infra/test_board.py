"""The board: placements in processes of their own share jobs and die; nothing is lost, and nothing done for ever."""

import json
import os
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Event

import pytest
from fake_recognizer import FAKE, fake_model
from forked import ended, fork
from placed import kill, placement
from s3 import S3Server
from servers import wait_until
from staged import staged
from stores import S3Place

from acento.core.errors import AcentoError, InputError, StoreError, TransientError
from acento.core.store import LocalStore
from acento.core.store.coordination import Lease
from acento.data.dataset import load_card
from acento.inference import jobs as job_module
from acento.inference.benchmark import Transcription, clock, jobs, plan_transcription, predictions, unfinished
from acento.inference.jobs import JobResult, TranscribeJob
from acento.inference.predictions import digest
from acento.inference.runner import Placement, Runner
from acento.jobs.job import Job, Result
from acento.models.base import DecodeOptions
from acento.models.checkpoints.resolver import resolve
from acento.training.job import FinetuneResult
from infra.compute import InlineCompute, serving
from infra.compute import board as board_module
from infra.compute.base import Outcome
from infra.compute.board import DEATHS, PARENT, Board, sweep


@pytest.fixture(autouse=True)
def fake_family(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(job_module.FAMILIES, "fake", FAKE)
    monkeypatch.setattr("acento.inference.plan.PART_SECONDS", 0.3)  # several parts
    monkeypatch.setattr(serving, "LOOK_S", 0.05)


def planned(tmp_path: Path, name: str = "store", **arguments: float) -> tuple[LocalStore, Transcription]:
    store = LocalStore(tmp_path / name)
    card = staged(store, tmp_path / "clips", 12)
    model = resolve(str(fake_model(tmp_path / "model", **arguments)))
    return store, plan_transcription(store, load_card(store, card.name), model, split="test", options=DecodeOptions())


class Scripted(Runner):
    """A runner that does as it is told instead of decoding."""

    def __init__(self, store: LocalStore, does: Callable[[Job, Placement], Result]) -> None:
        super().__init__(store)
        self._does = does

    def execute(self, job: Job, placement: Placement | None = None) -> Result:  # type: ignore[override]
        assert placement is not None
        return self._does(job, placement)


def done(job: Job, _: Placement) -> JobResult:
    assert isinstance(job, TranscribeJob)
    return JobResult(key=job.key, part=job.part, clips=job.clips, seconds=job.seconds, cached=False, failed=0)


def all_outcomes(board: Board) -> list[Outcome]:
    found: list[Outcome] = []

    def complete() -> bool:
        found.extend(board.outcomes())
        return board.left == 0

    wait_until(complete, "every job's outcome", 60)
    return found


def test_two_processes_share_the_parts_and_the_texts_are_those_of_one(tmp_path: Path) -> None:
    store, what = planned(tmp_path, infer_s=0.02)
    alone, _ = planned(tmp_path, "alone", infer_s=0.02)
    board = Board.post(store, jobs(store, what), beat_s=0.05)
    with (
        placement(lambda: LocalStore(store.root), board.id, "a") as first,
        placement(lambda: LocalStore(store.root), board.id, "b") as second,
    ):
        outcomes = all_outcomes(board)
        assert (ended(first), ended(second)) == (0, 0)
    assert [outcome.error for outcome in outcomes if outcome.error] == []
    assert sorted(outcome.job.title for outcome in outcomes) == sorted(job.title for job in jobs(store, what))
    list(InlineCompute(alone).run(jobs(alone, what), placements=1))
    assert digest(predictions(store, what)) == digest(predictions(alone, what))
    measured = clock(store, what)
    assert {one.placement: one.pid for one in measured}.items() <= {"a": first, "b": second}.items()
    assert {(one.backend, one.placements) for one in measured} == {("work-pool", 2)}
    board.beats()
    assert board.progress() == pytest.approx(what.seconds)
    board.clear()
    assert not (store.root / board.key).exists()


@pytest.mark.slow
def test_placements_share_a_board_on_s3_and_one_that_is_killed_is_replaced(
    tmp_path: Path, s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACENTO_CACHE", str(tmp_path / "cache"))
    here, _ = planned(tmp_path, infer_s=0.3)
    place = S3Place(s3)
    store = place.open()
    card = staged(store, tmp_path / "clips-s3", 12)
    model = resolve(str(tmp_path / "model"))
    options = DecodeOptions()
    what = plan_transcription(store, load_card(store, card.name), model, split="test", options=options)
    board = Board.post(store, jobs(store, what), beat_s=0.2)
    with placement(place.open, board.id, "lost") as child:
        wait_until(lambda: bool(board.holds("lost")), "its first claim", 60)
        kill(child)
    board.void("lost", "killed")
    with placement(place.open, board.id, "next") as child:
        outcomes = all_outcomes(board)
        assert ended(child) == 0
    assert {outcome.error for outcome in outcomes} == {None}
    list(InlineCompute(here).run(jobs(here, what), placements=1))
    assert digest(predictions(store, what)) == digest(predictions(here, what))
    board.clear()
    assert list(store.list("boards")) == []
    assert list(store.list_files(f"{board.key}/claims")) == []


@pytest.mark.slow
def test_what_a_killed_process_had_taken_is_free_once_it_is_given_up(tmp_path: Path) -> None:
    store, what = planned(tmp_path, infer_s=0.1)
    alone, _ = planned(tmp_path, "alone", infer_s=0.1)
    board = Board.post(store, jobs(store, what), beat_s=0.05)
    with placement(lambda: LocalStore(store.root), board.id, "lost") as child:
        wait_until(lambda: "lost" in board.beats() and bool(board.holds("lost")), "its first claim", 30)
        kill(child)
    taken = board.holds("lost")
    assert len(taken) == 1
    assert taken[0] not in [index for index, _ in board.free()]
    before = board.beats()["lost"]
    assert board.beats()["lost"] == before, "the dead do not beat"
    board.void("lost", "killed")
    assert (taken[0], 1) in board.free()
    Board(store, board.id).serve(Runner(store), "next", "work-pool", 1)
    assert {outcome.error for outcome in all_outcomes(board)} == {None}
    list(InlineCompute(alone).run(jobs(alone, what), placements=1))
    assert digest(predictions(store, what)) == digest(predictions(alone, what))


def test_a_job_that_ends_one_process_after_another_becomes_an_error_and_the_others_are_done(tmp_path: Path) -> None:
    store, what = planned(tmp_path)
    board = Board.post(store, jobs(store, what), beat_s=0.05)

    def deadly(job: Job, placement: Placement) -> Result:
        if job.title == "part 0":
            os.kill(os.getpid(), signal.SIGKILL)  # as a kernel does that is out of memory
        return done(job, placement)

    def serve(name: str) -> None:
        other = LocalStore(store.root)
        Board(other, board.id).serve(Scripted(other, deadly), name, "work-pool", 1)

    for attempt in range(DEATHS):
        assert (0, attempt) in board.free()
        assert ended(fork(partial(serve, f"p.{attempt}"))) == -signal.SIGKILL
        board.void(f"p.{attempt}", "its process was killed (exit code 137)")
    assert board.outcomes()[0].job.title == "part 0"
    Board(store, board.id).serve(Scripted(store, done), "last", "work-pool", 1)
    again = Board(store, board.id)
    outcomes = {outcome.job.title: outcome.error for outcome in all_outcomes(again)}
    error = outcomes.pop("part 0")
    assert isinstance(error, AcentoError)
    assert "Part 0 ended its process 3 times; memory may be short" in str(error)
    assert "exit code 137" in str(error)
    assert set(outcomes.values()) == {None}


@pytest.mark.slow
def test_a_machine_that_is_taken_away_in_order_is_nobodys_fault(tmp_path: Path) -> None:
    store, what = planned(tmp_path, infer_s=0.3)
    board = Board.post(store, jobs(store, what), beat_s=0.05)
    for attempt in range(DEATHS + 1):
        with placement(lambda: LocalStore(store.root), board.id, f"p{attempt}") as child:
            wait_until(lambda name=f"p{attempt}": bool(board.holds(name)), "its first claim", 30)  # type: ignore[misc]
            os.kill(child, signal.SIGTERM)
            assert ended(child) == 0
        assert all(outcome.error is None for outcome in board.outcomes())
    left = len(unfinished(store, jobs(store, what)))
    assert len(board.free()) == left


def test_an_error_arrives_as_what_it_was(tmp_path: Path) -> None:
    store, what = planned(tmp_path)
    board = Board.post(store, jobs(store, what), beat_s=0.05)
    errors: list[Exception] = [InputError("no such thing."), ConnectionError("reset"), ZeroDivisionError("a bug")]

    def failing(job: Job, placement: Placement) -> Result:
        if errors:
            raise errors.pop(0)
        return done(job, placement)

    served = board.serve(Scripted(store, failing), "p", "work-pool", 1)
    assert (served.failed, served.done) == (3, len(board.jobs) - 3)
    found = [outcome.error for outcome in all_outcomes(board)]
    assert isinstance(found[0], InputError)
    assert str(found[0]) == "no such thing."
    assert isinstance(found[1], TransientError)
    assert isinstance(found[2], RuntimeError)
    assert str(found[2]) == "ZeroDivisionError: a bug"
    assert "raise errors.pop(0)" in found[2].__notes__[0], "its traceback is lost"
    assert set(found[3:]) == {None}


def test_a_cancelled_board_ends_a_placement_in_the_middle_of_a_part(tmp_path: Path) -> None:
    store, what = planned(tmp_path, infer_s=0.5)
    board = Board.post(store, jobs(store, what), beat_s=0.05)
    with placement(lambda: LocalStore(store.root), board.id, "p") as child:
        wait_until(lambda: bool(board.holds("p")), "its first claim", 30)
        board.cancel()
        assert ended(child) == 0
    assert board.outcomes() == []
    assert unfinished(store, jobs(store, what)) == jobs(store, what)


def test_a_placement_whose_parent_is_gone_or_silent_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, what = planned(tmp_path, infer_s=0.5)
    board = Board.post(store, jobs(store, what), beat_s=0.05)
    with placement(lambda: LocalStore(store.root), board.id, "p") as child:
        wait_until(lambda: bool(board.holds("p")), "its first claim", 30)
        board.clear()
        assert ended(child) == 0
    assert not (store.root / board.key).exists(), "it leaves nothing on a board that is gone"

    monkeypatch.setattr(serving, "PARENT_SILENT_S", 0.0)
    board = Board.post(store, jobs(store, what), beat_s=0.05)
    with placement(lambda: LocalStore(store.root), board.id, "p") as child:
        assert ended(child) == 0
    assert board.outcomes() == []


def stopped(job: Job, step: int) -> FinetuneResult:
    return FinetuneResult(
        key=job.key,
        name="n",
        done=False,
        why="stopped",
        sentence="stopped",
        step=step,
        steps=9,
        best_step=None,
        dev_wer_before=None,
        dev_wer=None,
        version=None,
        cached=False,
    )


def test_rows_of_a_training_arrive_before_its_result_and_a_stop_reaches_it(tmp_path: Path) -> None:
    store, job = LocalStore(tmp_path), training()
    board = Board.post(store, [job])
    board.stop("enough")

    def train(job: Job, placement: Placement) -> Result:
        for step in range(3):
            placement.noted({"step": step})
        wait_until(lambda: placement.stopped() is not None, "the order to stop", 30)
        assert placement.stopped() == "enough"
        placement.noted({"step": 3})
        return stopped(job, 3)

    Board(store, board.id).serve(Scripted(store, train), "p", "work-pool", 1)
    (outcome,) = board.outcomes()
    assert [row["step"] for row in board.rows()] == [0, 1, 2, 3]
    assert board.rows() == []
    assert isinstance(outcome.result, FinetuneResult)
    assert outcome.result.why == "stopped"


def test_a_training_on_a_machine_that_is_taken_away_is_for_the_next_placement(tmp_path: Path) -> None:
    store, ending = LocalStore(tmp_path), Event()
    board = Board.post(store, [training()])

    def interrupted(job: Job, placement: Placement) -> Result:
        ending.set()
        assert placement.stopped() is not None
        return stopped(job, 4)

    served = board.serve(Scripted(store, interrupted), "p", "work-pool", 1, ending=ending)
    assert (served.done, served.failed) == (0, 0)
    assert board.outcomes() == []
    assert board.free() == [(0, 1)]

    def goes_on(job: Job, _: Placement) -> Result:
        return stopped(job, 9).model_copy(update={"done": True, "why": "finished"})

    board.serve(Scripted(store, goes_on), "q", "work-pool", 1)
    (outcome,) = board.outcomes()
    assert isinstance(outcome.result, FinetuneResult)
    assert outcome.result.done


def test_the_lease_of_a_machine_that_is_gone_is_the_next_ones(tmp_path: Path) -> None:
    store, job = LocalStore(tmp_path), training()
    board = Board.post(store, [job])
    assert board.take("lost") == 0
    board.beat("lost", 0, {"host": "container-1", "pid": 7})
    held_there = {"id": "x", "host": "container-1", "pid": 7, "born": "1", "since": 0.0, "until": 9e12}
    store.create_exclusive(f"{job.key}/lease/000001.json", json.dumps(held_there).encode())
    board.void("lost", "no sign of life")

    def trains(job: Job, _: Placement) -> Result:
        with Lease(store, f"{job.key}/lease", "the training goes on"):
            return stopped(job, 9).model_copy(update={"done": True, "why": "finished"})

    served = Board(store, board.id).serve(Scripted(store, trains), "next", "work-pool", 1)
    assert (served.done, served.failed) == (1, 0)


def test_a_placement_that_was_given_up_and_lives_ends_and_does_no_harm(tmp_path: Path) -> None:
    store, what = planned(tmp_path)
    board = Board.post(store, jobs(store, what), beat_s=0.05)

    def slow(job: Job, placement: Placement) -> Result:
        board.void(placement.name, "no beat")
        wait_until(placement.cancelled.is_set, "it to notice", 30)
        return done(job, placement)

    served = Board(store, board.id).serve(Scripted(store, slow), "p", "work-pool", 1)
    assert "held to be dead" in served.why
    assert board.left == len(board.jobs)
    assert [outcome.job.title for outcome in board.outcomes()] == ["part 0"], "its work is taken all the same"


def test_a_store_that_is_full_ends_the_placement_with_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, what = planned(tmp_path)
    board = Board.post(store, jobs(store, what), beat_s=0.05)
    real = LocalStore.create_exclusive

    def full(self: LocalStore, key: str, data: bytes) -> bool:
        if "/outcomes/" in key:
            raise StoreError("The store is full; free some space.")
        return real(self, key, data)

    monkeypatch.setattr(LocalStore, "create_exclusive", full)
    with pytest.raises(StoreError, match="full"):
        Board(store, board.id).serve(Scripted(store, done), "p", "work-pool", 1)
    monkeypatch.undo()
    board.void("p", "The store is full; free some space.")
    assert board.outcomes() == []
    assert (0, 1) in board.free()


def test_boards_of_parents_that_have_long_been_silent_are_removed(tmp_path: Path) -> None:
    store, what = planned(tmp_path)
    old, living = Board.post(store, jobs(store, what), beat_s=0.05), Board.post(store, jobs(store, what), beat_s=0.05)
    assert sweep(store) == []
    beat = store.root / old.key / "beats" / f"{PARENT}.00000000"
    beat.write_text(json.dumps({"when": time.time() - board_module.ABANDONED_S - 1}))
    assert sweep(store) == [old.id]
    assert list(store.list("boards")) == [living.key]


def training() -> Job:
    from acento.models.spec import ModelSpec
    from acento.training.job import FinetuneJob
    from acento.training.recipe import Recipe

    return FinetuneJob(
        name="n",
        base=ModelSpec(id="m", revision=None, family="whisper", digest="d"),
        dataset="d@1",
        dataset_fingerprint="f",
        train="t",
        dev="d",
        train_clips=1,
        dev_clips=1,
        left_out=0,
        language=None,
        recipe=Recipe(),
        options=DecodeOptions(),
    )
