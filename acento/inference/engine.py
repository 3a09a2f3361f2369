"""The decode engine: a part's batches through a recognizer, audio read and features made ahead of the model.

Three stages in three threads: read, prepare, infer. The model's thread keeps the clock. What fails is split until the
clip that cannot be decoded stands alone; it becomes a failed prediction, its neighbors get their texts.
"""

import logging
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import pairwise
from time import perf_counter
from typing import Any

import numpy as np

from acento.core.errors import AcentoError
from acento.data.utterance import SAMPLE_RATE
from acento.inference.clock import Stopwatch, Timings, common, length, prefetch, shares
from acento.inference.plan import PlannedClip
from acento.inference.predictions import Prediction, Segment
from acento.models.base import Audio, Recognizer

_log = logging.getLogger(__name__)

_DEPTH = 2
"""Batches that each stage may be ahead of the next."""
_NO_SPACES = frozenset({"zh", "yue", "ja", "th", "lo", "my", "km"})
"""Languages written without spaces between words: windows are joined as they are."""

_FRAME = SAMPLE_RATE // 50
"""20 ms: the grid on which a cut may fall."""
_SMOOTH = 15
"""Frames (0.3 s) over which loudness is averaged: a pause between words, not a stop consonant."""
_SEARCH = 0.5
"""The cut is sought in this last share of the window."""

Read = Callable[[PlannedClip], Audio]
"""Returns a clip's samples; raises AcentoError, or OSError, if they cannot be had."""
AfterBatch = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Decoded:
    """What became of a part."""

    predictions: list[Prediction]
    timings: Timings
    splits: list[tuple[int, int]]
    """For each batch that did not fit into memory: its windows, and the windows of the larger half tried next."""
    windows: int


@dataclass(slots=True)
class _Window:
    """A piece of a clip, short enough for the model."""

    clip: int
    start: float
    end: float
    audio: Audio


@dataclass(slots=True)
class _Batch:
    """One planned batch on its way through the stages."""

    clips: Sequence[PlannedClip]
    windows: list[_Window] = field(default_factory=list)
    failures: dict[int, tuple[str, str]] = field(default_factory=dict)
    """For each clip that failed: reason code and sentence."""
    features: list[tuple[list[_Window], Any]] = field(default_factory=list)
    """What the model is given at once: windows, and their features or the error that making them raised."""


@dataclass(slots=True)
class _Run:
    """What one decoding notes beside its texts: the time of each stage and wait, and what failed."""

    reading: Stopwatch = field(default_factory=Stopwatch)
    preparing: Stopwatch = field(default_factory=Stopwatch)
    inferring: Stopwatch = field(default_factory=Stopwatch)
    writing: Stopwatch = field(default_factory=Stopwatch)
    features_wait: Stopwatch = field(default_factory=Stopwatch)
    model_wait: Stopwatch = field(default_factory=Stopwatch)
    splits: list[tuple[int, int]] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)


