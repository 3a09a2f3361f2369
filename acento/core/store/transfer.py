"""Carrying whole artifacts and small files from one store to another."""

import shutil
from collections.abc import Iterable
from dataclasses import dataclass

from acento.core.errors import DamagedError, StoreError
from acento.core.store.base import Store, together

AT_ONCE = 4
"""Artifacts that are carried at a time."""


@dataclass(frozen=True, slots=True)
class Copied:
    """What was carried; what the target had already is not counted."""

    artifacts: int
    files: int
    size: int
    """Bytes of the artifacts."""


def copy_artifacts(source: Store, target: Store, keys: Iterable[str], files: Iterable[str] = ()) -> Copied:
    """Copy artifacts, and small files, that are in one store to another, where each is whole or absent.

    What the target has already stays as it is, so that a call that was killed can be made again. Every byte's checksum
    is verified where it is read.

    Raises:
        StoreError: the source lacks one of them, or the target cannot be written.
        DamagedError: the source has one whose bytes are not those that were published.
    """

    def file(key: str) -> bool:
        data = source.read_file(key)
        if data is None:
            raise StoreError(f"{key} is not in the store {source.url}.")
        return target.create_exclusive(key, data)

    copied = together(lambda key: _copy_artifact(source, target, key), dict.fromkeys(keys), AT_ONCE)
    sizes = [size for size in copied if size is not None]
    made = together(file, dict.fromkeys(files), AT_ONCE)
    return Copied(len(sizes), sum(made), sum(sizes))


def _copy_artifact(source: Store, target: Store, key: str) -> int | None:
    """Copy one artifact and return its bytes; None if the target has it."""
    if target.find(key, verify=True) is not None:
        return None
    artifact = source.find(key)
    if artifact is None:
        raise source.missing(key)
    with target.publish(key) as draft:
        for name in artifact.files:
            to = draft.folder / name
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source.local_path(key, name), to)
        draft.info |= artifact.info
    if not draft.published:
        return None
    there = target.find(key)
    if there is None or there.files != artifact.files:
        raise DamagedError(f"{key} is not in {target.url} as it is in {source.url}; remove it there and copy it again.")
    return sum(entry.size for entry in artifact.files.values())
