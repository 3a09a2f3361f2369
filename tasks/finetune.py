"""The tasks of a training: plan it and prepare its data on the CPU, then train until it is done or told to pause."""

from collections.abc import Mapping
from typing import Any

from acento.api import training
from acento.api.training import PlannedTraining
from acento.core.errors import AcentoError
from acento.core.progress import report
from acento.core.settings import settings
from acento.core.store import Store, open_store
from acento.registry.versions import find_version, read_history
from acento.requests import TrainingRequest
from acento.training.data.prepared import load_prepared
from acento.training.data.sampling import shares, weights_for
from acento.training.job import FinetuneJob, FinetuneResult, state
from tasks.artifacts import artifact_key, markdown_table, show_markdown
from tasks.plan import asked_compute
from tasks.policy import cached, say, step
from tasks.progress import progress_artifact
from tasks.transcribe import open_backend


@step("prepare", run_name="prepare {request.title}")
def plan_training(request: TrainingRequest) -> PlannedTraining:
    """Find the model and the data, settle the recipe, and prepare both splits, so that no GPU waits for it."""
    store = open_store(settings().store)
    elsewhere, hindrance = asked_compute(request.compute)
    with progress_artifact(artifact_key("prepare", request.title), f"Preparing {request.title}"):
        planned = training.plan_training(store, request, elsewhere, hindrance)
    job = planned.job
    say(f"{request.title}: {job.train_clips} clips to learn from, {job.dev_clips} for dev, {job.left_out} left out.")
    balanced = _shares(store, job)
    rows = [(key, value) for key, value in sorted(job.recipe.model_dump(mode="json").items())]
    show_markdown(
        artifact_key("recipe", request.title),
        f"# Recipe of {request.title}\n\n" + markdown_table(rows, header=["what", "value"]) + balanced,
        f"Recipe of {request.title}",
    )
    return planned


def _shares(store: Store, job: FinetuneJob) -> str:
    """Return a table of what balancing does to each group of training clips; nothing where nothing is balanced."""
    if job.recipe.balance is None:
        return ""
    examples = load_prepared(store, job.train).examples
    found = shares(examples, weights_for(examples, job.recipe.balance), job.recipe.balance)
    for group, share in found.items():
        say(f"{job.recipe.balance} {group}: {share.clips} clips, {share.before:.0%} of all, {share.after:.0%} drawn.")
    rows = [[group, share.clips, f"{share.before:.1%}", f"{share.after:.1%}"] for group, share in found.items()]
    header = [job.recipe.balance, "clips", "share of clips", "share of what is drawn"]
    return f"\n\nBalanced by {job.recipe.balance}:\n\n" + markdown_table(rows, header=header)


@step("finetune", run_name="finetune {planned.title}")
def finetune_model(planned: PlannedTraining) -> FinetuneResult:
    """Train from the last checkpoint on; ``Cached`` when the very same training has ended before."""
    store = open_store(settings().store)
    done = state(store, planned.job)
    if done is not None:
        say(f"{planned.title}: trained before. {done.sentence}")
        return cached(done)
    what = f"Training {planned.title}"
    with progress_artifact(artifact_key("finetune", planned.title), what), open_backend(planned.compute, store) as pool:
        report(f"fine-tune {planned.job.name}", 0.0, 1.0, "steps")
        # to the end of the generator: it waits for what was called off, which leaves a checkpoint
        (outcome,) = list(pool.run([planned.job], workers=1))
    if outcome.error is not None:
        raise outcome.error
    result = outcome.result
    if not isinstance(result, FinetuneResult):
        raise AcentoError(f"The training {planned.title} ended without a result.")
    if result.why == "diverged":
        raise AcentoError(f"The training {planned.title} failed: {result.sentence}")
    say(f"{planned.title}: {result.sentence}")
    if result.model is not None:
        _show_curve(planned, result.model)
    return result


def _show_curve(planned: PlannedTraining, model: str) -> None:
    """Publish what each evaluation on dev said."""
    history = read_history(open_store(settings().store), find_version(open_store(settings().store), model))
    rows = [
        [row["step"], f"{row['epoch']:.2f}", f"{100 * row['dev_wer']:.2f}", _interval(row), row["runaways"]]
        for row in history
        if row.get("dev_wer") is not None
    ]
    show_markdown(
        artifact_key("curve", planned.title),
        f"# How {model} learned\n\n"
        + markdown_table(rows, header=["step", "epoch", "dev WER %", "95 % interval", "runaways"]),
        f"Learning curve of {model}",
    )


def _interval(row: Mapping[str, Any]) -> str:
    low, high = row["dev_low"], row["dev_high"]
    return "" if low is None or high is None else f"{100 * low:.1f} to {100 * high:.1f}"
