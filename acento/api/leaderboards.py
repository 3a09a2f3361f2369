"""The leaderboard of everything that was ever measured."""

import os
from collections.abc import Iterable
from datetime import UTC, datetime

from acento.core.arguments import Named, checked, names_of
from acento.core.prices import load_prices
from acento.core.store import open_store
from acento.registry.runs.leaderboards import RunFilter
from acento.registry.runs.leaderboards import leaderboard as all_runs
from acento.scoring.boards.leaderboard import Leaderboard


def leaderboard(
    data: Named | Iterable[Named] = (),
    *,
    model: str | None = None,
    normalizer: str | None = None,
    since: datetime | None = None,
    prices: str | os.PathLike[str] | None = None,
) -> Leaderboard:
    """Return the leaderboard of all runs in the store: a board for each set of clips and normalizer.

    >>> board = leaderboard("mine", model="whisper-*")
    >>> sorted(row.entry.model for row in board.boards[0].rows)
    ['demo:whisper-micro', 'demo:whisper-mini']
    >>> [name for name in board.to_pandas().columns if name.startswith("usd")]
    ['usd_per_audio_hour', 'usd_per_hour']

    Args:
        data: only these data sets, ``NAME`` or ``NAME@VERSION``, or what ``stage`` returned; all by default.
        model: only models whose name has this in it, or fits a pattern such as ``whisper-*``.
        normalizer: only scores of this normalizer, by name, or name and version.
        since: only runs since then; a time without a zone is UTC.
        prices: a file of prices that stand instead of Acento's; else the one that ``ACENTO_PRICES`` names.

    Raises:
        InputError: there are runs, but none that was asked for; or the price file cannot be used.
    """
    since = checked("since", datetime | None, since)
    if since is not None and since.tzinfo is None:
        since = since.replace(tzinfo=UTC)
    chosen = RunFilter(
        names_of(data), checked("model", str | None, model), checked("normalizer", str | None, normalizer), since
    )
    path = None if prices is None else os.fspath(prices)
    return all_runs(open_store(), chosen, prices=load_prices(path), groups=True)
