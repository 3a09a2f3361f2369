"""A study in a store that is no local folder: a journal of numbered small files, each written by exactly one process.

Whatever Optuna does to a study is an entry. The next number is free or taken, so all processes at a search, on whatever
machine, see the same entries in the same order; no database and no lock is needed.
"""

import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from optuna.storages.journal import BaseJournalBackend

from acento.core.store import Store

_AT_ONCE = 8


class StoreJournal(BaseJournalBackend):  # type: ignore[misc]
    """The entries of one search; Optuna calls it from one thread at a time."""

    def __init__(self, store: Store, folder: str) -> None:
        """Take the store, and the folder of the entries in it."""
        self._store, self._folder = store, folder
        self._entries: list[dict[str, Any]] = []
        self._files = 0

    def read_logs(self, log_number_from: int) -> Iterable[dict[str, Any]]:
        """Return the entries from a number on, those of other processes too."""
        self._store.refresh()
        if not self._files:
            known = [*self._store.list_files(self._folder)]
            with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="journal") as threads:
                for data in threads.map(self._store.read_file, known):
                    self._take(data or b"[]")
        while (data := self._store.read_file(self._key())) is not None:
            self._take(data)
        return self._entries[log_number_from:]

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Add entries, all of them or none, after those that others add meanwhile."""
        written = json.dumps(logs).encode()
        while not self._store.create_exclusive(self._key(), written):
            self.read_logs(0)
        self._take(written)

    def _key(self) -> str:
        """Return the next file's key."""
        return f"{self._folder}/{self._files + 1:08d}.json"

    def _take(self, data: bytes) -> None:
        self._entries += json.loads(data)
        self._files += 1
