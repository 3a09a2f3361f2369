"""How well an enrolled voice is known again, and how its threshold and what is asked of its recording were chosen.

    python benchmarks/enrollment.py     # acted clips and prompts, downloaded on first use; three minutes

The threshold is where as many voices are confused as are not recognized (the equal error rate) of eight parts of Czech
dialogues. It is tried on others: two parts of Dutch ones, and a speaker of English and Spanish prompts.
"""

import csv
import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from acento.core.audio.recording import decode
from acento.data.demo.dialogue import from_afar, speech_in, with_noise
from acento.data.demo.real.speech import fetch_speech
from acento.diarization.engines.embedded.vectors import Vector
from acento.diarization.engines.embedded.voices import load_voices
from acento.diarization.enrollment import THRESHOLD
from acento.models.base import Audio

CHOSEN_ON = {"cs": ("small", "big", "statue", "parrot", "cyan", "linuxer1", "linuxer2", "robodog")}
TRIED_ON = {"nl": ("small", "big"), "en": ("allison",), "es": ("allison",)}
CLIPS = 50
ENROLLED, PROBES = 3, 4
"""Of each person, from different halves of the clips."""
SECONDS = (2, 3, 5, 10)
DECIBELS = (20, 10, 5, 0)


@dataclass(frozen=True, slots=True)
class Voice:
    person: str
    enrolled: str
    """How it was recorded; empty: it is to be recognized."""
    vector: Vector


def clips_of(language: str, part: str) -> list[Audio]:
    """Return the speech of some clips of a person."""
    speech = fetch_speech(language)
    with speech.clips.open(encoding="utf-8", newline="") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: row["id"])
    own = [speech.folder / row["path"] for row in rows if row["speaker"] == part]
    random.Random(f"{language}{part}").shuffle(own)
    clips = (decode(path).astype(np.float32) / 32768 for path in own[:CLIPS])
    return [clip for clip in clips if len(clip) > 6400]


def piece(clips: Sequence[Audio], seconds: int, chance: np.random.Generator) -> Audio:
    """Return so much speech of one person, without pauses, all equally loud."""
    found: list[Audio] = []
    while sum(map(len, found)) < seconds * 16_000:
        clip = clips[int(chance.integers(len(clips)))]
        spans = speech_in(clip)
        said = np.concatenate([clip[int(a * 16_000) : int(b * 16_000)] for a, b in spans]) if spans else clip
        found.append(said * np.float32(0.05 / np.sqrt(np.mean(said**2) + 1e-9)))
    return np.concatenate(found)[: seconds * 16_000]


def voices_of(language: str, part: str) -> list[Voice]:
    listen, clips = load_voices("cpu"), clips_of(language, part)
    person = part if language in ("en", "es") else f"{language} {part}"
    chance = np.random.default_rng(sum(map(ord, f"{language} {part}")))
    first, second = clips[: len(clips) // 2], clips[len(clips) // 2 :]
    made: list[tuple[str, Audio]] = []
    for _ in range(ENROLLED):
        for seconds in SECONDS:
            audio = piece(first, seconds, chance)
            made.append((f"{seconds} s, near", audio))
        made.append(("10 s, far", from_afar(audio, chance)))
        made += [(f"10 s, {above} dB above noise", with_noise(audio, above, chance)) for above in DECIBELS]
    for _ in range(PROBES):
        for seconds in (3, 10):
            audio = piece(second, seconds, chance)
            made += [("", audio), ("", from_afar(audio, chance))]
    heard = ((how, listen(audio)) for how, audio in made)
    return [Voice(person, how, vector) for how, vector in heard if vector is not None]


def cosines(voices: Sequence[Voice], *how: str) -> tuple[np.ndarray, np.ndarray]:
    """Return those of one person's voices, and those of two people's."""
    pairs = [(a, b) for a in voices if a.enrolled in how for b in voices if not b.enrolled]
    return tuple(np.array([a.vector @ b.vector for a, b in pairs if (a.person == b.person) is same])
                 for same in (True, False))  # type: ignore[return-value]  # fmt: skip


def shares(same: np.ndarray, other: np.ndarray, threshold: float) -> tuple[float, float]:
    """Return how many are not recognized, and how many confused."""
    return float((same < threshold).mean()), float((other >= threshold).mean())


def equal_error(same: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """Return the threshold at which both shares are most alike, and their mean there."""
    found = [(abs(np.subtract(*shares(same, other, t))), t, float(np.mean(shares(same, other, t))))
             for t in np.linspace(0, 1, 501)]  # fmt: skip
    return min(found)[1:]


def main() -> None:
    sides = [
        [voice for language, parts in names.items() for part in parts for voice in voices_of(language, part)]
        for names in (CHOSEN_ON, TRIED_ON)
    ]
    print("| enrolled | equal error | its threshold | not recognized | confused | others: not recognized | confused |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    for how in (("10 s, near", "10 s, far"), *((one,) for one in dict.fromkeys(v.enrolled for v in sides[0]) if one)):
        threshold, rate = equal_error(*cosines(sides[0], *how))
        at = [f"{100 * share:.1f}" for side in sides for share in shares(*cosines(side, *how), THRESHOLD)]
        print(f"| {' and '.join(how)} | {100 * rate:.1f} | {threshold:.2f} | {' | '.join(at)} |")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
