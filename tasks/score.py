"""The tasks that score a transcription and publish a run."""

from pydantic import BaseModel

from acento.core.settings import settings
from acento.core.store import open_store
from acento.inference.benchmark import Scored, Transcription, load_score, score_transcription
from acento.registry.runs import finish, utc_now
from tasks.artifacts import artifact_key, show_markdown
from tasks.policy import cached, say, step
from tasks.transcribe import Transcribed


class PublishedRun(BaseModel, frozen=True):
    """A finished run: where its files are."""

    run: str
    folder: str
    files: list[str]
    texts_sha256: list[str]
    """For each transcription the digest of (id, text, reason)."""
    left_out: dict[str, str] = {}
    """Models and data sets that could not be used, or one on the other, each with the reason."""


@step("score", run_name="score {transcription.title}")
def score(transcription: Transcription, transcribed: Transcribed, normalizer: str) -> Scored:
    """Count the errors of every clip and sum them up; ``Cached`` when these texts were scored so before."""
    store = open_store(settings().store)
    scored = score_transcription(store, transcription, normalizer)
    wer = load_score(store, scored.key).overall.wer.value
    shown = "no reference to score against" if wer is None else f"WER {100 * wer:.2f} %"
    say(f"{transcribed.title}: {shown} over {transcription.clips} clips.")
    return cached(scored) if scored.cached else scored


@step("publish", run_name="publish {run}")
def publish_run(
    run: str, scored: list[tuple[Transcription, Scored]], left_out: dict[str, str] | None = None
) -> PublishedRun:
    """Write the run's files and show its leaderboard, and what is not on it."""
    notes = "".join(f"\n\nLeft out: {name}. {why}" for name, why in (left_out or {}).items())
    finished = finish(open_store(settings().store), run, scored, utc_now())
    for board in finished.leaderboard.boards:
        key = artifact_key("leaderboard", board.dataset.rpartition(" v")[0], board.split)
        show_markdown(key, board.to_markdown() + notes, f"Leaderboard of {run}")
    return PublishedRun(
        run=run,
        folder=str(finished.folder),
        files=sorted(finished.artifact.files),
        texts_sha256=[score.digest for _, score in scored],
        left_out=left_out or {},
    )
