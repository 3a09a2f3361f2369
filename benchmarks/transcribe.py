"""``acento transcribe`` beside faster-whisper's batched pipeline and whisperX: same weights, recordings and cores.

    python benchmarks/transcribe.py [--minutes 60] [--rounds 1] [--cores N] [--parts real spoken nothing speakers merge]
        [--languages nl es] [--sides acento faster-whisper faster-whisper-greedy] [--excerpts FOLDER]
        [--whisperx-python PYTHON]

Weights are whisper-base's in int8 by CTranslate2, the same folder for every side; speech and weights are downloaded on
first use. Each side runs in a process of its own and takes turns with the others, forward and backward, so that a
machine whose speed drifts slows all of them; the clock has the loading of the model in it. Prints for each recording:
RTFx, audio by CPU second, WER, lost words (more than two in a row are missing), doubled words, the error of words'
times where they are known, peak memory; and how many times as fast Acento is.

- ``real``: human clips with known texts joined with pauses, a recording for each of ``--languages``.
- ``spoken``: synthesized speech whose word times are known.
- ``nothing``: ten minutes at most of silence, noise and tones: what is written there was said by nobody.
- ``speakers``: DER on a folder of excerpts with RTTM (``--excerpts``), for both presets, all scored, no collar.
- ``merge``: a million words and 100,000 turns.

faster-whisper (``pip install '.[benchmarks]'``) runs as its README calls it (``faster-whisper``: five beams, no words)
and with the same work as Acento (``faster-whisper-greedy``). whisperX needs an environment of its own
(``python -m venv W && W/bin/pip install whisperx``), whose Python ``--whisperx-python`` names; without it is left out.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from long_recordings import Recording, excerpts, nothing, real, spoken

MODEL = "demo:whisper-base:ctranslate2-int8"
GOAL = 1.2
"""Times as fast as faster-whisper batched, at no worse WER."""
PARTS = ("real", "spoken", "nothing", "speakers", "merge")
SIDES = ("acento", "faster-whisper", "faster-whisper-greedy")
LOST = 3
"""So many words of the reference in a row that are missing are lost, not misheard."""


@dataclass
class Ran:
    """A side on a recording, all its rounds."""

    rounds: list[dict[str, Any]] = field(default_factory=list)
    why: str | None = None
    """Why it did not run."""

    def median(self, name: str) -> float:
        """Return the median of the clock or the memory."""
        return statistics.median(one[name] for one in self.rounds)


def main() -> None:
    """Read the options and measure part by part."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--cores", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--parts", nargs="+", default=PARTS, choices=PARTS)
    parser.add_argument("--languages", nargs="+", default=["nl", "es"], choices=["nl", "cs", "es", "en"])
    parser.add_argument("--sides", nargs="+", default=SIDES, choices=SIDES)
    parser.add_argument("--excerpts", type=Path, help="a folder of audio with RTTM")
    parser.add_argument("--whisperx-python", help="the Python of an environment with whisperX")
    parser.add_argument("--model", default=MODEL, help="a Whisper for CTranslate2")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="acento-benchmark-") as name:
        folder = Path(name)
        if "real" in options.parts:
            for language in options.languages:
                compare(real(folder, language, options.minutes), options)
        if "spoken" in options.parts:
            compare(spoken(folder, options.minutes), options)
        if "nothing" in options.parts:
            compare(nothing(folder, min(10, options.minutes)), options)
    if "speakers" in options.parts:
        print_speakers(options)
    if "merge" in options.parts:
        print_merge()


