"""What lies in a store, how much room it takes, and what of it is in use."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from acento.core.store.base import FILES, MARKER, Store, Stored

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
    "looks": "which candidates the gate judged on a test split",
    "converted": "converted models",
    "searches": "searches",
    "curves": "learning curves",
    "crossvalidations": "cross-validations",
    "indexes": "indexes of runs",
    "recordings": "audio of recordings",
    "transcripts": "transcripts of recordings",
    "batches": "what became of the files of transcriptions",
    "drafts": "drafts of data sets, to be reviewed",
    "tuning": "what engines, threads and batches were measured",
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
    newest: float
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


@dataclass(slots=True)
class Live:
    """The keys of what is referred to, and why some things are kept that nothing refers to."""

    grace_s: float
    """Seconds after it was written last during which what was begun and has not ended counts as under way."""
    keys: set[str] = field(default_factory=set)
    """Of groups: ``parts/<fingerprint>``, ``jobs/<fingerprint>`` and so on."""
    work: list[str] = field(default_factory=list)
    """What is under way, in words: while there is any, what a run may be using is kept."""
    unclear: list[str] = field(default_factory=list)
    """What could not be read, in words: while there is any, transcriptions and scores are kept."""


def survey(store: Store) -> dict[str, Group]:
    """Return everything in the store by its group's key; takes one walk, and memory for every name."""
    stored: defaultdict[str, list[Stored]] = defaultdict(list)
    for found in store.walk():
        stored["/".join(found.key.split("/")[:2])].append(found)
    return {key: _group(store, key, files) for key, files in stored.items()}


def _group(store: Store, key: str, stored: Sequence[Stored]) -> Group:
    """Assign each file of a group to an artifact, to the small files, or to the leftovers."""
    group = Group(key, max(found.modified for found in stored))
    wholes = {found.key.rpartition("/")[0] for found in stored if found.key.rpartition("/")[2] == MARKER}
    writers: defaultdict[str, set[str]] = defaultdict(set)
    for found in stored:
        home, writer = _home(found.key)
        if writer and home in wholes:
            writers[home].add(writer)
    for home, several in writers.items():
        if len(several) > 1:  # the marker means the files of one; those of the others are leftovers
            artifact = store.find(home)
            writers[home] = {artifact.writer} if artifact else set()
    for found in stored:
        home, writer = _home(found.key)
        owner = (home if writer in writers[home] else None) if writer else _owner(found.key, wholes)
        if owner is not None:
            group.artifacts[owner] = group.artifacts.get(owner, 0) + found.size
        elif writer or _of_an_artifact(found.key):
            group.leftovers[found.key] = found.size
        else:
            group.files[found.key] = found.size
    return group


def _home(name: str) -> tuple[str, str]:
    """Return the artifact and the writer in whose folder a file is; no writer where it is in none."""
    home, _, inner = name.partition(f"/{FILES}/")
    return home, inner.partition("/")[0]


def _owner(name: str, wholes: set[str]) -> str | None:
    """Return the artifact in whose folder a file is."""
    parts = name.split("/")
    owners = ("/".join(parts[:count]) for count in range(1, len(parts)))
    return next((owner for owner in owners if owner in wholes), None)


_PUBLISHED = {"datasets", "parts", "validations", "measures", "doctor", "runs", "plans", "scores", "prepared"}
_PUBLISHED |= {"converted", "curves", "crossvalidations", "indexes", "recordings", "transcripts", "drafts"}
_SMALL = {("jobs", 2, "lease"), ("models", 2, "aliases"), ("models", 3, "windows")}
"""By kind, where in a key a folder of small files stands, and its name."""


def _of_an_artifact(name: str) -> bool:
    """Tell whether a file can only be part of an artifact: whose marker is gone, then."""
    parts = name.split("/")
    if parts[-1] == MARKER or parts[0] in _PUBLISHED:
        return True
    small = any(parts[0] == kind and parts[place : place + 1] == [name] for kind, place, name in _SMALL)
    return parts[0] in ("jobs", "models") and len(parts) > 3 and not small
