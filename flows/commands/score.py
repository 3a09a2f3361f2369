"""``acento score``: texts that are there already, of others or of a run."""

from typing import TYPE_CHECKING

from flows.commands import terminal
from flows.commands.benchmark import print_run
from flows.commands.options import By, Values, verb
from flows.commands.session import open_store

if TYPE_CHECKING:
    from acento.requests import ScoreRequest
    from acento.scoring.boards.leaderboard import Leaderboard


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
    """Say which boards have no WER, and how many references are empty."""
    for one in board.boards:
        if all(row.entry.speakers and not row.entry.speakers.cpwer for row in one.rows):
            continue  # of turns no WER is expected
        score = one.rows[0].entry.score.overall
        empty = score.undefined + score.empty_references
        counted = f"{empty} of {score.utterances} references {'is' if empty == 1 else 'are'} empty"
        if not score.words.reference_length:
            said = f"There is no WER: {counted if empty else 'no clip has a reference'}."
        elif score.undefined:
            said = f"{counted}; what was written there counts as insertions."
        elif score.empty_references:
            said = f"{counted} and not scored."
        else:
            continue
        terminal.err.print(f"{one.title}: {said}", soft_wrap=True, markup=False)
