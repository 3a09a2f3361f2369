"""The task that draws a learning curve: dev WER by training clips, and what more of them may bring."""

from pydantic import BaseModel

from acento.api.training import PlannedTraining
from acento.core.settings import settings
from acento.core.store import open_store
from acento.experiments.learning_curve import PICTURE, DataCurve, publish_curve
from acento.scoring.score import Rate
from acento.training.job import FinetuneResult
from tasks.artifacts import artifact_key, markdown_table, show_markdown
from tasks.policy import say, step

HEADER = ("share", "clips", "dev WER %", "95 % interval", "best step")


class DrawnCurve(BaseModel, frozen=True):
    """A learning curve and where its picture is."""

    curve: DataCurve
    key: str
    picture: str


@step("draw", run_name="draw {title}")
def draw_learning_curve(title: str, trainings: list[PlannedTraining], results: list[FinetuneResult]) -> DrawnCurve:
    """Score what each training left on dev, forecast more clips, and show all of it."""
    store = open_store(settings().store)
    jobs = [training.job for training in trainings]
    curve, key = publish_curve(store, title, list(zip(jobs, results, strict=True)))
    say(f"{title}: {curve.forecast.sentence}")
    show_markdown(
        artifact_key(title),
        f"# {title[0].upper()}{title[1:]}\n\n{markdown_table(curve_rows(curve), header=HEADER)}\n\n"
        f"{curve.forecast.sentence}\n\n{note(curve)}",
        title,
    )
    return DrawnCurve(curve=curve, key=key, picture=str(store.local_path(key, PICTURE)))


def curve_rows(curve: DataCurve) -> list[tuple[str, str, str, str, str]]:
    """Return a row for the base, for each training and for each forecast, as they are shown."""
    rows = [("base", "0", _percent(curve.base.value), _interval(curve.base), "")]
    rows += [
        (
            f"{point.percent:g} %",
            str(point.clips),
            _percent(point.wer.value),
            _interval(point.wer),
            f"{point.best_step} of {point.steps}",
        )
        for point in curve.points
    ]
    rows += [
        ("forecast", str(one.clips), _percent(one.wer), f"{100 * one.low:.1f} to {100 * one.high:.1f}", "")
        for one in curve.forecast.predicted
    ]
    return rows


def note(curve: DataCurve) -> str:
    """Say what the numbers are of."""
    return (
        f"Each training had the same recipe and at most as many optimizer steps; its best checkpoint is scored on the "
        f"same {curve.dev_clips} dev clips that chose it, so that all points look a little better than they are. "
        "Every speaker is in each share: the forecast is for more clips of such speakers. The test split was not used."
    )


def _percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.2f}"


def _interval(rate: Rate) -> str:
    return "" if rate.low is None or rate.high is None else f"{100 * rate.low:.1f} to {100 * rate.high:.1f}"