class Engine:
    """Decodes batches of clips with one loaded recognizer."""

    def __init__(self, recognizer: Recognizer, *, batch_size: int, language: str | None = None) -> None:
        """Take a loaded recognizer; ``batch_size`` bounds the windows that the model is given at once."""
        self._recognizer = recognizer
        self._batch_size = batch_size
        self._joint = "" if language in _NO_SPACES else " "

    def decode(
        self, batches: Sequence[Sequence[PlannedClip]], read: Read, after_batch: AfterBatch = lambda _: None
    ) -> Decoded:
        """Decode planned batches in their order; one prediction for each clip comes back, in that order too.

        ``after_batch`` is told the audio seconds of each batch that is done; what it raises ends the decoding.

        Raises:
            Exception: what the model raised, if not a single clip could be decoded: then the model is at fault.
        """
        run = _Run()
        predictions: list[Prediction] = []
        audio, windows = [], 0
        self._recognizer.synchronize()
        edges = [perf_counter()]
        clips = prefetch(self._read(batches, read, run), depth=_DEPTH, waiting=run.features_wait, name="read audio")
        prepared = prefetch(self._prepare(clips, run), depth=_DEPTH, waiting=run.model_wait, name="prepare features")
        with closing(clips), closing(prepared):
            for batch in prepared:
                texts: dict[int, list[Segment]] = {}
                for group, features in batch.features:
                    for window, text in self._texts(group, features, batch, run):
                        texts.setdefault(window.clip, []).append(Segment(window.start, window.end, text))
                predictions += self._predictions(batch, texts)
                audio.append(sum(window.end - window.start for window in batch.windows))
                windows += len(batch.windows)
                after_batch(audio[-1])
                edges.append(perf_counter())
        if run.errors and all(prediction.failed for prediction in predictions):
            raise run.errors[0]
        reading_waits = common(run.model_wait.stretches, run.features_wait.stretches)
        timings = Timings(
            audio_s=sum(audio),
            wall_s=edges[-1] - edges[0],
            read_wait_s=length(reading_waits),
            read_s=run.reading.total,
            features_s=run.preparing.total,
            model_s=run.inferring.total,
            text_s=run.writing.total,
            batches=tuple(zip(audio, shares(edges, reading_waits), strict=True)),
        )
        return Decoded(predictions, timings, run.splits, windows)

    def _read(self, batches: Sequence[Sequence[PlannedClip]], read: Read, run: _Run) -> Generator[_Batch, None, None]:
        """Read the audio of each batch and cut it into windows; runs in the first thread."""
        for clips in batches:
            batch = _Batch(clips)
            with run.reading.running():
                for number, clip in enumerate(clips):
                    try:
                        audio = read(clip)
                    except (AcentoError, OSError) as error:
                        batch.failures[number] = ("audio_unreadable", str(error))
                        continue
                    batch.windows += [
                        _Window(number, start, end, piece)
                        for start, end, piece in pieces(audio, self._recognizer.window_s)
                    ]
            yield batch

    def _prepare(self, batches: Iterator[_Batch], run: _Run) -> Generator[_Batch, None, None]:
        """Make the features of each batch; runs in the second thread."""
        for batch in batches:
            for start in range(0, len(batch.windows), self._batch_size):
                group = batch.windows[start : start + self._batch_size]
                with run.preparing.running():
                    try:
                        features = self._recognizer.prepare([window.audio for window in group])
                    except Exception as error:  # decided on in the model's thread, clip by clip
                        features = error
                batch.features.append((group, features))
            yield batch

    def _texts(self, group: list[_Window], features: Any, batch: _Batch, run: _Run) -> Iterator[tuple[_Window, str]]:
        """Yield each window's text; what fails together is tried in halves (for memory) or one by one."""
        try:
            if isinstance(features, Exception):
                raise features
            with run.inferring.running():
                tokens = self._recognizer.infer(features)
                self._recognizer.synchronize()
            with run.writing.running():
                transcripts = self._recognizer.finish(tokens)
        except Exception as error:
            memory = self._recognizer.is_out_of_memory(error)
            if len(group) == 1:
                code = "out_of_memory" if memory else "model_error"
                batch.failures[group[0].clip] = (code, f"{type(error).__name__}: {error}".splitlines()[0])
                run.errors.append(error)
                return
            if memory:
                self._recognizer.release_memory()
                half = -(-len(group) // 2)
                run.splits.append((len(group), half))
                _log.warning("A batch of %d windows does not fit into memory; trying %d.", len(group), half)
            else:
                half = 1
                _log.warning("A batch of %d windows failed (%s); trying them one by one.", len(group), error)
            halves = [group[start : start + half] for start in range(0, len(group), half)]
        else:
            yield from zip(group, (transcript.text for transcript in transcripts), strict=True)
            return
        # outside the handler, so that the failed call's frames, and the memory they hold, are gone
        del features
        for part in halves:
            try:
                with run.inferring.running():
                    again = self._recognizer.prepare([window.audio for window in part])
            except Exception as error:
                again = error
            yield from self._texts(part, again, batch, run)

    def _predictions(self, batch: _Batch, texts: dict[int, list[Segment]]) -> Iterator[Prediction]:
        """Yield a batch's predictions, a clip's windows joined to one text."""
        for number, clip in enumerate(batch.clips):
            failure = batch.failures.get(number)
            if failure is not None:
                yield Prediction(clip.id, None, error=failure[0], detail=failure[1])
                continue
            segments = tuple(texts[number])
            text = self._joint.join(segment.text for segment in segments if segment.text)
            yield Prediction(clip.id, text, segments if len(segments) > 1 else ())


def cuts(audio: Audio, window_s: float | None) -> list[int]:
    """Return where to cut, as sample positions from 0 to the end; neighbors are at most ``window_s`` apart.

    >>> cuts(np.zeros(160, np.float32), 30.0)
    [0, 160]
    """
    total = len(audio)
    if window_s is None or total <= int(window_s * SAMPLE_RATE):
        return [0, total]
    window = int(window_s * SAMPLE_RATE)
    loudness = _loudness(audio)
    found = [0]
    while total - found[-1] > window:
        first = (found[-1] + int(window * (1 - _SEARCH))) // _FRAME + 1
        last = (found[-1] + window) // _FRAME
        quiet = loudness[first : last + 1]
        # among equally quiet places the latest, so that digital silence does not make pieces short
        place = first + len(quiet) - 1 - int(np.argmin(quiet[::-1]))
        found.append(place * _FRAME)
    return [*found, total]


def pieces(audio: Audio, window_s: float | None) -> list[tuple[float, float, Audio]]:
    """Return ``(start, end, samples)`` of each piece, times in seconds; together they are the audio."""
    return [
        (start / SAMPLE_RATE, end / SAMPLE_RATE, audio[start:end]) for start, end in pairwise(cuts(audio, window_s))
    ]


def _loudness(audio: Audio) -> np.ndarray:
    """Return for each border between frames the mean power around it (source: short-time energy, Rabiner 1975)."""
    frames = -(-len(audio) // _FRAME)
    padded = np.zeros(frames * _FRAME, dtype=np.float32)
    padded[: len(audio)] = audio
    power = np.square(padded.reshape(frames, _FRAME)).mean(axis=1, dtype=np.float64)
    sums = np.concatenate([[0.0], np.cumsum(power)])
    borders = np.arange(frames + 1)
    low, high = np.maximum(borders - _SMOOTH // 2, 0), np.minimum(borders + _SMOOTH // 2 + 1, frames)
    return np.maximum((sums[high] - sums[low]) / np.maximum(high - low, 1), 1e-10)
