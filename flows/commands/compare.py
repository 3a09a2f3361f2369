"""The verbs ``report`` and ``compare``: one run as a page, and why two runs differ."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from acento.core.errors import InputError
from flows.commands import terminal
from flows.commands.session import open_store

Audio = Annotated[
    int, typer.Option("--audio", min=0, max=200, help="Clips with a player, the worst (most changed) first.")
]


class Format(StrEnum):
    """How a comparison is printed."""

    table = "table"
    json = "json"
    md = "md"


def report(
    run: Annotated[str, typer.Argument(help="A run's id, or latest.")] = "latest",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The file; RUN.html by default.")] = None,
    audio: Audio = 20,
) -> None:
    """Write the report of a run as one HTML file: rates, groups, words, worst clips with sound, provenance."""
    from acento.registry.runs.records import find_run
    from acento.registry.runs.reports import run_report

    store = open_store()
    name = find_run(store, run).key.rpartition("/")[2]
    write_page(output or Path(f"{name}.html"), run_report(store, name, audio))


def compare(
    run_a: Annotated[str, typer.Argument(help="A run's id, or latest.")],
    run_b: Annotated[str, typer.Argument(help="What it is compared with; the same run, to compare two of its models.")],
    model_a: Annotated[str | None, typer.Option("--model-a", help="Which model of the first, if several.")] = None,
    model_b: Annotated[str | None, typer.Option("--model-b", help="Which model of the second.")] = None,
    normalizer_a: Annotated[
        str | None, typer.Option("--normalizer-a", help="Which normalizer of the first, if scored by several.")
    ] = None,
    normalizer_b: Annotated[str | None, typer.Option("--normalizer-b", help="Which normalizer of the second.")] = None,
    dataset: Annotated[
        str | None, typer.Option("--dataset", "-d", help="Which data set, NAME or NAME@VERSION.")
    ] = None,
    by: Annotated[list[str] | None, typer.Option("--by", help="Groups: speaker, accent. Repeatable.")] = None,
    top: Annotated[int, typer.Option("--top", min=1, max=1000, help="Clips and errors that are listed.")] = 20,
    report: Annotated[Path | None, typer.Option("--report", help="Also write an HTML page to this file.")] = None,
    audio: Audio = 20,
    output: Annotated[Format, typer.Option("--format", help="How it is printed.")] = Format.table,
) -> None:
    """Tell why two runs differ: overall, by group, by clip and by confused word; also one run under two normalizers."""
    from acento.registry.runs.comparing import RunChoice, compare_stored
    from acento.registry.runs.reports import comparison_report
    from acento.scoring.comparing.run_comparison import GROUPS
    from acento.scoring.table import rich_table

    groups = tuple(by) if by else GROUPS
    for name in groups:
        if name not in GROUPS:
            raise InputError(f"There is no breakdown by {name!r}; there is {', '.join(GROUPS)}.")
    store = open_store()
    choice = RunChoice(model_a, model_b, normalizer_a, normalizer_b, dataset)
    found = compare_stored(store, run_a, run_b, choice, top)
    if output is Format.json:
        typer.echo(json.dumps(found.to_dict(groups), ensure_ascii=False, indent=1))
    elif output is Format.md:
        typer.echo(found.to_markdown(groups))
    else:
        terminal.out.print(f"{found.sentence}\n", soft_wrap=True, markup=False, highlight=False)
        for table in found.tables(groups):
            terminal.out.print(rich_table(table))
    if report is not None:
        write_page(report, comparison_report(store, found, audio), quiet=output is not Format.table)


def write_page(path: Path, page: str, *, quiet: bool = False) -> None:
    """Write an HTML page and say where it is, unless what is printed is for a program."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error.strerror}).") from error
    (terminal.err if quiet else terminal.out).print(f"report  {path}", soft_wrap=True, markup=False, highlight=False)