def compare(recording: Recording, options: argparse.Namespace) -> None:
    """Run every side on a recording in turns, and print a table and the goal."""
    from acento.models.checkpoints.resolver import resolve

    folder = str(resolve(options.model).folder)
    sides = {side: [sys.executable] for side in options.sides}
    if options.whisperx_python:
        sides["whisperx"] = [options.whisperx_python]
    found = {side: Ran() for side in sides}
    for turn in range(options.rounds):
        for side in reversed(list(sides)) if turn % 2 else sides:
            ran = found[side]
            if ran.why is None:
                arguments = [side, str(recording.path), folder, recording.language, options.batch_size, options.cores]
                run_side(ran, [*sides[side], *map(str, arguments)])
    print(f"\n{recording.name}: {recording.seconds / 60:.1f} minutes, {len(recording.text.split())} words, ", end="")
    print(f"{options.cores} core(s), batch {options.batch_size}, {options.rounds} round(s)\n")
    print(
        "| side | RTFx | audio s / CPU s | WER % | lost | doubled | words out of nothing | word times, ms | peak MB |"
    )
    print("|:---|---:|---:|---:|---:|---:|---:|---:|---:|")
    for side, ran in found.items():
        print(f"| {side} | {ran.why} |" if ran.why else row(side, ran, recording))
    if recording.text:
        judge(found, recording)


def run_side(ran: Ran, command: Sequence[str]) -> None:
    """Run a side in a process of its own and keep what it printed."""
    script = Path(__file__).parent / "transcribe_sides.py"
    done = subprocess.run([command[0], str(script), *command[1:]], capture_output=True, text=True)
    if done.returncode:
        ran.why = (done.stderr.strip().splitlines() or ["it ended without a word"])[-1]
    else:
        ran.rounds.append(json.loads(done.stdout.splitlines()[-1]))


def row(side: str, ran: Ran, recording: Recording) -> str:
    """Return a side's row of the table."""
    faults = faults_of(recording.text, ran.rounds[-1]["text"])
    wer = f"{100 * faults.errors / faults.words:.1f}" if faults.words else "–"
    heard = len(ran.rounds[-1]["text"].split()) if not faults.words else "–"
    cells = [
        side,
        f"{recording.seconds / ran.median('wall_s'):.2f}",
        f"{recording.seconds / ran.median('cpu_s'):.2f}",
        wer,
        faults.lost,
        faults.doubled,
        heard,
        time_error(recording, ran.rounds[-1]["words"]),
        f"{ran.median('peak_mb'):.0f}",
    ]
    return f"| {' | '.join(map(str, cells))} |"


def judge(found: dict[str, Ran], recording: Recording) -> None:
    """Say how many times as fast Acento is as each other side, and whether the goal is reached."""
    ours = found.get("acento")
    if ours is None or not ours.rounds:
        return
    errors = {
        name: faults_of(recording.text, ran.rounds[-1]["text"]).errors for name, ran in found.items() if ran.rounds
    }
    print()
    for name, ran in found.items():
        if name == "acento" or not ran.rounds:
            continue
        times = statistics.median(b["wall_s"] / a["wall_s"] for a, b in zip(ours.rounds, ran.rounds, strict=False))
        by_cpu = ran.median("cpu_s") / ours.median("cpu_s")
        reached = times >= GOAL and errors["acento"] <= errors[name]
        print(
            f"Acento is {times:.2f} times as fast as {name} ({by_cpu:.2f} by CPU seconds); goal {GOAL:g} at no worse "
            f"WER: {'reached' if reached else 'NOT reached'}."
        )


@dataclass(frozen=True)
class Faults:
    """What is wrong with a text."""

    errors: int
    words: int
    """Of the reference."""
    lost: int
    """Words of the reference that are missing, at least three in a row."""
    doubled: int
    """Words that repeat those right before or after them and that the reference has once."""


def faults_of(reference: str, hypothesis: str) -> Faults:
    """Align a text with what was said and count what is wrong with it.

    >>> faults_of("uno dos tres cuatro cinco seis", "uno dos dos seis")
    Faults(errors=4, words=6, lost=3, doubled=1)
    """
    from rapidfuzz.distance import Levenshtein

    from acento.core.text import normalizer

    rule = normalizer("basic")
    said, heard = rule(reference).split(), rule(hypothesis).split()
    errors = lost = doubled = 0
    for step in Levenshtein.opcodes(said, heard):
        if step.tag == "equal":
            continue
        gone, come = step.src_end - step.src_start, step.dest_end - step.dest_start
        errors += max(gone, come)
        if step.tag == "delete" and gone >= LOST:
            lost += gone
        if step.tag == "insert":
            new = heard[step.dest_start : step.dest_end]
            around = heard[max(0, step.dest_start - come) : step.dest_start], heard[step.dest_end :][:come]
            doubled += come if new in around else 0
    return Faults(errors, len(said), lost, doubled)


