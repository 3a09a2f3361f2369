"""Which engine runs a model: the fastest whose word errors are within a bound of the reference's, on a sample.

The reference is what runs the model where nobody chooses. It decodes clips for up to a few minutes; every other engine
decodes a few of them and, unless it is slower, the rest. Its WER may be higher by at most the bound, by the paired
one-sided 95 % bound of the promotion gate (:func:`acento.scoring.statistics.bootstrap.paired`).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from time import perf_counter
from typing import Final

from pydantic import BaseModel

from acento.core.errors import AcentoError, name_and_line
from acento.core.progress import report
from acento.core.text import Normalizer
from acento.inference.plan import PlannedClip
from acento.inference.tuning.trial import Clock, Heard, Sample, decode
from acento.models.base import DecodeOptions, Dtype, Recognizer
from acento.models.checkpoints.references import Quantization
from acento.scoring.counting.counts import count_words
from acento.scoring.statistics.bootstrap import paired

SAMPLE_CLIPS: Final = 100
SAMPLE_S: Final = 180.0
"""Seconds after which the reference decodes no more clips."""
FASTER: Final = 1.05
"""An engine is chosen before the reference only where it is faster by as much as a clock that runs once can tell."""
_SCREEN: Final = 2
"""Clips for each worker that tell whether an engine is worth the rest."""


class Way(BaseModel, frozen=True):
    """What runs a model, and in which precision."""

    engine: str
    quantization: Quantization | None = None
    """How CTranslate2 holds the weights."""
    dtype: Dtype = "float32"

    @property
    def title(self) -> str:
        """What a person calls it, such as ``ctranslate2 int8``."""
        return f"{self.engine} {self.quantization or self.dtype}"


class EngineTrial(BaseModel, frozen=True):
    """What one way of running a model came to."""

    way: Way
    rtfx: float | None = None
    faster: float | None = None
    """How many times as fast as the reference on the same clips."""
    clips: int = 0
    delta: float | None = None
    """WER less the reference's, a fraction; without transcripts the share of words that differ from its texts."""
    upper: float | None = None
    """What that is at most, by the one-sided 95 % bound."""
    failure: str = ""
    """Why it cannot run the model; empty if it can."""


class EngineTrials(BaseModel, frozen=True):
    """What was measured of all ways of running a model, the reference first."""

    trials: tuple[EngineTrial, ...]
    sample: str
    """What clips were decoded, such as ``santiago v2/dev``."""
    transcribed: bool = True
    """Whether the clips had transcripts to count word errors by."""

    def choose(self, bound: float) -> EngineTrial:
        """Return the fastest way whose word errors are within the bound, a fraction; the reference if none is."""
        reference = self.trials[0]
        able = [
            one
            for one in self.trials[1:]
            if one.faster is not None and one.faster >= FASTER and one.upper is not None and one.upper <= bound
        ]
        return max(able, key=lambda one: one.faster or 0.0, default=reference)

    def why(self, bound: float) -> str:
        """Say what was chosen, and why no other."""
        chosen, reference = self.choose(bound), self.trials[0]
        by = f"by {reference.clips} clips of {self.sample}"
        others = [_refused(one, bound) for one in self.trials[1:] if one != chosen]
        if chosen == reference:
            said = f"{reference.way.title} stays ({by})"
        else:
            said = (
                f"{chosen.way.title}, {chosen.faster:.2f} times as fast as {reference.way.title} "
                f"({_errors(chosen, self.transcribed)}; bound +{100 * bound:g}; {by})"
            )
        return "; ".join([said, *others])


def _errors(trial: EngineTrial, transcribed: bool) -> str:
    rate = "WER" if transcribed else "words changed"
    return f"{rate} {100 * (trial.delta or 0):+.2f} points, at most {100 * (trial.upper or 0):+.2f}"


