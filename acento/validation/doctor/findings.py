"""What the doctor says of a data set: its suspicious clips, ranked, with reasons; a report in numbers, and a CSV."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from pydantic import BaseModel

from acento.core.store import Store
from acento.core.text import Normalizer
from acento.validation.doctor.heuristics import (
    SUSPICIOUS_Z,
    Case,
    Kind,
    TranscribedClip,
    find_cuts,
    find_errors,
    find_rates,
    find_swaps,
)
from acento.validation.doctor.languages import Listen, find_languages, find_spoken

REPORT, FINDINGS, PAGE = "doctor.json", "findings.csv", "index.html"
COLUMNS = ("id", "rank", "score", "kinds", "why", "reference", "hypothesis", "suggested_action", "new_text")
"""The columns of ``findings.csv``; a reviewer sets the last two."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """A suspicious clip: ``score`` in deviations from the usual, ``wer`` and ``cer`` as fractions."""

    id: str
    split: str
    speaker: str | None
    kinds: tuple[str, ...]
    score: float
    why: str
    reference: str
    hypothesis: str | None
    wer: float | None
    cer: float | None
    hint: str | None
    """The clip whose text the model transcribed."""
    hint_text: str | None
    suggested_action: str
    """keep, drop or mend."""


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


def diagnose(clips: Iterable[TranscribedClip], normalizer: Normalizer, listen: Listen | None = None) -> list[Suspect]:
    """Return the suspicious clips, the most suspicious first; the order in which clips are given does not matter.

    ``listen`` tells the spoken language of those clips with the most errors; None: nobody can tell.
    """
    cases, transcribed = [], []
    for clip in sorted(clips, key=lambda clip: clip.id):
        cases.append(case := Case(clip, normalizer(clip.reference), normalizer(clip.hypothesis or "")))
        if clip.hypothesis is None:
            case.add(Kind.NOT_TRANSCRIBED, SUSPICIOUS_Z, f"The model failed: {clip.error}")
        else:
            transcribed.append(case)
    for find in (find_errors, find_swaps, find_languages):
        find(transcribed)
    if listen is not None:
        find_spoken(transcribed, listen)
    for case in transcribed:
        find_cuts(case)
    find_rates(cases)
    suspects = [_suspect(case) for case in cases if case.found]
    return sorted(suspects, key=lambda suspect: (-suspect.score, suspect.id))


def _suspect(case: Case) -> Suspect:
    """Sum up a case: its highest score, and one more for each further kind."""
    found = sorted(case.found, key=lambda one: -one[1])
    kinds = tuple(dict.fromkeys(kind.value for kind, _, _ in found))
    score = found[0][1] + len(kinds) - 1
    keep = score < 2 * SUSPICIOUS_Z or kinds[0] == Kind.NOT_TRANSCRIBED
    return Suspect(
        id=case.clip.id,
        split=case.clip.split,
        speaker=case.clip.speaker,
        kinds=kinds,
        score=round(score, 2),
        why=" ".join(sentence for _, _, sentence in found),
        reference=case.clip.reference,
        hypothesis=case.clip.hypothesis,
        wer=case.wer,
        cer=case.cer,
        hint=case.hint.id if case.hint else None,
        hint_text=case.hint.reference if case.hint else None,
        suggested_action="mend" if case.hint else "keep" if keep else "drop",
    )


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
        return list(islice(csv.DictReader(file), limit))
