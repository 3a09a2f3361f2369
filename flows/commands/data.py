"""Verbs that make a data set and judge it: ``stage`` and ``validate``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from acento.core.errors import InputError
from acento.core.progress import duration
from acento.scoring.table import counted
from flows.commands import terminal
from flows.commands.options import Own, Values, verb
from flows.commands.session import open_store, run_flow

if TYPE_CHECKING:
    from acento.api.data import StagedDataset
    from acento.core.store import Store
    from acento.requests import StageRequest, ValidateRequest
    from acento.validation.doctor.examination import Examined
    from acento.validation.verdict import ValidationVerdict

_FINDINGS = 15
"""Findings that are printed."""


@verb("StageRequest")
def stage(request: "StageRequest", _: Values) -> None:
    """Turn a source of recordings into a staged data set, or add what is new to one."""

    staged: StagedDataset = run_flow("stage", request, request.name, check=_check_source)
    left_out = ", ".join(f"{reason} {count}" for reason, count in staged.rejected.items())
    terminal.print_facts(
        [
            ("data set", staged.title if staged.new_version else f"{staged.title} (cached: nothing new)"),
            ("found", staged.found),
            ("staged now", staged.staged_now),
            ("already there", staged.already_there),
            ("rejected", f"{sum(staged.rejected.values())} ({left_out})" if left_out else 0),
            ("clips", f"{staged.clips}, {duration(staged.seconds)}"),
            ("splits", ", ".join(f"{split} {clips}" for split, clips in staged.splits.items())),
            *(("note", note) for note in staged.notes),
            *(("splits written to", path) for path in staged.split_lists),
            ("path", f"{staged.store}/{staged.key}"),
        ]
    )


def _check_source(_: "Store", request: "StageRequest", *, installed: bool) -> None:  # noqa: ARG001
    """Say in the first second that nothing is at a path; what is there is looked at by the flow."""
    from acento.data import sources

    if not sources.exists(request.source):
        sources.open_source(request.source, request)


def _print_columns(wanted: bool) -> None:
    """List the columns that a suite may name, and end."""
    if wanted:
        from acento.validation.frame import COLUMNS

        terminal.print_facts(COLUMNS.items())
        raise typer.Exit


def _write_suite(path: Path | None) -> None:
    """Copy Acento's own suite into a file that is not there yet, and end."""
    if path is None:
        return
    from acento.validation.suite import DEFAULT_SUITE

    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(DEFAULT_SUITE.read_text(encoding="utf-8"))
    except FileExistsError as error:
        raise InputError(f"{path} is there already; name another file.") from error
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error.strerror}).") from error
    terminal.print_facts([("suite", path)])
    raise typer.Exit


Dataset = Annotated[str | None, typer.Argument(help="A staged set, NAME or NAME@VERSION.", show_default=False)]
Suite = Annotated[
    Path | None,
    typer.Option(
        "--write-suite", callback=_write_suite, is_eager=True, help="Only copy Acento's own suite into a new file."
    ),
]
Columns = Annotated[
    bool,
    typer.Option(
        "--columns", callback=_print_columns, is_eager=True, help="Only list the columns that a suite may name."
    ),
]


@verb(
    "ValidateRequest",
    dataset=Dataset,
    suite=Own(read=lambda path: str(Path(path).absolute())),
    write_suite=Suite,
    columns=Own(Columns, False),
)
def validate(request: "ValidateRequest", _: Values) -> None:
    """Check a staged data set: audio, texts, splits, leaks; exit code 1 if an error is found."""
    if request.language is not None and request.doctor is None and request.model is None:
        raise typer.BadParameter(
            "It is for the models of --model and --doctor, and none is named.", param_hint="--model-language"
        )
    from acento.validation.suite import load_suite
    from acento.validation.verdict import InvalidDataError, load_verdict

    store = open_store()
    load_suite(Path(request.suite) if request.suite else None)  # an error in it shows before a server starts
    failed = None
    try:
        done = run_flow("validate", request, request.dataset)
        verdict, cached, doctor = done.verdict, done.cached, done.doctor
    except InvalidDataError as error:
        failed, cached, doctor = error, False, getattr(error, "doctor", None)
        verdict = load_verdict(store, error.key)
    _print_checks(verdict)
    terminal.print_facts(
        [
            ("data set", f"{verdict.title} (cached: judged before)" if cached else verdict.title),
            ("verdict", _words(verdict)),
            ("left out", f"{', '.join(verdict.left_out)} (name a model with --model)" if verdict.left_out else None),
            ("page", store.local_path(verdict.key, "index.html")),
            ("clips at fault", store.local_path(verdict.key, "rows.csv")),
        ]
    )
    if doctor is not None:
        _print_findings(store, doctor)
    if failed is not None:
        raise failed


def _print_checks(verdict: "ValidationVerdict") -> None:
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
    terminal.print_table(["result", "check", "expected", "clips", "such as"], rows)


def _print_findings(store: "Store", examined: "Examined") -> None:
    """Print the doctor's first findings, and where all of them can be listened to."""
    from acento.validation.doctor.findings import FINDINGS, PAGE, load_findings

    found = examined.report
    rows = []
    for row in load_findings(store, found.key, _FINDINGS):
        kinds, why = row["kinds"].replace("_", " ").replace("+", ", "), row["why"].partition(". ")[0]
        rows.append((row["rank"], row["id"], row["score"], kinds, why))
    terminal.print_table(["rank", "clip", "score", "kind", "why"], rows, below=True)
    if not rows:
        terminal.out.print()
    terminal.print_facts(
        [
            ("doctor", f"{found.model} (cached: examined before)" if examined.cached else found.model),
            ("findings", f"{found.findings} of {found.clips} clips"),
            ("listen", store.local_path(found.key, PAGE)),
            ("decide", store.local_path(found.key, FINDINGS)),
        ]
    )


def _words(verdict: "ValidationVerdict") -> str:
    """Say a verdict: ``passed, 1 warning``."""
    counts = [(len(verdict.errors), "error"), (len(verdict.warnings), "warning")]
    found = ", ".join(counted(count, name) for count, name in counts if count)
    return ("passed" if verdict.passed else "failed") + (f", {found}" if found else "")
