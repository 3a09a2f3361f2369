"""The tasks of a training: plan it and prepare its data on the CPU, train until it is done or told to pause, go on."""

from functools import partial
from typing import Any, cast

from prefect.client.schemas.objects import FlowRun
from prefect.deployments import run_deployment
from prefect.runtime import deployment, flow_run

from acento.api import searching, training
from acento.api.searching import Searched, trial_header, trial_rows
from acento.api.training import PlannedTraining
from acento.core.errors import AcentoError
from acento.core.progress import report
from acento.core.store import Store, open_store
from acento.experiments.search.outcome import SearchOutcome
from acento.experiments.search.space import SearchPlan
from acento.registry.versions import find_version, read_history
from acento.requests import SearchRequest, TrainingRequest
from acento.training.data.prepared import load_prepared
from acento.training.data.sampling import shares, weights_for
from acento.training.job import FinetuneJob, FinetuneResult, state
from tasks.artifacts import artifact_key, interval, markdown_table, percent, progress_artifact, show_markdown
from tasks.compute import asked_compute, check_compute, open_backend, train_on
from tasks.policy import cached, log, step


@step("prepare", run_name="prepare {request.title}")
def plan_training(request: TrainingRequest) -> PlannedTraining:
    """Find the model and the data, settle the recipe, and prepare both splits, so that no GPU waits for it."""
    store = open_store()
    elsewhere, hindrance = asked_compute(request.compute)
    with progress_artifact(artifact_key("prepare", request.title), f"Preparing {request.title}"):
        planned = training.plan_training(store, request, elsewhere, hindrance)
    show_plan(store, planned)
    return planned


def show_plan(store: Store, planned: PlannedTraining) -> None:
    """Log how many clips are learned from, and show the recipe."""
    job, title = planned.job, planned.title
    log(f"{title}: {job.train_clips} clips to learn from, {job.dev_clips} for dev, {job.left_out} left out.")
    balanced = _shares(store, job)
    rows = sorted(job.recipe.model_dump(mode="json").items())
    show_markdown(
        artifact_key("recipe", title),
        f"# Recipe of {title}\n\n" + markdown_table(rows, header=["what", "value"]) + balanced,
        f"Recipe of {title}",
    )


def _shares(store: Store, job: FinetuneJob) -> str:
    """Return a table of what balancing does to each group of training clips; nothing where nothing is balanced."""
    if job.recipe.balance is None:
        return ""
    examples = load_prepared(store, job.train).examples
    found = shares(examples, weights_for(examples, job.recipe.balance), job.recipe.balance)
    for group, share in found.items():
        log(f"{job.recipe.balance} {group}: {share.clips} clips, {share.before:.0%} of all, {share.after:.0%} drawn.")
    rows = [[group, share.clips, f"{share.before:.1%}", f"{share.after:.1%}"] for group, share in found.items()]
    header = [job.recipe.balance, "clips", "share of clips", "share of what is drawn"]
    return f"\n\nBalanced by {job.recipe.balance}:\n\n" + markdown_table(rows, header=header)


@step("finetune", run_name="finetune {planned.title}")
def finetune_model(planned: PlannedTraining) -> FinetuneResult:
    """Train from the last checkpoint on; ``Cached`` when the very same training has ended before."""
    store = open_store()
    done = state(store, planned.job)
    if done is not None:
        log(f"{planned.title}: trained before. {done.sentence}")
        return cached(done)
    what = f"Training {planned.title}"
    with progress_artifact(artifact_key("finetune", planned.title), what), open_backend(planned.compute, store) as pool:
        report(f"fine-tune {planned.job.name}", 0.0, 1.0, "steps")
        result = train_on(pool, planned.job)
    if result.why == "diverged":
        raise AcentoError(f"The training {planned.title} failed: {result.sentence}")
    log(f"{planned.title}: {result.sentence}")
    if result.model is not None:
        _show_curve(planned, result.model)
    return result


@step("continue", run_name="continue {title}")
def continue_later(title: str) -> bool:
    """Submit the next run of this run's deployment with the same parameters; False where there is no deployment.

    A sitting that a platform bounds ends with its run, so the continuation has to be a run of its own; where nobody
    bounds the process, the flow may as well go on in it.
    """
    if deployment.id is None:
        log(f"{title}: the sitting is over; the next one begins here.")
        return False
    parameters: dict[str, Any] = dict(flow_run.parameters)
    run = cast(FlowRun, run_deployment(deployment.id, parameters=parameters, timeout=0, as_subflow=False))
    log(f"{title}: the sitting is over; run {run.name} goes on from its checkpoint.")
    return True


def _show_curve(planned: PlannedTraining, model: str) -> None:
    store = open_store()
    version, rows = find_version(store, model), []
    for row in read_history(store, version):
        if row.get("dev_wer") is not None:
            wer = [percent(row["dev_wer"]), interval(row["dev_low"], row["dev_high"])]
            rows.append([row["step"], f"{row['epoch']:.2f}", *wer, row["runaways"]])
    table = markdown_table(
        rows, header=["step", "epoch", f"dev {version.about.rate_title} %", "95 % interval", "runaways"]
    )
    key = artifact_key("curve", planned.title)
    show_markdown(key, f"# How {model} learned\n\n{table}", f"Learning curve of {model}")


@step("plan search", run_name="plan the search for {request.model_name}")
def plan_search(request: SearchRequest) -> SearchPlan:
    """Find the model and the data, and settle the space; what cannot be searched is said here."""
    return searching.plan_search(open_store(), request, check_compute(request.compute))


@step("search", run_name="search a recipe for {planned.title}")
def try_recipes(planned: PlannedTraining, plan: SearchPlan, request: SearchRequest) -> Searched:
    """Try recipes until the budget is spent; ``Cached`` when all of its trials were made before."""
    store = open_store()
    key, what = artifact_key("search", planned.title), f"Searching a recipe for {planned.title}"

    def on_progress(outcome: SearchOutcome) -> None:
        log(outcome.why)
        _show_table(planned.title, outcome)

    with progress_artifact(key, what), open_backend(planned.compute, store) as pool:
        done, made_now = searching.try_recipes(store, planned, plan, request, partial(train_on, pool), on_progress)
    log(f"{planned.title}: {done.why}")
    return done if made_now else cached(done)


def _show_table(title: str, outcome: SearchOutcome) -> None:
    rows = trial_rows(outcome)
    show_markdown(
        artifact_key("trials", title),
        f"# Trials for {title}\n\n{outcome.why}\n\n{markdown_table(rows, header=trial_header(outcome))}",
        f"Trials for {title}",
    )
