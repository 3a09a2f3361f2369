"""Diarization as a job: done once, called off between blocks, carried to another store, told in JSON."""

import json
from collections.abc import Iterable
from concurrent.futures import CancelledError
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from stored_recordings import put_recording

from acento.core.callbacks import Callbacks
from acento.core.errors import DamagedError, InputError, StoreError
from acento.core.store import LocalStore
from acento.core.store.transfer import copy_artifacts
from acento.data.recordings.recording import Recording
from acento.data.words import Turn
from acento.diarization import execute as execute_module
from acento.diarization.diarizer import OnProgress, Speakers
from acento.diarization.execute import mixed
from acento.diarization.job import DiarizeJob, EnrolledVoice, plan_diarization, state, turns
from acento.inference.runner import Runner, Worker
from acento.jobs.carried import inputs, outputs
from acento.models.base import Audio, DecodeOptions
from infra.compute import open_compute
from infra.compute.dispatch.serialization import dump_result, load_outcome
from infra.compute.dispatch.worklist import WorkList
from infra.compute.reach import portable, refuse_folders

FOUND = [Turn(0.0, 20.0, "SPEAKER_00"), Turn(15.0, 30.0, "SPEAKER_01")]


class Engine:
    """Finds the same turns in everything, and reads all of it."""

    def __init__(self) -> None:
        self.heard: list[float] = []
        self.told = Speakers()

    def diarize(self, blocks: Iterable[Audio], speakers: Speakers, on_progress: OnProgress) -> list[Turn]:
        self.told = speakers
        for block in blocks:
            self.heard.append(len(block) / 16_000)
            on_progress(len(block) / 16_000)
        return FOUND


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


@pytest.fixture
def recording(store: LocalStore) -> Recording:
    return put_recording(store, np.random.default_rng(0).integers(-99, 99, 45 * 16_000).astype(np.int16))


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    engine = Engine()
    monkeypatch.setattr(execute_module, "load_engine", lambda *_: engine)
    return engine


def test_turns_are_published_once_and_found_again(store: LocalStore, recording: Recording, engine: Engine) -> None:
    job = plan_diarization(recording, "meeting.wav", DecodeOptions())
    told: list[float] = []
    with closing(open_compute("inline", store)) as backend:
        (outcome,) = backend.run([job], workers=1, callbacks=Callbacks(told.append))
    assert outcome.error is None
    assert outcome.result is not None
    assert (outcome.result.turns, outcome.result.speakers, outcome.result.cached) == (2, 2, False)
    assert turns(store, job) == FOUND
    assert json.loads((tmp := store.local_path(job.turns_key, "turns.json")).read_text())["turns"][0] == {
        "start": 0.0,
        "end": 20.0,
        "speaker": "SPEAKER_00",
    }, tmp
    assert sum(told) == pytest.approx(45)
    assert engine.heard == [20, 20, 5]
    again = Runner(store).execute(job)
    assert again.cached
    assert again.model_copy(update={"cached": False}) == outcome.result
    assert engine.heard == [20, 20, 5]
    assert state(store, job) == again


def test_one_that_is_called_off_ends_at_the_next_block_and_leaves_nothing(
    store: LocalStore, recording: Recording, engine: Engine
) -> None:
    job = plan_diarization(recording, "meeting.wav", DecodeOptions())
    worker = Worker()

    def stop(seconds: float) -> None:
        if seconds:
            worker.cancelled.set()

    worker = Worker(callbacks=Callbacks(stop), cancelled=worker.cancelled)
    with pytest.raises(CancelledError):
        Runner(store).execute(job, worker)
    assert engine.heard == [20]
    assert state(store, job) is None
    with pytest.raises(StoreError):
        turns(store, job)


def test_it_runs_where_its_inputs_were_carried_and_its_turns_come_back(
    store: LocalStore, recording: Recording, tmp_path: Path, engine: Engine
) -> None:
    voice = put_recording(store, np.ones(16_000, np.int16))
    job = plan_diarization(recording, "m", DecodeOptions(), voices=(EnrolledVoice(name="ana", recording=voice.key),))
    there = LocalStore(tmp_path / "there")
    needed = inputs(store, job)
    assert set(needed.artifacts) == {recording.key, voice.key}
    copy_artifacts(store, there, needed.artifacts, needed.files)
    plain = job.model_copy(update={"voices": ()})
    Runner(there).execute(plain)
    left = outputs(there, plain)
    copy_artifacts(there, store, left.artifacts, left.files)
    assert turns(store, plain) == FOUND
    assert engine.heard


