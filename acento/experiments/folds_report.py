"""What a cross-validation came to: base and tuned model on every clip, by fold and pooled, and the gain."""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import BaseModel

from acento.core.fingerprint import fingerprint
from acento.core.store import Store
from acento.data.source_options import SplitBy
from acento.scoring.folds import Pooled, groups_of, pool, pool_difference, pool_tables
from acento.scoring.power import detectable
from acento.scoring.score import SCORED, count_column, scored
from acento.scoring.table import interval_text, points_text
from acento.training.data.subsets import Fold
from acento.training.job import FinetuneJob
from acento.training.measured import test_table

REPORT, BASE, TUNED = "folds.json", "base.parquet", "tuned.parquet"
_VERSION = 1
_FEW = 30
"""With fewer groups a percentile interval is too narrow (see ``acento.scoring.bootstrap``)."""


class FoldRow(BaseModel, frozen=True):
    """One fold."""

    fold: int
    """From 1."""
    learned: int
    """Clips that its model learned from; ``dev`` more chose its best checkpoint."""
    dev: int
    clips: int
    """Clips that it tests."""
    groups: int
    base: float | None
    """WER, fractions."""
    tuned: float | None


class FoldsReport(BaseModel, frozen=True):
    """Everything that a cross-validation says: ``folds.json``."""

    title: str
    unit: str
    """What a group is: speaker, prompt, or group where there are both."""
    rows: tuple[FoldRow, ...]
    base: Pooled
    tuned: Pooled
    delta: float | None
    """WER of tuned less base, a fraction, over all clips that both have a text for."""
    low: float | None
    high: float | None
    sentence: str


def report_of(store: Store, title: str, jobs: Sequence[FinetuneJob]) -> FoldsReport:
    """Sum up trainings on folds that are done; counts are added up, and no rates averaged.

    Raises:
        StoreError: a training is not done.
    """
    part = jobs[0].part
    assert isinstance(part, Fold), "a cross-validation is of folds"
    base = [test_table(store, job, "base") for job in jobs]
    tuned = [test_table(store, job, "tuned") for job in jobs]
    rows = tuple(
        FoldRow(
            fold=number,
            learned=job.train_clips,
            dev=job.dev_clips,
            clips=len(old),
            groups=len(set(groups_of(old, part.by))),
            base=_rate(old),
            tuned=_rate(new),
        )
        for number, (job, old, new) in enumerate(zip(jobs, base, tuned, strict=True), 1)
    )
    groups = groups_of(pool_tables(base), part.by)
    unit = _unit(groups)
    difference = pool_difference(tuned, base, part.by)
    delta, low, high = (None, None, None) if difference is None else (difference.delta, difference.low, difference.high)
    return FoldsReport(
        title=title,
        unit=unit,
        rows=rows,
        base=pool(base, part.by),
        tuned=pool(tuned, part.by),
        delta=delta,
        low=low,
        high=high,
        sentence=_sentence(unit, len(set(groups)), delta, low, high, _seen(base, tuned, part.by, unit)),
    )


def publish_report(store: Store, report: FoldsReport, jobs: Sequence[FinetuneJob]) -> str:
    """Write a report and the scored utterances of both models to the store, and return the artifact's key."""
    key = f"crossvalidations/{fingerprint([_VERSION, [job.fingerprint for job in jobs], report.title])}"
    with store.publish(key) as draft:
        (draft.folder / REPORT).write_text(report.model_dump_json(indent=1), encoding="utf-8")
        pq.write_table(pool_tables([test_table(store, job, "base") for job in jobs]), draft.folder / BASE)
        pq.write_table(pool_tables([test_table(store, job, "tuned") for job in jobs]), draft.folder / TUNED)
    return key


def _sentence(unit: str, groups: int, delta: float | None, low: float | None, high: float | None, seen: str) -> str:
    """Answer the question that folds are made for."""
    if delta is None:
        return "There is no reference word in the clips that both models have a text for: nothing can be said."
    if low is None or high is None:
        return f"Tuned less base: {points_text(delta)} points; one {unit} alone has no interval."
    change = f"Tuned less base: {points_text(delta)} points{interval_text(low, high, sign='+')}"
    narrow = f" {groups} {unit}s are few: the true interval is wider than this one." if groups < _FEW else ""
    if high < 0:
        return f"{change}: the gain holds for {unit}s that were not trained on.{narrow}"
    if low > 0:
        return f"{change}: on {unit}s that were not trained on, the tuned models are worse.{narrow}"
    return f"{change}: these clips cannot tell a gain on {unit}s that were not trained on.{narrow} {seen}".rstrip()


def _seen(base: Sequence[pa.Table], tuned: Sequence[pa.Table], by: SplitBy, unit: str) -> str:
    """Say what difference so many groups would show at all."""
    old, new = pool_tables(base), pool_tables(tuned)
    both = pc.and_(pc.equal(old["status"], SCORED), pc.equal(new["status"], SCORED))
    old, new = old.filter(both), new.filter(both)
    found = detectable(
        count_column(old, "word_errors"),
        count_column(old, "word_length"),
        count_column(new, "word_errors"),
        groups=groups_of(old, by),
        unit=unit,
    )
    return "" if found is None else found.sentence


def _unit(groups: Sequence[str]) -> str:
    """Return what all groups are.

    >>> _unit(["speaker:Anna", "speaker:Ben"]), _unit(["speaker:Anna", "prompt:hola"])
    ('speaker', 'group')
    """
    kinds = {group.partition(":")[0] for group in groups}
    return kinds.pop() if len(kinds) == 1 else "group"


def _rate(table: pa.Table) -> float | None:
    rows = scored(table)
    words = int(count_column(rows, "word_length").sum())
    return int(count_column(rows, "word_errors").sum()) / words if words else None
