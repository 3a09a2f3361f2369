"""The tasks of a draft: write the review list of what was heard, and stage what a person decided on it."""

from acento.api.recordings import drafting
from acento.api.recordings.drafting import Drafted
from acento.api.recordings.transcribing import TranscribedBatch
from acento.core.progress import duration
from acento.core.store import open_store
from acento.requests import DraftRequest
from tasks.artifacts import artifact_key, markdown_table, show_markdown
from tasks.data import tell_staged
from tasks.policy import cached, log, step


@step("write-draft", run_name="write the review list of {request.name}")
def write_draft(request: DraftRequest, batch: TranscribedBatch) -> Drafted:
    """Keep what was heard as a draft, and write its review list."""
    drafted = drafting.write_draft(open_store(), request, batch)
    log(f"{drafted.to_review} utterances of {duration(drafted.seconds)} are to be reviewed in {drafted.review_list}.")
    _show(drafted)
    return drafted


@step("stage-reviewed", run_name="stage what was reviewed of {request.name}")
def stage_reviewed(request: DraftRequest, drafted: Drafted | None) -> Drafted:
    """Stage what was kept, corrected or accepted; ``Cached`` when all of it is in the data set."""
    done = drafting.stage_reviewed(open_store(), request, drafted)
    _show(done)
    if done.staged is None or not done.staged.new_version:
        return cached(done)
    tell_staged(done.staged)
    return done


def _show(drafted: Drafted) -> None:
    """Publish what a draft holds, what was removed and why, and what became of its utterances."""
    counts: list[list[object]] = [
        ["utterances", drafted.utterances],
        ["audio", duration(drafted.seconds)],
        ["to review", drafted.to_review],
        *([f"files {state}", count] for state, count in drafted.files.items()),
        *([f"removed: {reason}", count] for reason, count in drafted.removed.items()),
        *([name.replace("_", " "), count] for name, count in drafted.outcomes.items()),
    ]
    parts = [
        f"# Draft of {drafted.name}",
        f"By `{drafted.model}`, to be reviewed in `{drafted.review_list}`.",
        markdown_table(counts, header=["what", "how many"]),
    ]
    if drafted.failed:
        parts += ["## Failed", markdown_table(list(drafted.failed.items()), header=["file", "why"])]
    show_markdown(artifact_key("draft", drafted.name), "\n\n".join(parts), f"Draft of {drafted.name}")
