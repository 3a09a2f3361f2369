"""The decode engine: a part's batches through a recognizer, audio read and features made ahead of the model.

Three stages in three threads: read, prepare, infer. The model's thread keeps the clock. What fails is split until the
clip that cannot be decoded stands alone; it becomes a failed prediction, its neighbors get their texts.

A recognizer may encode a batch in a context shorter than its window. A text that runs away there is decoded again in
the whole window.
"""

import logging
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import Any

from acento.core.errors import AcentoError
from acento.inference.clock import Stopwatch, Timings, common, length, prefetch, shares
from acento.inference.plan import PlannedClip
from acento.inference.predictions import Prediction, Segment
from acento.inference.silence import pieces
from acento.models.base import Audio, Recognizer, Transcript
from acento.models.runaways import is_runaway
from acento.models.windows import check_cut

_log = logging.getLogger(__name__)

_DEPTH = 2
"""Batches that each stage may be ahead of the next."""
_NO_SPACES = frozenset({"zh", "yue", "ja", "th", "lo", "my", "km"})
"""Languages written without spaces between words: windows are joined as they are."""

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
    runaways: int = 0
    """Windows whose text ran away in a short context, and that were decoded again in the whole one."""


@dataclass(slots=True)
class _Window:
    """A piece of a clip, short enough for the model."""

    clip: int
    start: float
    end: float
    audio: Audio


@dataclass(slots=True)
class _Group:
    """What the model is given at once."""

    windows: list[_Window]
    context: int | None
    """Samples, see :meth:`Recognizer.context`; that of the whole group, also for its halves."""
    features: Any
    """Of the windows, or the error that making them raised."""


@dataclass(slots=True)
class _Batch:
    """One planned batch on its way through the stages."""

    clips: Sequence[PlannedClip]
    windows: list[_Window] = field(default_factory=list)
    failures: dict[int, tuple[str, str]] = field(default_factory=dict)
    """For each clip that failed: reason code and sentence."""
    groups: list[_Group] = field(default_factory=list)


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
    runaways: int = 0
    errors: list[BaseException] = field(default_factory=list)


class Engine:
    """Decodes batches of clips with one loaded recognizer."""

    def __init__(
        self, recognizer: Recognizer, *, batch_size: int, language: str | None = None, cut_s: float | None = None
    ) -> None:
        """Take a loaded recognizer.

        Args:
            recognizer: what decodes.
            batch_size: bounds the windows that the model is given at once.
            language: what is written; it decides how windows are joined.
            cut_s: what is longer is cut into windows of at most so many seconds; None: of the model's own length.

        Raises:
            InputError: the model takes no windows that long.
        """
        check_cut(cut_s, recognizer.window_s)
        self._recognizer = recognizer
        self._batch_size = batch_size
        self._language, self._characters = language, language in _NO_SPACES
        self._window_s = recognizer.window_s if cut_s is None else cut_s

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
                predictions += self._predictions(batch, self._heard(batch, run))
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
        return Decoded(predictions, timings, run.splits, windows, run.runaways)

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
                        _Window(number, start, end, piece) for start, end, piece in pieces(audio, self._window_s)
                    ]
            yield batch

    def _prepare(self, batches: Iterator[_Batch], run: _Run) -> Generator[_Batch, None, None]:
        """Make the features of each batch; runs in the second thread."""
        for batch in batches:
            windows = batch.windows
            if self._recognizer.fit is not None:  # of similar length, so that short ones do not wait for long ones
                windows = sorted(windows, key=lambda window: -len(window.audio))
            for chosen in self._groups(windows):
                context = self._recognizer.context([window.audio for window in chosen])
                batch.groups.append(_Group(chosen, context, self._features(chosen, context, run.preparing)))
            yield batch

    def _groups(self, windows: list[_Window]) -> Iterator[list[_Window]]:
        return (windows[start : start + self._batch_size] for start in range(0, len(windows), self._batch_size))

    def _features(self, windows: list[_Window], context: int | None, watch: Stopwatch) -> Any:
        """Return features, or the error that making them raised: it is decided on in the model's thread."""
        with watch.running():
            try:
                return self._recognizer.prepare_in([window.audio for window in windows], context)
            except Exception as error:
                return error

    def _heard(self, batch: _Batch, run: _Run) -> dict[int, list[Segment]]:
        """Return the texts of a batch's windows by clip; those that run away in a short context are decoded again."""
        heard: list[tuple[_Window, Transcript]] = []
        runaways: list[_Window] = []
        for group in batch.groups:
            for window, transcript in self._texts(group, batch, run):
                if group.context is not None and is_runaway(transcript, characters=self._characters):
                    runaways.append(window)
                else:
                    heard.append((window, transcript))
        run.runaways += len(runaways)
        for chosen in self._groups(runaways):
            again = _Group(chosen, None, self._features(chosen, None, run.inferring))
            heard += self._texts(again, batch, run)
        texts: dict[int, list[Segment]] = {}
        for window, transcript in sorted(heard, key=lambda one: (one[0].clip, one[0].start)):
            texts.setdefault(window.clip, []).append(_segment(window, transcript, self._language))
        return texts

    def _texts(self, group: _Group, batch: _Batch, run: _Run) -> Iterator[tuple[_Window, Transcript]]:
        """Yield what each window says; what fails together is tried in halves (for memory) or one by one."""
        windows, features, group.features = group.windows, group.features, None
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
            if len(windows) == 1:
                code = "out_of_memory" if memory else "model_error"
                batch.failures[windows[0].clip] = (code, f"{type(error).__name__}: {error}".splitlines()[0])
                run.errors.append(error)
                return
            if memory:
                self._recognizer.release_memory()
                half = -(-len(windows) // 2)
                run.splits.append((len(windows), half))
                _log.warning("A batch of %d windows does not fit into memory; trying %d.", len(windows), half)
            else:
                half = 1
                _log.warning("A batch of %d windows failed (%s); trying them one by one.", len(windows), error)
            halves = [windows[start : start + half] for start in range(0, len(windows), half)]
        else:
            yield from zip(windows, transcripts, strict=True)
            return
        # outside the handler, so that the failed call's frames, and the memory they hold, are gone
        del features
        for part in halves:
            # in the context of the whole group, so that a split changes no text
            again = _Group(part, group.context, self._features(part, group.context, run.inferring))
            yield from self._texts(again, batch, run)

    def _predictions(self, batch: _Batch, texts: dict[int, list[Segment]]) -> Iterator[Prediction]:
        """Yield a batch's predictions, a clip's windows joined to one text."""
        for number, clip in enumerate(batch.clips):
            failure = batch.failures.get(number)
            if failure is not None:
                yield Prediction(clip.id, None, error=failure[0], detail=failure[1])
                continue
            segments = tuple(texts[number])
            text = ("" if self._characters else " ").join(segment.text for segment in segments if segment.text)
            known = len(segments) > 1 or segments[0].words or segments[0].logprob is not None
            yield Prediction(clip.id, text, segments if known else ())


def _segment(window: _Window, transcript: Transcript, language: str | None) -> Segment:
    """Return what a window says, with times from the start of its clip; ``language`` is what the model was told."""
    words = (
        replace(word, **{edge: min(getattr(word, edge) + window.start, window.end) for edge in ("start", "end")})
        for word in transcript.words
    )
    return Segment(
        window.start,
        window.end,
        transcript.text,
        tuple(words),
        transcript.logprob,
        transcript.no_speech,
        transcript.language or language,
    )
