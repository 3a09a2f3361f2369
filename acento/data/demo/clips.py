"""The demo data set: which clips there are, who speaks them, and how they are written to a folder."""

import csv
import io
import os
import wave
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, Literal

from acento.data.demo.accent import pronounce
from acento.data.demo.sentences import sentences
from acento.data.demo.speech import SAMPLE_RATE, Voice, speak
from acento.data.demo.voices import voice_of

Split = Literal["train", "dev", "test"]
Accent = Literal["chilean", "neutral"]
LANGUAGE: Final = "es"
COLUMNS: Final = ("uid", "file_name", "text", "speaker", "accent", "language")

# (split, accent, pool of sentences) -> number of clips
COUNTS: Final[dict[tuple[Split, Accent, str], int]] = {
    ("train", "chilean", "train"): 150,
    ("dev", "chilean", "dev"): 60,
    ("test", "chilean", "test"): 150,
    ("test", "neutral", "neutral"): 300,
}


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
    return tuple(
        DemoClip(
            uid=f"{accent}-{split}-{index:03d}",
            split=split,
            accent=accent,
            text=text,
            spoken=pronounce(text) if accent == "chilean" else text,
            voice=voice_of(split, index),
        )
        for (split, accent, pool), count in COUNTS.items()
        for index, text in enumerate(sentences(pool, count))
    )


def write_demo(
    folder: Path,
    progress: Callable[[int, int], None] | None = None,
    clips: Sequence[DemoClip] | None = None,
) -> None:
    """Speak the demo into an audio folder: `<uid>.wav` (16 bit, mono, 22,050 Hz), `<uid>.txt`, and the lists
    `train_files.csv`, `dev_files.csv` and `test_files.csv`.

    The same bytes every time. A file appears whole or not at all, and the lists appear last. `progress(done,
    total)` is called after each clip; `clips` are all of them, or such as `demo_clips()[::20]`. Raises
    `AcentoError` where espeak-ng is missing, and `OSError` where the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    clips = clips or demo_clips()
    for done, clip in enumerate(clips, start=1):
        _publish(folder / f"{clip.uid}.wav", wav_bytes(clip))
        _publish(folder / f"{clip.uid}.txt", f"{clip.text}\n".encode())
        if progress is not None:
            progress(done, len(clips))
    for split in ("train", "dev", "test"):
        _publish(folder / f"{split}_files.csv", _list([clip for clip in clips if clip.split == split]))


def demo_written(folder: Path) -> bool:
    """Tell whether ``write_demo`` has written all of this demo into the folder."""
    clips = demo_clips()
    for split in ("train", "dev", "test"):
        path = folder / f"{split}_files.csv"
        if not path.is_file() or path.read_bytes() != _list([clip for clip in clips if clip.split == split]):
            return False
    return all((folder / f"{clip.uid}.wav").is_file() and (folder / f"{clip.uid}.txt").is_file() for clip in clips)


def wav_bytes(clip: DemoClip) -> bytes:
    """A clip as a WAV file."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(speak(clip.spoken, clip.voice).astype("<i2").tobytes())
    return buffer.getvalue()


def _list(clips: Sequence[DemoClip]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for clip in clips:
        writer.writerow((clip.uid, f"{clip.uid}.wav", clip.text, clip.speaker, clip.accent, LANGUAGE))
    return text.getvalue().encode()


def _publish(path: Path, content: bytes) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
