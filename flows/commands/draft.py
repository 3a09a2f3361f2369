"""The verb ``draft``: recordings without transcripts to a list for a person to review, and that to a data set."""

from typing import TYPE_CHECKING

import typer

from flows.commands import terminal
from flows.commands.options import PLACE, Values, verb
from flows.commands.session import run_flow

if TYPE_CHECKING:
    from acento.api.recordings.drafting import Drafted
    from acento.core.store import Store
    from acento.requests import DraftRequest


@verb("DraftRequest", **PLACE)
def draft(request: "DraftRequest", chosen: Values) -> None:
    """Make data of recordings without transcripts: a list to review, worst first; then stage what is right."""
    drafted: Drafted = run_flow("draft", request, request.name, chosen=chosen, check=_check)
    for file, why in drafted.failed.items():
        terminal.err.print(f"{file} failed. {why}", soft_wrap=True, markup=False)
    print_drafted(drafted)
    if drafted.failed:
        raise typer.Exit(1)


def _check(store: "Store", request: "DraftRequest", installed: bool) -> None:
    """See, before a server starts, what would fail later."""
    from acento.api.recordings.drafting import check_draft

    check_draft(store, request, installed=installed)


def print_drafted(drafted: "Drafted") -> None:
    """Print what a draft holds, what became of its utterances, and what a person does next."""
    from acento.core.progress import duration

    staged = drafted.staged
    removed = ", ".join(f"{reason} {count}" for reason, count in drafted.removed.items())
    outcomes = ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in drafted.outcomes.items())
    again = f"acento draft --name {drafted.name} --reviewed {drafted.review_list}"
    facts: list[tuple[str, object]] = [
        ("draft", drafted.name),
        ("model", drafted.model),
        ("files", ", ".join(f"{count} {state}" for state, count in drafted.files.items()) or None),
        ("utterances", f"{drafted.utterances}, {duration(drafted.seconds)}"),
        ("removed", f"{sum(drafted.removed.values())} ({removed})" if removed else None),
        ("reviewed", outcomes or None),
        ("to review", f"{drafted.to_review}, in {drafted.review_list}"),
        ("then", again if staged is None else None),
    ]
    if staged is not None:
        splits = ", ".join(f"{split} {clips}" for split, clips in staged.splits.items())
        facts += [
            ("data set", staged.title if staged.new_version else f"{staged.title} (cached: nothing new)"),
            ("staged now", staged.staged_now),
            ("clips", f"{staged.clips}, {duration(staged.seconds)}"),
            ("splits", splits),
            *(("note", note) for note in staged.notes),
            ("path", f"{staged.store}/{staged.key}"),
        ]
    terminal.print_facts(facts)
