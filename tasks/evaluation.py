"""The tasks of a learning curve and a cross-validation: plan the folds, draw the curve, and sum up what was tested."""

from typing import Any

from pydantic import BaseModel

from acento.api.training import PlannedTraining, on_prepared, spoken_in, training_options, usable_card
from acento.core.settings import settings
from acento.core.store import open_store
from acento.data.dataset import seconds_in
from acento.experiments.cross_validation import check_splits, learned_clips, plan_folds, publish_report
from acento.experiments.learning_curve import PICTURE, publish_curve
from acento.models.checkpoints.resolver import resolve
from acento.requests import FoldsRequest
from acento.scoring.counting.headline import rate_title
from acento.scoring.table import percent_text
from acento.training.job import FinetuneResult
from acento.training.planning import recipe_of_model
from tasks.artifacts import artifact_key, interval, markdown_table, percent, progress_artifact, show_markdown
from tasks.compute import check_compute
from tasks.policy import log, step


class Evaluated(BaseModel, frozen=True):
    """What trainings without a model came to, as it is shown, and where its files are."""

    title: str
    header: tuple[str, ...]
    rows: list[tuple[str, ...]]
    text: str
    key: str
    """The artifact in the store."""
    paths: dict[str, str]
    """What is to be looked at on this machine, by what it is."""


@step("prepare", run_name="prepare {request.heading}")
def plan_cross_validation(request: FoldsRequest) -> list[PlannedTraining]:
    """Find the model and the data, settle the recipe, prepare all clips and share their groups out to folds."""
    store = open_store()
    card = usable_card(store, request)
    checkpoint = resolve(request.base_model)
    options = training_options(request, check_compute(request.compute))
    splits = check_splits(card, request.splits or ())
    clips, spoken = sum(card.splits[split] for split in splits), spoken_in(store, card, request, splits)
    learned = learned_clips(clips, request.folds)
    recipe = recipe_of_model(
        checkpoint, learned, options.device_type, request.changes, spoken, lambda: seconds_in(store, card, splits)
    )
    with progress_artifact(artifact_key("prepare", request.heading), f"Preparing {request.title}"):
        jobs = plan_folds(
            store,
            card,
            checkpoint,
            recipe,
            name=request.model_name,
            options=options,
            folds=request.folds,
            by=request.by,
            splits=request.splits or (),
            language=request.language,
            on_progress=on_prepared(request),
        )
    compute = request.compute or settings().compute
    log(f"{request.heading}: {clips} clips, of which {jobs[0].left_out} cannot be learned from and are left out.")
    return [
        PlannedTraining(title=f"{request.title}, fold {number} of {len(jobs)}", compute=compute, job=job)
        for number, job in enumerate(jobs, 1)
    ]


@step("pool", run_name="pool {title}")
def pool_cross_validation(title: str, trainings: list[PlannedTraining]) -> Evaluated:
    """Add up the errors of all folds, and show whether the gain holds for groups that were not trained on."""
    store = open_store()
    found, key = publish_report(store, title, [training.job for training in trainings])
    base, tuned = found.base, found.tuned
    rate = rate_title(tuned.headline, tuned.normalizer)
    rows: list[tuple[object, ...]] = [
        (row.fold, row.clips, row.groups, row.learned, percent_text(row.base), percent_text(row.tuned))
        for row in found.rows
    ]
    rows.append(("pooled", tuned.clips, tuned.groups, "", base.wer.text(bounds=1), tuned.wer.text(bounds=1)))
    log(f"{title}: {found.sentence}")
    return _shown(
        title=title,
        header=("fold", "clips tested", "groups", "learned from", f"base {rate} %", f"tuned {rate} %"),
        rows=[tuple(map(str, row)) for row in rows],
        text=f"{found.sentence}\n\nTuned: {found.tuned.sentence}",
        key=key,
        paths={"files": str(store.local_folder(key))},
    )


@step("draw", run_name="draw {title}")
def draw_learning_curve(title: str, trainings: list[PlannedTraining], results: list[FinetuneResult]) -> Evaluated:
    """Score what each training left on dev, forecast more clips, and show all of it."""
    store = open_store()
    jobs = [training.job for training in trainings]
    curve, key = publish_curve(store, title, list(zip(jobs, results, strict=True)))
    base = curve.base
    rows = [("base", "0", percent(base.value), interval(base.low, base.high), "")]
    for one in curve.points:
        best = f"{one.best_step} of {one.steps}"
        wer = (percent(one.wer.value), interval(one.wer.low, one.wer.high))
        rows.append((f"{one.percent:g} %", str(one.clips), *wer, best))
    rows += [
        ("forecast", str(one.clips), percent(one.wer), interval(one.low, one.high), "")
        for one in curve.forecast.predicted
    ]
    log(f"{title}: {curve.forecast.sentence}")
    return _shown(
        title=title,
        header=("share", "clips", f"dev {curve.rate_title} %", "95 % interval", "best step"),
        rows=rows,
        text=f"{curve.forecast.sentence}\n\nEach training had the same recipe and at most as many optimizer steps; its "
        f"best checkpoint is scored on the same {curve.dev_clips} dev clips that chose it, so that all points look a "
        "little better than they are. Every speaker is in each share: the forecast is for more clips of such speakers. "
        "The test split was not used.",
        key=key,
        paths={"picture": str(store.local_path(key, PICTURE))},
    )


def _shown(**what: Any) -> Evaluated:
    """Publish what trainings came to as an artifact, and return it."""
    done = Evaluated(**what)
    table = markdown_table(done.rows, header=done.header)
    markdown = f"# {done.title[0].upper()}{done.title[1:]}\n\n{table}\n\n{done.text}"
    show_markdown(artifact_key(done.title), markdown, done.title)
    return done
