"""What every command shares: the screen, progress bars, tables, and errors."""

import os
import tempfile
import traceback
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from typer.core import TyperGroup

from acento.core.errors import AcentoError, name_and_line
from flows.runtime import interrupts

INTERRUPTED = 130
BUG = 70
"""Exit codes; beside them 1 is an error or something that was left out, 2 a command line that was not
understood, 141 an output that nobody reads any more."""

_NARROW = 80
_PAGE = 120
"""Columns of what is printed into a file or a pipe, where no terminal says how wide it is."""

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)
if not out.is_terminal and out.width <= _NARROW and "COLUMNS" not in os.environ:
    out.width = _PAGE


_chosen = {"verbose": False}
"""What the person chose for this command."""


def verbose() -> bool:
    """Tell whether logs and tracebacks were asked for."""
    return _chosen["verbose"]


def _choose_verbose(value: bool) -> bool:
    _chosen["verbose"] |= value
    return value


Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", callback=_choose_verbose, help="Show Prefect's logs, and tracebacks.")
]
"""The type of the option ``-v`` of every working command, and of ``acento`` itself."""


class Commands(TyperGroup):
    """The command group that turns an exception into one line on standard error and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command; see :func:`explain`."""
        _chosen["verbose"] = bool(ctx.params.get("verbose"))
        try:
            with interrupts.catching():
                return super().invoke(ctx)
        except (KeyboardInterrupt, Exception) as error:
            if type(error).__module__.partition(".")[0] in ("click", "typer"):
                raise  # how these two say usage errors and exits
            if isinstance(error, BrokenPipeError) and interrupts.closed_outputs():
                interrupts.leave()
            raise typer.Exit(explain(error)) from None


def explain(error: BaseException) -> int:
    """Print on standard error what went wrong, and return the exit code for it."""
    if isinstance(error, KeyboardInterrupt):
        _say("Interrupted. What was finished is kept: run the same command again to go on.")
        return INTERRUPTED
    if verbose():
        err.print_exception() if err.is_terminal else traceback.print_exception(error)
    if isinstance(error, AcentoError):
        _say(f"Error: {error}")
        return 1
    if verbose():
        _say(f"Error: unexpected {name_and_line(error)}")
    else:
        with tempfile.NamedTemporaryFile("w", prefix="acento-", suffix=".log", delete=False, encoding="utf-8") as log:
            traceback.print_exception(error, file=log)
        _say(f"Error: unexpected {name_and_line(error)} (traceback in {log.name}; or run again with -v)")
    return BUG


def _say(sentence: str) -> None:
    err.print(escape(sentence), soft_wrap=True)


def progress_bars(title: str, *, lines: bool = False) -> AbstractContextManager[None]:
    """Show each step that the library reports as a bar with the time left, on a terminal that is not verbose.

    Where there is no terminal nothing is shown, or with ``lines`` a line now and then.
    """
    from acento.core import progress_bars as shown

    if lines and not err.is_terminal:
        return shown.progress_lines(err)
    return shown.progress_bars(title, err, shown=err.is_terminal and not verbose())


def print_table(
    header: Sequence[str], rows: Iterable[Sequence[object]], *, title: str | None = None, below: bool = False
) -> None:
    """Print a table on standard output; columns of numbers stand to the right.

    With ``below`` an empty line is before it, and without rows there is nothing at all.
    """
    lines = [list(row) for row in rows]
    if below and not lines:
        return
    if below:
        out.print()
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for index, name in enumerate(header):
        numbers = bool(lines) and all(isinstance(line[index], int | float) for line in lines)
        table.add_column(name, justify="right" if numbers else "left", overflow="fold")
    for line in lines:
        table.add_row(*(escape(f"{value:.2f}" if isinstance(value, float) else str(value)) for value in line))
    out.print(table)


def print_facts(rows: Iterable[tuple[str, object]]) -> None:
    """Print names and values, one pair a line, never cut: paths stay whole. What is None is left out."""
    pairs = [(name, str(value)) for name, value in rows if value is not None]
    width = max((len(name) for name, _ in pairs), default=0)
    for name, value in pairs:
        out.print(f"{escape(name):<{width}}  {escape(value)}", soft_wrap=True)