def test_a_list_of_work_and_a_result_survive_json(store: LocalStore, recording: Recording, engine: Engine) -> None:
    job = plan_diarization(recording, "m", DecodeOptions(), speakers=Speakers(count=2))
    work = WorkList.post(store, [job])
    assert list(WorkList(store, work.id).jobs) == [job]
    assert len(job.model_dump_json()) < 4096
    result = Runner(store).execute(job)
    assert engine.told == Speakers(count=2)
    assert load_outcome(job, json.loads(json.dumps(dump_result(result)))).result == result


def test_what_decides_the_turns_names_the_job_and_nothing_else(recording: Recording) -> None:
    def job(name: str = "a", engine: str = "fast", **more: object) -> str:
        return plan_diarization(recording, name, DecodeOptions(), engine=engine, **more).fingerprint  # type: ignore[arg-type]

    voices = tuple(EnrolledVoice(name=name, recording=f"recordings/{name}") for name in ("ana", "bo"))
    assert job("a") == job("b")
    assert job(voices=voices) == job(voices=voices[::-1])
    others = [
        job(),
        job(engine="accurate"),
        job(speakers=Speakers(count=2)),
        job(voices=voices),
        job(voices=voices[:1]),
    ]
    assert len(set(others)) == len(others)


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"engine": "slow"}, "There is no diarizer 'slow'"),
        ({"speakers": Speakers(count=2, most=3)}, "given twice"),
        ({"speakers": Speakers(least=4, most=3)}, "At least 4 and at most 3 speakers"),
        ({"voices": (EnrolledVoice(name="ana", recording="a"),) * 2}, "Two voices are called 'ana'"),
        (
            {"voices": (EnrolledVoice(name="ana", recording="a"), EnrolledVoice(name="bo", recording="a"))},
            "The recording of the voice 'ana' is another voice's, too",
        ),
    ],
)
def test_what_cannot_be_is_refused_when_it_is_planned(recording: Recording, more: dict, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        plan_diarization(recording, "call", DecodeOptions(), **more)


def test_one_speaker_a_channel_leaves_no_number_of_speakers(store: LocalStore) -> None:
    both = put_recording(store, np.ones((16_000, 2), np.int16))
    with pytest.raises(InputError, match="leave out --speakers"):
        plan_diarization(both, "call", DecodeOptions(), channels="each", speakers=Speakers(count=2))


def test_each_channel_is_a_speaker(store: LocalStore) -> None:
    random = np.random.default_rng(1)
    loud = (random.standard_normal((10 * 16_000, 2)) * 3000).astype(np.int16)
    loud[5 * 16_000 :, 0] //= 1000
    loud[: 5 * 16_000, 1] //= 1000
    speech = np.zeros((313, 2), np.uint8)
    speech[:156, 0] = speech[156:, 1] = 255
    both = put_recording(store, loud, speech)
    job = plan_diarization(both, "call", DecodeOptions(), channels="each")
    result = Runner(store).execute(job)
    assert result.speakers == 2
    assert [(turn.speaker, round(turn.start), round(turn.end)) for turn in turns(store, job)] == [
        ("SPEAKER_00", 0, 5),
        ("SPEAKER_01", 5, 10),
    ]


def test_channels_are_mixed_for_voices(store: LocalStore) -> None:
    from acento.data.recordings.recording import RecordingReader

    both = put_recording(store, np.stack([np.full(100, 1000), np.full(100, 3000)], axis=1).astype(np.int16))
    (block,) = mixed(RecordingReader(store), both)
    assert np.allclose(block * 32768, 2000)


def test_a_recording_that_is_gone_and_turns_that_are_damaged(
    store: LocalStore, recording: Recording, engine: Engine
) -> None:
    job = plan_diarization(recording, "m", DecodeOptions())
    with pytest.raises(StoreError):
        Runner(LocalStore(store.root.parent / "empty")).execute(job)
    with store.publish(job.turns_key) as draft:
        (draft.folder / "turns.json").write_text('{"turns": [{"start": 1}]}')
    with pytest.raises(DamagedError, match="cannot be read"):
        turns(store, job)
    assert not engine.heard


def test_a_pipeline_in_a_folder_is_named_whole_and_refused_elsewhere(
    recording: Recording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "config.yaml").write_text("pipeline: 1")
    (tmp_path / "fast").mkdir()
    job = plan_diarization(recording, "m", DecodeOptions(), engine="mine")
    moved = portable(job)
    assert isinstance(moved, DiarizeJob)
    assert moved.model.id == str(tmp_path / "mine")
    assert moved.fingerprint == job.fingerprint
    with pytest.raises(InputError, match="do not see mine"):
        refuse_folders([job], "Workers")
    preset = plan_diarization(recording, "m", DecodeOptions(), engine="fast")
    refuse_folders([preset], "Workers")
    assert portable(preset) == preset
