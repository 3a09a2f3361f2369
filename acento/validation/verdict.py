"""The verdict on a version of a data set: what every check found, kept in the store, and which one counts today."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ValidationError

from acento.core.fingerprint import fingerprint
from acento.core.store import Store
from acento.core.store.coordination import Records
from acento.core.store.upkeep.references import Live
from acento.core.store.upkeep.usage import Group
from acento.data.dataset import Card, version_key
from acento.validation.checking import Finding
from acento.validation.measure import MEASURE_VERSION
from acento.validation.suite import Severity, Suite

VALIDATION_VERSION = 1
"""Raised by hand whenever the same measures and suite may lead to another verdict or page."""
VERDICT, ROWS, PAGE, SUITE = "verdict.json", "rows.csv", "index.html", "suite.yaml"
EXAMPLES = 20
"""Clips at fault that a verdict names for each check; ``rows.csv`` has them all."""


class CheckVerdict(BaseModel, frozen=True):
    """What one check found."""

    name: str
    expect: str
    arguments: dict[str, Any]
    """The expectation's arguments, a model's limits put in."""
    severity: Severity
    says: str
    """What should be so."""
    ok: bool
    unexpected: int
    """Clips that are not as expected; 0 for a check of the data set as a whole."""
    share: float | None
    """Of the clips that have a value; None for a check of the data set as a whole."""
    examples: tuple[str, ...]
    """Ids of up to 20 such clips."""
    values: tuple[str, ...]
    """What these clips have instead."""
    sentence: str
    """What is so, in words."""

    @property
    def mark(self) -> str:
        """How it ended, in a word."""
        return "ok" if self.ok else "ERROR" if self.severity == "error" else "warning"


class ValidationVerdict(BaseModel, frozen=True):
    """What a suite says of one version of a data set."""

    dataset: str
    """Name and version, such as ``santiago@2``."""
    title: str
    dataset_fingerprint: str
    clips: int
    seconds: float
    splits: dict[str, int]
    suite: str
    suite_digest: str
    model: str | None
    model_digest: str | None
    passed: bool
    """No check of severity error failed."""
    checks: tuple[CheckVerdict, ...]
    left_out: tuple[str, ...]
    """Checks that need a model's limits which are not known."""
    key: str
    """The artifact that holds this verdict, its page and its rows."""

    @property
    def errors(self) -> list[CheckVerdict]:
        """The failed checks that stop later steps."""
        return [check for check in self.checks if check.mark == "ERROR"]

    @property
    def warnings(self) -> list[CheckVerdict]:
        """The failed checks that are only said."""
        return [check for check in self.checks if check.mark == "warning"]


def verdict_key(card: Card, suite: Suite, model_digest: str | None) -> str:
    """Return the store key of the verdict of a suite on a version, for a model if one is named."""
    parts = [VALIDATION_VERSION, MEASURE_VERSION, card.key, card.fingerprint, suite.digest, model_digest]
    return f"validations/{fingerprint(parts)}"


def check_verdict(finding: Finding) -> CheckVerdict:
    """Return a finding in short, with a sentence for people."""
    check, rows = finding.check, finding.rows
    share = len(rows) / finding.looked_at if finding.looked_at else None
    return CheckVerdict(
        name=check.name,
        expect=check.expect,
        arguments=finding.kwargs,
        severity=check.severity,
        says=check.says,
        ok=finding.ok,
        unexpected=len(rows),
        share=None if share is None else round(share, 6),
        examples=tuple(uid for uid, _ in rows[:EXAMPLES]),
        values=tuple(value for _, value in rows[:EXAMPLES]),
        sentence=check.says if finding.ok else _failure(finding),
    )


