"""What the doctor says of a data set: its suspicious clips, ranked, with reasons; a report in numbers, and a CSV."""

import csv
import io
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path

from pydantic import BaseModel

from acento.core.store import Store
from acento.core.text import Normalizer
from acento.validation.doctor import heuristics
from acento.validation.doctor.heuristics import SUSPICIOUS_Z, Case, Finding, TranscribedClip
from acento.validation.doctor.languages import Identify, find_languages, find_spoken

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


def diagnose(clips: Iterable[TranscribedClip], normalizer: Normalizer, identify: Identify | None = None) -> list[Case]:
    """Return the suspicious clips, the most suspicious first; the order in which clips are given does not matter.

    ``identify`` identifies the spoken language of the clips with the most errors; None: nobody can.
    """
    cases, transcribed = [], []
    for clip in sorted(clips, key=lambda clip: clip.id):
        cases.append(case := Case(clip, normalizer(clip.reference), normalizer(clip.hypothesis or "")))
        if clip.hypothesis is None:
            case.add(Finding.NOT_TRANSCRIBED, SUSPICIOUS_Z, f"The model failed: {clip.error}")
        else:
            transcribed.append(case)
    heuristics.find_errors(transcribed)
    heuristics.find_swaps(transcribed)
    find_languages(transcribed)
    if identify is not None:
        find_spoken(transcribed, identify)
    for case in transcribed:
        heuristics.find_cuts(case)
    heuristics.find_rates(cases)
    return sorted((case for case in cases if case.found), key=lambda case: (-case.score, case.clip.id))


def findings_csv(suspects: Sequence[Case]) -> str:
    """Return all findings, ranked, as CSV with a header; ``new_text`` is left to the reviewer."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    writer.writerows(findings_row(rank, one, one.suggested_action) for rank, one in enumerate(suspects, 1))
    return text.getvalue()


def findings_row(rank: int, one: Case, action: str) -> list[str | int]:
    """Return a finding's values of ``COLUMNS``, without a new text."""
    clip, kinds = one.clip, "+".join(one.kinds)
    return [clip.id, rank, f"{one.score:.2f}", kinds, one.why, clip.reference, clip.hypothesis or "", action, ""]


def load_report(store: Store, key: str) -> DoctorReport:
    """Return a stored report."""
    return DoctorReport.model_validate_json(store.read_bytes(key, REPORT))


def load_findings(store: Store, key: str, limit: int | None = None) -> list[dict[str, str]]:
    """Return the stored findings, or the first so many, by the columns of ``findings.csv``."""
    with Path(store.local_path(key, FINDINGS)).open(encoding="utf-8", newline="") as file:
        return list(islice(csv.DictReader(file), limit))
