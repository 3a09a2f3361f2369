"""The verb ``judge-windows``, and how the window gate's answer is printed."""

from typing import TYPE_CHECKING

import typer

from flows.commands import terminal
from flows.commands.options import PLACE, REFUSED, WINDOW_BOUND, Values, verb
from flows.commands.session import run_flow

if TYPE_CHECKING:
    from acento.registry.gate.windows import WindowVerdict
    from acento.requests import WindowsRequest


@verb("WindowsRequest", **PLACE, window_bound=WINDOW_BOUND)
def judge_windows(request: "WindowsRequest", chosen: Values) -> None:
    """Measure a tuned model with short and with full windows, and decide which it is used with."""
    from acento.api.windows import check_windows

    done = run_flow("judge-windows", request, request.model, chosen=chosen, check=check_windows)
    print_windows(done.verdict)
    terminal.print_facts([("model", done.model), ("card", done.card)])
    if not done.verdict.passed:
        raise typer.Exit(REFUSED)


def print_windows(verdict: "WindowVerdict") -> None:
    """Print both rates of each set, and the answer in sentences."""
    from acento.scoring.table import rich_table

    terminal.out.print(rich_table(verdict.table))
    answer = "passed" if verdict.passed else "refused"
    terminal.print_facts([(f"windows {answer}", verdict.sentences[0]), *[("", one) for one in verdict.sentences[1:]]])
