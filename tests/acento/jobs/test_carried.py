"""What a job needs of a store and leaves there: carried to an empty store, the job runs there and comes back whole."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fake_recognizer import FAKE, fake_model
from registered import registered
from staged import staged
from stored_recordings import put_recording
from tiny_whisper import make_whisper
from training_set import training_job, training_set

from acento.core.settings import settings
from acento.core.store import LocalStore
from acento.core.store.transfer import copy_artifacts
from acento.data.dataset import load_card
from acento.inference import jobs as job_module
from acento.inference.benchmark import Transcription, clock, jobs, plan_transcription, predictions, unfinished
from acento.inference.jobs import TranscribeJob
from acento.inference.plan import PlannedClip, make_part
from acento.inference.predictions import attempts, digest, overlaid
from acento.inference.runner import Runner
from acento.jobs.carried import Carried, inputs, outputs
from acento.models.base import DecodeOptions
from acento.models.checkpoints.checkpoint import ModelSpec
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


def test_windows_of_recordings_are_transcribed_where_their_recordings_were_carried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(job_module.FAMILIES, "fake", FAKE)
    here, there = LocalStore(tmp_path / "here"), LocalStore(tmp_path / "there")
    one = put_recording(here, np.zeros((32_000, 2), np.int16))
    two = put_recording(here, np.ones(16_000, np.int16))
    windows = [("a", 1.0, one.key, 1, 0.5), ("b", 0.5, two.key, 0, 0.25)]
    clips = [PlannedClip(id, length, id, key, channel, start) for id, length, key, channel, start in windows]
    part = make_part(0, [clips])
    plan = f"plans/{part.digest}"
    with here.publish(plan) as draft:
        pq.write_table(
            pa.Table.from_pylist([{"part": 0, "batch": 0, **asdict(clip)} for clip in clips]),
            draft.folder / "plan.parquet",
        )
    model = resolve(str(fake_model(tmp_path / "model")))
    job = TranscribeJob(
        plan=plan,
        part=0,
        part_digest=part.digest,
        batch_size=2,
        clips=2,
        seconds=1.5,
        model=ModelSpec.of(model),
        options=DecodeOptions(),
    )
    assert set(inputs(here, job).artifacts) >= {plan, one.key, two.key}
    carry(here, there, inputs(here, job))
    Runner(there).execute(job)
    carry(there, here, outputs(there, job))
    texts = {row.id: row.text for row in overlaid(here, attempts(here, job.key)).values()}
    assert texts == {"a": "n16000", "b": "n8000"}
