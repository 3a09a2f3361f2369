"""The verb ``transcribe``: recordings of any length, to text, captions and speakers."""

from pathlib import Path
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


def _shown(file: str) -> str:
    """Return a path as it is below the working directory, if it is there."""
    path = Path(file)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else file


def _print_files(rows: "Sequence[Row]") -> None:
    """Print a line for each file, what failed on standard error, and how many there are of each."""
    from acento.core.progress import duration
    from acento.transcription.batch import counts

    if not rows:
        raise InputError("None of these files has been transcribed into that folder yet.")
    columns: dict[str, list[str]] = {
        "file": [_shown(row.file) for row in rows],
        "state": [row.state for row in rows],
        "language": [row.language or "" for row in rows],
        "speakers": ["" if row.speakers is None else str(row.speakers) for row in rows],
        "length": ["" if row.seconds is None else duration(row.seconds) for row in rows],
        "RTFx": ["" if row.rtfx is None else f"{row.rtfx:.1f}" for row in rows],
        "written": [", ".join(row.outputs) for row in rows],
    }
    filled = {name: cells for name, cells in columns.items() if any(cells)}
    terminal.print_table([*filled], zip(*filled.values(), strict=True))
    for row in rows:
        if row.state == "failed":
            named = row.sentence if row.file in row.sentence else f"{row.file}: {row.sentence}"
            terminal.err.print(f"Failed: {named}", soft_wrap=True, markup=False)
    found = counts(rows)
    parts = ", ".join(f"{count} {state}" for state, count in found.items() if count or state != "waiting")
    terminal.out.print(f"{len(rows)} files: {parts}")
