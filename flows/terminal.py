"""What every command shares: the screen, progress bars, tables, and how an error is said."""

import os
import tempfile
import traceback
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from typer.core import TyperGroup

from acento.core.errors import AcentoError, name_and_line
from flows import interrupts, pipes

INTERRUPTED = 130
BUG = 70
"""Exit codes; beside them 1 is an error that was said or something that was left out, 2 a command line that was not
understood, 141 an output that nobody reads any more."""

_NARROW = 80
_PAGE = 120
"""Columns of what is printed into a file or a pipe, where no terminal says how wide it is."""

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)
if not out.is_terminal and out.width <= _NARROW and "COLUMNS" not in os.environ:
    out.width = _PAGE


class _Choice:
    """What the person chose for this command."""

    verbose = False


def verbose() -> bool:
    """Tell whether logs and tracebacks were asked for."""
    return _Choice.verbose


def _choose_verbose(value: bool) -> bool:
    _Choice.verbose = _Choice.verbose or value
    return value


Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", callback=_choose_verbose, help="Show Prefect's logs, and tracebacks.")
]
"""The type of the option ``-v`` of every working command, and of ``acento`` itself."""


class Commands(TyperGroup):
    """The command group that turns an exception into one line on standard error and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command; see :func:`explain`."""
        _Choice.verbose = bool(ctx.params.get("verbose"))
        try:
            with interrupts.noticing():
                return super().invoke(ctx)
        except (KeyboardInterrupt, Exception) as error:
            if type(error).__module__.partition(".")[0] in ("click", "typer"):
                raise  # how these two say usage errors and exits
            if isinstance(error, BrokenPipeError) and pipes.reader_is_gone():
                pipes.leave()
            raise typer.Exit(explain(error)) from None


def explain(error: BaseException) -> int:
    """Say on standard error what went wrong, and return the exit code for it."""
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


@contextmanager
def progress_bars(title: str, *, lines: bool = False) -> Iterator[None]:
    """Show each step that the library reports as a bar with the time left, on a terminal that is not verbose.

    Where there is no terminal nothing is shown, or with ``lines`` a line now and then.
    """
    from acento.core import progress_bars as shown

    by_line = lines and not err.is_terminal
    with (
        shown.progress_lines(err)
        if by_line
        else shown.progress_bars(title, err, shown=err.is_terminal and not verbose())
    ):
        yield


def print_table(title: str | None, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table on standard output; columns of numbers stand to the right."""
    lines = [list(row) for row in rows]
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for index, name in enumerate(header):
        numbers = bool(lines) and all(isinstance(line[index], int | float) for line in lines)
        table.add_column(name, justify="right" if numbers else "left", overflow="fold")
    for line in lines:
        table.add_row(*(escape(f"{value:.2f}" if isinstance(value, float) else str(value)) for value in line))
    out.print(table)


def print_facts(rows: Iterable[tuple[str, object]]) -> None:
    """Print names and values, one pair a line, never cut: paths stay whole."""
    pairs = [(name, str(value)) for name, value in rows]
    width = max((len(name) for name, _ in pairs), default=0)
    for name, value in pairs:
        out.print(f"{escape(name):<{width}}  {escape(value)}", soft_wrap=True)
