"""The verdict on a version of a data set: what every check found, which one counts today, and who may use the data."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ValidationError

from acento.core.errors import DataError
from acento.core.fingerprint import fingerprint
from acento.core.store import Store
from acento.core.store.coordination import Records
from acento.core.store.upkeep.usage import Group, Live
from acento.data.dataset import Card, version_key
from acento.validation.measure import MEASURE_VERSION
from acento.validation.suite import Severity, Suite

VALIDATION_VERSION = 1
"""Raised by hand whenever the same measures and suite may lead to another verdict or page."""
VERDICT, ROWS, PAGE, SUITE = "verdict.json", "rows.csv", "index.html", "suite.yaml"
PASSED, NOT_VALIDATED, USED_ALL_THE_SAME = "passed", "not validated", "failed, used all the same"
"""What a run says of the validation of its data."""
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
    low, high = (
        f"{bound:g}" if isinstance(bound, int | float) else bound
        for bound in (rest.pop("min_value", None), rest.pop("max_value", None))
    )
    if low is not None and high is not None:
        words.append(f"{low} to {high}")
    elif low is not None or high is not None:
        words.append(f"at most {high}" if low is None else f"at least {low}")
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


def note_verdict(store: Store, card: Card, key: str) -> None:
    """Write down that this verdict on a version is the one that counts, unless it is already.

    A verdict is content and knows no time; which was asked for last is kept beside it, in numbered files that are
    never changed: ``verdicts/<name>/<version>/<number>.json``.
    """
    notes = _notes(store, card)
    last = notes.last()[1]
    if last is None or last.get("validation") != key:
        when = datetime.now(UTC).isoformat(timespec="seconds")
        notes.append({"validation": key, "dataset_fingerprint": card.fingerprint, "when": when})


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
    for key in (key for group in groups.values() if group.kind == "verdicts" for key in group.files):
        folder, _, number = key.rpartition("/")
        name, version = folder.split("/")[1:]
        datasets = groups.get(f"datasets/{name}")
        if datasets is not None and version_key(name, int(version)) in datasets.artifacts:
            body = Records(store, f"{folder}/").get(int(number.removesuffix(".json"))) or {}
            live.keys.add(body.get("validation", ""))


def _notes(store: Store, card: Card) -> Records:
    return Records(store, f"verdicts/{card.name}/{card.version:06d}/")


class InvalidDataError(DataError):
    """A data set did not pass; ``key`` is the artifact of the verdict."""

    def __init__(self, sentence: str, key: str) -> None:
        """Keep the sentence and the verdict's key."""
        super().__init__(sentence)
        self.key = key

    def __reduce__(self) -> tuple[type["InvalidDataError"], tuple[str, str]]:
        """Let it be pickled with both."""
        return InvalidDataError, (str(self), self.key)


def require_valid(store: Store, card: Card, allow_invalid: bool = False) -> str:
    """Return what a run has to say of its data's validation: passed, not validated, or failed and used all the same.

    Raises:
        InvalidDataError: the last validation of this version found errors, and it is not allowed to use it so.
    """
    verdict = latest_verdict(store, card)
    if verdict is None:
        return NOT_VALIDATED
    if verdict.passed:
        return PASSED
    if allow_invalid:
        return USED_ALL_THE_SAME
    raise InvalidDataError(
        f"{failure(verdict)} Fix the data and stage it again, change the suite (acento validate {verdict.dataset} "
        "--suite FILE), or use it anyway with --allow-invalid.",
        verdict.key,
    )


def failure(verdict: ValidationVerdict) -> str:
    """Say in one sentence which checks a data set failed, and which clips are at fault."""
    found = "; ".join(f"{check.name}: {check.sentence.rstrip('.')}" for check in verdict.errors)
    return f"Data set {verdict.title} failed validation ({found})."
