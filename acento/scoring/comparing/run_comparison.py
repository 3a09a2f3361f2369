"""Why a number moved: two scored runs on the same clips, overall, by group, by clip and by confused word.

Scored by one rule, the difference is paired and has an interval. Scored by two, as when one run is scored again with
another normalizer, the references differ in length: then both rates stand side by side, and what the rule changed is
what is listed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa

from acento.core.errors import InputError
from acento.scoring.comparing.changes import Changes, ClipChange, changes
from acento.scoring.comparing.compare import FEW_NOTE, GroupedComparison, compare_groups
from acento.scoring.comparing.confusions import TOP, rows_of
from acento.scoring.counting.alignment import marked
from acento.scoring.counting.headline import RATE_NAMES, Headline
from acento.scoring.entry import Entry
from acento.scoring.score import Rate
from acento.scoring.statistics.units import FEW_SPEAKERS
from acento.scoring.table import TextTable, counted, p_text, points_text

GROUPS = ("speaker", "accent")
_ROWS = 30


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two."""

    label: str
    """The model, and what tells it from the other where both have the same model."""
    entry: Entry
    utterances: pa.Table

    def rate(self, unit: Headline, by: str | None = None, value: str = "") -> Rate | None:
        """Return the rate of all clips, or of a group; None where it has no such group."""
        score = self.entry.score.overall if by is None else self.entry.score.groups.get(by, {}).get(value)
        return None if score is None else score.rate(unit)


