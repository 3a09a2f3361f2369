"""What a job needs of a store and leaves there: carried to an empty store, the job runs there and comes back whole."""

from pathlib import Path

import pytest
from fake_recognizer import FAKE, fake_model
from registered import registered
from staged import staged
from tiny_whisper import make_whisper
from training_set import training_job, training_set

from acento.core.settings import settings
from acento.core.store import LocalStore
from acento.core.store.transfer import copy_artifacts
from acento.data.dataset import load_card
from acento.inference import jobs as job_module
from acento.inference.benchmark import Transcription, clock, jobs, plan_transcription, predictions, unfinished
from acento.inference.predictions import digest
from acento.inference.runner import Runner
from acento.jobs.carried import Carried, inputs, outputs
from acento.models.base import DecodeOptions
from acento.models.checkpoints.resolver import resolve
from acento.registry.versions import find_version


@pytest.fixture
def planned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[LocalStore, Transcription]:
    monkeypatch.setitem(job_module.FAMILIES, "fake", FAKE)
    store = LocalStore(tmp_path / "here")
    card = load_card(store, staged(store, tmp_path / "clips", 4).name)
    model = resolve(str(fake_model(tmp_path / "model")))
    return store, plan_transcription(store, card, model, split="test", options=DecodeOptions())


def carry(source: LocalStore, target: LocalStore, what: Carried) -> None:
    copy_artifacts(source, target, what.artifacts, what.files)


def test_a_transcription_runs_where_its_inputs_were_carried_and_its_outputs_come_back(
    planned: tuple[LocalStore, Transcription], tmp_path: Path
) -> None:
    here, what = planned
    there = LocalStore(tmp_path / "there")
    (job,) = jobs(here, what)
    carry(here, there, inputs(here, job))
    Runner(there).execute(job)
    carry(there, here, outputs(there, job))
    assert unfinished(here, [job]) == []
    assert digest(predictions(here, what)) == digest(predictions(there, what))
    assert clock(here, what) == clock(there, what)


def test_what_was_done_before_is_carried_too_and_not_done_again(
    planned: tuple[LocalStore, Transcription], tmp_path: Path
) -> None:
    here, what = planned
    there = LocalStore(tmp_path / "there")
    (job,) = jobs(here, what)
    Runner(here).execute(job)
    carry(here, there, inputs(here, job))
    assert Runner(there).execute(job).cached


def test_nothing_is_left_by_a_job_that_was_never_run(planned: tuple[LocalStore, Transcription]) -> None:
    here, what = planned
    assert outputs(here, jobs(here, what)[0]) == Carried(())


@pytest.mark.slow
def test_a_training_needs_its_base_and_its_clips_and_leaves_a_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = LocalStore(tmp_path / "here"), LocalStore(tmp_path / "there")

    def settled(store: LocalStore) -> None:
        monkeypatch.setenv("ACENTO_STORE", store.url)
        settings.cache_clear()

    settled(here)
    base = registered(here, make_whisper(tmp_path / "model"))
    job = training_job(here, training_set(here, tmp_path / "lessons"), base.id)  # type: ignore[arg-type]
    carry(here, there, inputs(here, job))
    settled(there)
    result = Runner(there).execute(job)
    carry(there, here, outputs(there, job))
    assert find_version(here, f"tuned@{result.version}").about == find_version(there, f"tuned@{result.version}").about
    settled(here)
    assert Runner(here).execute(job).cached