def _failure(finding: Finding) -> str:
    """Say what is wrong, and of how many clips."""
    check, rows, observed = finding.check, finding.rows, finding.observed or ""
    if not rows and check.fails:
        return check.fails.replace("{observed}", observed)
    ids = ", ".join(uid for uid, _ in rows[:3]) + (", …" if len(rows) > 3 else "")
    of = f" of {finding.looked_at}" if finding.looked_at else ""
    details = f"{len(rows)}{of} clips ({ids})" if rows else observed
    wrong = (check.fails or f"Not met: {check.says}").rstrip(".")
    return f"{wrong}: {details}." if details else f"{wrong}."


def expected(expect: str, kwargs: dict[str, Any]) -> str:
    """Say an expectation and its arguments as a person would.

    >>> expected("expect_column_values_to_be_between", {"column": "duration_s", "min_value": 0.1, "max_value": 30})
    'duration_s 0.1 to 30'
    >>> expected("expect_column_values_to_be_in_set", {"column": "split", "value_set": ["dev", "test"]})
    'split in dev, test'
    >>> expected("expect_column_values_to_be_unique", {"column": "id"})
    'id values to be unique'
    """
    rest = dict(kwargs)
    words = [str(rest.pop("column"))] if "column" in rest else []
    low, high = rest.pop("min_value", None), rest.pop("max_value", None)
    if low is not None and high is not None:
        words.append(f"{low:g} to {high:g}" if isinstance(low, int | float) else f"{low} to {high}")
    elif low is not None or high is not None:
        bound, which = (high, "at most") if low is None else (low, "at least")
        words.append(f"{which} {bound:g}" if isinstance(bound, int | float) else f"{which} {bound}")
    if isinstance(values := rest.pop("value_set", None), list):
        verb = "contains" if "contain" in expect else "is" if len(values) == 1 else "in"
        words.append(f"{verb} " + ", ".join("empty" if value == "" else str(value) for value in values))
    if len(words) < 2 and not rest:
        words.append(expect.removeprefix("expect_").removeprefix("column_").replace("_", " "))
    words += [f"{name} {value}" for name, value in rest.items()]
    return " ".join(words)


def load_verdict(store: Store, key: str) -> ValidationVerdict:
    """Return a stored verdict."""
    return ValidationVerdict.model_validate_json(store.read_bytes(key, VERDICT))


def note_verdict(store: Store, card: Card, key: str, now: datetime | None = None) -> None:
    """Write down that this verdict on a version is the one that counts, unless it is already.

    A verdict is content and knows no time; which was asked for last is kept beside it, in numbered files that are
    never changed: ``verdicts/<name>/<version>/<number>.json``.
    """
    notes = _notes(store, card)
    while True:
        number, last = notes.last()
        if last is not None and last.get("validation") == key:
            return
        when = (now or datetime.now(UTC)).isoformat(timespec="seconds")
        if notes.put(number + 1, {"validation": key, "dataset_fingerprint": card.fingerprint, "when": when}):
            return


def latest_verdict(store: Store, card: Card) -> ValidationVerdict | None:
    """Return the verdict that counts for a version: that of its last validation; None if it was never validated.

    One that another version of this code wrote and this one cannot read counts as none.
    """
    notes = _notes(store, card)
    for number in reversed(notes.numbers()):
        body = notes.get(number) or {}
        key = body.get("validation", "")
        if body.get("dataset_fingerprint") == card.fingerprint and store.find(key) is not None:
            with suppress(ValidationError):
                return load_verdict(store, key)
    return None


def mark_live(store: Store, groups: Mapping[str, Group], live: Live) -> None:
    """Tell the garbage collector which verdicts are noted on a version of a data set that is there."""
    for group in groups.values():
        if group.kind == "verdicts":
            for key in group.files:
                folder, _, number = key.rpartition("/")
                name, version = folder.split("/")[1:]
                datasets = groups.get(f"datasets/{name}")
                if datasets is not None and version_key(name, int(version)) in datasets.artifacts:
                    body = Records(store, f"{folder}/").get(int(number.removesuffix(".json"))) or {}
                    live.keys.add(body.get("validation", ""))


def _notes(store: Store, card: Card) -> Records:
    return Records(store, f"verdicts/{card.name}/{card.version:06d}/")
