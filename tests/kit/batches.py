"""Files to be transcribed by the fake family, imported without looking for speech: all of them is speech."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from fake_recognizer import FAKE, fake_model
from recordings import noise
from stored_recordings import put_recording

from acento.api.recordings.transcribing import TranscribedBatch, run_steps
from acento.core.audio.recording import AudioError
from acento.core.settings import settings
from acento.core.store import Store, open_store
from acento.data.recordings.recording import Recording
from acento.inference import jobs as job_module
from acento.requests import TranscribeRequest

FORMATS = "txt,json,srt,rttm"


def add_all(store: Store, source: str, **_: Any) -> Recording:
    """Import a file whose samples are taken as they are; one that is no WAV is refused."""
    try:
        samples, _ = soundfile.read(source, dtype="int16")
    except RuntimeError:
        raise AudioError("The file cannot be decoded.") from None
    return put_recording(store, samples)


def use_fakes(monkeypatch: pytest.MonkeyPatch, part_s: float = 0.6) -> None:
    """Let recordings be imported so, the fake family be known, and parts be short."""
    monkeypatch.setitem(job_module.FAMILIES, "fake", FAKE)
    monkeypatch.setattr("acento.transcription.steps.add_recording", add_all)
    monkeypatch.setattr("acento.inference.plan.PART_SECONDS", part_s)


def talks(folder: Path, good: int, damaged: int = 0, first: int = 0) -> Path:
    """Write so many files that can be transcribed, of a fifth of a second and more each, and some that cannot."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(first, first + good):
        samples = noise(number, seconds=0.2 + 0.05 * number, rate=16_000)
        soundfile.write(folder / f"talk{number:03d}.wav", (samples * 32767).astype(np.int16), 16_000)
    for number in range(damaged):
        (folder / f"damaged{number:03d}.wav").write_bytes(b"RIFF" + bytes([number]) * 40)
    return folder


def asked(folder: Path, root: Path, **values: Any) -> TranscribeRequest:
    """Return what asks for the files of a folder by a fake model beside it, to be written to ``out`` beside it."""
    model = root / "model"
    if not model.exists():
        fake_model(model)
    given = {"paths": [str(folder)], "model": str(model), "formats": ["txt", "json"], "out": str(root / "out")}
    return TranscribeRequest.of(**(given | values))


def digests(folder: Path) -> dict[str, str]:
    """Return what was written to a folder, by name; the ledger, which has times, is left out."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != "ledger.csv"]
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def by_tasks(monkeypatch: pytest.MonkeyPatch, request: TranscribeRequest) -> TranscribedBatch:
    """Carry a transcription out by the tasks of its flow, with its compute backend, and without a Prefect server."""
    from prefect.states import State

    from flows.runtime.request_flow import carried_by
    from flows.transcribe import STEPS
    from tasks.compute import shared_compute

    def run_task(task: Any, *arguments: Any) -> Any:
        found = task.fn(*arguments)
        return found.data if isinstance(found, State) else found

    monkeypatch.setattr("flows.transcribe.run_task", run_task)
    with shared_compute():
        return run_steps(request, carried_by(STEPS))


def alike_elsewhere(
    monkeypatch: pytest.MonkeyPatch, root: Path, model: str, compute: str, store: str | None = None
) -> Store:
    """See that a backend makes of a batch the files that this process makes; return the backend's store.

    Of three recordings with a speaker a channel one is damaged: that one alone fails. What is in the store is done no
    second time: another format is written without the backend.
    """
    use_fakes(monkeypatch, part_s=4.0)
    folder = root / "calls"
    folder.mkdir()
    for number in range(2):
        channels = [noise(2 * number + side, seconds=4.0 + number, rate=16_000) for side in range(2)]
        soundfile.write(folder / f"call{number}.wav", np.stack(channels, axis=1), 16_000)
    (folder / "damaged.wav").write_bytes(b"RIFF" + bytes(40))

    def transcribed(where: str, url: str, formats: str) -> TranscribedBatch:
        monkeypatch.setenv("ACENTO_STORE", url)
        settings.cache_clear()
        given = {"paths": [str(folder)], "model": model, "out": str(root / where), "formats": formats}
        how = {"channels": "each", "window_s": 2.0, "gpu_batch_size": 2, "num_requests": 2}
        return by_tasks(monkeypatch, TranscribeRequest.of(**given, **how, compute=where))

    url = store or str(root / "store")
    here, there = transcribed("inline", str(root / "own"), FORMATS), transcribed(compute, url, FORMATS)
    assert there.counts == here.counts == {"done": 2, "failed": 1, "skipped": 0, "waiting": 0}, there.ledger
    assert digests(root / compute) == digests(root / "inline")
    assert len(digests(root / compute)) == 2 * len(FORMATS.split(","))
    assert all((root / compute / f"call{number}.txt").stat().st_size > 20 for number in range(2))
    found = open_store(url)
    assert not list(found.list("worklists"))
    with monkeypatch.context() as patch:
        patch.setattr("tasks.transcribe.do_jobs", lambda *_: pytest.fail("all of it is in the store"))
        assert transcribed(compute, url, "vtt").counts["done"] == 2
    return found
