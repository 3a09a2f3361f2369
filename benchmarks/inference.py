"""Acento's decode engine beside the Hugging Face ``pipeline``, on the same weights, clips and cores, in one run.

    python benchmarks/inference.py [--model demo:whisper-mini] [--clips 120] [--batch-size 16] [--rounds 5] [--cores N]

The pipeline is used as batch evaluations use it: clips in the order they arrive, a fixed batch size, greedy, audio
decoded before the clock starts; it computes on as many threads as there are cores. Acento has a worker of one thread
for each core, as ``acento benchmark`` does by default. The two take turns, so that a machine whose speed drifts slows
both. Prints each RTFx, ``ratio: N`` (the median over rounds), the share of equal texts, and where Acento's time went.

    python benchmarks/inference.py --real [--clips 24] [--batch-size 8] [--rounds 2]

takes whisper-base and Dutch test clips, which are downloaded, and also lets Acento run CTranslate2 in int8 beside
faster-whisper (``pip install '.[benchmarks]'``) on the same weights in int8: a file at a time, greedy, without
timestamps, as many workers of one thread as there are cores.
"""

import argparse
import os
import random
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np


def main() -> None:
    """Read the options and print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--real", action="store_true", help="published weights, human speech, and faster-whisper")
    parser.add_argument("--model", default="demo:whisper-mini")
    parser.add_argument("--clips", type=int)
    parser.add_argument("--batch-size", type=int)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--cores", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    for name, default in (REAL_DEFAULTS if options.real else DEFAULTS).items():
        setattr(options, name, getattr(options, name) or default)
    if options.real:
        compare_real(options)
        return

    from acento.models.base import DecodeOptions
    from acento.models.checkpoints.resolver import resolve
    from acento.models.devices import device_name

    checkpoint = resolve(options.model)
    ours = Acento(checkpoint, DecodeOptions(language="es"), options.batch_size, options.cores)
    theirs = Pipeline(checkpoint.folder, options.batch_size, options.cores, "es")
    clips = speak(options.clips, ours.window_s)
    total = sum(len(audio) for audio in clips.values()) / 16000
    lengths = sorted(len(audio) / 16000 for audio in clips.values())
    print(f"{device_name('cpu')}, {options.cores} core(s), float32, batch {options.batch_size}, {options.model}")
    print(f"{len(clips)} clips of {lengths[0]:.1f} to {lengths[-1]:.1f} s, {total:.0f} s in all")

    few = dict(list(clips.items())[: 2 * options.batch_size])
    ours(few)
    theirs(few)
    rows = []
    for _ in range(options.rounds):
        our_texts, our_seconds, timings = ours(clips)
        their_texts, their_seconds = theirs(clips)
        rows.append((total / our_seconds, total / their_seconds))
        print(
            f"  Acento RTFx {rows[-1][0]:7.1f}   pipeline RTFx {rows[-1][1]:7.1f}   {their_seconds / our_seconds:.2f}x"
        )
    equal = sum(our_texts[name] == their_texts[name] for name in clips) / len(clips)
    print(f"Acento RTFx: {statistics.median(a for a, _ in rows):.1f}")
    print(f"pipeline RTFx: {statistics.median(b for _, b in rows):.1f}")
    print(f"ratio: {statistics.median(a / b for a, b in rows):.2f}")
    print(f"equal texts: {100 * equal:.1f} %")
    inference = sum(one.inference_s for one in timings)
    shares = {name: sum(getattr(one, f"{name}_s") for one in timings) / inference for name in STAGES}
    print("of Acento's inference time: " + ", ".join(f"{name} {100 * share:.0f} %" for name, share in shares.items()))
    print("(features are made in a thread of their own, beside the model, so shares may add up to more than 100 %)")
    print(f"what bounds it now: {max(shares, key=lambda name: shares[name])}")


DEFAULTS = {"clips": 240, "batch_size": 16, "rounds": 5}
REAL_DEFAULTS = {"clips": 24, "batch_size": 8, "rounds": 2}
STAGES = ("features", "model", "text")


def compare_real(options: argparse.Namespace) -> None:
    """Print a table of all sides on published weights and human speech."""
    from acento.core.text import normalizer
    from acento.data.demo.real import fetch_weights
    from acento.data.demo.real.speech import read_demo
    from acento.data.demo.real.weights import CT2, HF
    from acento.models.base import DecodeOptions
    from acento.models.checkpoints.resolver import resolve
    from acento.models.devices import device_name
    from acento.scoring.counting.counts import ErrorCounts, count_words

    read = read_demo("nl", "test", options.clips)
    clips = {clip.id: clip.audio for clip in read}
    total = sum(len(audio) for audio in clips.values()) / 16000
    folder, asked = fetch_weights("whisper-base"), DecodeOptions(language="nl")
    sides: dict[str, Any] = {
        "Acento, transformers, float32": Acento(resolve("demo:whisper-base"), asked, options.batch_size, options.cores),
        "Hugging Face pipeline, float32": Pipeline(folder / HF, options.batch_size, options.cores, "nl"),
        "Acento, CTranslate2, int8": Acento(
            resolve("demo:whisper-base:ctranslate2-int8"), asked, options.batch_size, options.cores
        ),
    }
    try:
        sides["faster-whisper, int8"] = FasterWhisper(folder / CT2, options.cores, "nl")
    except ImportError:
        print("faster-whisper is not installed: pip install '.[benchmarks]' -c constraints.txt")
    print(f"{device_name('cpu')}, {options.cores} core(s), batch {options.batch_size}, demo:whisper-base")
    print(f"{len(clips)} Dutch clips, {total:.0f} s in all, windows of 30 s, {options.rounds} rounds, their median")
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    texts: dict[str, dict[str, str]] = {}
    for side in sides.values():
        side(dict(list(clips.items())[:2]))
    for turn in range(options.rounds):
        for name in sorted(sides, reverse=bool(turn % 2)):
            texts[name], took, *_ = sides[name](clips)
            seconds[name].append(took)
    rule = normalizer("chilean-leaderboard")
    print(f"{'':32}{'RTFx':>7}{'WER %':>8}  of all rounds")
    for name, found in texts.items():
        pairs = ((rule(clip.text), rule(found[clip.id] or "")) for clip in read)
        wer = sum((count_words(*pair) for pair in pairs), ErrorCounts()).rate
        rounds = ", ".join(f"{total / took:.2f}" for took in seconds[name])
        print(f"{name:32}{total / statistics.median(seconds[name]):7.2f}{100 * (wer or 0):8.1f}  {rounds}")
    for ours, theirs in (list(sides)[:2], list(sides)[2:]) if len(sides) == 4 else (list(sides)[:2],):
        ratio = statistics.median(b / a for a, b in zip(seconds[ours], seconds[theirs], strict=True))
        equal = sum(texts[ours][name] == texts[theirs][name] for name in clips) / len(clips)
        print(f"{ours} is {ratio:.2f} times as fast as {theirs}; equal texts: {100 * equal:.0f} %")


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


class Acento:
    """The engine as inline workers run it: a loaded model, a thread for each core, batches as a plan makes them."""

    def __init__(self, checkpoint: Any, options: Any, batch_size: int, cores: int) -> None:
        from acento.inference.engine import Engine

        recognizer = checkpoint.family.load(checkpoint.folder, options)
        recognizer.warm_up(batch_size)
        self._engine = Engine(recognizer, batch_size=batch_size, language=options.language)
        self._batch_size, self._cores = batch_size, cores
        self.window_s = recognizer.window_s

    def __call__(self, clips: dict[str, Any]) -> tuple[dict[str, str | None], float, list[Any]]:
        """Return texts, seconds, and the timings of each worker."""
        import torch

        from acento.inference.plan import PlannedClip

        torch.set_num_threads(1)
        planned = [PlannedClip(name, len(audio) / 16000, name, "memory", 0) for name, audio in clips.items()]
        planned.sort(key=lambda clip: (-clip.duration_s, clip.id))
        batches = [planned[i : i + self._batch_size] for i in range(0, len(planned), self._batch_size)]
        shares = [batches[core :: self._cores] for core in range(self._cores)]
        started = time.perf_counter()
        with ThreadPoolExecutor(self._cores) as workers:
            decoded = list(workers.map(lambda share: self._engine.decode(share, lambda clip: clips[clip.id]), shares))
        seconds = time.perf_counter() - started
        texts = {row.id: row.text for part in decoded for row in part.predictions}
        return texts, seconds, [part.timings for part in decoded]


class Pipeline:
    """The Hugging Face pipeline, as a batch evaluation calls it."""

    def __init__(self, folder: Path, batch_size: int, cores: int, language: str) -> None:
        import torch
        from transformers import pipeline
        from transformers.utils.logging import disable_progress_bar, set_verbosity_error

        self._cores, self._language = cores, language
        set_verbosity_error()
        disable_progress_bar()
        self._pipeline = pipeline(
            "automatic-speech-recognition", model=str(folder), dtype=torch.float32, device="cpu", batch_size=batch_size
        )

    def __call__(self, clips: dict[str, Any]) -> tuple[dict[str, str], float]:
        """Return texts and seconds."""
        import torch

        torch.set_num_threads(self._cores)
        rows = ({"raw": audio, "sampling_rate": 16000} for audio in clips.values())
        started = time.perf_counter()
        asked = {"language": self._language, "task": "transcribe", "num_beams": 1}
        heard = list(self._pipeline(rows, generate_kwargs=asked))
        seconds = time.perf_counter() - started
        return {name: one["text"].strip() for name, one in zip(clips, heard, strict=True)}, seconds


class FasterWhisper:
    """faster-whisper, as a batch evaluation calls it: a file at a time on each worker, greedy, no timestamps."""

    def __init__(self, folder: Path, cores: int, language: str) -> None:
        from faster_whisper import WhisperModel

        self._cores, self._language = cores, language
        self._model = WhisperModel(
            str(folder), device="cpu", compute_type="int8", cpu_threads=1, num_workers=cores, local_files_only=True
        )

    def __call__(self, clips: dict[str, Any]) -> tuple[dict[str, str], float]:
        """Return texts and seconds."""

        def transcribe(audio: Any) -> str:
            segments, _ = self._model.transcribe(
                audio,
                language=self._language,
                beam_size=1,
                temperature=0.0,
                without_timestamps=True,
                condition_on_previous_text=False,
            )
            return "".join(segment.text for segment in segments).strip()

        started = time.perf_counter()
        with ThreadPoolExecutor(self._cores) as workers:
            heard = list(workers.map(transcribe, clips.values()))
        return dict(zip(clips, heard, strict=True)), time.perf_counter() - started


if __name__ == "__main__":
    main()
