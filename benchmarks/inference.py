"""Acento's decode engine beside the Hugging Face ``pipeline`` and faster-whisper: same weights, clips, cores, and run.

    python benchmarks/inference.py [--model demo:whisper-mini] [--clips 240] [--batch-size 16] [--rounds 5] [--cores N]

The pipeline is used as batch evaluations use it: clips in the order they arrive, a fixed batch size, greedy, audio
decoded before the clock starts; it computes on as many threads as there are cores. Acento has a worker of one thread
for each core, as ``acento benchmark`` does by default. The sides take turns, so that a machine whose speed drifts slows
all of them. Prints each RTFx, ``ratio: N`` (the median over rounds), the share of equal texts, and what bounds it.

    python benchmarks/inference.py --real [--model TAUGHT] [--clips 48] [--batch-size 8] [--rounds 2]

takes Dutch test clips of 2 to 8 s, which are downloaded. Without a model it is whisper-base as published, at full
windows; with one, a Whisper that was taught short windows (``acento finetune --window fit``, a folder or
``registry:NAME@VERSION``), at the windows it was taught; the pipeline and faster-whisper always pad to 30 s. Beside
faster-whisper (``pip install '.[benchmarks]'``) both sides have the same weights in int8: clip by clip, as many workers
of one thread as there are cores; and batched, all clips in one call. ``--engine-auto`` also lets Acento choose the
engine, as ``acento benchmark --engine auto`` does, by measuring on the dev clips. ``--untaught-too`` puts the published
model in the same run.
"""

import argparse
import os
import random
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from decoding_sides import (
    STAGES,
    Acento,
    Clips,
    FasterWhisper,
    FasterWhisperBatched,
    Pipeline,
    Side,
    Timed,
    encoder_share,
    in_turns,
    ratio,
    word_errors,
)

DEFAULTS = {"model": "demo:whisper-mini", "clips": 240, "batch_size": 16, "rounds": 5}
REAL_DEFAULTS = {"clips": 48, "batch_size": 8, "rounds": 2}
PUBLISHED = "demo:whisper-base"


@dataclass(frozen=True)
class Goal:
    """What one side has to be, measured by another."""

    ours: str
    theirs: str
    times: float


