"""The verb ``validate``: judge a staged data set before anybody pays for a GPU."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows import terminal
from flows.commands.options import Values, request_of, verb
from flows.commands.working import working

if TYPE_CHECKING:
    from acento.core.store import Store
    from acento.validation.verdict import ValidationVerdict

Dataset = Annotated[str | None, typer.Argument(help="A staged set, NAME or NAME@VERSION.", show_default=False)]
Write = Annotated[Path | None, typer.Option("--write-suite", help="Only copy Acento's own suite into a new file.")]
Columns = Annotated[bool, typer.Option("--columns", help="Only list the columns that a suite may name.")]

_FINDINGS = 15
"""Findings that are printed."""


@verb("ValidateRequest", dataset=Dataset, write_suite=Write, columns=(Columns, False))
def validate(chosen: Values) -> None:
    """Check a staged data set: audio, texts, splits, leaks; exit code 1 if an error is found."""
    if chosen["columns"]:
        from acento.validation.frame import COLUMNS

        terminal.print_facts(COLUMNS.items())
        return
    if chosen["write_suite"] is not None:
        _write(chosen["write_suite"])
        return
    if chosen["dataset"] is None:
        raise typer.BadParameter("Name a staged data set.", param_hint="DATASET")
    if chosen["language"] is not None and chosen["doctor"] is None and chosen["model"] is None:
        raise typer.BadParameter(
            "It is for the models of --model and --doctor, and none is named.", param_hint="--model-language"
        )

    from acento.core.settings import settings
    from acento.core.store import open_store
    from acento.requests import ValidateRequest
    from acento.validation.suite import load_suite
    from acento.validation.verdict import InvalidDataError, load_verdict

    suite = Path(chosen["suite"]) if chosen["suite"] else None
    request: ValidateRequest = request_of(ValidateRequest, chosen, suite=suite and str(suite.absolute()))
    store = open_store(settings().store)
    load_suite(suite)  # what is wrong with the store or the suite's file is said before a server starts
    failed, cached, examined = None, False, None
    with working("validate", request.dataset):
        from flows.validate import InvalidExaminedError
        from flows.validate import validate as validate_flow

        try:
            reference = validate_flow(**request.parameters())
            key, cached, examined = reference.key, reference.cached, reference.doctor
        except InvalidDataError as error:
            failed, key = error, error.key
            examined = error.doctor if isinstance(error, InvalidExaminedError) else None
    verdict = load_verdict(store, key)
    _print(verdict)
    terminal.print_facts(
        [
            ("data set", f"{verdict.title} (cached: judged before)" if cached else verdict.title),
            ("verdict", _words(verdict)),
            *([("left out", f"{', '.join(verdict.left_out)} (name a model with --model)")] if verdict.left_out else []),
            ("page", store.local_path(key, "index.html")),
            ("clips at fault", store.local_path(key, "rows.csv")),
        ]
    )
    if examined is not None:
        _print_findings(store, examined.key, examined.cached)
    if failed is not None:
        raise failed


def _print(verdict: "ValidationVerdict") -> None:
    """Print a line for each check, the failed ones last, where they are seen."""
    from acento.validation.verdict import expected

    order = {"ok": 0, "warning": 1, "ERROR": 2}
    rows = [
        (
            check.mark,
            check.name,
            expected(check.expect, check.arguments),
            check.unexpected if check.unexpected else "" if check.ok else "-",
            ", ".join(check.examples[:3]) + (", …" if check.unexpected > 3 else ""),
        )
        for check in sorted(verdict.checks, key=lambda check: order[check.mark])
    ]
    terminal.print_table(None, ["result", "check", "expected", "clips", "such as"], rows)


def _print_findings(store: "Store", key: str, cached: bool) -> None:
    """Print the doctor's first findings, and where all of them can be listened to."""
    from acento.validation.doctor.findings import FINDINGS, PAGE, load_findings, load_report

    found = load_report(store, key)
    terminal.out.print()
    rows = [
        (
            row["rank"],
            row["id"],
            row["score"],
            row["kinds"].replace("_", " ").replace("+", ", "),
            row["why"].partition(". ")[0],
        )
        for row in load_findings(store, key, _FINDINGS)
    ]
    if rows:
        terminal.print_table(None, ["rank", "clip", "score", "kind", "why"], rows)
    terminal.print_facts(
        [
            ("doctor", f"{found.model} (cached: examined before)" if cached else found.model),
            ("findings", f"{found.findings} of {found.clips} clips"),
            ("listen", store.local_path(key, PAGE)),
            ("decide", store.local_path(key, FINDINGS)),
        ]
    )


def _words(verdict: "ValidationVerdict") -> str:
    """Say a verdict: ``passed, 1 warning``."""
    counts = [(len(verdict.errors), "error"), (len(verdict.warnings), "warning")]
    found = ", ".join(f"{count} {name}{'s' if count > 1 else ''}" for count, name in counts if count)
    return ("passed" if verdict.passed else "failed") + (f", {found}" if found else "")


def _write(path: Path) -> None:
    """Copy Acento's own suite into a file that is not there yet.

    Raises:
        InputError: it is there, or cannot be written.
    """
    from acento.core.errors import InputError
    from acento.validation.suite import DEFAULT_SUITE

    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(DEFAULT_SUITE.read_text(encoding="utf-8"))
    except FileExistsError as error:
        raise InputError(f"{path} is there already; name another file.") from error
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error.strerror}).") from error
    terminal.print_facts([("suite", path)])
