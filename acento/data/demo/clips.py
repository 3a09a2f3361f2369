"""The demo data set: which clips there are, who speaks them, and how they are written to a folder."""

import csv
import io
import os
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, Literal

from acento.core.progress import report
from acento.data.demo.sentences import sentences
from acento.data.demo.speech import SAMPLE_RATE, Voice, pronounce, speak, voice_of
from acento.data.sources.files import CSV_NAMES

Split = Literal["train", "dev", "test"]
Accent = Literal["chilean", "neutral"]
LANGUAGE: Final = "es"
COLUMNS: Final = ("uid", "file_name", "text", "speaker", "accent", "language")

COUNTS: Final[dict[tuple[Split, Accent, str], int]] = {
    ("train", "chilean", "train"): 150,
    ("dev", "chilean", "dev"): 60,
    ("test", "chilean", "test"): 150,
    ("test", "neutral", "neutral"): 300,
}
"""Clips of each split, accent and pool of sentences."""


@dataclass(frozen=True, slots=True)
class DemoClip:
    """A clip of the demo: `text` is the reference, `spoken` what espeak-ng is given to say."""

    uid: str
    split: Split
    accent: Accent
    text: str
    spoken: str
    voice: Voice

    @property
    def speaker(self) -> str:
        """The name of the speaker."""
        return self.voice.speaker


@cache
def demo_clips() -> tuple[DemoClip, ...]:
    """Every clip of the demo, always the same.

    >>> len(demo_clips())
    660
    """
    clips = []
    for (split, accent, pool), count in COUNTS.items():
        for index, text in enumerate(sentences(pool, count)):
            spoken = pronounce(text) if accent == "chilean" else text
            uid = f"{accent}-{split}-{index:03d}"
            clips.append(DemoClip(uid, split, accent, text, spoken, voice_of(split, index)))
    return tuple(clips)


def write_demo(folder: Path, clips: Sequence[DemoClip] | None = None) -> None:
    """Speak the demo into an audio folder: `<uid>.wav` (16 bit, mono, 22,050 Hz), `<uid>.txt`, and the lists
    `train_files.csv`, `dev_files.csv` and `test_files.csv`.

    The same bytes every time. A file appears whole or not at all, and the lists appear last. `clips` are all of them,
    or such as `demo_clips()[::20]`. Raises `AcentoError` where espeak-ng is missing, and `OSError` where the folder
    cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    clips = clips or demo_clips()
    for done, clip in enumerate(clips, start=1):
        _publish(folder / f"{clip.uid}.wav", wav_bytes(clip))
        _publish(folder / f"{clip.uid}.txt", f"{clip.text}\n".encode())
        report("speak the demo set", done, len(clips), "clips")
    for name, content in _lists(clips).items():
        _publish(folder / name, content)


def demo_written(folder: Path) -> bool:
    """Tell whether ``write_demo`` has written all of this demo into the folder."""
    files = [folder / f"{clip.uid}{suffix}" for clip in demo_clips() for suffix in (".wav", ".txt")]
    lists = {folder / name: content for name, content in _lists(demo_clips()).items()}
    return all(path.is_file() for path in (*files, *lists)) and all(path.read_bytes() == lists[path] for path in lists)


def wav_bytes(clip: DemoClip) -> bytes:
    """A clip as a WAV file."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(speak(clip.spoken, clip.voice).astype("<i2").tobytes())
    return buffer.getvalue()


def _lists(clips: Sequence[DemoClip]) -> dict[str, bytes]:
    texts = {split: io.StringIO(newline="") for split in CSV_NAMES}
    writers = {split: csv.writer(text, lineterminator="\n") for split, text in texts.items()}
    for writer in writers.values():
        writer.writerow(COLUMNS)
    for clip in clips:
        writers[clip.split].writerow((clip.uid, f"{clip.uid}.wav", clip.text, clip.speaker, clip.accent, LANGUAGE))
    return {CSV_NAMES[split]: text.getvalue().encode() for split, text in texts.items()}


def _publish(path: Path, content: bytes) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
