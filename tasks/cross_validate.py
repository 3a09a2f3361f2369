"""The tasks of a cross-validation: plan one training for each fold, and sum up what all of them tested."""

from pydantic import BaseModel

from acento.api.training import PlannedTraining, on_prepared, training_options, usable_card
from acento.core.settings import settings
from acento.core.store import open_store
from acento.experiments.cross_validation import (
    FoldsReport,
    check_splits,
    learned_clips,
    plan_folds,
    publish_report,
)
from acento.models.checkpoints.resolver import resolve
from acento.requests import FoldsRequest
from acento.scoring.table import percent_text
from acento.training.planning import recipe_of_model
from tasks.artifacts import artifact_key, markdown_table, show_markdown
from tasks.plan import check_compute
from tasks.policy import say, step
from tasks.progress import progress_artifact

HEADER = ("fold", "clips tested", "groups", "learned from", "base WER %", "tuned WER %")


class CrossValidated(BaseModel, frozen=True):
    """A cross-validation and where its files are."""

    report: FoldsReport
    key: str


@step("prepare", run_name="prepare {request.heading}")
def plan_cross_validation(request: FoldsRequest) -> list[PlannedTraining]:
    """Find the model and the data, settle the recipe, prepare all clips and share their groups out to folds."""
    store = open_store(settings().store)
    card = usable_card(store, request)
    checkpoint = resolve(request.base_model)
    options = training_options(request, check_compute(request.compute))
    clips = sum(card.splits[split] for split in check_splits(card, request.splits or ()))
    recipe = recipe_of_model(checkpoint, learned_clips(clips, request.folds), options.device_type, request.changes)
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
    say(f"{request.heading}: {clips} clips, of which {jobs[0].left_out} cannot be learned from and are left out.")
    return [
        PlannedTraining(title=f"{request.title}, fold {number} of {len(jobs)}", compute=compute, job=job)
        for number, job in enumerate(jobs, 1)
    ]


@step("pool", run_name="pool {title}")
def pool_cross_validation(title: str, trainings: list[PlannedTraining]) -> CrossValidated:
    """Add up the errors of all folds, and show whether the gain holds for groups that were not trained on."""
    store = open_store(settings().store)
    found, key = publish_report(store, title, [training.job for training in trainings])
    say(f"{title}: {found.sentence}")
    show_markdown(
        artifact_key(title),
        f"# {title[0].upper()}{title[1:]}\n\n{markdown_table(fold_rows(found), header=HEADER)}\n\n"
        f"{found.sentence}\n\nTuned: {found.tuned.sentence}",
        title,
    )
    return CrossValidated(report=found, key=key)


def fold_rows(found: FoldsReport) -> list[tuple[str, str, str, str, str, str]]:
    """Return a row for each fold and one for all of them, as they are shown."""
    rows = [
        (
            str(row.fold),
            str(row.clips),
            str(row.groups),
            str(row.learned),
            percent_text(row.base),
            percent_text(row.tuned),
        )
        for row in found.rows
    ]
    return [
        *rows,
        (
            "pooled",
            str(found.tuned.clips),
            str(found.tuned.groups),
            "",
            found.base.wer.text(bounds=1),
            found.tuned.wer.text(bounds=1),
        ),
    ]
