"""What the doctor found in a version, as the store keeps it: a report in numbers, and the findings as CSV."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel

from acento.core.store import Store
from acento.validation.doctor.findings import Suspect

REPORT, FINDINGS, PAGE = "doctor.json", "findings.csv", "index.html"
COLUMNS = ("id", "rank", "score", "kinds", "why", "reference", "hypothesis", "suggested_action", "new_text")
"""The columns of ``findings.csv``; a reviewer sets the last two."""


class DoctorReport(BaseModel, frozen=True):
    """What the doctor found in one version of a data set, in numbers."""

    dataset: str
    """Name and version, such as ``santiago@2``."""
    title: str
    dataset_fingerprint: str
    model: str
    model_digest: str
    clips: int
    without_reference: int
    """Clips that nothing can be said of."""
    findings: int
    kinds: dict[str, int]
    """Findings by kind, the most frequent first; one clip may be of several."""
    key: str
    """The artifact that holds all of it."""


def findings_csv(suspects: Sequence[Suspect]) -> str:
    """Return all findings, ranked, as CSV with a header; ``new_text`` is left to the reviewer."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    writer.writerows(findings_row(rank, one, one.suggested_action) for rank, one in enumerate(suspects, 1))
    return text.getvalue()


def findings_row(rank: int, one: Suspect, action: str) -> list[str | int]:
    """Return a finding's values of ``COLUMNS``, without a new text."""
    kinds = "+".join(one.kinds)
    return [one.id, rank, f"{one.score:.2f}", kinds, one.why, one.reference, one.hypothesis or "", action, ""]


def load_report(store: Store, key: str) -> DoctorReport:
    """Return a stored report."""
    return DoctorReport.model_validate_json(store.read_bytes(key, REPORT))


def load_findings(store: Store, key: str, limit: int | None = None) -> list[dict[str, str]]:
    """Return the stored findings, or the first so many, by the columns of ``findings.csv``."""
    with Path(store.local_path(key, FINDINGS)).open(encoding="utf-8", newline="") as file:
        return [row for row, _ in zip(csv.DictReader(file), range(limit or 10**9), strict=False)]
