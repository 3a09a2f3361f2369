"""The verb ``captions``: other formats and styles of a transcript, and videos with captions."""

from typing import TYPE_CHECKING

from flows.commands import terminal
from flows.commands.options import Values, verb

if TYPE_CHECKING:
    from acento.requests import CaptionsRequest


@verb("CaptionsRequest")
def captions(request: "CaptionsRequest", chosen: Values) -> None:  # noqa: ARG001 - the request says it all
    """Write a transcript in other formats or styles, or put captions into a video; nothing is transcribed again."""
    from acento.api.recordings.captioning import run_captions

    with terminal.progress_bars("captions"):
        written = run_captions(request)
    for path in written:
        terminal.out.print(str(path), soft_wrap=True, markup=False)