def main() -> None:
    """Read the options and print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--real", action="store_true", help="whisper-base's weights, human speech, faster-whisper")
    parser.add_argument("--model", help="demo:NAME; with --real a Whisper that was taught short windows")
    parser.add_argument("--untaught-too", action="store_true", help="with --real and a model: whisper-base beside it")
    parser.add_argument("--engine-auto", action="store_true", help="with --real: let Acento choose the engine, too")
    parser.add_argument("--auto-clips", type=int, default=60, help="dev clips that --engine-auto measures on")
    parser.add_argument("--clips", type=int)
    parser.add_argument("--batch-size", type=int)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--cores", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    for name, default in (REAL_DEFAULTS if options.real else DEFAULTS).items():
        setattr(options, name, getattr(options, name) or default)
    (compare_real if options.real else compare_demo)(options)


def compare_demo(options: argparse.Namespace) -> None:
    """Print Acento beside the pipeline on a model and clips that come with Acento."""
    from acento.models.base import DecodeOptions
    from acento.models.checkpoints.resolver import resolve
    from acento.models.devices import device_name

    checkpoint = resolve(options.model)
    ours = Acento(checkpoint, DecodeOptions(language="es"), options.batch_size, options.cores)
    theirs = Pipeline(checkpoint.folder, options.batch_size, options.cores, "es")
    clips = speak(options.clips, ours.window_s)
    lengths = sorted(len(audio) / 16000 for audio in clips.values())
    print(f"{device_name('cpu')}, {options.cores} core(s), float32, batch {options.batch_size}, {options.model}")
    print(f"{len(clips)} clips of {lengths[0]:.1f} to {lengths[-1]:.1f} s, {sum(lengths):.0f} s in all")
    found = in_turns({"Acento": ours, "pipeline": theirs}, clips, options.rounds, warm_up=2 * options.batch_size)
    a, b = found["Acento"], found["pipeline"]
    for mine, other in zip(a.wall, b.wall, strict=True):
        print(f"  Acento RTFx {a.audio_s / mine:7.1f}   pipeline RTFx {a.audio_s / other:7.1f}   {other / mine:.2f}x")
    print(f"Acento RTFx: {a.rtfx:.1f}\npipeline RTFx: {b.rtfx:.1f}\nratio: {ratio(a, b):.2f}")
    print(f"equal texts: {100 * equal(a, b):.1f} %")
    print("of Acento's inference time: " + ", ".join(f"{name} {100 * a.heard.shares[name]:.0f} %" for name in STAGES))
    print("(features are made in a thread of their own, beside the model, so shares may add up to more than 100 %)")
    print(f"what bounds it now: {bound(ours, clips, options.batch_size, a)}")


def compare_real(options: argparse.Namespace) -> None:
    """Print a table of all sides on published weights and human speech, and which goals are reached."""
    from dutch import dutch

    from acento.models.devices import device_name

    read = dutch("test", options.clips)
    clips, references = {clip.id: clip.audio for clip in read}, {clip.id: clip.text for clip in read}
    sides: dict[str, Side] = {}
    goals: list[Goal] = []
    if options.model:
        taught_sides(options, sides, goals)
    if options.untaught_too or not options.model:
        published_sides(options, sides, goals)
    total = sum(map(len, clips.values())) / 16000
    print(f"{device_name('cpu')}, {options.cores} core(s), batch {options.batch_size}")
    print(f"{len(clips)} Dutch clips of 2 to 8 s, {total:.0f} s in all; {options.rounds} rounds, their median")
    found = in_turns(sides, clips, options.rounds)
    width = max(map(len, sides)) + 2
    print(f"{'':{width}}{'RTFx':>7}{'audio s / CPU s':>17}{'WER %':>8}  RTFx of each round")
    for name, one in found.items():
        errors, words = word_errors(references, one.heard)
        each = ", ".join(f"{one.audio_s / wall:.2f}" for wall in one.wall)
        wer = 100 * sum(errors) / sum(words)
        again = f"; {one.heard.runaways} runaways decoded again" if one.heard.runaways else ""
        print(f"{name:{width}}{one.rtfx:7.2f}{one.by_cpu:17.2f}{wer:8.1f}  {each}{again}")
    for goal in goals:
        a, b = found[goal.ours], found[goal.theirs]
        times, by_cpu = ratio(a, b), a.by_cpu / b.by_cpu
        print(
            f"{goal.ours} is {times:.2f} times as fast as {goal.theirs} ({by_cpu:.2f} by CPU seconds; goal: "
            f"{goal.times:g}, {'reached' if times >= goal.times else 'NOT reached'}); equal texts: "
            f"{100 * equal(a, b):.0f} %"
        )
    for name, side in sides.items():
        if isinstance(side, Acento):
            print(f"what bounds {name}: {bound(side, clips, options.batch_size, found[name])}")


def taught_sides(options: argparse.Namespace, sides: dict[str, Side], goals: list[Goal]) -> None:
    """Add what decodes with a model that was taught short windows."""
    from acento.models.base import DecodeOptions
    from acento.models.checkpoints.resolver import resolve
    from acento.models.checkpoints.taught import taught

    checkpoint = resolve(options.model)
    held = resolve(f"{checkpoint.folder}:ctranslate2-int8")  # also of a version that was never exported
    fit = taught(checkpoint.folder)
    if fit is None:
        raise SystemExit(
            f"{options.model} was not taught short windows: train it with acento finetune --window fit, or leave "
            "--model out."
        )
    asked = DecodeOptions(language="nl", fit=fit)
    ours, int8 = f"taught, transformers float32, {fit.title}", f"taught, CTranslate2 int8, {fit.title}"
    sides[ours] = Acento(checkpoint, asked, options.batch_size, options.cores)
    sides["taught, pipeline float32"] = Pipeline(checkpoint.folder, options.batch_size, options.cores, "nl")
    sides[int8] = Acento(held, asked, options.batch_size, options.cores)
    goals.append(Goal(ours, "taught, pipeline float32", 6))
    goals += [Goal(int8, name, 6) for name in faster_whisper(sides, "taught", held.folder, options)]
    if options.engine_auto:
        sides["taught, --engine auto"] = chosen(options.model, asked, options)
        goals.append(Goal("taught, --engine auto", "taught, pipeline float32", 6))


def published_sides(options: argparse.Namespace, sides: dict[str, Side], goals: list[Goal]) -> None:
    """Add what decodes with whisper-base as it was published, at full windows."""
    from acento.models.base import DecodeOptions
    from acento.models.checkpoints.resolver import resolve

    checkpoint, held = resolve(PUBLISHED), resolve(f"{PUBLISHED}:ctranslate2-int8")
    asked = DecodeOptions(language="nl")
    sides["published, transformers float32"] = Acento(checkpoint, asked, options.batch_size, options.cores)
    sides["published, pipeline float32"] = Pipeline(checkpoint.folder, options.batch_size, options.cores, "nl")
    sides["published, CTranslate2 int8"] = Acento(held, asked, options.batch_size, options.cores)
    goals.append(Goal("published, transformers float32", "published, pipeline float32", 1))
    theirs = faster_whisper(sides, "published", held.folder, options)
    goals += [Goal("published, CTranslate2 int8", name, 1) for name in theirs]
    if options.engine_auto:
        sides["published, --engine auto"] = chosen(PUBLISHED, asked, options)
        goals.append(Goal("published, --engine auto", "published, pipeline float32", 1.5))


def faster_whisper(sides: dict[str, Side], which: str, folder: Any, options: argparse.Namespace) -> list[str]:
    """Add faster-whisper on a model's weights in int8, if it is installed; return the sides' names."""
    one, batched = f"{which}, faster-whisper int8", f"{which}, faster-whisper int8, batched"
    try:
        sides[one] = FasterWhisper(folder, options.cores, "nl")
        sides[batched] = FasterWhisperBatched(folder, options.cores, "nl", options.batch_size)
    except ImportError:
        print("faster-whisper is not installed: pip install '.[benchmarks]' -c constraints.txt")
        return []
    return [one, batched]


def chosen(model: str, asked: Any, options: argparse.Namespace) -> Side:
    """Return what ``--engine auto`` runs a model on, measured on dev clips as a benchmark measures it."""
    from dutch import stage_dutch

    from acento.core.store import LocalStore
    from acento.inference.tuning.settle import Asked, is_tuned, settle_batches, settle_engine
    from acento.models.checkpoints.resolver import resolve

    with tempfile.TemporaryDirectory(prefix="acento-benchmark-") as folder:
        store = LocalStore(Path(folder) / "store")
        card = stage_dutch(store, Path(folder), "dev", count=options.auto_clips)
        request = Asked(split="dev", bound=0.02)
        found = settle_engine(store, card, resolve(model), asked, request)
        if is_tuned(found, request):
            found = settle_batches(store, card, found, request)
    print(f"--engine auto, {model}: {found.why}")
    return Acento(found.checkpoint, found.options, found.batch_size, options.cores)


def equal(a: Timed, b: Timed) -> float:
    """Return the share of clips of which two sides wrote the same."""
    return sum(a.heard.texts[name] == text for name, text in b.heard.texts.items()) / len(b.heard.texts)


def bound(side: Acento, clips: Clips, batch_size: int, timed: Timed) -> str:
    """Say what takes the time of Acento's engine."""
    shares = timed.heard.shares
    largest = max(shares, key=lambda name: shares[name])
    said = f"{largest} ({100 * shares[largest]:.0f} % of the inference time)"
    longest = sorted(clips.values(), key=len, reverse=True)
    batches = [longest[start : start + batch_size] for start in range(0, min(len(longest), 2 * batch_size), batch_size)]
    recognizer = side.recognizer
    encoder = encoder_share(recognizer, [recognizer.prepare_in(one, recognizer.context(one)) for one in batches])
    return said if encoder is None else f"{said}, of which the encoder {100 * encoder:.0f} %, the decoder the rest"


def speak(count: int, window_s: float) -> dict[str, Any]:
    """Return clips of mixed length, float32 at 16 kHz, in an order that has nothing to do with it.

    Data sets mix short answers with long sentences: here sentences of the demo are joined, one to four of them, as long
    as the model's window holds them.
    """
    from acento.core.audio.recording import decode
    from acento.data.demo import demo_clips, wav_bytes

    dice = random.Random(0)
    sentences = [clip for clip in demo_clips() if clip.split == "test"]
    found: dict[str, Any] = {}
    while len(found) < count:
        parts = [
            decode(wav_bytes(clip)).astype(np.float32) / 32768 for clip in dice.sample(sentences, dice.randint(1, 4))
        ]
        while sum(len(part) for part in parts) > window_s * 16000:
            parts.pop()
        if parts:
            found[f"clip{len(found):04d}"] = np.concatenate(parts)
    return found


if __name__ == "__main__":
    main()
