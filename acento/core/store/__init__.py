"""The artifact store: one place, addressed by URL, for data sets, jobs, runs and models."""

from importlib.metadata import entry_points
from pathlib import Path

from acento.core.errors import InputError
from acento.core.extras import needed_by
from acento.core.settings import settings
from acento.core.store.base import MARKER, Artifact, Draft, FileEntry, Store, Stored
from acento.core.store.local import LocalStore

__all__ = ["MARKER", "Artifact", "Draft", "FileEntry", "LocalStore", "Store", "Stored", "open_store"]

PLUGINS = "acento.stores"
"""The entry-point group in which other packages announce stores: the URL's scheme, and what opens such a URL."""


def open_store(url: str | None = None) -> Store:
    """Open the store at a URL: a folder's path or ``file://`` URL, ``s3://bucket/prefix``, or one of an entry point.

    Without a URL it is the store of the settings.

    Raises:
        InputError: no store is known for the URL's scheme, or the URL names none.
        StoreError: it cannot be written.
    """
    url = settings().store if url is None else url
    scheme, separator, rest = url.partition("://")
    if not separator:
        return LocalStore(Path(url).expanduser())
    if scheme == "file":
        return LocalStore(Path(rest))
    if scheme == "s3":
        from acento.core.store.objects import ObjectStore
        from acento.core.store.s3 import S3Objects

        return ObjectStore(S3Objects(url))
    for entry in entry_points(group=PLUGINS, name=scheme):
        with needed_by(f"A store at {scheme}://"):
            opened: Store = entry.load()(url)
        return opened
    raise InputError(
        f"ACENTO_STORE={url!r}: no store is known for {scheme}://; use the path of a folder, or s3://bucket/prefix."
    )
