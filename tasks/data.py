"""The tasks that stage a source as a data set, and judge it by a suite and by the data doctor."""

import logging
from collections.abc import Sequence

from prefect.artifacts import create_table_artifact
from prefect.events import emit_event
from pydantic import BaseModel

from acento.api import data
from acento.api.data import StagedDataset
from acento.core.progress import duration
from acento.core.settings import settings
from acento.core.store import Store, open_store
from acento.data.dataset import load_card
from acento.inference.benchmark import Transcription
from acento.models.base import DecodeOptions
from acento.models.checkpoints.resolver import resolve
from acento.models.devices import default_dtype, default_workers, pick_device
from acento.requests import StageRequest, ValidateRequest
from acento.validation.doctor import findings as doctor
from acento.validation.doctor.examination import Examined, examine, plan_examination
from acento.validation.validate import Validated
from acento.validation.verdict import PAGE, ValidationVerdict, expected
from tasks.artifacts import artifact_key, in_run, markdown_table, optional, page_link, progress_artifact, show_markdown
from tasks.policy import cached, log, step

_log = logging.getLogger(__name__)
STAGED = "acento.dataset.staged"
"""The event that a data set has a new version, which a deployment's trigger may wait for; its payload says which."""
_SHOWN = 20
"""Findings of the doctor in its artifact."""


class PlannedExamination(BaseModel, frozen=True):
    """What the doctor's model is to transcribe: every split of a version, and how the work is shared."""

    transcriptions: list[Transcription]
    workers: int
    compute: str


@step("validate", run_name="validate {request.dataset}")
def validate_dataset(request: ValidateRequest) -> Validated:
    """Judge a version of a data set by a suite; ``Cached`` when the same was judged by the same before."""
    store, name = open_store(), request.dataset
    with progress_artifact(artifact_key("validate", name.partition("@")[0], "progress"), f"Validating {name}"):
        done = data.validate_dataset(store, request)
    for check in done.verdict.warnings:
        _log.warning("%s, %s: %s", done.verdict.title, check.name, check.sentence)
    _show_verdict(store, done.verdict)
    return cached(done) if done.cached else done


@step("plan-doctor", run_name="plan the doctor's examination of {dataset}")
def plan_doctor(dataset: str, model: str, language: str | None = None) -> PlannedExamination:
    """Find the model and the data set, and plan the transcription of all its splits."""
    store = open_store()
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
def find_outliers(dataset: str, transcriptions: Sequence[Transcription]) -> Examined:
    """Rank the clips that are suspicious by their texts; ``Cached`` when the same texts were examined before."""
    store = open_store()
    card = load_card(store, dataset)
    with progress_artifact(artifact_key("doctor", card.name, "progress"), f"Examining {card.title}"):
        done = examine(store, card, transcriptions)
    log(f"{done.report.title}: {done.report.findings} of {done.report.clips} clips are suspicious.")
    _show_findings(store, done.report)
    return cached(done) if done.cached else done


def _show_verdict(store: Store, verdict: ValidationVerdict) -> None:
    rows = [
        {
            "result": check.mark,
            "check": check.name,
            "expected": expected(check.expect, check.arguments),
            "clips": check.unexpected,
            "share": check.share,
            "such as": ", ".join(check.examples[:5]),
            "says": check.sentence,
        }
        for check in verdict.checks
    ]
    outcome = "passed" if verdict.passed else "failed"
    key = artifact_key("validate", verdict.dataset, "verdict")
    if in_run():
        with optional(key):
            create_table_artifact(rows, key=key, description=f"{verdict.title}: {outcome}")
    failed = [[check.mark, check.name, check.sentence] for check in (*verdict.errors, *verdict.warnings)]
    page = page_link(store, verdict.key, PAGE)
    parts = [
        f"# {verdict.title}: {outcome}",
        f"{len(verdict.checks)} checks, {len(verdict.errors)} errors, {len(verdict.warnings)} warnings.",
        *([markdown_table(failed, header=["result", "check", "what"])] if failed else []),
        f"Data docs with histograms: {page}, in `{store.url}/{verdict.key}`.",
    ]
    show_markdown(artifact_key("validate", verdict.dataset), "\n\n".join(parts), f"{verdict.title} as validated")


def _show_findings(store: Store, found: doctor.DoctorReport) -> None:
    """Publish the doctor's first findings as a table, and where the page and the CSV are."""
    columns = ("rank", "id", "score", "kinds", "why", "reference", "hypothesis", "suggested_action")
    rows = [[row[name] for name in columns] for row in doctor.load_findings(store, found.key, _SHOWN)]
    kinds = ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in found.kinds.items())
    parts = [
        f"# {found.title}: {found.findings} suspicious clips",
        f"Of {found.clips} clips, as {found.model} transcribed them{f': {kinds}' if kinds else ''}.",
        *([markdown_table(rows, header=[name.replace("_", " ") for name in columns])] if rows else []),
        f"To listen and decide: {page_link(store, found.key, doctor.PAGE)}; "
        f"all findings are in `{store.url}/{found.key}/{doctor.FINDINGS}`. Give it back: `acento datasets mend "
        f"{found.dataset.partition('@')[0]} --from {doctor.FINDINGS}`.",
    ]
    show_markdown(artifact_key("doctor", found.dataset), "\n\n".join(parts), f"{found.title} as the doctor found it")


@step("stage", run_name="stage {request.name}")
def stage_source(request: StageRequest) -> StagedDataset:
    """Stage a source as a data set; ``Cached`` when it held nothing new."""
    with progress_artifact(artifact_key("stage", request.name, "progress"), f"Staging {request.name}"):
        staged = data.stage_source(open_store(), request)
    show_markdown(artifact_key("stage", request.name), _report(staged), f"{staged.title} as staged")
    if not staged.new_version:
        return cached(staged)
    tell_staged(staged)
    return staged


def tell_staged(staged: StagedDataset) -> None:
    """Emit the event that a data set has a new version."""
    emit_event(
        STAGED,
        resource={"prefect.resource.id": f"acento.dataset.{staged.name}", "prefect.resource.name": staged.title},
        payload={
            "dataset": staged.name,
            "version": staged.version,
            "fingerprint": staged.fingerprint,
            "clips": staged.clips,
            "new_clips": staged.staged_now,
            "splits": staged.splits,
        },
    )


def _report(staged: StagedDataset) -> str:
    """Return the artifact's markdown: counts, what was left out and why, and the fingerprint."""
    counts: list[list[object]] = [
        ["found", staged.found],
        ["staged now", staged.staged_now],
        ["already there", staged.already_there],
        ["rejected", sum(staged.rejected.values())],
        ["clips in all", staged.clips],
        ["audio in all", duration(staged.seconds)],
        ["rejected in all", staged.rejected_in_all],
        *([f"clips in {split}", clips] for split, clips in staged.splits.items()),
    ]
    parts = [f"# {staged.title}", f"From `{staged.card.source}`.", markdown_table(counts, header=["what", "how many"])]
    if staged.rejected:
        parts += ["## Left out", markdown_table(list(staged.rejected.items()), header=["reason", "inputs"])]
    if staged.notes:
        parts += ["## Notes", "\n".join(f"- {note}" for note in staged.notes)]
    return "\n\n".join([*parts, f"Fingerprint `{staged.fingerprint}`, in `{staged.store}/{staged.key}`."])
