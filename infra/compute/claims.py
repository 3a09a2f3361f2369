"""The small files of a board, and what they say of each job: who took it, in which round, and what became of those."""

import json
from typing import Any

from acento.core.store import Store


class Claims:
    """The files below one board's key."""

    def __init__(self, store: Store, key: str) -> None:
        """Name the board."""
        self._store, self._key = store, key
        self._holders: dict[str, str] = {}

    def put(self, file: str, what: dict[str, Any]) -> bool:
        """Create a small file; False if it is there."""
        return self._store.create_exclusive(f"{self._key}/{file}", json.dumps(what, sort_keys=True).encode())

    def get(self, file: str) -> dict[str, Any]:
        """Read a small file; one that has just been removed is empty."""
        data = self._store.read_file(f"{self._key}/{file}")
        found: dict[str, Any] = {} if data is None else json.loads(data)
        return found

    def names(self, folder: str) -> list[str]:
        """Return the names of the files in a folder."""
        return [key.rpartition("/")[2] for key in self._store.list_files(f"{self._key}/{folder}")]

    def outcomes(self) -> set[int]:
        """Return the jobs that have an outcome."""
        return {int(name) for name in self.names("outcomes")}

    def voided(self) -> set[str]:
        """Return the placements that were given up."""
        return {name.removeprefix("void.") for name in self.names("orders") if name.startswith("void.")}

    def free(self, jobs: int, deaths: int) -> list[tuple[int, int]]:
        """Return which of so many jobs somebody may take, and in which round; none over which so many died."""
        done, voided, latest = self.outcomes(), self.voided(), self._latest()
        found = []
        for index in range(jobs):
            if index in done:
                continue
            if index not in latest:
                found.append((index, 0))
                continue
            round_ = latest[index]
            if self._holder(index, round_) in voided and len(self._blamed(index, round_, voided)) < deaths:
                found.append((index, round_ + 1))
        return found

    def lost(self, index: int) -> list[str]:
        """Return the placements that were given up while they had a job."""
        voided = self.voided()
        holders = [self._holder(index, round_) for round_ in range(self._latest().get(index, -1) + 1)]
        return [name for name in holders if name in voided]

    def held_by(self, name: str) -> list[int]:
        """Return the jobs that a placement has taken and not finished."""
        done, latest = self.outcomes(), self._latest()
        return [i for i in latest if i not in done and self._holder(i, latest[i]) == name]

    def exhausted(self, deaths: int) -> list[tuple[int, list[str]]]:
        """Return the jobs without an outcome over which so many placements died, and why each did."""
        voided = self.voided()
        if len(voided) < deaths:
            return []
        done = self.outcomes()
        found = []
        for index, round_ in self._latest().items():
            if index not in done and round_ + 1 >= deaths:
                why = self._blamed(index, round_, voided)
                if len(why) >= deaths:
                    found.append((index, why))
        return found

    def _latest(self) -> dict[int, int]:
        """Return the highest round of each job that was ever taken."""
        latest: dict[int, int] = {}
        for name in self.names("claims"):
            index, _, round_ = name.partition(".")
            latest[int(index)] = max(int(round_), latest.get(int(index), 0))
        return latest

    def _holder(self, index: int, round_: int) -> str:
        """Return who took a job; a claim never changes, so each is read once."""
        file = f"claims/{index:06d}.{round_:04d}"
        if file not in self._holders:
            self._holders[file] = str(self.get(file).get("by", ""))
        return self._holders[file]

    def _blamed(self, index: int, round_: int, voided: set[str]) -> list[str]:
        """Return why each placement that died over a job did, up to a round."""
        holders = [self._holder(index, earlier) for earlier in range(round_ + 1)]
        said = [self.get(f"orders/void.{name}") for name in holders if name in voided]
        return [str(void.get("why", "")) for void in said if void.get("blame", True)]
