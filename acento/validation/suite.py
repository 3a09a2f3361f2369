"""A suite: a YAML file of Great Expectations expectations, each with a severity and a sentence for people."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError

from acento.core.errors import InputError
from acento.core.fingerprint import fingerprint
from acento.validation.frame import COLUMNS

DEFAULT_SUITE = Path(__file__).with_name("suites") / "default.yaml"
PARAMETERS = ("max_label_tokens", "window_s")
"""The limits of a model that ``{$PARAMETER: …}`` may name."""
Severity = Literal["error", "warning"]

_PARAMETER = "$PARAMETER"
_OURS = ("column", "column_A", "column_B", "column_list", "column_set")


class Check(BaseModel, frozen=True, extra="forbid"):
    """One expectation of a suite."""

    name: str = Field(pattern=r"^[\w.-]+$")
    expect: str = Field(pattern=r"^expect_\w+$")
    kwargs: dict[str, Any]
    severity: Severity
    says: str = Field(min_length=1)
    fails: str | None = None
    """What is wrong where it fails, and what to do; ``{observed}`` stands for what a check of the whole table saw."""

    @property
    def parameters(self) -> frozenset[str]:
        """The model limits that it needs."""
        return frozenset(v[_PARAMETER] for v in self.kwargs.values() if isinstance(v, dict) and _PARAMETER in v)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it looks at."""
        named = (self.kwargs[key] for key in _OURS if key in self.kwargs)
        return tuple(name for value in named for name in (value if isinstance(value, list) else [value]))

    def kwargs_with(self, parameters: Mapping[str, float]) -> dict[str, Any]:
        """Return its arguments, the model's limits put in."""
        return {
            key: parameters[value[_PARAMETER]] if isinstance(value, dict) and _PARAMETER in value else value
            for key, value in self.kwargs.items()
        }


class Suite(BaseModel, frozen=True, extra="forbid"):
    """What a data set is judged by."""

    name: str = Field(min_length=1)
    checks: tuple[Check, ...] = Field(min_length=1)

    @property
    def digest(self) -> str:
        """Name the suite's content; comments, layout and the words for failures do not count."""
        return fingerprint(self.model_dump(mode="json", exclude={"checks": {"__all__": {"fails"}}}))

    def made(self, parameters: Mapping[str, float]) -> list[Check]:
        """Return the checks that can be made when these limits of a model are known."""
        return [check for check in self.checks if check.parameters <= parameters.keys()]


def load_suite(path: Path | None = None) -> Suite:
    """Read a suite's file; None is the one that Acento comes with.

    Raises:
        InputError: the file cannot be read, is not YAML, or says something that a suite cannot say.
    """
    import yaml

    where = path or DEFAULT_SUITE
    try:
        body = yaml.safe_load(where.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"Suite {where} cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise InputError(f"Suite {where} is not UTF-8 text.") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise InputError(f"Suite {where}{line} is not YAML: {getattr(error, 'problem', None) or error}.") from error
    if not isinstance(body, dict):
        raise InputError(f"Suite {where} is no suite: it needs `name:` and `checks:`.")
    try:
        suite = Suite.model_validate(body)
    except ValidationError as error:
        raise InputError(f"Suite {where}: {_first(error, body)}.") from error
    for check in suite.checks:
        for column in check.columns:
            if column not in COLUMNS:
                raise InputError(
                    f"Suite {where}, check {check.name}: there is no column {column!r}; there is {', '.join(COLUMNS)}."
                )
        for name in check.parameters:
            if name not in PARAMETERS:
                raise InputError(
                    f"Suite {where}, check {check.name}: no model has a limit {name!r}; use {' or '.join(PARAMETERS)}."
                )
    twice = [name for name, count in Counter(check.name for check in suite.checks).items() if count > 1]
    if twice:
        raise InputError(f"Suite {where} has more than one check called {twice[0]}.")
    return suite


def _first(error: ValidationError, body: dict[str, Any]) -> str:
    """Return the first thing that is wrong with a suite's file, and where."""
    first = error.errors()[0]
    place = list(first["loc"])
    if len(place) > 1 and place[0] == "checks" and isinstance(place[1], int):
        check = body["checks"][place[1]]
        name = check.get("name") if isinstance(check, dict) else None
        place[:2] = [f"check {name or place[1] + 1}"]
    return f"{', '.join(map(str, place))}: {first['msg']}"
