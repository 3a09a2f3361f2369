"""What decodes in the benchmarks: Acento's engine, and what users run instead; and the clock that they take turns on.

Each side is made of a model and called with clips, audio by name; it returns a :class:`Heard`. Audio is decoded before
any clock starts, and every side writes greedily.
"""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

RATE = 16000
"""Samples a second."""
Clips = Mapping[str, Any]
"""Samples by name: float32, mono, 16 kHz."""


@dataclass(frozen=True)
class Heard:
    """What a side made of clips."""

    texts: dict[str, str | None]
    shares: dict[str, float] = field(default_factory=dict)
    """Of the inference time: what stages took, where the side can tell."""
    runaways: int = 0
    """Windows that were decoded again at the whole window."""


Side = Callable[[Clips], Heard]


@dataclass
class Timed:
    """A side over all its rounds."""

    audio_s: float
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    """CPU seconds of the process, all threads."""
    heard: Heard = field(default_factory=lambda: Heard({}))

    @property
    def rtfx(self) -> float:
        """Audio seconds by seconds of the clock, the median round."""
        return self.audio_s / statistics.median(self.wall)

    @property
    def by_cpu(self) -> float:
        """Audio seconds by CPU seconds, the median round."""
        return self.audio_s / statistics.median(self.cpu)


def in_turns(sides: Mapping[str, Side], clips: Clips, rounds: int, warm_up: int = 2) -> dict[str, Timed]:
    """Let the sides decode in turns, forward and backward, so that a machine whose speed drifts slows all of them."""
    few = dict(list(clips.items())[:warm_up])
    for side in sides.values():
        side(few)
    found = {name: Timed(sum(map(len, clips.values())) / RATE) for name in sides}
    for turn in range(rounds):
        for name in reversed(list(sides)) if turn % 2 else sides:
            wall, cpu = time.perf_counter(), time.process_time()
            found[name].heard = sides[name](clips)
            found[name].wall.append(time.perf_counter() - wall)
            found[name].cpu.append(time.process_time() - cpu)
    return found


def ratio(ours: Timed, theirs: Timed) -> float:
    """Return how many times as fast one side is as the other, the median over rounds."""
    return statistics.median(b / a for a, b in zip(ours.wall, theirs.wall, strict=True))


def word_errors(references: Mapping[str, str], heard: Heard) -> tuple[list[int], list[int]]:
    """Return the word errors and the reference's words of each clip, in the order of the references."""
    from acento.core.text import normalizer
    from acento.scoring.counting.counts import count_words

    rule = normalizer("chilean-leaderboard")
    counts = [count_words(rule(text), rule(heard.texts[name] or "")) for name, text in references.items()]
    return [one.errors for one in counts], [one.reference_length for one in counts]


