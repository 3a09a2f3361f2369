"""Long recordings of known texts: human clips joined with pauses, synthesized speech with word times, and no speech."""

import csv
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np

RATE = 16000
PAUSES_S = (0.3, 1.2)


@dataclass(frozen=True)
class Recording:
    """A file, what is said in it, and by which words when, where that is known."""

    name: str
    path: Path
    language: str
    seconds: float
    text: str
    words: tuple[Any, ...] = ()
    """``acento.data.words.Word``, in seconds of the recording."""


def real(folder: Path, language: str, minutes: float) -> Recording:
    """Join human clips of a language, in an order that has nothing to do with their names, with pauses."""
    from acento.core.audio.recording import AudioError, decode
    from acento.data.demo.real.speech import fetch_speech

    speech = fetch_speech(language)
    with speech.clips.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["sentence"].strip()]
    dice = np.random.default_rng(0)
    dice.shuffle(rows)
    parts, texts, length = [], [], 0
    for row in cycle(rows):
        if length >= minutes * 60 * RATE:
            break
        try:
            samples = decode(speech.folder / row["path"])
        except AudioError:  # some clips of the game have no samples
            continue
        pause = np.zeros(round(dice.uniform(*PAUSES_S) * RATE), np.int16)
        parts += [samples.astype(np.int16), pause]
        texts.append(row["sentence"])
        length += len(samples) + len(pause)
    return _written(folder, f"real-{language}", language, np.concatenate(parts), " ".join(texts))


def spoken(folder: Path, minutes: float) -> Recording:
    """Speak Spanish sentences in several voices, with the time of every word."""
    import soxr

    from acento.data.demo.sentences import sentences
    from acento.data.demo.speech import SAMPLE_RATE, speak_words, voice_of
    from acento.data.words import Word

    dice = np.random.default_rng(0)
    parts, words, length = [], [], 0
    for number, sentence in enumerate(cycle(sentences("test", 400))):
        if length >= minutes * 60 * RATE:
            break
        samples, said = speak_words(sentence, voice_of("test", number // 5 % 4))
        resampled = np.asarray(soxr.resample(samples, SAMPLE_RATE, RATE))
        pause = np.zeros(round(dice.uniform(*PAUSES_S) * RATE), np.int16)
        words += [Word(word.text, length / RATE + word.start, length / RATE + word.end) for word in said]
        parts += [resampled, pause]
        length += len(resampled) + len(pause)
    text = " ".join(word.text for word in words)
    return _written(folder, "synthesized-es", "es", np.concatenate(parts), text, tuple(words))


def nothing(folder: Path, minutes: float) -> Recording:
    """Join silence, noise of several colors and tones: nobody speaks."""
    dice = np.random.default_rng(0)
    count = round(minutes * 60 * RATE / 5)
    time = np.arange(count) / RATE
    white = dice.standard_normal(count)
    brown = np.cumsum(white) - np.cumsum(white).mean()
    chord = sum(np.sin(2 * np.pi * hertz * time) for hertz in (220.0, 277.2, 329.6)) * (1 + np.sin(time)) / 6
    beeps = np.sin(2 * np.pi * 1000 * time) * (time % 4 < 0.4)
    parts = [np.zeros(count), 0.05 * white, 0.3 * brown / np.abs(brown).max(), 0.3 * chord, 0.3 * beeps]
    samples = np.concatenate(parts).clip(-1, 1)
    return _written(folder, "no-speech", "es", (samples * 32767).astype(np.int16), "")


def excerpts(folder: Path) -> Iterator[tuple[Path, list[Any]]]:
    """Yield each audio file of a folder that an RTTM of it names, with its turns."""
    from acento.data.rttm import read_rttm

    turns = {name: one for path in sorted(folder.glob("*.rttm")) for name, one in read_rttm(path.read_text()).items()}
    for path in sorted(folder.iterdir()):
        if path.suffix in (".flac", ".wav", ".mp3") and path.stem in turns:
            yield path, turns[path.stem]


def _written(folder: Path, name: str, language: str, samples: Any, text: str, words: tuple[Any, ...] = ()) -> Recording:
    import soundfile

    path = folder / f"{name}.wav"
    soundfile.write(path, samples, RATE, subtype="PCM_16")
    (folder / f"{name}.json").write_text(json.dumps({"text": text, "words": [asdict(one) for one in words]}))
    return Recording(name, path, language, len(samples) / RATE, text, words)
