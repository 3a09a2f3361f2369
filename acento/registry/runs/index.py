"""What all runs put on the leaderboard, in one file: an index, made from the runs and made again when it is lost.

``indexes/entries/<fingerprint>/`` is named by the runs that it was made of, each with its marker's size and time. Where
runs came or went, the entries of the others are taken from an index that is there, and only what is new is read. Who is
killed while writing leaves the index that was there; who writes at the same time writes the same bytes.
"""

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache

from pydantic import BaseModel, TypeAdapter, ValidationError

from acento.core.errors import AcentoError, StoreError
from acento.core.fingerprint import fingerprint
from acento.core.store import MARKER, Store
from acento.core.store.upkeep.usage import Group, Live
from acento.registry.runs.records import entries_of
from acento.scoring.entry import Entry

_PLACE = "indexes/entries"
_FILE = "entries.json"
_log = logging.getLogger(__name__)


class IndexRow(BaseModel, frozen=True):
    """An entry of a run, without what a list of runs does not show: groups and failures."""

    run: str
    """The run's key in the store."""
    state: str
    """What its marker was when it was read: another run of the same name has another."""
    score: str
    """The key of its score, where the rest is."""
    entry: Entry


_ROWS = TypeAdapter(list[IndexRow])


def index(store: Store, *, keep: bool = True) -> tuple[list[IndexRow], dict[str, str]]:
    """Return every entry of every finished run, and the runs that cannot be read, each with the reason.

    Where the index of exactly these runs is not there it is made, and older ones go; without ``keep`` none is written.
    """
    store.refresh()
    states = {
        one.key.rpartition("/")[0]: f"{one.size} {one.tag or one.modified}"
        for one in store.walk("runs")
        if one.key.count("/") == 2 and one.key.endswith(f"/{MARKER}")
    }
    key = f"{_PLACE}/{fingerprint([_shape(), sorted(states.items())])}"
    rows = _read(store, key)
    if rows is not None:
        return rows, {}
    if not states:
        return [], {}
    older = [one for one in store.list(_PLACE) if one != key]
    known: dict[str, list[IndexRow]] = {}
    for row in max((_read(store, one) or [] for one in older), key=len, default=[]):
        known.setdefault(row.run, []).append(row)
    rows, unreadable = [], dict[str, str]()
    for run, state in sorted(states.items()):
        kept = known.get(run, [])
        if kept and kept[0].state == state:
            rows += kept
            continue
        try:
            rows += [IndexRow(run=run, state=state, score=score, entry=bare(e)) for e, score in entries_of(store, run)]
        except (AcentoError, ValueError, KeyError, TypeError) as error:
            unreadable[run.rpartition("/")[2]] = f"The run cannot be read ({str(error).splitlines()[0].rstrip('.')})."
    if keep and not unreadable:  # so that it is said the next time, too
        _write(store, key, rows, older)
    return rows, unreadable


def bare(entry: Entry) -> Entry:
    """Return an entry without its groups and failures."""
    return entry.model_copy(update={"score": entry.score.model_copy(update={"groups": {}, "failures": ()})})


@cache
def _shape() -> str:
    """Name the fields of an entry: an index of code that knew fewer of them lacks what runs say."""
    return fingerprint(_ROWS.json_schema())


def mark_live(store: Store, groups: Mapping[str, Group], live: Live) -> None:  # noqa: ARG001 - as owners are called
    """Tell the garbage collector that indexes stay: who writes one clears those before it away."""
    live.keys |= {key for key, group in groups.items() if group.kind == "indexes"}


def _read(store: Store, key: str) -> list[IndexRow] | None:
    """Return the rows of an index; None where it is absent or damaged."""
    try:
        found = store.find(key)
        if found is None or found.info.get("shape") != _shape():
            return None
        return _ROWS.validate_json(store.read_bytes(key, _FILE))
    except (StoreError, OSError, ValidationError) as error:
        _log.debug("The index %s is made again: %s", key, error)
        return None


def _write(store: Store, key: str, rows: Sequence[IndexRow], older: Sequence[str]) -> None:
    """Publish an index, then remove those before it; a store that cannot be written goes without."""
    with suppress(StoreError):
        with store.publish(key) as draft:
            (draft.folder / _FILE).write_bytes(_ROWS.dump_json([*rows]))
            draft.info["shape"] = _shape()
        for one in older:
            store.remove(one)
