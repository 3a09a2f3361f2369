"""The learning curve over data: dev WER by the number of training clips, its forecast, a picture and a file of both."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from acento.core.figure import BLUE, GRAY, ORANGE, new_figure, save_figure
from acento.core.fingerprint import fingerprint
from acento.core.store import Store
from acento.scoring.forecast import Forecast, LearningPoint, forecast
from acento.scoring.score import Rate, count_column, word_rate
from acento.training.data.subsets import Share
from acento.training.job import FinetuneJob, FinetuneResult
from acento.training.measured import test_table

REPORT, PICTURE = "curve.json", "curve.png"
_VERSION = 1


class CurvePoint(BaseModel, frozen=True):
    """One training."""

    percent: float
    clips: int
    wer: Rate
    """Of its best checkpoint on dev, with the interval over dev's clips."""
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


def curve_of(store: Store, title: str, trainings: Sequence[tuple[FinetuneJob, FinetuneResult]]) -> DataCurve:
    """Return the curve through trainings on shares that are done, the smallest first.

    A clip that one of the models could not decode is left out for all of them.

    Raises:
        StoreError: a training is not done.
    """
    tables = [test_table(store, job, "tuned") for job, _ in trainings]
    base = test_table(store, trainings[0][0], "base")
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
                wer=word_rate(table),
                best_step=result.best_step,
                steps=result.step,
            )
        )
        errors, lengths = (count_column(table, f"word_{what}").tolist() for what in ("errors", "length"))
        learned.append(LearningPoint(job.train_clips, tuple(errors), tuple(lengths)))
    return DataCurve(
        title=title, base=word_rate(base), dev_clips=len(base), points=tuple(points), forecast=forecast(learned)
    )


def publish_curve(store: Store, curve: DataCurve, jobs: Sequence[FinetuneJob]) -> str:
    """Write a curve and its picture to the store, and return the artifact's key; the same again is found."""
    key = f"curves/{fingerprint([_VERSION, [job.fingerprint for job in jobs], curve.title])}"
    with store.publish(key) as draft:
        (draft.folder / REPORT).write_text(curve.model_dump_json(indent=1), encoding="utf-8")
        draw(curve, draft.folder / PICTURE)
    return key


def draw(curve: DataCurve, path: Path) -> None:
    """Write the picture: what was measured, the fitted curve drawn on, and the forecasts, each with its interval."""
    from matplotlib.ticker import NullFormatter, NullLocator

    figure, axes = new_figure(8, 4.8)
    if curve.base.value is not None:
        base = 100 * curve.base.value
        axes.axhline(base, color=GRAY, linestyle="--", linewidth=1.2, label=f"base: {base:.1f} %")
    measured = [
        (point.clips, point.wer.value, point.wer.low, point.wer.high)
        for point in curve.points
        if point.wer.value is not None
    ]
    _bars(axes, measured, ORANGE, "o", "measured on dev")
    ahead = [(one.clips, one.wer, one.low, one.high) for one in curve.forecast.predicted]
    _bars(axes, ahead, BLUE, "D", "forecast")
    ticks = sorted({clips for clips, *_ in (*measured, *ahead)})
    if curve.forecast.curve is not None:
        steps = [ticks[0] * (ticks[-1] / ticks[0]) ** (step / 100) for step in range(101)]
        fitted = [100 * curve.forecast.curve.at(clips) for clips in steps]
        axes.plot(steps, fitted, color=BLUE, linewidth=1.2, alpha=0.7, label="a + b · clips^-c")
    axes.set_xscale("log")
    axes.set_xticks(ticks, [str(clips) for clips in ticks])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("training clips")
    axes.set_ylabel("WER on dev (%)")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, fontsize=9)
    figure.suptitle(curve.title[0].upper() + curve.title[1:], fontsize=12, x=0.02, ha="left")
    save_figure(figure, path)


def _bars(
    axes: Any, points: Sequence[tuple[int, float, float | None, float | None]], color: str, marker: str, label: str
) -> None:
    """Draw points with their intervals."""
    if not points:
        return
    clips = [point[0] for point in points]
    wer = [100 * value for _, value, _, _ in points]
    below = [100 * max(0.0, value - (value if low is None else low)) for _, value, low, _ in points]
    above = [100 * max(0.0, (value if high is None else high) - value) for _, value, _, high in points]
    axes.errorbar(clips, wer, yerr=[below, above], color=color, fmt=marker, capsize=4, linewidth=1.2, label=label)
