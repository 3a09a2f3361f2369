"""The tasks of the data doctor: plan what its model is to hear, and find the outliers in what it heard."""

from collections.abc import Sequence

from pydantic import BaseModel

from acento.core.settings import settings
from acento.core.store import Store, open_store
from acento.data.dataset import load_card
from acento.inference.benchmark import Transcription
from acento.models.base import DecodeOptions
from acento.models.checkpoints.resolver import resolve
from acento.models.devices import default_dtype, default_workers, pick_device
from acento.validation.doctor.examination import examine, plan_examination
from acento.validation.doctor.findings import FINDINGS, PAGE, DoctorReport, load_findings
from tasks.artifacts import artifact_key, markdown_table, page_link, show_markdown
from tasks.policy import cached, say, step
from tasks.progress import progress_artifact

_SHOWN = 20


class PlannedExamination(BaseModel, frozen=True):
    """What the doctor's model is to transcribe: every split of a version, and how the work is shared."""

    transcriptions: list[Transcription]
    workers: int
    compute: str


class DoctorReference(BaseModel, frozen=True):
    """Where the doctor's findings are, and how many there are."""

    dataset: str
    """Name and version, such as ``santiago@2``."""
    key: str
    """The artifact in the store that holds them."""
    page: str
    """The review page: HTML, with the clips' audio in it."""
    findings: int
    cached: bool


@step("plan-doctor", run_name="plan the doctor's examination of {dataset}")
def plan_doctor(dataset: str, model: str, language: str | None = None) -> PlannedExamination:
    """Find the model and the data set, and plan the transcription of all its splits."""
    store = open_store(settings().store)
    card, checkpoint = load_card(store, dataset), resolve(model)
    device = pick_device(None)
    options = DecodeOptions(
        language=language, device_type=device, dtype=default_dtype(device), threads=settings().threads
    )
    return PlannedExamination(
        transcriptions=plan_examination(store, card, checkpoint, options),
        workers=default_workers(device, options.threads),
        compute=settings().compute,
    )


@step("doctor", run_name="doctor {dataset}")
def find_outliers(dataset: str, transcriptions: Sequence[Transcription]) -> DoctorReference:
    """Rank the clips that are suspicious by what was heard; ``Cached`` when the same texts were examined before."""
    store = open_store(settings().store)
    card = load_card(store, dataset)
    with progress_artifact(artifact_key("doctor", card.name, "progress"), f"Examining {card.title}"):
        done = examine(store, card, transcriptions)
    found = done.report
    reference = DoctorReference(
        dataset=found.dataset,
        key=found.key,
        page=str(store.local_path(found.key, PAGE)),
        findings=found.findings,
        cached=done.cached,
    )
    say(f"{found.title}: {found.findings} of {found.clips} clips are suspicious.")
    _show(store, found, reference)
    return cached(reference) if done.cached else reference


def _show(store: Store, found: DoctorReport, reference: DoctorReference) -> None:
    """Publish the first findings as a table, and where the page and the CSV are."""
    columns = ("rank", "id", "score", "kinds", "why", "reference", "hypothesis", "suggested_action")
    rows = [[row[name] for name in columns] for row in load_findings(store, found.key, _SHOWN)]
    kinds = ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in found.kinds.items())
    parts = [
        f"# {found.title}: {found.findings} suspicious clips",
        f"Of {found.clips} clips, as {found.model} heard them{f': {kinds}' if kinds else ''}.",
        *([markdown_table(rows, header=[name.replace("_", " ") for name in columns])] if rows else []),
        f"To listen and decide: {page_link(store, PAGE, reference.page)}; all findings are in "
        f"`{store.url}/{found.key}/{FINDINGS}`. Give it back: `acento datasets mend "
        f"{found.dataset.partition('@')[0]} --from {FINDINGS}`.",
    ]
    show_markdown(artifact_key("doctor", found.dataset), "\n\n".join(parts), f"{found.title} as the doctor found it")
