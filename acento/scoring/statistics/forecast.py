"""What more training clips may bring: a power law through a learning curve, drawn on to twice and four times the clips.

WER = a + b * clips^-c, with a floor a >= 0 that no number of clips passes (Hestness et al., "Deep Learning Scaling is
Predictable, Empirically", arXiv:1712.00409, 2017). Three or four points cannot say much: the interval is of the clips
that were tested on, and the back-test says how far a forecast from half the clips was off.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel

from acento.core.errors import InputError
from acento.scoring.statistics.bootstrap import LEVEL, Floats, sums_by_unit
from acento.scoring.table import percent_text, points_text

RESAMPLES = 1000
TIMES = (2, 4)
_FEWEST = 3
_EXPONENTS = np.round(np.arange(0.04, 2.001, 0.02), 2)
"""The powers c that are tried; those measured there lie between 0.07 and 0.35, and theory has 0.5."""


@dataclass(frozen=True, slots=True)
class LearningPoint:
    """A model trained on so many clips, and its word errors on each clip of one fixed dev or test set."""

    train_clips: int
    errors: tuple[int, ...]
    lengths: tuple[int, ...]
    """Reference words of each clip: the same for every point."""


class Curve(BaseModel, frozen=True):
    """WER = floor + scale * clips^-power, a fraction."""

    floor: float
    scale: float
    power: float

    def at(self, clips: float) -> float:
        """Return the WER that the curve has at a number of training clips.

        >>> Curve(floor=0.1, scale=1.0, power=0.5).at(100)
        0.2
        """
        return float(self.floor + self.scale * float(clips) ** -self.power)


class Predicted(BaseModel, frozen=True):
    """A WER that was not measured, with its interval; fractions."""

    clips: int
    wer: float
    low: float
    high: float


class BackTest(BaseModel, frozen=True):
    """What the points up to half the clips would have foretold for all of them."""

    points: int
    """How many were used; from two a curve without a floor is drawn."""
    predicted: Predicted
    measured: float

    @property
    def error(self) -> float:
        """Predicted less measured, a fraction: above 0, the forecast was too dark."""
        return self.predicted.wer - self.measured


class Forecast(BaseModel, frozen=True):
    """What the curve says of more clips, or why it says nothing."""

    curve: Curve | None
    """None with fewer than three points, or nothing to test on."""
    predicted: tuple[Predicted, ...]
    back_test: BackTest | None
    sentence: str


def forecast(
    points: Sequence[LearningPoint],
    times: Sequence[int] = TIMES,
    *,
    groups: Sequence[str | None] | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
    name: str = "WER",
) -> Forecast:
    """Forecast the WER, or what ``name`` says the errors are of, at multiples of the largest number of training clips.

    For the interval the tested clips are drawn with replacement, the same for every point, and the curve is drawn anew;
    with ``groups``, a name for each clip, whole groups such as speakers are drawn. The interval is not of the luck of a
    training, nor of whether a power law is right.

    Raises:
        InputError: two points have the same number of training clips, one has none, or they were not tested on the
            same clips.
    """
    ordered = sorted(points, key=lambda point: point.train_clips)
    numbers = [point.train_clips for point in ordered]
    if len(set(numbers)) != len(numbers) or min(numbers, default=1) < 1:
        raise InputError(f"A learning curve needs different numbers of training clips above 0, not {numbers}.")
    if any(point.lengths != ordered[0].lengths or len(point.errors) != len(point.lengths) for point in ordered):
        raise InputError("The points of a learning curve were not tested on the same clips; score all on the same set.")
    why = ""
    if len(ordered) < _FEWEST:
        why = f"{len(ordered)} points make no curve; measure at least {_FEWEST}, such as 25, 50 and 100 %."
    elif len(ordered[0].lengths) < 2 or not sum(ordered[0].lengths):
        why = "Fewer than two clips with a reference were tested on; there is no interval to give."
    if why:
        return Forecast(curve=None, predicted=(), back_test=None, sentence=f"No forecast: {why}")
    by_clip = np.array([ordered[0].lengths, *(point.errors for point in ordered)], dtype=np.float64)
    by_unit = by_clip if groups is None else sums_by_unit(by_clip.T, groups).T
    lengths, errors = by_unit[0], by_unit[1:]
    count = len(lengths)
    counts = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=resamples)
    totals = counts @ lengths
    # each point's WER, and those of each resample: (1, points), (resamples, points)
    rates = (errors.sum(axis=1) / lengths.sum())[None]
    drawn = (counts[totals > 0] @ errors.T) / totals[totals > 0, None]
    clips = np.array(numbers, dtype=np.float64)
    (curve,), curves = _fit(clips, rates), _fit(clips, drawn)
    predicted = tuple(_predicted(curve, curves, numbers[-1] * time) for time in times)
    measured, back_test = float(rates[0, -1]), None
    half = clips <= clips[-1] / 2 + 0.5
    if half.sum() >= 2:
        (earlier,), others = _fit(clips[half], rates[:, half]), _fit(clips[half], drawn[:, half])
        foretold = _predicted(earlier, others, numbers[-1])
        back_test = BackTest(points=int(half.sum()), predicted=foretold, measured=measured)
    sentence = _sentence(curve, predicted, back_test, measured, numbers[-1], name)
    return Forecast(curve=curve, predicted=predicted, back_test=back_test, sentence=sentence)


def _fit(clips: Floats, rates: Floats) -> list[Curve]:
    """Return the power law of least squares, floor and scale not below 0, for each row of ``rates``.

    For a given power the law is a line in clips^-power; the best of all powers is taken. Two points would fit any
    power, and then the floor is 0.
    """
    best = np.full(len(rates), np.inf)
    found = np.zeros((len(rates), 3))
    zero, mean = np.zeros(len(rates)), rates.mean(axis=1)
    for power in _EXPONENTS:
        x = clips**-power
        lines = [(mean, zero), (zero, rates @ x / (x @ x))]  # flat, through the origin
        if len(clips) >= _FEWEST:
            free = (rates - mean[:, None]) @ (x - x.mean()) / ((x - x.mean()) @ (x - x.mean()))
            lines.append((mean - free * x.mean(), free))
        for floor, scale in lines:
            loss = ((rates - floor[:, None] - scale[:, None] * x) ** 2).sum(axis=1)
            better = (floor >= 0) & (scale >= 0) & (loss < best - 1e-15)
            best[better] = loss[better]
            found[better] = np.column_stack([floor, scale, np.full(len(rates), power)])[better]
    return [Curve(floor=float(a), scale=float(b), power=float(c)) for a, b, c in found]


def _predicted(curve: Curve, curves: Sequence[Curve], clips: int) -> Predicted:
    low, high = np.quantile([one.at(clips) for one in curves], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Predicted(clips=clips, wer=curve.at(clips), low=float(low), high=float(high))


def _sentence(
    curve: Curve, predicted: Sequence[Predicted], back_test: BackTest | None, measured: float, largest: int, name: str
) -> str:
    ahead = ", ".join(
        f"{percent_text(one.wer, one.low, one.high, digits=1, unit=' %')} at {one.clips}" for one in predicted
    )
    said = f"With {largest} training clips {name} is {100 * measured:.1f} %; the curve goes on to {ahead}."
    if not curve.scale:
        so_far = f"({100 * measured:.1f} % with {largest})"
        said = f"More clips did not lower {name} so far {so_far}; the curve is flat: {ahead}."
    if back_test is None:
        return f"{said} The forecast could not be tested: that takes two points of at most half the clips."
    return (
        f"{said} From half the clips the forecast would have been {100 * back_test.predicted.wer:.1f} % "
        f"where {100 * back_test.measured:.1f} % was measured ({points_text(back_test.error)} points)."
    )
