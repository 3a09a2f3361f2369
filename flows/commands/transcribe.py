"""The verb ``transcribe``: recordings of any length, to text, captions and speakers."""

from typing import TYPE_CHECKING, Annotated

import typer

from acento.core.errors import InputError
from flows.commands import terminal
from flows.commands.options import PLACE, Own, Values, verb
from flows.commands.session import open_store, run_flow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from acento.api.recordings.transcribing import TranscribedBatch
    from acento.core.store import Store
    from acento.requests import TranscribeRequest
    from acento.transcription.batch import Row

Status = Annotated[
    bool, typer.Option("--status", help="Only show how far the files are; another process may be at it.")
]


@verb("TranscribeRequest", **PLACE, status=Own(Status, False))
def transcribe(request: "TranscribeRequest", chosen: Values) -> None:
    """Transcribe audio and video of any length, with times, speakers and captions; killed, it goes on.

    To put captions into a video afterwards: acento captions talk.mp4 transcripts/talk.json, and --burn to draw them.
    """
    from acento.api.recordings.batches import ledger_rows

    if chosen["status"]:
        _print_files(ledger_rows(open_store(), request))
        return
    done: TranscribedBatch = run_flow("transcribe", request, chosen=chosen, check=_check)
    _print_files(done.ledger)
    terminal.print_facts([("model", done.model), ("path", done.batch.folder)])
    if done.counts["failed"]:
        raise typer.Exit(1)


def _check(store: "Store", request: "TranscribeRequest", installed: bool) -> None:
    """See, before a server starts, what would fail later."""
    from acento.api.recordings.batches import check_transcription

    check_transcription(store, request, installed=installed)


def _print_files(rows: "Sequence[Row]") -> None:
    """Print a line for each file, on standard error what failed or has no speech, and how many there are of each."""
    from acento.transcription.batch import columns, counts

    if not rows:
        raise InputError("None of these files has been transcribed into that folder yet.")
    filled = {name: cells for name, cells in columns(rows).items() if name != "removed"}
    terminal.print_table([*filled], zip(*filled.values(), strict=True))
    for row in rows:
        if row.sentence and row.state != "skipped":
            said = "Failed" if row.state == "failed" else "Note"
            terminal.err.print(f"{said}: {row.named_sentence}", soft_wrap=True, markup=False)
    found = counts(rows)
    parts = ", ".join(f"{count} {state}" for state, count in found.items() if count or state != "waiting")
    terminal.out.print(f"{len(rows)} files: {parts}")
