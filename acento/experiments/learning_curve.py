"""The learning curve over data: dev WER (or CER) by the number of training clips, its forecast, a picture, a file.

The points of a curve are trained for the same number of optimizer steps, with dev decoded after the same ones, so that
they differ in clips: with the same number of epochs a quarter of the clips would get a quarter of the steps, and a
curve of shorter trainings would promise too much of more data. That a small share is seen more often does it no harm
that dev does not see: of each training the best checkpoint counts.
"""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from pydantic import BaseModel

from acento.core.errors import InputError
from acento.core.figure import BLUE, GRAY, ORANGE, new_figure, save_figure
from acento.core.fingerprint import fingerprint
from acento.core.store import Store
from acento.scoring.counting.headline import RATE_NAMES, Headline, headline, normalizer_of, rate_title
from acento.scoring.score import Rate, headline_columns, headline_rate
from acento.scoring.statistics.forecast import Forecast, LearningPoint, forecast
from acento.scoring.statistics.units import units_of
from acento.training.data.subsets import Share, share_size
from acento.training.job import FinetuneJob, FinetuneResult
from acento.training.loop.evaluate import scored_table
from acento.training.loop.schedule import total_steps
from acento.training.recipe import Recipe

REPORT, PICTURE = "curve.json", "curve.png"
_VERSION = 1


class CurvePoint(BaseModel, frozen=True):
    """One training."""

    percent: float
    clips: int
    wer: Rate
    """Of its best checkpoint on dev; the interval draws dev's speakers where they are known and not trained on."""
    best_step: int | None
    steps: int


class DataCurve(BaseModel, frozen=True):
    """Everything that a learning curve says: ``curve.json``."""

    title: str
    base: Rate
    """The base model on the same dev clips."""
    dev_clips: int
    points: tuple[CurvePoint, ...]
    """The smallest first."""
    forecast: Forecast
    dev_speakers: int | None = None
    """How many unseen speakers the intervals are over; None where they are over clips."""
    headline: Headline = "word"
    """``character``: the rates are CER."""
    normalizer: str | None = None
    """Name and version; None in what was written before it was kept."""

    @property
    def rate_title(self) -> str:
        """What its rates are, such as ``WER (spanish-1)``."""
        return rate_title(self.headline, self.normalizer)


def plan_shares(job: FinetuneJob, percents: Sequence[float]) -> list[FinetuneJob]:
    """Return a training on each share of a planned training's clips, the smallest first.

    Raises:
        InputError: there are not two shares from 1 to 100, or two of them are of as many clips.
    """
    sizes = [(percent, share_size(job.train_clips, percent)) for percent in check_shares(percents)]
    for (percent, size), (following, next_size) in pairwise(sizes):
        if size == next_size:
            raise InputError(
                f"{percent:g} % and {following:g} % of {job.train_clips} training clips are both {size}; "
                "ask for shares that lie further apart."
            )
    return [
        job.model_copy(
            update={
                "name": f"{job.name}-curve-{percent:g}",
                "part": Share(percent=percent),
                "recipe": recipe_for_share(job.recipe, job.train_clips, size),
                "train_clips": size,
                "publish": False,
            }
        )
        for percent, size in sizes
    ]


def check_shares(percents: Sequence[float]) -> list[float]:
    """Return shares in ascending order, each once.

    Raises:
        InputError: there are not two of them from 1 to 100.
    """
    for percent in percents:
        if not 1 <= percent <= 100:
            raise InputError(f"A share of {percent:g} % cannot be learned from; ask for shares from 1 to 100.")
    ordered = sorted(set(percents))
    if len(ordered) < 2:
        raise InputError("One share makes no curve; ask for two or more, such as 25,50,75,100.")
    return ordered


