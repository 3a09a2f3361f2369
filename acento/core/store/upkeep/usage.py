"""What lies in a store and how much room it takes, found by one walk over it."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from acento.core.store.base import MARKER, Store, Stored
from acento.core.store.marker import FILES

KINDS = {
    "datasets": "versions of data sets",
    "parts": "audio of data sets",
    "validations": "verdicts on data sets",
    "verdicts": "which verdict counts",
    "measures": "measures of audio",
    "doctor": "reports of the doctor",
    "requests": "what runs were asked for",
    "runs": "runs",
    "plans": "plans of runs",
    "jobs": "transcriptions and trainings",
    "scores": "scores",
    "measurements": "what the clock said",
    "prepared": "audio prepared for training",
    "models": "models, their reports, exports and aliases",
    "converted": "converted models",
    "searches": "searches",
    "curves": "learning curves",
    "crossvalidations": "cross-validations",
    "worklists": "jobs shared by workers",
    "boards": "jobs shared by workers of versions before 0.2",
    "logs": "logs of trainings",
    "checks": "traces of checks",
    "tmp": "traces of checks of a Modal volume",
    "removals": "removals under way",
}
"""The folders of a store, and what is in them."""


@dataclass(slots=True)
class Group:
    """What is in one folder of a kind, such as ``jobs/<fingerprint>``."""

    key: str
    newest: float = 0.0
    """When the last of its files was written, in seconds since 1970."""
    artifacts: dict[str, int] = field(default_factory=dict)
    """Bytes of each whole artifact."""
    files: dict[str, int] = field(default_factory=dict)
    """Bytes of each small file."""
    leftovers: dict[str, int] = field(default_factory=dict)
    """Bytes of each file of an artifact that is not whole."""

    @property
    def kind(self) -> str:
        """The folder it is in."""
        return self.key.partition("/")[0]

    @property
    def size(self) -> int:
        """Bytes of it all."""
        return sum(sum(each.values()) for each in (self.artifacts, self.files, self.leftovers))

    @property
    def count(self) -> int:
        """How many things it holds: artifacts and small files."""
        return len(self.artifacts) + len(self.files)


def survey(store: Store) -> dict[str, Group]:
    """Return everything in the store by its group's key; takes one walk, and memory for every name."""
    groups: dict[str, Group] = {}
    names: dict[str, list[Stored]] = {}
    for found in store.walk():
        names.setdefault("/".join(found.key.split("/")[:2]), []).append(found)
    for key, stored in names.items():
        groups[key] = _sorted_out(store, key, stored)
    return groups


def _sorted_out(store: Store, key: str, stored: Iterable[Stored]) -> Group:
    """Say of each file of a group what it belongs to."""
    group = Group(key)
    wholes = {found.key.rpartition("/")[0] for found in stored if found.key.rpartition("/")[2] == MARKER}
    written = _writers(store, wholes, stored)
    for found in stored:
        group.newest = max(group.newest, found.modified)
        home, separator, inner = found.key.partition(f"/{FILES}/")
        owner = home if separator else _owner(found.key, wholes)
        if separator:
            whole = home in wholes and written.get(home) in (None, inner.partition("/")[0])
        else:
            whole = owner is not None
        if whole and owner is not None:
            group.artifacts[owner] = group.artifacts.get(owner, 0) + found.size
        elif separator or _of_an_artifact(found.key):
            group.leftovers[found.key] = found.size
        else:
            group.files[found.key] = found.size
    return group


def _writers(store: Store, wholes: set[str], stored: Iterable[Stored]) -> dict[str, str]:
    """Return whose files the marker means, of the artifacts for which there are those of several writers."""
    writers: dict[str, set[str]] = {}
    for found in stored:
        home, separator, inner = found.key.partition(f"/{FILES}/")
        if separator and home in wholes:
            writers.setdefault(home, set()).add(inner.partition("/")[0])
    return {home: store.writer_of(home) or "" for home, several in writers.items() if len(several) > 1}


def _owner(name: str, wholes: set[str]) -> str | None:
    """Return the artifact in whose folder a file is."""
    parts = name.split("/")
    owners = ("/".join(parts[:count]) for count in range(1, len(parts)))
    return next((owner for owner in owners if owner in wholes), None)


_PUBLISHED = {"datasets", "parts", "validations", "measures", "doctor", "runs", "plans", "scores", "prepared"}
_PUBLISHED |= {"converted", "curves", "crossvalidations"}
_SMALL = {("jobs", "lease"), ("models", "aliases")}


def _of_an_artifact(name: str) -> bool:
    """Tell whether a file can only be part of an artifact: whose marker is gone, then."""
    parts = name.split("/")
    if parts[-1] == MARKER or parts[0] in _PUBLISHED:
        return True
    return parts[0] in ("jobs", "models") and len(parts) > 3 and (parts[0], parts[2]) not in _SMALL
