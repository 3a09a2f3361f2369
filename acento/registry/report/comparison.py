"""The page of a comparison of two runs."""

from typing import Any

from acento.core import VERSION
from acento.core.store import Store
from acento.core.templates import render
from acento.registry.report.charts import Point, intervals
from acento.registry.report.clips import shown_clips
from acento.registry.report.origin import provenance
from acento.registry.report.sound import BYTES, CLIPS, sounds
from acento.scoring.comparing.run_comparison import GROUPS, RunComparison
from acento.scoring.counting.headline import RATE_NAMES

_ROWS = 30


def comparison_page(store: Store, comparison: RunComparison, *, audio: int = CLIPS) -> str:
    """Return the page: differences with intervals, groups, errors, and the clips that changed most with their sound."""
    sides = comparison.a, comparison.b
    ids = [one.id for one in comparison.changes.changed]
    entry = comparison.a.entry
    budget = max(BYTES, BYTES * audio // CLIPS)
    heard = sounds(store, entry.dataset.replace(" v", "@"), entry.dataset_fingerprint, ids[:audio], budget)
    tables = {side.label: side.utterances for side in sides}
    differences, *others = comparison.tables()
    return render(
        "registry/report/templates/comparison.html",
        comparison=comparison,
        charts=_charts(comparison),
        differences=differences,
        errors=[table for table in others if table.columns[0] == "reference"],
        clips=shown_clips(ids, tables, comparison.unit, heard),
        about=[
            ("clips", f"{comparison.changes.clips:,}"),
            *((f"{name} has", side.label) for name, side in zip("AB", sides, strict=True)),
        ],
        provenance=provenance([(f"{name}: {one.label}", one.entry, {}) for name, one in zip("AB", sides, strict=True)]),
        version=VERSION,
    )


def _charts(comparison: RunComparison) -> list[Any]:
    """Draw both rates, overall and by group, and, where they are paired, the differences."""
    metric = RATE_NAMES[comparison.unit]
    rows = [row for row in comparison.to_rows(GROUPS) if None not in (row["a"], row["b"])]
    rows = [*rows[:1], *sorted(rows[1:], key=lambda row: -abs(row["delta"] or 0))[:_ROWS]]
    labels = [row["group"] for row in rows]
    if not rows:
        return []

    def ends(row: dict[str, Any], side: str) -> Point:
        rate = getattr(comparison, side).rate(comparison.unit, row["by"] or None, row["group"])
        low, high = (None if end is None else 100 * end for end in (rate.low, rate.high))
        return 100 * row[side], low, high

    title = f"{metric} of both"
    series = {getattr(comparison, side).label: [ends(row, side) for row in rows] for side in ("a", "b")}
    drawings = [(title, intervals(title, f"{metric} %", labels, series))]
    if comparison.paired is not None:
        title = "Difference in points: below 0, A errs less"
        points: list[Point | None] = [
            None
            if row["delta"] is None
            else (100 * row["delta"], *(None if row[end] is None else 100 * row[end] for end in ("low", "high")))
            for row in rows
        ]
        drawings.append((title, intervals(title, "points", labels, {"A less B": points}, zero=True)))
    return drawings
