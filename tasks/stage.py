"""The task that stages a source as a data set."""

from prefect.events import emit_event
from pydantic import BaseModel

from acento.api import staging
from acento.core.progress import duration
from acento.core.settings import settings
from acento.core.store import Store, open_store
from acento.data.dataset import Card
from acento.data.staging import StageResult
from acento.requests import StageRequest
from tasks.artifacts import artifact_key, markdown_table, show_markdown
from tasks.policy import cached, step
from tasks.progress import progress_artifact

STAGED = "acento.dataset.staged"
"""The event that a data set has a new version."""


class StagedReference(BaseModel, frozen=True):
    """Which version of which data set a staging ended with, and a few counts: what travels between steps."""

    name: str
    version: int
    fingerprint: str
    store: str
    key: str
    """The artifact in the store that holds the card and the rejected inputs."""
    clips: int
    seconds: float
    splits: dict[str, int]
    found: int
    staged_now: int
    already_there: int
    rejected: dict[str, int]
    """Inputs left out this time, by reason code; found = staged_now + already_there + these."""
    rejected_in_all: int
    new_version: bool
    notes: tuple[str, ...] = ()
    """What a person should know of the source, a sentence each."""
    split_lists: tuple[str, ...]
    """Files to which the splits were written back."""

    @property
    def title(self) -> str:
        """Name and version as a person reads them, such as ``santiago v2``."""
        return f"{self.name} v{self.version}"


@step("stage", run_name="stage {request.name}")
def stage_source(request: StageRequest) -> StagedReference:
    """Stage a source as a data set; ``Cached`` when it held nothing new."""
    store = open_store(settings().store)
    with progress_artifact(artifact_key("stage", request.name, "progress"), f"Staging {request.name}"):
        result = staging.stage_source(store, request)
    reference = _reference(store, result)
    show_markdown(artifact_key("stage", request.name), _report(result.card, reference), f"{reference.title} as staged")
    if not reference.new_version:
        return cached(reference)
    _announce(reference)
    return reference


def _announce(reference: StagedReference) -> None:
    """Emit the event that there is new data, which a deployment's trigger may wait for; ``payload`` says which."""
    emit_event(
        STAGED,
        resource={"prefect.resource.id": f"acento.dataset.{reference.name}", "prefect.resource.name": reference.title},
        payload={
            "dataset": reference.name,
            "version": reference.version,
            "fingerprint": reference.fingerprint,
            "clips": reference.clips,
            "new_clips": reference.staged_now,
            "splits": reference.splits,
        },
    )


def _reference(store: Store, result: StageResult) -> StagedReference:
    card = result.card
    return StagedReference(
        name=card.name,
        version=card.version,
        fingerprint=card.fingerprint,
        store=store.url,
        key=card.key,
        clips=card.clips,
        seconds=card.seconds,
        splits=card.splits,
        found=result.found,
        staged_now=result.staged_now,
        already_there=result.already_there,
        rejected=result.rejected,
        rejected_in_all=card.rejected,
        new_version=result.new_version,
        notes=result.notes,
        split_lists=result.split_lists,
    )


def _report(card: Card, reference: StagedReference) -> str:
    """Return the artifact's markdown: counts, what was left out and why, and the fingerprint."""
    counts: list[list[object]] = [
        ["found", reference.found],
        ["staged now", reference.staged_now],
        ["already there", reference.already_there],
        ["rejected", sum(reference.rejected.values())],
        ["clips in all", card.clips],
        ["audio in all", duration(card.seconds)],
        ["rejected in all", card.rejected],
        *([f"clips in {split}", clips] for split, clips in card.splits.items()),
    ]
    parts = [f"# {card.title}", f"From `{card.source}`.", markdown_table(counts, header=["what", "how many"])]
    if reference.rejected:
        rejected = [[reason, count] for reason, count in reference.rejected.items()]
        parts += ["## Left out", markdown_table(rejected, header=["reason", "inputs"])]
    if reference.notes:
        parts += ["## Notes", "\n".join(f"- {note}" for note in reference.notes)]
    parts.append(f"Fingerprint `{card.fingerprint}`, in `{reference.store}/{reference.key}`.")
    return "\n\n".join(parts)
