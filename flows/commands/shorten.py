"""The verb ``shorten``: a model that is taught short windows by itself, without transcripts."""

from typing import TYPE_CHECKING

import typer

from flows.commands import terminal
from flows.commands.options import PLACE, RECIPE, REFUSED, WINDOW_BOUND, Values, verb
from flows.commands.session import open_store, run_flow
from flows.commands.windows import print_windows

if TYPE_CHECKING:
    from acento.api.shortening import Shortened
    from acento.requests import ShortenRequest


@verb("ShortenRequest", **RECIPE, **PLACE, window_bound=WINDOW_BOUND)
def shorten(request: "ShortenRequest", chosen: Values) -> None:
    """Teach a model short windows, and nothing else, on recordings that need no transcripts; killed, it goes on."""
    from acento.api.precheck import check_shortening
    from acento.registry.versions import find_version

    done: Shortened = run_flow("shorten", request, request.dataset, chosen=chosen, check=check_shortening)
    store = open_store()
    facts: list[tuple[str, object]] = []
    if done.model is not None:
        version = find_version(store, done.model)
        facts += [("model", version.id), ("path", store.local_folder(version.key))]
    left_out = ", ".join(f"{count} {reason.replace('_', ' ')}" for reason, count in done.left_out.items())
    facts += [("left out", left_out or "no clip"), ("ended", done.ended)]
    if done.windows is None:
        unjudged = "not judged: no test clip has a transcript; acento judge-windows does it"
        if not done.taught:
            unjudged = "full: what was learned brought short ones no nearer"
        terminal.print_facts([*facts, *([] if done.model is None else [("windows", unjudged)])])
        return
    terminal.print_facts(facts)
    print_windows(done.windows.verdict)
    if not done.windows.verdict.passed:
        raise typer.Exit(REFUSED)