class Acento:
    """The engine as inline workers run it: a loaded model, batches as a plan makes them, threads that share them."""

    def __init__(self, checkpoint: Any, options: Any, batch_size: int, cores: int) -> None:
        from acento.inference.engine import Engine

        self.recognizer = checkpoint.family.load(checkpoint.folder, options)
        self.recognizer.warm_up(batch_size)
        self._engine = Engine(self.recognizer, batch_size=batch_size, language=options.language)
        self._batch_size, self._threads = batch_size, options.threads
        self._workers = max(1, cores // options.threads) if options.device_type == "cpu" else 1
        self.window_s = self.recognizer.window_s

    def __call__(self, clips: Clips) -> Heard:
        """Decode in as many workers as the cores hold."""
        import torch

        from acento.inference.plan import PlannedClip

        torch.set_num_threads(self._threads)
        planned = [PlannedClip(name, len(audio) / RATE, name, "memory", 0) for name, audio in clips.items()]
        planned.sort(key=lambda clip: (-clip.duration_s, clip.id))
        batches = [planned[i : i + self._batch_size] for i in range(0, len(planned), self._batch_size)]
        shares = [batches[worker :: self._workers] for worker in range(self._workers)]
        with ThreadPoolExecutor(self._workers) as workers:
            parts = list(workers.map(lambda share: self._engine.decode(share, lambda clip: clips[clip.id]), shares))
        spent = sum(part.timings.inference_s for part in parts) or 1.0
        return Heard(
            {row.id: row.text for part in parts for row in part.predictions},
            {name: sum(getattr(part.timings, f"{name}_s") for part in parts) / spent for name in STAGES},
            sum(getattr(part, "runaways", 0) for part in parts),
        )


STAGES = ("features", "model", "text")


class Pipeline:
    """The Hugging Face pipeline, as a batch evaluation calls it: clips as they come, on as many threads as cores."""

    def __init__(
        self, folder: Path, batch_size: int, cores: int, language: str | None, *, device: str = "cpu", **generate: Any
    ) -> None:
        import torch
        from transformers import pipeline
        from transformers.utils.logging import disable_progress_bar, set_verbosity_error

        self._cores, self._generate = cores, generate
        if language is not None:
            self._generate = {"language": language, "task": "transcribe", "num_beams": 1, **generate}
        set_verbosity_error()
        disable_progress_bar()
        self.pipeline = pipeline(
            "automatic-speech-recognition",
            model=str(folder),
            dtype=torch.float32 if device == "cpu" else torch.bfloat16,
            device=device,
            batch_size=batch_size,
        )

    def __call__(self, clips: Clips) -> Heard:
        """Decode clips in the order they come."""
        import torch

        torch.set_num_threads(self._cores)
        rows = ({"raw": audio, "sampling_rate": RATE} for audio in clips.values())
        asked = {"generate_kwargs": self._generate} if self._generate else {}
        heard = list(self.pipeline(rows, **asked))
        return Heard({name: one["text"].strip() for name, one in zip(clips, heard, strict=True)})


class FasterWhisper:
    """faster-whisper in int8, clip by clip: as many workers of one thread as there are cores, no timestamps."""

    def __init__(self, folder: Path, cores: int, language: str) -> None:
        from faster_whisper import WhisperModel

        self._cores, self._language = cores, language
        self._model = WhisperModel(
            str(folder), device="cpu", compute_type="int8", cpu_threads=1, num_workers=cores, local_files_only=True
        )

    def __call__(self, clips: Clips) -> Heard:
        """Decode each clip by a call of its own."""

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

        with ThreadPoolExecutor(self._cores) as workers:
            heard = list(workers.map(transcribe, clips.values()))
        return Heard(dict(zip(clips, heard, strict=True)))


class FasterWhisperBatched:
    """faster-whisper's batched pipeline in int8: the clips joined to one recording, cut where each begins and ends."""

    def __init__(self, folder: Path, cores: int, language: str, batch_size: int) -> None:
        from faster_whisper import BatchedInferencePipeline, WhisperModel

        self._language, self._batch_size = language, batch_size
        model = WhisperModel(
            str(folder), device="cpu", compute_type="int8", cpu_threads=cores, num_workers=1, local_files_only=True
        )
        self._pipeline = BatchedInferencePipeline(model)

    def __call__(self, clips: Clips) -> Heard:
        """Decode all clips by one call."""
        ends = np.cumsum([len(audio) for audio in clips.values()]) / RATE
        starts = [0.0, *ends[:-1]]
        segments, _ = self._pipeline.transcribe(
            np.concatenate(list(clips.values())),
            language=self._language,
            batch_size=self._batch_size,
            beam_size=1,
            temperature=0.0,
            without_timestamps=True,
            vad_filter=False,
            clip_timestamps=[{"start": start, "end": end} for start, end in zip(starts, ends, strict=True)],
        )
        texts: dict[str, str | None] = dict.fromkeys(clips, "")
        names = list(clips)
        for segment in segments:
            place = int(np.searchsorted(ends, segment.start + 0.01, side="right"))
            name = names[min(place, len(names) - 1)]
            texts[name] = f"{texts[name]} {segment.text.strip()}".strip()
        return Heard(texts)


def encoder_share(recognizer: Any, batches: Sequence[Any]) -> float | None:
    """Return the encoder's share of a Whisper's model time on batches of features; None where it cannot be taken apart.

    Measured apart from the rounds, one batch after another in one thread.
    """
    encode = getattr(recognizer, "_encode", None)
    if encode is None:
        return None
    import torch

    encoder_s = whole_s = 0.0
    for batch in batches:
        with torch.inference_mode():
            began = time.perf_counter()
            encode(getattr(batch, "features", batch))
            encoder_s += time.perf_counter() - began
        began = time.perf_counter()
        recognizer.infer(batch)
        whole_s += time.perf_counter() - began
    return encoder_s / whole_s if whole_s else None