@dataclass(frozen=True, slots=True)
class RunComparison:
    """What differs between two scored runs, A less B."""

    a: Side
    b: Side
    unit: Headline
    paired: GroupedComparison | None
    """The paired differences; None where two normalizers scored them."""
    changes: Changes

    @property
    def title(self) -> str:
        """What is compared with what."""
        return f"{self.a.label} less {self.b.label} on {self.a.entry.dataset}, {self.a.entry.split}"

    @property
    def unchanged(self) -> bool:
        """Whether every normalized text of both is the same."""
        return not (self.changes.other_text or self.changes.other_reference)

    @property
    def sentence(self) -> str:
        """What changed, in one or two sentences."""
        found, metric = self.changes, RATE_NAMES[self.unit]
        rates = [side.rate(self.unit) for side in (self.a, self.b)]
        values = " and ".join("–" if rate is None else rate.text(bounds=1, unit=" %") for rate in rates)
        moved = (
            f"{metric} {values}. Of {counted(found.clips, 'clip')} {self.a.label} has fewer errors in {found.fewer}, "
            f"more in {found.more}, as many in {found.equal}; {_differ(found.other_text, 'text')}."
        )
        if self.unchanged:
            return f"{metric} {values}. All {counted(found.clips, 'normalized text')} are the same."
        if self.paired is None:
            two = f"{self.a.entry.score.normalizer} and {self.b.entry.score.normalizer}"
            return (
                f"{moved} Scored by two normalizers, {two}: {_differ(found.other_reference, 'reference')}, so "
                "that no paired interval can be given."
            )
        difference = self.paired.overall.difference
        if difference is None or difference.low is None:
            return f"{moved} There are too few clips for an interval."
        points = points_text(
            difference.delta, difference.low, difference.high, digits=2, approximate=difference.approximate
        )
        if self.paired.few:
            known = f"does not tell the two apart for new voices: fewer than {FEW_SPEAKERS} unseen speakers"
        elif difference.tells_apart:
            known = "tells the two apart"
        else:
            known = "may be chance: it does not tell the two apart"
        return f"{moved} The difference in {metric}, {points} points, {known}."

    def tables(self, by: Sequence[str] = GROUPS) -> Iterator[TextTable]:
        """Yield what a person reads: the differences overall and by group, then by clip, then by error."""
        yield self._differences(by)
        if self.changes.changed:
            yield self._clips()
        if self.changes.errors:
            yield self._errors()

    def to_markdown(self, by: Sequence[str] = GROUPS) -> str:
        """Return all of it in GitHub's Markdown."""
        tables = "\n".join(table.to_markdown() for table in self.tables(by))
        return f"## {self.title}\n\n{self.sentence}\n\n{tables}"

    def to_dict(self, by: Sequence[str] = GROUPS) -> dict[str, Any]:
        """Return all of it as plain values for JSON; rates and differences are fractions."""
        found = self.changes
        return {
            "a": self._side(self.a),
            "b": self._side(self.b),
            "unit": self.unit,
            "paired": self.paired is not None,
            "few_speakers": None if self.paired is None else self.paired.few,
            "differences": self.to_rows(by),
            **{
                name: getattr(found, name)
                for name in ("clips", "fewer", "more", "equal", "other_text", "other_reference")
            },
            "changed_clips": [asdict(one) | {"a": a, "b": b} for one, a, b in self.clip_texts()],
            "changed_errors": [asdict(one) for one in found.errors],
        }

    def clip_texts(self) -> Iterator[tuple[ClipChange, str, str]]:
        """Yield the clips that changed most, with A's and B's texts, each aligned to its reference."""
        ids = [one.id for one in self.changes.changed]
        rows = [rows_of(side.utterances, ids) for side in (self.a, self.b)]
        for one in self.changes.changed:
            texts = (
                marked(found[one.id]["normalized_reference"], found[one.id]["normalized_hypothesis"], self.unit)
                for found in rows
            )
            a, b = texts
            yield one, a, b

    def __str__(self) -> str:
        return "\n\n".join([self.sentence, *(table.to_text() for table in self.tables())])

    def _repr_html_(self) -> str:
        return "".join(table.to_html() for table in self.tables())

    def _side(self, side: Side) -> dict[str, Any]:
        entry, rate = side.entry, side.rate(self.unit)
        return {
            **{name: getattr(entry, name) for name in ("run", "model", "model_hash", "dataset", "split")},
            "label": side.label,
            "normalizer": entry.score.normalizer,
            "rate": None if rate is None else rate.model_dump(),
        }

    def to_rows(self, by: Sequence[str] = GROUPS) -> list[dict[str, Any]]:
        """Return a row for the whole and for each group: both rates, and the difference with what is known of it."""
        paired = {(row["by"], row["group"]): row for row in self.paired.rows()} if self.paired else {}
        rows = []
        groups = [(grouping, value) for grouping in by for value in self._values(grouping)]
        for name, value in [("", "all"), *groups]:
            rates = [side.rate(self.unit, name or None, value) for side in (self.a, self.b)]
            values = [None if rate is None else rate.value for rate in rates]
            row = {"by": name, "group": value, "a": values[0], "b": values[1]}
            known = paired.get((name, value), {})
            found: dict[str, Any] = {
                one: known.get(one) for one in ("clips", "delta", "low", "high", "approximate", "p_value", "p_bounded")
            }
            if not known:  # scored by two rules, or a group that only one of them has
                found["delta"] = None if None in values else values[0] - values[1]  # type: ignore[operator]
            rows.append(row | found)
        return rows

    def _values(self, by: str) -> list[str]:
        """Return the values of a grouping, if there are several."""
        values = sorted(self.a.entry.score.groups.get(by, {}).keys() | self.b.entry.score.groups.get(by, {}).keys())
        return values if len(values) > 1 else []

    def _differences(self, by: Sequence[str]) -> TextTable:
        rows = self.to_rows(by)
        shown = [rows[0], *sorted(rows[1:], key=lambda row: -abs(row["delta"] or 0))[:_ROWS]]
        cells = []
        for row in shown:
            rates = ["–" if row[side] is None else f"{100 * row[side]:.2f}" for side in ("a", "b")]
            p_value = p_text(row["p_value"], bool(row["p_bounded"])).removeprefix("p ").removeprefix("= ")
            difference = points_text(row["delta"], row["low"], row["high"], approximate=bool(row["approximate"]))
            cells.append((row["by"], row["group"], *rates, difference, p_value))
        notes = [f"Below 0: {self.a.label} errs less."]
        if self.paired is not None and self.paired.few:
            notes.append(FEW_NOTE)
        if len(rows) > len(shown):
            notes.append(f"{len(rows) - len(shown)} groups with smaller differences are not listed.")
        metric = RATE_NAMES[self.unit]
        columns = ("by", "group", f"A {metric} %", f"B {metric} %", "difference in points", "p")
        names = f"A: {self.a.label}. B: {self.b.label}"
        return TextTable(names, columns, tuple(cells), tuple(notes), frozenset(columns[:2]))

    def _clips(self) -> TextTable:
        cells = tuple(
            (one.id, f"{one.errors_a} of {one.length_a}", f"{one.errors_b} of {one.length_b}", a, b)
            for one, a, b in self.clip_texts()
        )
        total = self.changes.fewer + self.changes.more
        notes: tuple[str, ...] = ("[x→y]: y stands for x. [-x]: x is left out. [+y]: y is put in.",)
        if total > len(cells):
            notes += (f"{total - len(cells):,} clips with smaller differences are not listed.",)
        columns = ("clip", "errors A", "errors B", "A", "B")
        return TextTable("Clips that changed most", columns, cells, notes, frozenset({"clip", "A", "B"}))

    def _errors(self) -> TextTable:
        cells = tuple(
            (
                one.reference or "(put in)",
                one.hypothesis or "(left out)",
                str(one.count_a),
                str(one.count_b),
                f"{one.difference:+d}",
            )
            for one in self.changes.errors
        )
        more = self.changes.changed_errors - len(cells)
        notes = (f"{more:,} errors with smaller differences are not listed.",) if more > 0 else ()
        columns = ("reference", "model", "A", "B", "difference")
        return TextTable("Errors that one makes more often", columns, cells, notes, frozenset(columns[:2]))


