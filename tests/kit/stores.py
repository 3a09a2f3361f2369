"""A place for a store, of each kind that there is: what the tests of the store's protocol are run on."""

import shutil
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from s3 import S3Server

from acento.core.store import MARKER, LocalStore, Store, open_store
from acento.core.store.objects import ObjectStore


class Place(ABC):
    """Somewhere a store is: opened anew each time, and looked at and damaged from beside it."""

    @property
    @abstractmethod
    def url(self) -> str:
        """The store's URL."""

    def open(self) -> Store:
        """Return the store as another process would open it."""
        return open_store(self.url)

    @abstractmethod
    def names(self) -> list[str]:
        """Return what is there, by its name below the store's root, sorted; work in progress is left out."""

    @abstractmethod
    def write(self, name: str, data: bytes) -> None:
        """Put other bytes where some are, or new ones."""

    @abstractmethod
    def delete(self, name: str) -> None:
        """Take something away."""

    def file_of(self, key: str, name: str) -> str:
        """Return where a file of an artifact is."""
        (found,) = [one for one in self.names() if one.startswith(f"{key}/") and one.endswith(f"/{name}")]
        return found

    def damage(self, key: str, how: str) -> None:
        """Damage the artifact that has the one file ``text.txt``, in which ``hello`` is."""
        file, marker = self.file_of(key, "text.txt"), f"{key}/{MARKER}"
        if how == "cut":
            self.write(file, b"hell")
        elif how == "flipped":
            self.write(file, b"hullo")
        elif how == "gone":
            self.delete(file)
        elif how == "marker cut":
            self.write(marker, b'{"files": {')
        elif how == "marker gone":
            self.delete(marker)
        else:
            raise ValueError(how)


class LocalPlace(Place):
    """A folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def url(self) -> str:
        return str(self.root)

    def names(self) -> list[str]:
        return [found.key for found in LocalStore(self.root).walk()]

    def write(self, name: str, data: bytes) -> None:
        (self.root / name).write_bytes(data)

    def delete(self, name: str) -> None:
        (self.root / name).unlink()


class S3Place(Place):
    """A prefix of a bucket of its own."""

    def __init__(self, server: S3Server) -> None:
        self.bucket, self._client = server.bucket(), server.client()

    @property
    def url(self) -> str:
        return f"s3://{self.bucket}/some/prefix"

    def names(self) -> list[str]:
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket)
        return [each["Key"].removeprefix("some/prefix/") for page in pages for each in page.get("Contents", ())]

    def write(self, name: str, data: bytes) -> None:
        self._client.put_object(Bucket=self.bucket, Key=f"some/prefix/{name}", Body=data)

    def delete(self, name: str) -> None:
        self._client.delete_object(Bucket=self.bucket, Key=f"some/prefix/{name}")


def put(store: Store, key: str = "jobs/a", text: str = "hello", **info: Any) -> bool:
    """Publish an artifact with one file, ``text.txt``; tell whether it was the first."""
    with store.publish(key) as draft:
        (draft.folder / "text.txt").write_text(text)
        draft.info.update(info)
    return draft.published


def forget_copies(store: Store) -> None:
    """Empty the folder with this machine's copies, where the store has one."""
    if isinstance(store, ObjectStore):
        shutil.rmtree(store.copies.folder, ignore_errors=True)
