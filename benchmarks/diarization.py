"""How well and how fast who speaks when is found; and how the presets' numbers were chosen.

    python benchmarks/diarization.py FOLDER     # NAME.flac (or .wav) and *.rttm that name them
    python benchmarks/diarization.py --tune     # dialogues of acted Dutch and Czech clips, downloaded on first use

DER and JER as pyannote.metrics counts them: overlap scored, no collar, errors of all recordings over speech of all. CPU
seconds are those of one thread for each second of audio. ``--tune`` never sees the folder that scores are reported on.
"""

import argparse
import csv
import random
import sys
import time
from collections.abc import Iterator, Sequence
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
THRESHOLDS = (0.3, 0.35, 0.4, 0.45)
LIKENESSES = (-1.0, 0.2, 0.3, 0.4)
"""Below which a speaker of a window is divided; -1: never."""
COUNTS = (1, 2, 2, 3, 3, 4, 4, 5, 6)
"""Speakers of a dialogue, each as likely as it is often here."""
OVERLAPS = (0.1, 0.3, 0.5)
"""How often somebody begins before the one before has ended."""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("folder", type=Path, nargs="?", help="recordings and their RTTM")
    arguments.add_argument("--tune", action="store_true", help="sweep what is chosen on dialogues")
    arguments.add_argument("--dialogues", type=int, default=30, help="how many of them")
    arguments.add_argument("--likeness", type=float, nargs="+", default=LIKENESSES, help="those that are tried")
    arguments.add_argument("--seed", type=int, default=100, help="of the dialogues")
    asked = arguments.parse_args()
    if asked.tune == (asked.folder is not None):
        arguments.error("name a folder, or say --tune")
    if asked.tune:
        tune(asked.dialogues, asked.seed, asked.likeness)
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
    """Return DER and its parts in percent, of all speech, and JER, the mean over all speakers."""
    total = sum(one.total_s for one in of)
    parts = [sum(getattr(one, name) for one in of) / total for name in ("missed_s", "false_alarm_s", "confusion_s")]
    jer = sum(one.jaccard for one in of) / sum(one.speakers for one in of)
    return " | ".join(f"{100 * part:.1f}" for part in (sum(parts), *parts, jer))


def speakers_in(turns: list[Turn] | tuple[Turn, ...]) -> int:
    return len({turn.speaker for turn in turns})


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
        print(f"\n{preset}\n\n| recording | speakers | found | DER | missed | false alarm | confusion | JER |")
        print("|---|--:|--:|--:|--:|--:|--:|--:|")
        for path in files:
            audio = decode(path).astype(np.float32) / 32768
            started = time.process_time()
            found = diarizer.diarize(blocks(audio), Speakers(), lambda _: None)
            spent, seconds = spent + time.process_time() - started, seconds + len(audio) / 16_000
            reference = references[path.stem]
            every.append(errors(reference, found))
            counts = f"{speakers_in(reference)} | {speakers_in(found)}"
            print(f"| {path.stem} | {counts} | {rates(every[-1:])} |", flush=True)
        print(f"| all | | | {rates(every)} |\n\n{spent / seconds:.3f} CPU seconds a second.")


def dialogues(count: int, seed: int) -> Iterator[Dialogue]:
    """Yield dialogues of one to six voices, mostly of 30 s; of two of three the microphone is far away."""
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
        speakers = chance.choice(COUNTS)
        chosen = chance.sample(sorted(voices), speakers)
        seconds = chance.choice((30.0, 30.0, chance.uniform(30, 75)))
        clips, overlap = {name: voices[name] for name in chosen}, chance.choice(OVERLAPS)
        yield make_dialogue(clips, seconds, seed + number, far=number % 3 > 0, overlap=overlap)


def tune(count: int, seed: int, likenesses: Sequence[float]) -> None:
    """Print the errors of each likeness and threshold by the preset ``fast``; both presets have the same."""
    made = list(dialogues(count, seed))
    print(f"{count} dialogues, {sum(len(one.audio) for one in made) / 16_000 / 60:.0f} minutes\n")
    print("| likeness | threshold | DER | missed | false alarm | confusion | JER | right number of speakers | found |")
    print("|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
    preset, loaded = PRESETS["fast"], engine("fast")
    there = sum(speakers_in(one.turns) for one in made)
    for likeness in likenesses:
        diarizer = loaded.with_preset(replace(preset, division=replace(preset.division, likeness=likeness)))
        heard = [diarizer.hear(blocks(one.audio), lambda _: None) for one in made]
        for threshold in THRESHOLDS:
            rules = replace(preset.rules, threshold=threshold)
            found = [diarizer.turns(one, Speakers(), rules) for one in heard]
            every = [errors(one.turns, turns) for one, turns in zip(made, found, strict=True)]
            right = sum(speakers_in(one.turns) == speakers_in(turns) for one, turns in zip(made, found, strict=True))
            counted = f"{right} of {count} | {sum(map(speakers_in, found))} for {there}"
            print(f"| {likeness} | {threshold} | {rates(every)} | {counted} |", flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
