"""Make a suite's checks on a table by Great Expectations, and say of each what it found, with the rows at fault."""

import importlib
import os
import sys
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from acento.core.errors import InputError
from acento.validation.suite import PARAMETERS, Check, Suite
from acento.validation.verdict import EXAMPLES, CheckVerdict

if TYPE_CHECKING:
    import pandas as pd
    from great_expectations.core import ExpectationSuite

_SEVERITY = {"error": "critical", "warning": "warning"}
"""What Great Expectations calls them."""


Rows = list[tuple[str, str]]
"""The id and the value of every clip that is not as a check expects."""


def great_expectations() -> Any:
    """Import Great Expectations, which takes seconds, and let it send nothing to anybody."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    # it imports Spark if it can, whose part for clients may end the process
    hidden = "pyspark.sql.connect" if "pyspark" in sys.modules else "pyspark"
    if is_hidden := hidden not in sys.modules:
        sys.modules[hidden] = None  # type: ignore[assignment]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module("great_expectations")
    finally:
        if is_hidden:
            del sys.modules[hidden]


def run_suite(frame: "pd.DataFrame", suite: Suite, parameters: Mapping[str, float]) -> list[tuple[CheckVerdict, Rows]]:
    """Make every check of a suite that can be made with these limits of a model; return verdicts in the suite's order.

    Raises:
        InputError: a check cannot be made on this table.
    """
    gx = great_expectations()
    asked = expectations(suite, parameters)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    asset = context.data_sources.add_pandas("acento").add_dataframe_asset("clips")
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": frame})
    form = {
        "result_format": "COMPLETE",
        "unexpected_index_column_names": ["id"],
        "return_unexpected_index_query": False,
    }
    validated = batch.validate(asked, result_format=form)
    results = {result.expectation_config.meta["check"]: result for result in validated.results}
    return [_judged(check, results[check.name], parameters) for check in suite.made(parameters)]


def expectations(suite: Suite, parameters: Mapping[str, float]) -> "ExpectationSuite":
    """Return the suite as Great Expectations knows it; a check's name is in its expectation's ``meta``.

    Raises:
        InputError: there is no such expectation, or its arguments are wrong.
    """
    gx = great_expectations()
    from great_expectations.exceptions import ExpectationNotFoundError
    from great_expectations.expectations.registry import get_expectation_impl

    found = []
    for check in suite.checks:
        possible = check.parameters <= parameters.keys()
        kwargs = check.kwargs_with(parameters if possible else dict.fromkeys(PARAMETERS, 1.0))
        try:
            kind = get_expectation_impl(check.expect)
            expectation = kind(**kwargs, severity=_SEVERITY[check.severity], meta={"check": check.name})
        except ExpectationNotFoundError as error:
            raise InputError(
                f"Suite {suite.name}, check {check.name}: Great Expectations has no {check.expect}."
            ) from error
        except (ValueError, TypeError) as error:
            raise InputError(
                f"Suite {suite.name}, check {check.name}: {check.expect} cannot have these arguments ({_why(error)})."
            ) from error
        if possible:
            found.append(expectation)
    return gx.ExpectationSuite(name=suite.name, expectations=found)


def _judged(check: Check, result: Any, parameters: Mapping[str, float]) -> tuple[CheckVerdict, Rows]:
    if trouble := _exception(result.exception_info or {}):
        raise InputError(f"Check {check.name} ({check.expect}) cannot be made on this data: {trouble}.")
    found = result.result or {}
    rows = [
        (str(row["id"]), _value(row, check) if "column" in check.kwargs else "")
        for row in found.get("unexpected_index_list") or []
    ]
    with_value = int(found.get("element_count", 0)) - int(found.get("missing_count", 0))
    observed = found.get("observed_value")
    if missing := found.get("partial_missing_list"):
        observed = f"without {', '.join(sorted(map(str, missing)))}"
    verdict = CheckVerdict(
        name=check.name,
        expect=check.expect,
        arguments=check.kwargs_with(parameters),
        severity=check.severity,
        says=check.says,
        ok=bool(result.success),
        unexpected=len(rows),
        share=round(len(rows) / with_value, 6) if rows and with_value else None,
        examples=tuple(uid for uid, _ in rows[:EXAMPLES]),
        values=tuple(value for _, value in rows[:EXAMPLES]),
        sentence=check.says if result.success else _failure(check, rows, with_value, str(observed or "")),
    )
    return verdict, rows


def _failure(check: Check, rows: Rows, with_value: int, observed: str) -> str:
    """Return what is wrong, and of how many clips."""
    if not rows and check.fails:
        return check.fails.replace("{observed}", observed)
    ids = ", ".join(uid for uid, _ in rows[:3]) + (", …" if len(rows) > 3 else "")
    of = f" of {with_value}" if with_value else ""
    details = f"{len(rows)}{of} clips ({ids})" if rows else observed
    wrong = (check.fails or f"Not met: {check.says}").rstrip(".")
    return f"{wrong}: {details}." if details else f"{wrong}."


def _value(row: Mapping[str, Any], check: Check) -> str:
    """Return the value that is not as expected, as text: six digits of a number."""
    value = row.get(check.kwargs["column"])
    if value is None:
        return ""
    plain = value.item() if hasattr(value, "item") else value
    return f"{plain:.6g}" if isinstance(plain, float) else str(plain)


def _exception(info: Mapping[str, Any]) -> str | None:
    """Return what went wrong inside a check, in one line; None if nothing did."""
    for part in [info, *(value for value in info.values() if isinstance(value, dict))]:
        if part.get("raised_exception"):
            lines = str(part.get("exception_message") or "").strip().splitlines()
            return (lines or ["no reason is given"])[-1].rstrip(".")
    return None


def _why(error: Exception) -> str:
    """Return the first complaint of Great Expectations in one line."""
    errors = getattr(error, "errors", None)
    if callable(errors) and (listed := errors()):
        place = ".".join(str(part) for part in listed[0]["loc"] if part != "__root__")
        return f"{place}: {listed[0]['msg']}" if place else str(listed[0]["msg"])
    return (str(error).splitlines() or [type(error).__name__])[0]