def _refused(trial: EngineTrial, bound: float) -> str:
    title = trial.way.title
    if trial.failure:
        return f"{title}: {trial.failure}"
    if trial.faster is not None and trial.faster < FASTER:
        return f"{title} is {trial.faster:.2f} times as fast"
    if trial.upper is None:
        return f"{title}: too few clips to bound its WER"
    return (
        f"{title} is {trial.faster or 0:.2f} times as fast, WER up to {100 * trial.upper:+.2f} points"
        if trial.upper > bound
        else f"{title} is {trial.faster or 0:.2f} times as fast"
    )


Load = Callable[[Way], Recognizer]
"""Returns a recognizer; raises AcentoError if the way cannot run the model."""


def measure_engines(
    load: Load,
    ways: Sequence[Way],
    sample: Sample,
    *,
    batch_size: int,
    workers: int,
    options: DecodeOptions,
    rule: Normalizer,
    seconds: float = SAMPLE_S,
    clock: Clock = perf_counter,
) -> EngineTrials:
    """Decode a sample each way, the reference first, and compare them with it.

    Raises:
        AcentoError: the reference cannot run the model.
    """
    size = workers * batch_size
    screen = sample.clips[: workers * _SCREEN]
    rounds = [sample.clips[start : start + size] for start in range(len(screen), len(sample.clips), size)]

    def hear(recognizer: Recognizer, clips: Sequence[PlannedClip]) -> Heard:
        return decode(recognizer, sample, clips, batch_size=batch_size, workers=workers, options=options, clock=clock)

    with _loaded(load, ways[0], batch_size) as recognizer:
        first = hear(recognizer, screen)
        heard, done = first, 0
        while done < len(rounds) and heard.seconds < seconds:
            report(f"measure {ways[0].title}", len(heard.texts), len(sample.clips), "clips")
            heard += hear(recognizer, rounds[done])
            done += 1
    total = len(heard.texts)
    report(f"measure {ways[0].title}", total, total, "clips")
    references = {name: text for name, text in sample.references.items() if name in heard.texts and text is not None}
    transcribed = bool(references)
    if not transcribed:  # then what the reference writes is the truth, and every word that differs counts
        references = {name: text or "" for name, text in heard.texts.items()}
    truth = {name: rule(text) for name, text in references.items()}
    ours = _count(truth, heard, rule)
    trials = [EngineTrial(way=ways[0], rtfx=heard.rtfx, faster=1.0, clips=len(heard.texts), delta=0.0, upper=0.0)]
    for way in ways[1:]:
        try:
            with _loaded(load, way, batch_size) as recognizer:
                other = hear(recognizer, screen)
                faster = first.seconds / max(other.seconds, 1e-9)
                if faster < 1:
                    trials.append(EngineTrial(way=way, rtfx=other.rtfx, faster=faster, clips=len(other.texts)))
                    continue
                for clips in rounds[:done]:
                    report(f"measure {way.title}", len(other.texts), total, "clips")
                    other += hear(recognizer, clips)
                report(f"measure {way.title}", total, total, "clips")
        except Exception as error:  # another engine that cannot is no reason not to decode
            why = str(error) if isinstance(error, AcentoError) else name_and_line(error)
            trials.append(EngineTrial(way=way, failure=why))
            continue
        errors, words = _count(truth, other, rule)
        found = paired(errors, words, ours[0])
        trials.append(
            EngineTrial(
                way=way,
                rtfx=other.rtfx,
                faster=heard.seconds / max(other.seconds, 1e-9),
                clips=len(other.texts),
                delta=None if found is None else found.delta,
                upper=None if found is None else found.upper,
            )
        )
    return EngineTrials(trials=tuple(trials), sample=sample.title, transcribed=transcribed)


@contextmanager
def _loaded(load: Load, way: Way, batch_size: int) -> Iterator[Recognizer]:
    recognizer = load(way)
    try:
        recognizer.warm_up(batch_size)
        yield recognizer
    finally:
        recognizer.close()


def _count(truth: Mapping[str, str], heard: Heard, rule: Normalizer) -> tuple[list[int], list[int]]:
    """Return the word errors and the reference's words of each clip; a clip without a text lacks every word."""
    counts = [count_words(text, rule(heard.texts.get(name) or "")) for name, text in truth.items()]
    return [one.errors for one in counts], [one.reference_length for one in counts]