def time_error(recording: Recording, words: Sequence[tuple[str, float, float]]) -> str:
    """Return the median and the 95th percentile of how far words' starts and ends are off; "–" where not known."""
    from acento.data.words import Word
    from acento.scoring.counting.word_times import time_errors

    if not recording.words or not words:
        return "–"
    found = time_errors(recording.words, [Word(*one) for one in words])
    ends = [found.quantile(share) for share in (0.5, 0.95)]
    return ", ".join("–" if end is None else f"{1000 * end:.0f}" for end in ends)


def print_speakers(options: argparse.Namespace) -> None:
    """Print DER of both presets on excerpts, and what a second of audio takes."""
    import acento
    from acento.core.text import normalizer
    from acento.scoring.speakers.score import speaker_score
    from acento.scoring.speakers.spoken import Side, Spoken, matched

    files = dict(excerpts(options.excerpts)) if options.excerpts else {}
    if not files:
        print("\nNo excerpts with RTTM: name their folder with --excerpts.")
        return

    def side(name: str, recordings: dict[str, Sequence[Any]]) -> Side:
        told = {key: [Spoken(one.start, one.end, one.speaker) for one in turns] for key, turns in recordings.items()}
        return Side(name, told)

    said = side("references", {path.stem: turns for path, turns in files.items()})
    print("\n| preset | DER % | missed | false alarm | confusion | JER % | CPU s / audio s | excerpts |")
    print("|:---|---:|---:|---:|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory(prefix="acento-benchmark-") as store:
        os.environ["ACENTO_STORE"] = store
        asked = {"language": "en", "out": store, "num_requests": options.cores}
        acento.transcribe(files, options.model, **asked)  # so that what follows is the diarization alone
        for preset in ("accurate", "fast"):
            cpu = time.process_time()
            done = acento.transcribe(files, options.model, diarize=True, diarizer=preset, **asked)
            cpu = time.process_time() - cpu
            heard = {Path(one.name).stem: one.turns for one in done.documents}
            score = speaker_score(matched(said, side("found", heard), missing="empty"), normalizer("none"))
            rates = (score.der, score.missed, score.false_alarm, score.confusion, score.jer)
            seconds = sum(one.duration_s for one in done.documents)
            cells = [preset, *(one.model_copy(update={"low": None}).text(digits=1) for one in rates)]
            print(f"| {' | '.join(cells)} | {cpu / seconds:.2f} | {len(files)} |")


def print_merge() -> None:
    """Print how long a million words and 100,000 turns take."""
    from acento.data.words import Turn, Word
    from acento.diarization.merge import attribute

    dice = np.random.default_rng(0)
    starts = np.cumsum(dice.exponential(0.36, 1_000_000)).tolist()
    lengths = dice.uniform(0, 0.6, len(starts)).tolist()
    words = [Word("palabra", start, start + length) for start, length in zip(starts, lengths, strict=True)]
    begins, spans = np.sort(dice.uniform(0, starts[-1], 100_000)).tolist(), dice.exponential(4, 100_000).tolist()
    turns = [
        Turn(at, at + span, f"s{number % 15}") for number, (at, span) in enumerate(zip(begins, spans, strict=True))
    ]
    print()
    for by_sentence in (False, True):
        wall, cpu = time.perf_counter(), time.process_time()
        attribute(words, turns, by_sentence=by_sentence)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        how = "by sentence" if by_sentence else "by word"
        print(
            f"merge of {len(words):,} words and {len(turns):,} turns, {how}: {wall:.1f} s ({cpu:.1f} CPU s; goal: 10)"
        )


if __name__ == "__main__":
    main()
