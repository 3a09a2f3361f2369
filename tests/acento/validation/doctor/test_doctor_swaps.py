"""The doctor finds transcripts that were swapped on purpose, with a real model on the demo's clips."""

import csv
import random
from pathlib import Path

import pytest

from acento.core.store import LocalStore
from acento.data.demo import demo_clips
from acento.data.demo.clips import COLUMNS, wav_bytes
from acento.data.staging import stage
from acento.inference.benchmark import jobs
from acento.inference.runner import Runner
from acento.models.base import DecodeOptions
from acento.models.checkpoints.resolver import resolve
from acento.validation.doctor.examination import examine, plan_examination
from acento.validation.doctor.findings import load_findings

pytestmark = pytest.mark.slow
CLIPS, SWAPPED = 100, 10


def speak(folder: Path) -> set[str]:
    """Speak neutral clips into an audio folder, exchange ten of their transcripts in pairs, and return those ids."""
    clips = [clip for clip in demo_clips() if clip.accent == "neutral" and clip.split == "test"][:CLIPS]
    assert len(clips) >= 80
    chosen = random.Random(3).sample(clips, SWAPPED)
    texts = {clip.uid: clip.text for clip in clips}
    for one, other in zip(chosen[::2], chosen[1::2], strict=True):
        texts[one.uid], texts[other.uid] = other.text, one.text
    folder.mkdir()
    for clip in clips:
        (folder / f"{clip.uid}.wav").write_bytes(wav_bytes(clip))
    with (folder / "test_files.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows((c.uid, f"{c.uid}.wav", texts[c.uid], c.speaker, c.accent, "es") for c in clips)
    return {clip.uid for clip in chosen}


def test_ten_swapped_transcripts_are_among_the_first_fifteen_findings(tmp_path: Path) -> None:
    swapped = speak(tmp_path / "speech")
    store = LocalStore(tmp_path / "store")
    card = stage(store, str(tmp_path / "speech"), "swapped", workers=0).card
    transcriptions = plan_examination(store, card, resolve("demo:whisper-mini"), DecodeOptions())
    runner = Runner(store)
    for transcription in transcriptions:
        for job in jobs(store, transcription):
            runner.execute(job)
    runner.close()
    report = examine(store, card, transcriptions, workers=1).report
    rows = load_findings(store, report.key)
    assert swapped <= {row["id"] for row in rows[:15]}
    assert all("swapped" in row["kinds"] for row in rows if row["id"] in swapped)
    assert len(rows) <= 25
