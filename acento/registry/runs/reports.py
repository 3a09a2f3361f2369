"""Reports of what is in the store: of a run, and of two runs compared."""

import json
from dataclasses import replace

from acento.core.store import Store
from acento.registry.report.comparison import comparison_page
from acento.registry.report.page import run_page
from acento.registry.report.sound import CLIPS
from acento.registry.runs.records import RUN, entries_of, find_run, run_leaderboard, tables_of
from acento.scoring.comparing.run_comparison import RunComparison


def run_report(store: Store, run: str, audio: int = CLIPS) -> str:
    """Return the report of a finished run as it would be written today, with so many players.

    Raises:
        InputError: there is no such run.
    """
    key = find_run(store, run).key
    body = json.loads(store.read_bytes(key, RUN))
    entries = list(entries_of(store, key))
    board = replace(run_leaderboard(store, key.rpartition("/")[2]), left_out=body.get("left_out", {}))
    return run_page(store, body, board, tables_of(store, entries), audio=audio)


def comparison_report(store: Store, comparison: RunComparison, audio: int = CLIPS) -> str:
    """Return a comparison as a page, with the sound of the clips that changed most."""
    return comparison_page(store, comparison, audio=audio)
