"""Inline compute: one loaded model, any number of workers, equal results, and errors that stop nothing else."""

from contextlib import closing
from pathlib import Path

import pytest
from fake_recognizer import FAKE, FakeRecognizer, fake_model
from staged import staged

from acento.core.callbacks import Callbacks
from acento.core.errors import InputError, ModelError
from acento.core.store import LocalStore
from acento.data.dataset import load_card
from acento.inference import jobs as job_module
from acento.inference.benchmark import Transcription, clock, jobs, plan_transcription, predictions, unfinished
from acento.inference.jobs import JobResult, TranscribeJob
from acento.inference.predictions import digest
from acento.inference.runner import Runner, Worker
from acento.models.base import DecodeOptions
from acento.models.checkpoints.resolver import resolve
from infra.compute import InlineCompute, open_compute


@pytest.fixture(autouse=True)
def fake_family(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(job_module.FAMILIES, "fake", FAKE)
    monkeypatch.setattr("acento.inference.plan.PART_SECONDS", 0.6)  # several parts


def planned(tmp_path: Path, name: str = "store", **arguments: float) -> tuple[LocalStore, Transcription]:
    store = LocalStore(tmp_path / name)
    card = staged(store, tmp_path / "clips", 6)
    model = resolve(str(fake_model(tmp_path / "model", **arguments)))
    return store, plan_transcription(store, load_card(store, card.name), model, split="test", options=DecodeOptions())


def test_the_number_of_placements_changes_nothing_in_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("acento.models.devices.cores", lambda _=None: 8)
    digests, keys = [], []
    for workers in (1, 2, 5):
        store, what = planned(tmp_path, f"store{workers}")
        outcomes = list(InlineCompute(store).run(jobs(store, what), workers=workers))
        keys.append(sorted(outcome.result.key for outcome in outcomes if outcome.result))
        digests.append(digest(predictions(store, what)))
    assert len(keys[0]) > 1
    assert keys[0] == keys[1] == keys[2]
    assert digests[0] == digests[1] == digests[2]


@pytest.mark.parametrize(("cores", "threads", "used"), [(2, 1, 2), (2, 4, 1), (8, 1, 5)])
def test_on_the_cpu_no_more_placements_run_than_cores_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cores: int, threads: int, used: int
) -> None:
    monkeypatch.setattr("acento.models.devices.cores", lambda _=None: cores)
    store, what = planned(tmp_path)
    what = what.model_copy(update={"options": DecodeOptions(threads=threads)})
    list(InlineCompute(store).run(jobs(store, what), workers=5))
    assert {one.placements for one in clock(store, what)} == {used}


def test_the_model_is_loaded_once_for_all_placements_and_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []
    monkeypatch.setattr(FakeRecognizer, "warm_up", lambda *_: events.append("loaded"))
    monkeypatch.setattr(FakeRecognizer, "close", lambda *_: events.append("closed"))
    store, what = planned(tmp_path)
    with closing(InlineCompute(store)) as compute:
        list(compute.run(jobs(store, what)[:1], workers=3))
        list(compute.run(jobs(store, what)[1:], workers=3))
    assert events == ["loaded", "closed"]


def test_a_part_that_fails_does_not_stop_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Runner.execute

    def execute(self: Runner, job: TranscribeJob, worker: Worker) -> JobResult:
        if job.part == 0:
            raise ModelError("part 0 will not do.")
        return real(self, job, worker)

    monkeypatch.setattr(Runner, "execute", execute)
    store, what = planned(tmp_path)
    outcomes = {outcome.job.part: outcome for outcome in InlineCompute(store).run(jobs(store, what), workers=2)}
    assert len(outcomes) == len(jobs(store, what))
    assert isinstance(outcomes[0].error, ModelError)
    assert all(outcome.error is None for part, outcome in outcomes.items() if part)
    assert [job.part for job in unfinished(store, jobs(store, what))] == [0]


def test_closing_it_calls_off_what_is_not_done(tmp_path: Path) -> None:
    store, what = planned(tmp_path, infer_s=0.05)
    outcomes = InlineCompute(store).run(jobs(store, what), workers=1)
    next(outcomes)
    outcomes.close()
    left = unfinished(store, jobs(store, what))
    assert 0 < len(left) < len(jobs(store, what))


def test_it_says_how_much_audio_was_heard(tmp_path: Path) -> None:
    store, what = planned(tmp_path)
    heard: list[float] = []
    list(InlineCompute(store).run(jobs(store, what), workers=2, callbacks=Callbacks(on_progress=heard.append)))
    assert sum(heard) == pytest.approx(what.seconds)


def test_a_backend_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no compute backend 'cloud'; there are inline"):
        open_compute("cloud", LocalStore(tmp_path))
