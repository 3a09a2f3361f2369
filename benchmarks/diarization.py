"""How well and how fast who speaks when is found; and how the presets' threshold was chosen.

    python benchmarks/diarization.py FOLDER     # NAME.flac (or .wav) and *.rttm that name them
    python benchmarks/diarization.py --tune     # dialogues of acted Dutch and Czech clips, downloaded on first use

DER as pyannote.metrics counts it: overlap scored, no collar, errors of all recordings over speech of all. CPU seconds
are those of one thread for each second of audio. ``--tune`` never sees the folder that scores are reported on.
"""

import argparse
import csv
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from acento.core.audio.recording import decode
from acento.data.demo.dialogue import Dialogue, make_dialogue
from acento.data.demo.real.speech import fetch_speech
from acento.data.rttm import read_rttm
from acento.data.words import Turn
from acento.diarization.diarizer import Speakers
from acento.diarization.engines.embedded.pipeline import EmbeddedDiarizer, load
from acento.diarization.engines.embedded.presets import PRESETS
from acento.diarization.engines.engine import find_engine
from acento.models.base import Audio, DecodeOptions
from acento.scoring.speakers.spoken import Spoken
from acento.scoring.speakers.turns import TurnErrors, turn_errors

VOICES = {"nl": ("small", "big"), "cs": ("small", "big", "statue", "parrot", "cyan", "linuxer1", "linuxer2", "robodog")}
"""Parts that one actor speaks; others share an actor or an effect."""
CLIPS = 25
"""Of each voice."""
THRESHOLDS = (0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5)
COUNTS = (1, 2, 2, 3, 3, 4, 4, 5)
"""Speakers of a dialogue, each as likely as it is often here."""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("folder", type=Path, nargs="?", help="recordings and their RTTM")
    arguments.add_argument("--tune", action="store_true", help="sweep the threshold on dialogues")
    arguments.add_argument("--dialogues", type=int, default=24, help="how many of them")
    arguments.add_argument("--seed", type=int, default=1, help="of the dialogues")
    asked = arguments.parse_args()
    if asked.tune == (asked.folder is not None):
        arguments.error("name a folder, or say --tune")
    if asked.tune:
        tune(asked.dialogues, asked.seed)
    else:
        score(asked.folder)


def engine(preset: str) -> EmbeddedDiarizer:
    return load(find_engine(preset), DecodeOptions())


def blocks(audio: Audio) -> Iterator[Audio]:
    return iter(np.array_split(audio, max(1, len(audio) // 320_000)))


def errors(reference: list[Turn] | tuple[Turn, ...], found: list[Turn]) -> TurnErrors:
    said, heard = ([Spoken(turn.start, turn.end, turn.speaker) for turn in turns] for turns in (reference, found))
    return turn_errors(said, heard)


def rates(of: list[TurnErrors]) -> str:
    """Return DER and its parts in percent, of all speech."""
    total = sum(one.total_s for one in of)
    parts = [sum(getattr(one, name) for one in of) / total for name in ("missed_s", "false_alarm_s", "confusion_s")]
    return " | ".join(f"{100 * part:.1f}" for part in (sum(parts), *parts))


def score(folder: Path) -> None:
    """Print each recording's errors by each preset."""
    references = {}
    for path in sorted(folder.glob("*.rttm")):
        references |= read_rttm(path.read_text(encoding="utf-8"))
    files = [path for path in sorted(folder.iterdir()) if path.suffix in (".flac", ".wav") and path.stem in references]
    if not files:
        sys.exit(f"{folder} has no recording that an RTTM file there names.")
    for preset in PRESETS:
        diarizer, every, spent, seconds = engine(preset), [], 0.0, 0.0
        print(f"\n{preset}\n\n| recording | speakers | found | DER | missed | false alarm | confusion |")
        print("|---|--:|--:|--:|--:|--:|--:|")
        for path in files:
            audio = decode(path).astype(np.float32) / 32768
            started = time.process_time()
            found = diarizer.diarize(blocks(audio), Speakers(), lambda _: None)
            spent, seconds = spent + time.process_time() - started, seconds + len(audio) / 16_000
            reference = references[path.stem]
            every.append(errors(reference, found))
            counts = [len({turn.speaker for turn in turns}) for turns in (reference, found)]
            print(f"| {path.stem} | {counts[0]} | {counts[1]} | {rates(every[-1:])} |", flush=True)
        print(f"| all | | | {rates(every)} |\n\n{spent / seconds:.3f} CPU seconds a second.")


def dialogues(count: int, seed: int) -> Iterator[Dialogue]:
    """Yield dialogues of one to five voices, half a minute to two minutes long; two of three are far away."""
    chance = random.Random(seed)
    voices = {}
    for language, names in VOICES.items():
        speech = fetch_speech(language)
        with speech.clips.open(encoding="utf-8", newline="") as file:
            rows = sorted(csv.DictReader(file), key=lambda row: row["id"])
        for name in names:
            own = [speech.folder / row["path"] for row in rows if row["speaker"] == name]
            clips = (decode(path).astype(np.float32) / 32768 for path in chance.sample(own, min(CLIPS, len(own))))
            voices[f"{language} {name}"] = [clip for clip in clips if len(clip) > 6400]
    for number in range(count):
        chosen = chance.sample(sorted(voices), chance.choice(COUNTS))
        seconds = chance.uniform(30, 120)
        yield make_dialogue({name: voices[name] for name in chosen}, seconds, seed + number, far=number % 3 > 0)


def tune(count: int, seed: int) -> None:
    """Print the DER of each threshold by each preset."""
    made = list(dialogues(count, seed))
    print(f"{count} dialogues, {sum(len(one.audio) for one in made) / 16_000 / 60:.0f} minutes\n")
    print("| preset | threshold | DER | missed | false alarm | confusion | right number of speakers |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    for preset, its in PRESETS.items():
        diarizer = engine(preset)
        heard = [diarizer.hear(blocks(one.audio), lambda _: None) for one in made]
        for threshold in THRESHOLDS:
            rules = replace(its.rules, threshold=threshold)
            found = [diarizer.turns(one, Speakers(), rules) for one in heard]
            every = [errors(one.turns, turns) for one, turns in zip(made, found, strict=True)]
            right = sum(
                len({turn.speaker for turn in one.turns}) == len({turn.speaker for turn in turns})
                for one, turns in zip(made, found, strict=True)
            )
            print(f"| {preset} | {threshold} | {rates(every)} | {right} of {count} |", flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
