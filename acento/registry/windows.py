"""What windows a model version is used with: what it was taught, unless the window gate refused that.

The gate's answers are kept beside the version, ``models/NAME/VERSION/windows/000001.json`` and on; the last one holds.
"""

from dataclasses import replace
from typing import Any, Protocol

from acento.core.errors import DamagedError
from acento.core.store import Store
from acento.core.store.coordination import Records
from acento.models.checkpoints.checkpoint import Checkpoint, in_artifact
from acento.models.checkpoints.taught import SOURCE_CONFIG, taught
from acento.models.windows import Fit

CONFIG = "config.json"


class Version(Protocol):
    """A model version, as far as it is needed here."""

    @property
    def key(self) -> str:
        """The artifact that holds its files."""

    @property
    def folder_key(self) -> str:
        """The folder of all that belongs to it."""

    @property
    def kept(self) -> Store:
        """The store that it is in."""


def verdicts(store: Store, version: Version) -> Records:
    """Return the records of the window gate's answers on a version."""
    return Records(store, f"{version.folder_key}/windows/")


def window_of(version: Version) -> Fit | None:
    """Return the short windows that a version is used with: those it was taught; None where it has full ones only.

    A version that the window gate has not judged yet is used as it was taught.

    Raises:
        InputError: it is not in a store yet.
    """
    return used_fit(version.kept, version)


def used_fit(store: Store, version: Version) -> Fit | None:
    """Return the short windows that a version in a store is used with, see :func:`window_of`."""
    return None if full_only(store, version) else taught_fit(store, version)


def taught_fit(store: Store, version: Version) -> Fit | None:
    """Return the short windows that a version was taught, as its config says; None where it was taught none."""
    artifact = store.find(version.key)
    there = [] if artifact is None else [name for name in (SOURCE_CONFIG, CONFIG) if name in artifact.files]
    paths = [store.local_path(version.key, name) for name in there]
    return taught(paths[0].parent) if paths else None


def full_only(store: Store, version: Version) -> bool:
    """Tell whether the window gate refused a version's short windows.

    Raises:
        DamagedError: the gate's answer cannot be read.
    """
    records = verdicts(store, version)
    number, body = records.last()
    passed: Any = body.get("passed") if isinstance(body, dict) else None
    if number and not isinstance(passed, bool):
        raise unreadable(store, records.key(number))
    return number > 0 and not passed


def unreadable(store: Store, key: str) -> DamagedError:
    """Return the error of an answer of the window gate that cannot be read."""
    return DamagedError(f"{key} in {store.url} cannot be read; remove it to go back to the one before.")


def version_checkpoint(store: Store, version: Version, name: str, key: str) -> Checkpoint:
    """Describe the checkpoint in an artifact of a version, its own files or an export, under a name."""
    return replace(in_artifact(store, name, key), full_only=full_only(store, version))
