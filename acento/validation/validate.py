"""Validate a staged version: measure its clips, judge them by a suite, and publish the verdict."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from acento.core.progress import report
from acento.core.store import Store
from acento.data.dataset import Card, language_of
from acento.models.checkpoints.checkpoint import Checkpoint
from acento.validation.checking import Rows, expectations, run_suite
from acento.validation.frame import make_frame
from acento.validation.labels import label_limits
from acento.validation.measure import measure
from acento.validation.page import page
from acento.validation.suite import load_suite
from acento.validation.verdict import (
    PAGE,
    ROWS,
    SUITE,
    VERDICT,
    CheckVerdict,
    ValidationVerdict,
    load_verdict,
    note_verdict,
    verdict_key,
)

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Validated:
    """A verdict, and whether it was there before."""

    verdict: ValidationVerdict
    cached: bool


def validate(
    store: Store,
    card: Card,
    suite_path: Path | None = None,
    model: Checkpoint | None = None,
    *,
    language: str | None = None,
    workers: int | None = None,
) -> Validated:
    """Judge a version by a suite, or find that it was judged so before; from now on this is the verdict that counts.

    Without a suite's file the suite is the one that Acento comes with. The limits of a model on labels and audio are
    checked too, where one is given; it is told ``language``, by default the language that all clips have. ``workers``
    are threads that measure, see :func:`acento.validation.measure.measure`.

    Raises:
        InputError: the suite's file is not right, or a check cannot be made on this data.
        ModelError: the model's tokenizer cannot be read.
    """
    suite = load_suite(suite_path)
    suffix = f"-{language}" if language else ""
    key = verdict_key(card, suite, f"{model.digest}{suffix}" if model else None)
    cached = store.find(key, verify=True) is not None
    if not cached:
        filled = [split for split, clips in card.splits.items() if clips]
        limits = label_limits(model, language or language_of(store, card, filled)) if model else None
        parameters = limits.parameters if limits else {}
        expectations(suite, parameters)  # a suite that cannot be is said before anything is measured
        measure(store, card, workers=workers)
        frame = make_frame(store, card, limits)
        report(f"check {card.title}", 0, len(suite.checks), "checks")
        findings = run_suite(frame, suite, parameters)
        report(f"check {card.title}", len(suite.checks), len(suite.checks), "checks")
        checks = tuple(check for check, _ in findings)
        made = {check.name for check in checks}
        verdict = ValidationVerdict(
            dataset=f"{card.name}@{card.version}",
            title=card.title,
            dataset_fingerprint=card.fingerprint,
            clips=card.clips,
            seconds=card.seconds,
            splits=card.splits,
            suite=suite.name,
            suite_digest=suite.digest,
            model=model.id if model else None,
            model_digest=model.digest if model else None,
            passed=all(check.ok or check.severity == "warning" for check in checks),
            checks=checks,
            left_out=tuple(check.name for check in suite.checks if check.name not in made),
            key=key,
        )
        body = suite.model_dump(mode="json", exclude_defaults=True)
        with store.publish(key) as draft:
            (draft.folder / VERDICT).write_text(verdict.model_dump_json(indent=1) + "\n", encoding="utf-8")
            (draft.folder / PAGE).write_text(page(verdict, frame), encoding="utf-8")
            (draft.folder / SUITE).write_text(
                yaml.safe_dump(body, sort_keys=False, allow_unicode=True, width=120), encoding="utf-8"
            )
            _write_rows(draft.folder / ROWS, findings, frame)
            draft.info.update(dataset=verdict.dataset, passed=verdict.passed)
    note_verdict(store, card, key)
    return Validated(load_verdict(store, key), cached)


def _write_rows(path: Path, findings: Iterable[tuple[CheckVerdict, Rows]], frame: "pd.DataFrame") -> None:
    """Write every clip that is not as expected: which check, what it has instead, and where it came from."""
    failed = [(uid, check, value) for check, rows in findings if not check.ok for uid, value in rows]
    facts = frame.loc[frame["id"].isin({uid for uid, _, _ in failed}), ["id", "split", "source"]]
    known = {row.id: (row.split, row.source) for row in facts.itertuples(index=False)}
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "check", "severity", "value", "split", "source"])
        for uid, check, value in failed:
            writer.writerow([uid, check.name, check.severity, value, *known.get(uid, ("", ""))])
