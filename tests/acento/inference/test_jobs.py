"""Jobs: idempotent, resumed by attempt, measured apart from their results; and a benchmark's steps on top of them."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from fake_recognizer import FakeRecognizer, fake_model
from made_up import clip, make_set
from staged import staged

from acento.core.errors import AcentoError, DamagedError
from acento.core.store import LocalStore
from acento.data.dataset import load_card
from acento.inference.benchmark import (
    Transcription,
    jobs,
    plan_transcription,
    predictions,
    score_transcription,
    speed,
    unfinished,
)
from acento.inference.jobs import TranscribeJob, measurements, state
from acento.inference.predictions import FILE, attempts, digest
from acento.inference.runner import Runner, Worker
from acento.models.base import DecodeOptions
from acento.models.checkpoints.resolver import resolve
from acento.scoring.stored import UTTERANCES


def plan(store: LocalStore, tmp_path: Path, **arguments: float) -> Transcription:
    model = fake_model(tmp_path / f"model{len(arguments)}", **arguments)
    return plan_transcription(
        store, load_card(store, "demo"), resolve(str(model)), split="test", options=DecodeOptions()
    )


def only(store: LocalStore, transcription: Transcription) -> TranscribeJob:
    (job,) = jobs(store, transcription)
    return job


def test_the_language_is_the_data_sets_own(store: LocalStore, tmp_path: Path) -> None:
    assert plan(store, tmp_path).options.language == "es"


def test_a_job_is_small_and_names_its_work(store: LocalStore, tmp_path: Path) -> None:
    job = only(store, plan(store, tmp_path))
    assert len(job.model_dump_json()) < 4096
    assert TranscribeJob.model_validate_json(job.model_dump_json()).fingerprint == job.fingerprint


@pytest.mark.parametrize(
    "change",
    [{"batch_size": 5}, {"part_digest": "other"}, {"options": DecodeOptions(language="sv")}],
    ids=["batch size", "clips", "options"],
)
def test_what_changes_the_work_changes_the_fingerprint(
    store: LocalStore, tmp_path: Path, change: dict[str, object]
) -> None:
    job = only(store, plan(store, tmp_path))
    assert job.model_copy(update=change).fingerprint != job.fingerprint


def test_where_the_model_lies_and_which_plan_named_the_part_do_not_change_the_fingerprint(
    store: LocalStore, tmp_path: Path
) -> None:
    job = only(store, plan(store, tmp_path))
    moved = job.model_copy(update={"model": job.model.model_copy(update={"id": "elsewhere"}), "plan": "plans/x"})
    assert moved.fingerprint == job.fingerprint


def test_a_job_that_is_done_is_not_done_again(store: LocalStore, tmp_path: Path) -> None:
    job = only(store, plan(store, tmp_path))
    assert state(store, job) is None
    first = Runner(store).execute(job)
    again = Runner(store).execute(job)
    assert (first.cached, again.cached) == (False, True)
    assert first.key == again.key
    assert len(measurements(store, job.key)) == 1


def test_a_damaged_result_is_computed_again(store: LocalStore, tmp_path: Path) -> None:
    transcription = plan(store, tmp_path)
    job = only(store, transcription)
    Runner(store).execute(job)
    before = digest(predictions(store, transcription))
    path = store.root / job.key / "attempt-1" / FILE
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    fresh = LocalStore(store.root)
    assert unfinished(fresh, [job]) == [job]
    assert Runner(fresh).execute(job).cached is False
    assert digest(predictions(fresh, transcription)) == before


def test_only_what_failed_is_tried_again_and_nothing_is_rewritten(
    store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    transcription = plan(store, tmp_path)
    job = only(store, transcription)
    longest = 7200  # samples: c05, 0.45 s at 16 kHz
    real = FakeRecognizer.__init__

    def refusing(self: FakeRecognizer, **arguments: float) -> None:
        real(self, **arguments, refuse=lambda window: len(window) >= longest)  # type: ignore[arg-type]

    monkeypatch.setattr(FakeRecognizer, "__init__", refusing)
    assert Runner(store).execute(job).failed == 1
    first = (store.root / job.key / "attempt-1" / FILE).read_bytes()
    assert [row.id for row in predictions(store, transcription) if row.failed] == ["c05"]
    assert unfinished(store, [job]) == [job]

    monkeypatch.setattr(FakeRecognizer, "__init__", real)
    assert Runner(store).execute(job).failed == 0
    assert len(attempts(store, job.key)) == 2
    assert (store.root / job.key / "attempt-1" / FILE).read_bytes() == first
    assert measurements(store, job.key)[1].windows == 1
    assert not any(row.failed for row in predictions(store, transcription))
    assert unfinished(store, [job]) == []


def test_a_run_that_is_not_complete_cannot_be_scored(store: LocalStore, tmp_path: Path) -> None:
    with pytest.raises(AcentoError, match="is not in the predictions of jobs/"):
        score_transcription(store, plan(store, tmp_path), "none")


def test_a_failed_utterance_is_listed_and_not_scored_as_empty(
    store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = FakeRecognizer.__init__
    monkeypatch.setattr(
        FakeRecognizer,
        "__init__",
        lambda self, **arguments: real(self, **arguments, refuse=lambda window: len(window) >= 7200),
    )
    transcription = plan(store, tmp_path)
    Runner(store).execute(only(store, transcription))
    scored = score_transcription(store, transcription, "none")
    body = json.loads(store.read_bytes(scored.key, "score.json"))
    assert (body["overall"]["scored"], body["overall"]["failed"]) == (5, 1)
    assert body["failures"] == [{"id": "c05", "reason": "model_error: ValueError: cannot hear this"}]
    assert body["overall"]["words"]["deletions"] + body["overall"]["words"]["substitutions"] == 15  # 5 clips of 3 words


def test_a_score_knows_which_speakers_are_also_in_the_training_split(store: LocalStore, tmp_path: Path) -> None:
    clips = [clip(seed, "train" if seed < 2 else "test", speaker=f"s{seed % 4}") for seed in range(6)]
    card = make_set(store, [clips], name="voices")
    model = resolve(str(fake_model(tmp_path / "model")))
    transcription = plan_transcription(store, card, model, split="test", options=DecodeOptions())
    Runner(store).execute(only(store, transcription))
    key = score_transcription(store, transcription, "none").key
    rows = pq.read_table(store.local_path(key, UTTERANCES)).to_pylist()
    assert {row["speaker"]: row["speaker_seen"] for row in rows} == {"s0": True, "s1": True, "s2": False, "s3": False}


def test_a_score_is_found_again_and_another_normalizer_needs_no_model(store: LocalStore, tmp_path: Path) -> None:
    transcription = plan(store, tmp_path)
    Runner(store).execute(only(store, transcription))
    first = score_transcription(store, transcription, "none")
    again = score_transcription(store, transcription, "none")
    other = score_transcription(store, transcription, "basic")
    assert (first.cached, again.cached, other.cached) == (False, True, False)
    assert first.key == again.key != other.key


def test_a_model_that_changed_since_the_plan_is_refused(store: LocalStore, tmp_path: Path) -> None:
    transcription = plan(store, tmp_path)
    (Path(transcription.model.id) / "model.safetensors").write_bytes(b"other weights")
    with pytest.raises(DamagedError, match="has changed since the benchmark began"):
        Runner(store).execute(only(store, transcription))


def test_clips_added_later_are_all_that_is_decoded(store: LocalStore, tmp_path: Path) -> None:
    old = plan(store, tmp_path)
    Runner(store).execute(only(store, old))
    staged(store, tmp_path / "clips", 3, first=6)
    new = plan(store, tmp_path)
    assert (old.clips, new.clips) == (6, 9)
    assert [job.clips for job in unfinished(store, jobs(store, new))] == [3]


def test_speed_is_audio_over_inference_seconds_with_its_conditions(store: LocalStore, tmp_path: Path) -> None:
    transcription = plan(store, tmp_path, infer_s=0.01)
    job = only(store, transcription)
    Runner(store).execute(job, Worker(count=3))
    (measured,) = measurements(store, job.key)
    found = speed([[measured]])
    assert found is not None
    assert found.rtfx == pytest.approx(measured.timings.audio_s / measured.timings.inference_s)
    assert found.low is not None
    assert found.high is not None
    assert found.low <= found.rtfx <= found.high
    assert found.conditions is not None
    assert (found.conditions.placements, found.conditions.batch_size) == (3, 2)
    mixed = speed([[measured, measured.model_copy(update={"device": "another"})]])
    assert mixed is not None
    assert mixed.conditions is None
    assert speed([]) is None
