"""The leaderboard of all runs of a store, by the index; the ranks of each whole board are kept beside it."""

import fnmatch
import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from pathlib import Path

from pydantic import TypeAdapter

import acento.scoring
from acento.core.errors import InputError, StoreError
from acento.core.fingerprint import fingerprint
from acento.core.prices import PriceTable
from acento.core.store import Store
from acento.inference.benchmark import load_score
from acento.models.checkpoints.references import REGISTRY, SHIPPED, short_name
from acento.registry.runs.index import IndexRow, index
from acento.registry.runs.records import utterances_of
from acento.scoring.boards.leaderboard import Board, Leaderboard, board_key, rank
from acento.scoring.entry import Cost, Entry

_PLACE = "indexes/ranks"
_FILE = "board.json"
_BOARD = TypeAdapter(Board)


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Which entries of runs are wanted; what is None or empty keeps all."""

    datasets: Sequence[str] = ()
    """``NAME`` or ``NAME@VERSION``."""
    model: str | None = None
    """Part of a model's name, or a pattern with ``*`` and ``?``; case does not matter."""
    normalizer: str | None = None
    """Name, or name and version."""
    since: datetime | None = None

    def keeps(self, entry: Entry) -> bool:
        """Tell whether an entry is wanted."""
        name = entry.dataset.partition(" ")[0], entry.dataset.replace(" v", "@")
        rule = entry.score.normalizer
        return (
            (not self.datasets or any(one in self.datasets for one in name))
            and (self.model is None or _matches(self.model, entry.model))
            and (self.normalizer is None or self.normalizer in (rule, rule.rpartition("-")[0]))
            and (self.since is None or entry.when >= self.since)
        )


def leaderboard(
    store: Store, chosen: RunFilter | None = None, *, prices: PriceTable | None = None, groups: bool = False
) -> Leaderboard:
    """Return the leaderboard of all runs in a store, or of the chosen entries: ranked among those.

    With ``prices`` every row is priced by that table, as far as it has its device. Without ``groups`` the scores have
    no groups and no list of failures.

    Raises:
        InputError: there are runs, and none of them was chosen.
    """
    chosen = chosen or RunFilter()
    rows, unreadable = index(store)
    for name in chosen.datasets:
        if rows and not any(RunFilter([name]).keeps(row.entry) for row in rows):
            raise InputError(f"No run in {store.url} has scored data set {name!r}.")
    found = [row for row in rows if chosen.keeps(row.entry)]
    if rows and not found:
        raise InputError(f"No run in {store.url} has what was asked for: leave out --model, --normalizer or --since.")
    together = defaultdict(list)
    for row in found:
        together[board_key(row.entry)].append(row)
    whole = Counter(board_key(row.entry) for row in rows)
    boards = [_board(store, some, keep=len(some) == whole[key]) for key, some in together.items()]
    keys = {_identity(row.entry): row.score for row in found}
    finished = [_finished(store, board, keys, prices, groups) for board in boards]
    return Leaderboard(tuple(sorted(finished, key=lambda board: (board.dataset, *map(str, _place(board))))), unreadable)


def _board(store: Store, rows: Sequence[IndexRow], *, keep: bool) -> Board:
    """Rank entries that share a board, or find that it was done before by the same code; ``keep`` it in the store."""
    newest = {row.entry.system: row for row in sorted(rows, key=lambda row: row.entry.when)}
    entries = sorted(f"{row.score} {row.entry.model_dump_json()}" for row in newest.values())
    place = f"{_PLACE}/{fingerprint(board_key(rows[0].entry))}"
    key = f"{place}/{fingerprint([_code(), entries])}"
    with suppress(StoreError, OSError, ValueError):
        if store.find(key) is not None:
            return _BOARD.validate_json(store.read_bytes(key, _FILE))
    keys = {_identity(row.entry): row.score for row in newest.values()}
    (board,) = rank(
        [row.entry for row in newest.values()], lambda entry: utterances_of(store, keys[_identity(entry)])
    ).boards
    if keep:
        with suppress(StoreError):
            older = [*store.list(place)]
            with store.publish(key) as draft:
                (draft.folder / _FILE).write_bytes(_BOARD.dump_json(board))
            for one in older:
                store.remove(one)
    return board


@cache
def _code() -> str:
    """Name the code that ranks by its bytes: ranks that other code made are not its own."""
    digest = hashlib.sha256()
    for path in sorted(Path(acento.scoring.__path__[0]).rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _finished(
    store: Store, board: Board, keys: dict[tuple[str, ...], str], prices: PriceTable | None, groups: bool
) -> Board:
    def finished(entry: Entry) -> Entry:
        changes: dict[str, object] = {} if prices is None else {"cost": priced(entry, prices)}
        if groups:
            changes["score"] = load_score(store, keys[_identity(entry)])
        return entry.model_copy(update=changes)

    return replace(board, rows=tuple(replace(row, entry=finished(row.entry)) for row in board.rows))


def priced(entry: Entry, prices: PriceTable) -> Cost | None:
    """Return an entry's cost by a table of prices; as it was written down where the table lacks its device."""
    measured, before = entry.speed, entry.cost
    if measured is None or measured.conditions is None:
        return before
    where = measured.conditions
    kind = prices.type_of(where.device, backend=where.backend)
    if kind is None:
        return before
    price = prices.prices[kind]
    rate = price.hourly(where.threads or 1)
    hours = before.dollars / before.usd_per_hour if before and before.usd_per_hour else measured.inference_s / 3600
    return Cost(
        dollars=hours * rate,
        per_audio_hour=rate / measured.rtfx,
        usd_per_hour=rate,
        device_type=kind,
        source=price.said_by,
    )


def _matches(pattern: str, model: str) -> bool:
    short = short_name(model).removeprefix(SHIPPED).removeprefix(REGISTRY)
    names: Iterable[str] = (model.lower(), short.lower())
    wanted = pattern.lower()
    if not any(sign in wanted for sign in "*?["):
        return any(wanted in name for name in names)
    return any(fnmatch.fnmatchcase(name, wanted) for name in names)


def _identity(entry: Entry) -> tuple[str, ...]:
    return entry.run, entry.model_hash, entry.model, entry.dataset, entry.split, entry.score.normalizer


def _place(board: Board) -> tuple[object, ...]:
    return board.split, f"{board.limit or 0:09d}", board.normalizer, board.dataset_fingerprint
