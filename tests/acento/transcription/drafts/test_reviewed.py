"""What a person kept or corrected is staged as a data set with the recording's stretch; every row is accounted for."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from stored_recordings import put_recording

from acento.core.fingerprint import sha256_file
from acento.core.store import LocalStore
from acento.data.dataset import load_card, read_clips, read_rejected
from acento.data.recordings.recording import AUDIO, Recording, load_recording
from acento.data.sources.base import SourceItem
from acento.data.staging import stage
from acento.inference.plan import PlannedClip
from acento.inference.transcribe import ClipReader
from acento.transcription.drafts.draft import DraftUtterance
from acento.transcription.drafts.review_list import Decided
from acento.transcription.drafts.reviewed import ReviewedDraft

RATE = 16_000
OUTCOMES = ("kept", "corrected", "dropped", "not_reviewed", "accepted")


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


@pytest.fixture
def samples() -> np.ndarray:
    return (np.random.default_rng(0).normal(size=6 * RATE) * 3000).astype(np.int16)


@pytest.fixture
def recording(store: LocalStore, samples: np.ndarray) -> Recording:
    return put_recording(store, samples)


def reviewed(recording: Recording, file: str = "talks/monday.mp3") -> list[Decided]:
    found = []
    for number, outcome in enumerate(OUTCOMES):
        about = {"file": file, "recording": recording.key, "start": float(number), "end": number + 1.0}
        one = DraftUtterance(id=f"monday#t={number},{number + 1}", text=f"número {number}", language="es", **about)
        found.append(Decided(one, outcome, "otra cosa" if outcome == "corrected" else one.text))
    return found


def test_what_is_staged_has_the_texts_and_the_sound_of_its_stretch(store, recording, samples):
    done = stage(store, ReviewedDraft(store, "list.csv", reviewed(recording)), "santiago", workers=0)
    assert (done.found, done.staged_now, done.rejected) == (5, 3, {"dropped_by_review": 1, "not_reviewed": 1})
    rows = {row.utterance.id: row.utterance for row in read_clips(store, done.card)}
    assert {id: row.text for id, row in rows.items()} == {
        "monday#t=0,1": "número 0",
        "monday#t=1,2": "otra cosa",
        "monday#t=4,5": "número 4",
    }
    assert {(row.source, row.language) for row in rows.values()} == {
        (f"monday.mp3#t={n},{n + 1}", "es") for n in (0, 1, 4)
    }
    left_out = {row["id"]: row["reason"] for row in read_rejected(store, done.card).to_pylist()}
    assert left_out == {"monday#t=2,3": "dropped_by_review", "monday#t=3,4": "not_reviewed"}
    clip = next(row for row in read_clips(store, done.card) if row.utterance.id == "monday#t=4,5")
    there = rows["monday#t=4,5"]
    planned = PlannedClip(there.id, there.duration_s, there.audio_sha256, clip.part, clip.row)
    np.testing.assert_array_equal(np.rint(ClipReader(store)(planned) * 32768), samples[4 * RATE : 5 * RATE])


def test_a_file_that_is_still_what_was_heard_is_the_source_and_another_is_not(store, recording, samples, tmp_path):
    file = tmp_path / "monday.wav"
    soundfile.write(file, samples, RATE, subtype="PCM_16")
    with store.publish("recordings/ours") as draft:
        (draft.folder / AUDIO).write_bytes(store.read_bytes(recording.key, AUDIO))
        draft.info |= {"duration_s": 6.0, "channels": 1, "sha256": sha256_file(file)}
    ours = load_recording(store, "recordings/ours")
    assert sources_of(store, ours, file) == {file}
    file.write_bytes(b"another one")
    assert sources_of(store, ours, file) == {store.local_path(ours.key, AUDIO)}


def sources_of(store: LocalStore, recording: Recording, file: Path) -> set[Path]:
    items = ReviewedDraft(store, "list.csv", reviewed(recording, str(file))).items()
    return {item.path for item in items if isinstance(item, SourceItem)}


def test_what_is_decided_later_is_added(store, recording):
    first = reviewed(recording)
    stage(store, ReviewedDraft(store, "list.csv", first), "santiago", workers=0)
    later = [replace(one, outcome="kept") if one.outcome == "not_reviewed" else one for one in first]
    done = stage(store, ReviewedDraft(store, "list.csv", later), "santiago", workers=0)
    assert (done.staged_now, done.already_there, done.rejected) == (1, 3, {"dropped_by_review": 1})
    assert load_card(store, "santiago").clips == 4
