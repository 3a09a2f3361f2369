"""Parts decoded again for the clock: measured, never kept as texts, compared with them, and priced."""

from pathlib import Path

import pytest
from fake_recognizer import FakeRecognizer, fake_model

from acento.api.benchmarking import rounds
from acento.core.prices import Price, PriceTable
from acento.core.store import LocalStore
from acento.data.dataset import load_card
from acento.inference.benchmark import (
    Transcription,
    clock,
    clocks,
    jobs,
    plan_transcription,
    predictions,
    preview_transcription,
    repeat_jobs,
    unfinished,
)
from acento.inference.runner import Runner, Worker
from acento.inference.speed import cost, speed
from acento.jobs.carried import outputs
from acento.models.base import DecodeOptions
from acento.models.checkpoints.resolver import resolve


@pytest.fixture
def transcribed(store: LocalStore, tmp_path: Path) -> Transcription:
    """Decode all of it once."""
    model = fake_model(tmp_path / "model", infer_s=0.005)
    what = plan_transcription(
        store, load_card(store, "demo"), resolve(str(model)), split="test", options=DecodeOptions(), batch_size=2
    )
    for job in jobs(store, what):
        Runner(store).execute(job)
    return what


def repeat(store: LocalStore, what: Transcription, number: int, run: str = "mine") -> None:
    for job in repeat_jobs(store, what, run, number):
        Runner(store).execute(job)


def test_a_repeat_is_the_same_work_and_is_done_once(store: LocalStore, transcribed: Transcription) -> None:
    (job,), (again,) = jobs(store, transcribed), repeat_jobs(store, transcribed, "mine", 2)
    assert again.fingerprint == job.fingerprint
    assert unfinished(store, [again]) == [again], "what is in the store is decoded again on purpose"
    before = [*predictions(store, transcribed)]
    files = len([*store.walk("measurements")])
    repeat(store, transcribed, 2)
    repeat(store, transcribed, 2)
    assert unfinished(store, [again]) == []
    assert len([*store.walk("measurements")]) == files + 1
    assert [*predictions(store, transcribed)] == before
    assert len(clock(store, transcribed)) == 1, "another run's clock does not see it"
    assert again.note in outputs(store, again).files


def test_each_run_has_repeats_of_its_own_and_one_that_is_missing_is_left_out(
    store: LocalStore, transcribed: Transcription
) -> None:
    repeat(store, transcribed, 2)
    repeat(store, transcribed, 3)
    assert len(clocks(store, transcribed, "mine", 3)) == 3
    assert len(clocks(store, transcribed, "other", 3)) == 1
    found = speed(clocks(store, transcribed, "mine", 5))
    assert found is not None
    assert (found.repeats, found.changed) == (3, 0)
    assert found.low is not None
    assert found.high is not None
    assert found.low <= found.rtfx <= found.high
    assert found.rtfx * found.inference_s == pytest.approx(transcribed.seconds)


def test_texts_that_change_are_counted_and_not_kept(
    store: LocalStore, transcribed: Transcription, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = [*predictions(store, transcribed)]
    finish = FakeRecognizer.finish

    def otherwise(self: FakeRecognizer, tokens: list[int]):
        return finish(self, [tokens[0] + 1, *tokens[1:]])

    monkeypatch.setattr(FakeRecognizer, "finish", otherwise)
    repeat(store, transcribed, 2)
    found = speed(clocks(store, transcribed, "mine", 2))
    assert found is not None
    assert found.changed == 3, "the first clip of each of three batches"
    assert [*predictions(store, transcribed)] == before


def test_a_first_pass_that_was_measured_otherwise_is_not_counted(store: LocalStore, transcribed: Transcription) -> None:
    repeat(store, transcribed, 2)
    first, again = clocks(store, transcribed, "mine", 2)
    elsewhere = [one.model_copy(update={"device": "another"}) for one in first]
    found = speed([elsewhere, again])
    assert found is not None
    assert found.repeats == 1
    assert found.conditions is not None
    assert found.conditions.device != "another"


def test_cost_is_the_price_of_every_measured_second(store: LocalStore, transcribed: Transcription) -> None:
    repeat(store, transcribed, 2)
    passes = [
        [one.model_copy(update={"device": "NVIDIA L40S", "load_s": 10.0, "warm_up_s": 2.0}) for one in each]
        for each in clocks(store, transcribed, "mine", 2)
    ]
    found = cost(passes, PriceTable({"L40S": Price(usd_per_hour=3600, source="here")}))
    assert found is not None
    busy = sum(one.load_s + one.warm_up_s + one.timings.wall_s for each in passes for one in each)
    assert found.dollars == pytest.approx(busy)
    inference = sum(one.timings.inference_s for each in passes for one in each)
    assert found.per_audio_hour == pytest.approx(inference / (2 * transcribed.seconds) * 3600, rel=0.01)
    assert (found.device_type, found.source, found.usd_per_hour) == ("L40S", "here", pytest.approx(3600))


def test_a_processor_is_priced_by_the_core_and_one_without_a_price_makes_no_cost(
    store: LocalStore, transcribed: Transcription
) -> None:
    (measured,) = clock(store, transcribed)
    with_threads = measured.model_copy(
        update={"device": "My CPU", "options": measured.options.model_copy(update={"threads": 4})}
    )
    table = PriceTable({"mine": Price(usd_per_hour=1, per="core", devices=("My CPU",))})
    found = cost([[with_threads]], table)
    assert found is not None
    assert found.usd_per_hour == pytest.approx(4)
    assert cost([[with_threads, measured]], table) is None
    assert cost([[measured]]) is None
    assert cost([[]]) is None


def test_a_preview_is_the_plan_and_writes_nothing(store: LocalStore, tmp_path: Path) -> None:
    model = resolve(str(fake_model(tmp_path / "model")))
    asked = {"split": "test", "options": DecodeOptions(), "batch_size": 2}
    before = {one.key for one in store.walk()}
    what, seen = preview_transcription(store, load_card(store, "demo"), model, **asked)
    assert {one.key for one in store.walk()} == before
    planned = plan_transcription(store, load_card(store, "demo"), model, **asked)
    assert (what, seen) == (planned, jobs(store, planned))


def test_a_first_pass_of_other_conditions_is_made_up_for_by_one_repeat_more(
    store: LocalStore, transcribed: Transcription
) -> None:
    numbers = []
    for todo in rounds(store, transcribed, "mine", 3):
        numbers += [job.repeat for job in todo]
        for job in todo:
            Runner(store).execute(job, Worker(count=2))
    assert numbers == ["mine-2", "mine-3", "mine-4"]
    found = speed(clocks(store, transcribed, "mine", 3))
    assert found is not None
    assert found.repeats == 3
    assert found.conditions is not None
    assert found.conditions.placements == 2
    alike = [job.repeat for todo in rounds(store, transcribed, "mine", 3) for job in todo]
    assert alike == [], "what a killed run has measured is not measured again"


def test_a_first_pass_of_the_same_conditions_counts(store: LocalStore, transcribed: Transcription) -> None:
    assert [[job.repeat for job in todo] for todo in rounds(store, transcribed, "mine", 1)] == [[]]
    for todo in rounds(store, transcribed, "mine", 2):
        for job in todo:
            Runner(store).execute(job)
    assert unfinished(store, repeat_jobs(store, transcribed, "mine", 3)), "there was no need of a third"
    found = speed(clocks(store, transcribed, "mine", 2))
    assert found is not None
    assert found.repeats == 2
