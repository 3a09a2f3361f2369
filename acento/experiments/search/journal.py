"""A study in a store that is no local folder: a journal of numbered records, each written by exactly one process.

Whatever Optuna does to a study is an entry. The next number is free or taken, so all processes at a search, on whatever
machine, see the same entries in the same order; no database and no lock is needed.
"""

import json
from collections.abc import Iterable
from typing import Any

from optuna.storages.journal import BaseJournalBackend

from acento.core.store import Store
from acento.core.store.coordination import Records


class StoreJournal(BaseJournalBackend):  # type: ignore[misc]
    """The entries of one search; Optuna calls it from one thread at a time."""

    def __init__(self, store: Store, folder: str) -> None:
        """Take the store, and the folder of the entries in it."""
        self._records = Records(store, f"{folder}/", width=8)
        self._entries: list[dict[str, Any]] = []
        self._read = 0

    def read_logs(self, log_number_from: int) -> Iterable[dict[str, Any]]:
        """Return the entries from a number on, those of other processes too."""
        for number, entries in self._records.since(self._read):
            self._entries += entries
            self._read = number
        return self._entries[log_number_from:]

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Add entries, all of them or none, after those that others add meanwhile."""
        while not self._records.put(self._read + 1, logs):
            self.read_logs(0)
        self._entries += json.loads(json.dumps(logs))
        self._read += 1