def recipe_for_share(recipe: Recipe, clips: int, share: int) -> Recipe:
    """Return a recipe by which a share of the clips is learned in as many steps, and dev decoded after the same ones.

    >>> few = recipe_for_share(Recipe(epochs=4, eval_every=1, batch_size=5), 100, 25)
    >>> few.max_steps, few.epochs, few.eval_every
    (80, 16.0, 4.0)
    """
    size = recipe.batch_size * recipe.accumulate
    all_epoch, share_epoch = -(-clips // size), -(-share // size)
    if all_epoch == share_epoch:
        return recipe
    steps = total_steps(recipe, all_epoch)
    longer = all_epoch / share_epoch
    return recipe.with_values(max_steps=steps, epochs=steps / share_epoch, eval_every=recipe.eval_every * longer)


def publish_curve(
    store: Store, title: str, trainings: Sequence[tuple[FinetuneJob, FinetuneResult]]
) -> tuple[DataCurve, str]:
    """Draw the curve through trainings on shares that are done, the smallest first.

    A clip that one of the models could not decode is left out for all of them.

    Returns:
        The curve, and the key of the artifact that has it and its picture; the same again is found.

    Raises:
        StoreError: a training is not done.
    """
    tables = [scored_table(store, job, "tuned") for job, _ in trainings]
    base = scored_table(store, trainings[0][0], "base")
    failed = {row["id"] for table in (*tables, base) for row in table.to_pylist() if row["status"] != "scored"}
    kept = [name not in failed for name in base["id"].to_pylist()]
    tables, base = [table.filter(kept) for table in tables], base.filter(kept)
    points, learned = [], []
    for (job, result), table in zip(trainings, tables, strict=True):
        assert isinstance(job.part, Share), "a curve is of shares"
        points.append(
            CurvePoint(
                percent=job.part.percent,
                clips=job.train_clips,
                wer=headline_rate(table),
                best_step=result.best_step,
                steps=result.step,
            )
        )
        errors, lengths = (column.tolist() for column in headline_columns(table))
        learned.append(LearningPoint(job.train_clips, tuple(errors), tuple(lengths)))
    units = units_of(base)
    curve = DataCurve(
        title=title,
        base=headline_rate(base),
        dev_clips=len(base),
        points=tuple(points),
        # no interval can be made of one speaker
        forecast=forecast(learned, groups=units.groups if units.count > 1 else None, name=RATE_NAMES[headline(base)]),
        dev_speakers=units.speakers if units.kind == "speaker" else None,
        headline=headline(base),
        normalizer=normalizer_of(base),
    )
    key = f"curves/{fingerprint([_VERSION, [job.fingerprint for job, _ in trainings], title])}"
    with store.publish(key) as draft:
        (draft.folder / REPORT).write_text(curve.model_dump_json(indent=1), encoding="utf-8")
        draw(curve, draft.folder / PICTURE)
    return curve, key


def draw(curve: DataCurve, path: Path) -> None:
    """Write the picture: what was measured, the fitted curve drawn on, and the forecasts, each with its interval."""
    from matplotlib.ticker import NullFormatter, NullLocator

    figure, axes = new_figure(8, 4.8)
    if curve.base.value is not None:
        base = 100 * curve.base.value
        axes.axhline(base, color=GRAY, linestyle="--", linewidth=1.2, label=f"base: {base:.1f} %")
    measured = [
        (one.clips, one.wer.value, one.wer.low, one.wer.high) for one in curve.points if one.wer.value is not None
    ]
    predicted = [(one.clips, one.wer, one.low, one.high) for one in curve.forecast.predicted]
    for points, color, marker, label in (
        (measured, ORANGE, "o", "measured on dev"),
        (predicted, BLUE, "D", "forecast"),
    ):
        if points:
            clips, wer, low, high = (np.array(column, dtype=float) for column in zip(*points, strict=True))
            bars = 100 * np.nan_to_num(np.maximum(0, [wer - low, high - wer]))  # none where there is no interval
            axes.errorbar(clips, 100 * wer, yerr=bars, color=color, fmt=marker, capsize=4, linewidth=1.2, label=label)
    ticks = sorted({clips for clips, *_ in (*measured, *predicted)})
    if curve.forecast.curve is not None:
        steps = [ticks[0] * (ticks[-1] / ticks[0]) ** (step / 100) for step in range(101)]
        fitted = [100 * curve.forecast.curve.at(clips) for clips in steps]
        axes.plot(steps, fitted, color=BLUE, linewidth=1.2, alpha=0.7, label="a + b · clips^-c")
    axes.set_xscale("log")
    axes.set_xticks(ticks, [str(clips) for clips in ticks])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("training clips")
    axes.set_ylabel(f"{curve.rate_title} on dev (%)")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, fontsize=9)
    figure.suptitle(curve.title[0].upper() + curve.title[1:], fontsize=12, x=0.02, ha="left")
    save_figure(figure, path)