def compare_entries(a: Entry, table_a: pa.Table, b: Entry, table_b: pa.Table, *, top: int = TOP) -> RunComparison:
    """Compare two entries on the clips that both have a score for; ``top`` clips and errors are listed.

    Raises:
        InputError: they are of different data sets or splits, have no clip in common, or are one and the same.
    """
    names = [f"{entry.dataset.rpartition(' v')[0] or entry.dataset}, {entry.split}" for entry in (a, b)]
    if names[0] != names[1]:
        raise InputError(f"{a.run} is on {names[0]} and {b.run} on {names[1]}: compare runs on the same clips.")
    same = [(one.run, one.model, one.model_hash, one.dataset_fingerprint, one.score.normalizer) for one in (a, b)]
    if same[0] == same[1]:
        raise InputError(
            f"{a.model} in run {a.run} cannot be compared with itself: name two models with --model-a and --model-b."
        )
    unit = a.score.headline
    found = changes(table_a, table_b, unit, top=top)
    if not found.clips:
        raise InputError(f"{a.run} and {b.run} have no scored clip in common: score both on the same clips.")
    labels = _labels(a, b)
    same_rule = a.score.normalizer == b.score.normalizer
    paired = compare_groups(*labels, table_a, table_b) if same_rule else None
    return RunComparison(Side(labels[0], a, table_a), Side(labels[1], b, table_b), unit, paired, found)


def _differ(count: int, noun: str) -> str:
    return f"{counted(count, noun)} {'differs' if count == 1 else 'differ'}"


def _labels(a: Entry, b: Entry) -> tuple[str, str]:
    """Return what each is called: the model, with what tells it from the other."""
    if a.model != b.model:
        return a.model, b.model
    windows = (a.window or "own window", b.window or "own window")
    for one, other in ((a.score.normalizer, b.score.normalizer), windows, (a.run, b.run)):
        if one != other:
            return f"{a.model} ({one})", f"{b.model} ({other})"
    return f"{a.model} ({a.model_hash[:8]})", f"{b.model} ({b.model_hash[:8]})"
