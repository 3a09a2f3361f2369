"""How many threads a worker computes on, and how many clips are in a batch: tried out for seconds.

More threads for each worker are fewer workers on the same cores. The default is tried first, then one thing at a time
is changed as long as that is faster, and at last the default and what was found are tried once more, so that a moment
in which other work held the machine decides nothing. Nothing is begun that would not end within the time allowed.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Final

from pydantic import BaseModel

from acento.core.progress import report
from acento.inference.plan import PlannedClip
from acento.inference.tuning.trial import NOTHING, Clock, Heard, Sample, decode
from acento.models.base import DecodeOptions, Recognizer

SAMPLE_CLIPS: Final = 128
PROBE_S: Final = 30.0
"""Seconds that all trials of a model may take together, loading apart."""
FASTER: Final = 1.05
"""A change is kept where it is faster by as much as a clock that runs once can tell."""
_LEAST_S: Final = 1.0
"""A trial goes on for so long."""
BATCHES: Final = (4, 8, 16, 32)


class Setting(BaseModel, frozen=True):
    """What a worker computes with."""

    threads: int
    batch_size: int

    @property
    def title(self) -> str:
        """What a person calls it."""
        threads = "1 thread" if self.threads == 1 else f"{self.threads} threads"
        return f"{threads}, batch {self.batch_size}"


class SettingTrial(BaseModel, frozen=True):
    """How fast a setting was."""

    setting: Setting
    workers: int
    rtfx: float


class SettingTrials(BaseModel, frozen=True):
    """What was measured of some settings, the default first; none where even that would have taken too long."""

    default: Setting
    trials: tuple[SettingTrial, ...] = ()
    sample: str = ""
    failure: str = ""
    """Why nothing, or not everything, was tried; empty: it was."""

    @property
    def best(self) -> Setting:
        """The fastest, by more than the clock cannot tell from the default; else the default."""
        if not self.trials:
            return self.default
        fastest = max(self.trials, key=lambda one: one.rtfx)
        return fastest.setting if fastest.rtfx >= FASTER * self.trials[0].rtfx else self.default

    @property
    def why(self) -> str:
        """Say what was chosen and by what."""
        if not self.trials:
            return f"{self.default.title} by default: {self.failure}"
        more = f"; {self.failure}" if self.failure else ""
        tried = f"by {len(self.trials)} settings tried on {self.sample}{more}"
        if self.best == self.default:
            return f"{self.default.title} by default, as nothing was faster ({tried})"
        faster = max(one.rtfx for one in self.trials) / self.trials[0].rtfx
        return f"{self.best.title}, {faster:.2f} times as fast as {self.default.title} ({tried})"


@dataclass(slots=True)
class Probe:
    """Tries settings out on a sample."""

    load: Callable[[int], Recognizer]
    """Returns a recognizer that computes on so many threads."""
    sample: Sample
    options: DecodeOptions
    """How the model decodes."""
    workers: int | None
    """What was asked for; None: as many as the cores hold."""
    cores: int
    """Of this machine."""
    seconds: float = PROBE_S
    """What all trials may take."""
    clock: Clock = perf_counter
    heard: dict[Setting, Heard] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    """Settings for which there was no time."""
    _spent: float = 0.0
    _a_clip: float = 0.0
    """Seconds by the clock that a clip took last."""

    def run(self, default: Setting, threads: int | None, batch_size: int | None) -> SettingTrials:
        """Try the default, then other threads, then other batches with the best of these.

        ``threads`` and ``batch_size`` are what was asked for; None: is to be found.

        Raises:
            Exception: what the model raised, if it could not decode a single clip.
        """
        failure = ""
        if self.sample.clips:
            self._try_all(default, threads, batch_size)
        else:
            failure = f"no clip of {self.sample.title} is a minute long or less"
        if self.left_out:
            failure = f"no time was left in {self.seconds:g} s for {' and '.join(self.left_out)}"
        report("try out threads and batch size", self.seconds, self.seconds, "s at most")
        trials = tuple(
            SettingTrial(setting=one, workers=self._workers(one), rtfx=heard.rtfx) for one, heard in self.heard.items()
        )
        return SettingTrials(default=default, trials=trials, sample=self.sample.title, failure=failure)

    def _try_all(self, default: Setting, threads: int | None, batch_size: int | None) -> None:
        best, fastest = default, self._trial(default)
        if not fastest:
            return
        if threads is None:
            for count in _doublings(2, self.cores):
                setting = Setting(threads=count, batch_size=default.batch_size)
                if (rtfx := self._trial(setting)) <= fastest:
                    break
                best, fastest = setting, rtfx
        if batch_size is None:
            larger = [size for size in BATCHES if size > default.batch_size]
            smaller = [size for size in reversed(BATCHES) if size < default.batch_size]
            start = best
            for sizes in (larger, smaller):
                for size in sizes if best == start else ():
                    setting = Setting(threads=start.threads, batch_size=size)
                    if (rtfx := self._trial(setting)) <= fastest:
                        break
                    best, fastest = setting, rtfx
        if best != default:
            for setting in (default, best):
                self._trial(setting)

    def _workers(self, setting: Setting) -> int:
        return self.workers or max(1, self.cores // setting.threads)

    def _trial(self, setting: Setting) -> float:
        """Return the RTFx of a setting; 0 where it was not tried."""
        count = self._workers(setting)
        clips = self.sample.clips[: count * setting.batch_size]
        if self.heard and len(clips) < count * setting.batch_size:
            return 0.0  # no worker would have a whole batch
        recognizer = self.load(setting.threads)
        try:
            recognizer.warm_up(setting.batch_size)
            if not self.heard:
                alone = self._decode(recognizer, clips[:1], 1, 1)
                self._spent, self._a_clip = alone.seconds, alone.seconds / min(count, self.cores)
            if self._spent + self._a_clip * len(clips) > self.seconds:
                self.left_out += [setting.title] if setting not in self.heard else []
                return 0.0
            heard, passes = NOTHING, 0
            while not passes or heard.seconds < _LEAST_S:
                heard, passes = heard + self._decode(recognizer, clips, setting.batch_size, count), passes + 1
        finally:
            recognizer.close()
        self._spent += heard.seconds
        report("try out threads and batch size", min(self._spent, self.seconds), self.seconds, "s at most")
        self._a_clip = heard.seconds / (passes * len(clips))
        self.heard[setting] = self.heard.get(setting, NOTHING) + heard
        return heard.rtfx

    def _decode(self, recognizer: Recognizer, clips: Sequence[PlannedClip], batch_size: int, workers: int) -> Heard:
        return decode(
            recognizer,
            self.sample,
            clips,
            batch_size=batch_size,
            workers=workers,
            options=self.options,
            clock=self.clock,
        )


def _doublings(first: int, most: int) -> Iterator[int]:
    """Yield a number, twice it, four times … and at last the most, as far as they are not above that.

    >>> list(_doublings(2, 6)), list(_doublings(2, 1))
    ([2, 4, 6], [])
    """
    while first < most:
        yield first
        first *= 2
    if first <= most or first // 2 < most > 1:
        yield most
