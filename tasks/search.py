"""The tasks of a search: settle what is tried before a training is paid for, then try it, trial by trial."""

from acento.api import searching
from acento.api.searching import Searched, lines
from acento.api.training import PlannedTraining
from acento.core.callbacks import Callbacks
from acento.core.errors import AcentoError
from acento.core.settings import settings
from acento.core.store import open_store
from acento.experiments.search.outcome import SearchOutcome
from acento.experiments.search.study import SearchPlan
from acento.requests import SearchRequest
from acento.training.job import FinetuneJob, FinetuneResult
from tasks.artifacts import artifact_key, markdown_table, show_markdown
from tasks.plan import check_compute
from tasks.policy import cached, say, step
from tasks.progress import progress_artifact
from tasks.transcribe import open_backend


@step("plan search", run_name="plan the search for {request.model_name}")
def plan_search(request: SearchRequest) -> SearchPlan:
    """Find the model and the data, and settle the space; what cannot be searched is said here."""
    return searching.plan_search(open_store(settings().store), request, check_compute(request.compute))


@step("search", run_name="search a recipe for {planned.title}")
def try_recipes(planned: PlannedTraining, plan: SearchPlan, request: SearchRequest) -> Searched:
    """Try recipes until the budget is spent; ``Cached`` when all of its trials were made before."""
    store = open_store(settings().store)
    key, what = artifact_key("search", planned.title), f"Searching a recipe for {planned.title}"

    def on_progress(outcome: SearchOutcome) -> None:
        say(outcome.why)
        _show_table(planned.title, outcome)

    with progress_artifact(key, what), open_backend(planned.compute, store) as pool:

        def train(job: FinetuneJob, callbacks: Callbacks) -> FinetuneResult:
            (outcome,) = list(pool.run([job], workers=1, callbacks=callbacks))
            if outcome.error is not None:
                raise outcome.error
            if not isinstance(outcome.result, FinetuneResult):
                raise AcentoError(f"{job.title} ended without a result.")
            return outcome.result

        done, made_now = searching.try_recipes(store, planned, plan, request, train, on_progress)
    say(f"{planned.title}: {done.why}")
    return done if made_now else cached(done)


def _show_table(title: str, outcome: SearchOutcome) -> None:
    """Publish the table of trials as it is now."""
    rows = [
        [
            line.number,
            line.tried,
            "" if line.dev_wer is None else f"{100 * line.dev_wer:.2f}",
            f"{line.minutes:.1f}",
            f"**{line.state}**, the best" if line.number == outcome.best_trial else line.state,
        ]
        for line in lines(outcome)
    ]
    show_markdown(
        artifact_key("trials", title),
        f"# Trials for {title}\n\n{outcome.why}\n\n"
        + markdown_table(rows, header=["trial", "what varied", "dev WER %", "minutes", "state"]),
        f"Trials for {title}",
    )
