"""``acento score``: texts that are there already, of others or of a run."""

from typing import TYPE_CHECKING

from flows.commands import terminal
from flows.commands.benchmark import By, print_run
from flows.commands.options import Values, verb
from flows.commands.session import open_store

if TYPE_CHECKING:
    from acento.requests import ScoreRequest
    from acento.scoring.leaderboard import Leaderboard


@verb("ScoreRequest", by=By)
def score(request: "ScoreRequest", chosen: Values) -> None:
    """Score files of any system's texts, or a run again by another normalizer; kept as a run, no model is needed."""
    from acento.api.scoring import run_score

    store = open_store()
    store.check_writable()
    with terminal.progress_bars("score"):
        finished = run_score(store, request)
    print_run(finished.run, finished.folder, chosen["by"] or [])
    _say_undefined(finished.leaderboard)


def _say_undefined(board: "Leaderboard") -> None:
    """Say which systems have no WER, and how many references are empty."""
    for one in board.boards:
        score = one.rows[0].entry.score.overall
        empty = score.undefined + score.empty_references
        if not score.words.reference_length:
            why = f"all {empty} references are empty" if empty else "there is no reference"
            terminal.err.print(f"{one.title}: there is no WER, as {why}.", soft_wrap=True, markup=False)
        elif score.undefined:
            terminal.err.print(
                f"{one.title}: {score.undefined} references are empty; what is written there counts as insertions.",
                soft_wrap=True,
                markup=False,
            )
        elif score.empty_references:
            terminal.err.print(
                f"{one.title}: {score.empty_references} empty references are not scored.", soft_wrap=True, markup=False
            )
