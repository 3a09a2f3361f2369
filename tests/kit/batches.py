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

from acento.core.audio.recording import AudioError
from acento.core.store import LocalStore, Store
from acento.data.recordings.recording import Recording
from acento.inference import jobs as job_module
from acento.inference.jobs import TranscribeJob
from acento.models.base import DecodeOptions
from acento.models.checkpoints.checkpoint import ModelSpec
from acento.models.checkpoints.resolver import resolve
from acento.requests import TranscribeRequest
from acento.transcription.planning import Decoding, Rounds
from infra.compute import InlineCompute


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


def windows_planned(
    store: Store, model: str, window_s: float = 2.0
) -> tuple[Rounds, list[Recording], list[TranscribeJob]]:
    """Plan to decode three recordings of a few windows each; return the jobs too."""
    recordings = [
        put_recording(store, (noise(number, seconds=4.0 + number, rate=16_000) * 32767).astype(np.int16))
        for number in range(3)
    ]
    spec = ModelSpec.of(resolve(model))
    decoding = Decoding(model=spec, options=DecodeOptions(words=True), batch_size=2, window_s=window_s)
    rounds = Rounds(store, "batch", decoding)
    (one,) = rounds.first(recordings)
    return rounds, recordings, rounds.jobs(one, one.recordings)


def heard(rounds: Rounds, recordings: list[Recording]) -> dict[str, list[str | None]]:
    """Return what was heard in each recording, window by window."""
    return {key: [None if row is None else row.text for _, row in found] for key, found in rounds.heard(recordings)}


def heard_inline(folder: Path, model: str) -> dict[str, list[str | None]]:
    """Return what this process hears in them."""
    store = LocalStore(folder / "inline")
    rounds, recordings, jobs = windows_planned(store, model)
    assert [outcome.error for outcome in InlineCompute(store).run(jobs, workers=1)] == [None] * len(jobs)
    return heard(rounds, recordings)
