"""The verb ``search``: which recipe fine-tunes best."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows import terminal
from flows.commands.options import PLACE, RECIPE_FILE, Values, recipe_of, request_of, verb
from flows.commands.working import working

if TYPE_CHECKING:
    from acento.api.searching import Searched

Space = Annotated[
    Path | None, typer.Option("--space", help="A YAML file of what to try; default: what is usually worth trying.")
]


@verb("SearchRequest", **RECIPE_FILE, **PLACE, space=Space)
def search(chosen: Values) -> None:
    """Search the recipe that fine-tunes best; killed or interrupted, the same command goes on where it was."""
    from acento.experiments.search.reading import read_file
    from acento.requests import SearchRequest

    space = None if chosen["space"] is None else read_file(chosen["space"])
    request: SearchRequest = request_of(SearchRequest, chosen, recipe=recipe_of(chosen), space=space)
    with working("search", request.dataset, chosen=chosen):
        from flows.search import search as search_flow

        searched = search_flow(**request.parameters())
    print_searched(searched)


def print_searched(searched: "Searched") -> None:
    """Print the trials, what mattered, and where the best recipe and its model are."""
    rows = [
        (
            line.number,
            line.tried,
            "" if line.dev_wer is None else f"{100 * line.dev_wer:.2f}",
            f"{line.minutes:.1f}",
            f"{line.state}, the best" if line.number == searched.best_trial else line.state,
        )
        for line in searched.trials
    ]
    terminal.print_table(None, ["trial", "what varied", "dev WER %", "minutes", "state"], rows)
    terminal.out.print()
    shares = searched.importance or {}
    mattered = ", ".join(f"{name} {share:.0%}" for name, share in shares.items())
    terminal.print_facts(
        [
            ("ended", searched.why),
            ("mattered", mattered or "not known from so few finished trials, or ones that came out alike"),
            *((Path(path).name, path) for path in searched.files),
            ("model", searched.model or "none: no trial finished"),
        ]
    )
