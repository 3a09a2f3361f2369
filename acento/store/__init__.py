"""The artifact store: one place, addressed by URL, for data sets, jobs, runs and models."""

from pathlib import Path

from acento.errors import InputError
from acento.store.base import MARKER, Artifact, Draft, FileEntry, Store
from acento.store.local import LocalStore

__all__ = ["MARKER", "Artifact", "Draft", "FileEntry", "LocalStore", "Store", "open_store"]


def open_store(url: str) -> Store:
    """Open the store at a URL: a folder's path or ``file://`` URL.

    Raises:
        InputError: no store is known for the URL's scheme.
        StoreError: it cannot be written.
    """
    scheme, separator, rest = url.partition("://")
    if not separator:
        return LocalStore(Path(url).expanduser())
    if scheme == "file":
        return LocalStore(Path(rest))
    raise InputError(f"ACENTO_STORE={url!r}: no store is known for {scheme}://; use the path of a folder.")
