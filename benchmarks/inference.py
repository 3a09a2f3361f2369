"""Acento's decode engine beside the Hugging Face ``pipeline``, on the same weights, clips and cores, in one run.

    python benchmarks/inference.py [--model demo:whisper-mini] [--clips 120] [--batch-size 16] [--rounds 5] [--cores N]

The pipeline is used as batch evaluations use it: clips in the order they arrive, a fixed batch size, greedy, audio
decoded before the clock starts; it computes on as many threads as there are cores. Acento has a placement of one thread
for each core, as ``acento benchmark`` does by default. The two take turns, so that a machine whose speed drifts slows
both. Prints each RTFx, ``ratio: N`` (the median over rounds), the share of equal texts, and where Acento's time went.
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
    parser.add_argument("--model", default="demo:whisper-mini")
    parser.add_argument("--clips", type=int, default=240)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cores", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()

    from acento.devices import device_name
    from acento.models.base import DecodeOptions
    from acento.models.checkpoint import resolve

    checkpoint = resolve(options.model)
    ours = Acento(checkpoint, DecodeOptions(language="es"), options.batch_size, options.cores)
    theirs = Pipeline(checkpoint.folder, options.batch_size, options.cores)
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


STAGES = ("features", "model", "text")


def speak(count: int, window_s: float) -> dict[str, Any]:
    """Return clips of mixed length, float32 at 16 kHz, in an order that has nothing to do with it.

    Data sets mix short answers with long sentences: here sentences of the demo are joined, one to four of them, as long
    as the model's window holds them.
    """
    from acento.audio import decode
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
    """The engine as inline placements run it: a loaded model, a thread for each core, batches as a plan makes them."""

    def __init__(self, checkpoint: Any, options: Any, batch_size: int, cores: int) -> None:
        from acento.inference.engine import Engine

        recognizer = checkpoint.family.load(checkpoint.folder, options)
        recognizer.warm_up(batch_size)
        self._engine = Engine(recognizer, batch_size=batch_size, language=options.language)
        self._batch_size, self._cores = batch_size, cores
        self.window_s = recognizer.window_s

    def __call__(self, clips: dict[str, Any]) -> tuple[dict[str, str | None], float, list[Any]]:
        """Return texts, seconds, and the timings of each placement."""
        import torch

        from acento.inference.plan import PlannedClip

        torch.set_num_threads(1)
        planned = [PlannedClip(name, len(audio) / 16000, name, "memory", 0) for name, audio in clips.items()]
        planned.sort(key=lambda clip: (-clip.duration_s, clip.id))
        batches = [planned[i : i + self._batch_size] for i in range(0, len(planned), self._batch_size)]
        shares = [batches[core :: self._cores] for core in range(self._cores)]
        started = time.perf_counter()
        with ThreadPoolExecutor(self._cores) as placements:
            decoded = list(
                placements.map(lambda share: self._engine.decode(share, lambda clip: clips[clip.id]), shares)
            )
        seconds = time.perf_counter() - started
        texts = {row.id: row.text for part in decoded for row in part.predictions}
        return texts, seconds, [part.timings for part in decoded]


class Pipeline:
    """The Hugging Face pipeline, as a batch evaluation calls it."""

    def __init__(self, folder: Path, batch_size: int, cores: int) -> None:
        import torch
        from transformers import pipeline
        from transformers.utils.logging import disable_progress_bar, set_verbosity_error

        self._cores = cores
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
        heard = list(self._pipeline(rows, generate_kwargs={"language": "es", "task": "transcribe", "num_beams": 1}))
        seconds = time.perf_counter() - started
        return {name: one["text"].strip() for name, one in zip(clips, heard, strict=True)}, seconds


if __name__ == "__main__":
    main()
