"""The store in a Modal volume: ``modal://VOLUME`` or ``modal://VOLUME/PREFIX``.

From outside, and in a sandbox, the volume is read and written through Modal's API, where what is written is there for
all at once. In a function's container that mounts the volume it is a folder, in which what others wrote is seen after a
reload, and what is written here is seen by others after a commit.

A volume knows no "create only if it is not there": of two that write the same file, the last one wins. So who may
create a name is decided by a ``modal.Dict``, whose entries can be put only where there is none. The entry holds the
bytes too. Whoever finds an entry of somebody else and no file writes that file for them: if its owner died in between,
nothing waits for it. The guarantee: of several callers exactly one is told that it created the name, and the file holds
its bytes and no others. Entries live for a week after they were last used; by then their file is there, and the file is
asked first.
"""

import io
import json
import os
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import modal

from acento.core.errors import InputError, may_pass
from acento.core.store.base import Stored, check_key
from acento.core.store.objects import FILES, THREADS, Objects, ObjectStore
from infra.modal.errors import explain
from infra.modal.files import ApiFiles, MountedFiles

SCHEME = "modal://"
MOUNTS = "ACENTO_MODAL_MOUNTS"
"""The variable that tells a function's container, as JSON, where each volume is mounted."""

_ATTEMPTS = 5
_FIRST_WAIT_S = 0.5
_T = TypeVar("_T")


def open_volume(url: str) -> ObjectStore:
    """Open the store of a ``modal://`` URL; the volume is made when it is needed first.

    Raises:
        InputError: the URL names no volume.
    """
    return ObjectStore(VolumeObjects(url))


def parse(url: str) -> tuple[str, str]:
    """Return a URL's volume and prefix.

    >>> parse("modal://acento-results/team/a"), parse("modal://acento-results")
    (('acento-results', 'team/a'), ('acento-results', ''))
    """
    volume, _, prefix = url.removeprefix(SCHEME).rstrip("/").partition("/")
    if not url.startswith(SCHEME) or not volume:
        raise InputError(
            f"{url!r} names no Modal volume: write modal://acento-results, or modal://acento-results/team."
        )
    if prefix:
        check_key(prefix)
    return volume, prefix


class VolumeObjects(Objects):
    """Objects in a Modal volume."""

    def __init__(self, url: str) -> None:
        name, self._prefix = parse(url)
        self.url = url.rstrip("/")
        volume = modal.Volume.from_name(name, create_if_missing=True, version=2)
        mounts = json.loads(os.environ.get(MOUNTS, "{}"))
        self._files = MountedFiles(volume, Path(mounts[name])) if name in mounts else ApiFiles(volume)
        self._claims = modal.Dict.from_name(f"{name}-claims", create_if_missing=True)

    def check_writable(self) -> None:
        """See :meth:`Objects.check_writable`."""
        key = f"tmp/check-{uuid.uuid4().hex}"
        self.put(key, b"")
        self.delete([key])

    def get(self, key: str) -> bytes | None:
        with suppress(FileNotFoundError):
            return retried(f"read {key}", lambda: self._files.read(self._path(key)))
        return None

    def get_file(self, key: str, path: Path, size: int) -> None:  # noqa: ARG002 - whoever asks looks at it
        """See :meth:`Objects.get_file`."""
        retried(f"read {key}", lambda: self._files.fetch(self._path(key), path))

    def put(self, key: str, data: bytes) -> None:
        retried(f"write {key}", lambda: self._files.write(self._path(key), io.BytesIO(data)))
        retried(f"write {key}", self._files.commit)

    def put_file(self, key: str, path: Path) -> None:
        """See :meth:`Objects.put_file`; a container commits it with the next small object, such as the marker."""
        retried(f"write {key}", lambda: self._files.write(self._path(key), path))

    def put_new(self, key: str, data: bytes) -> bool:
        """See :meth:`Objects.put_new`, and above for how."""
        path, me = self._path(key), uuid.uuid4().hex
        retried(f"write {key}", self._files.commit)  # what an entry's bytes speak of is there before the entry
        self.refresh()
        while True:
            if self.get(key) is not None:
                return False
            mine: bool = retried(f"claim {key}", lambda: self._claims.put(path, (me, data), skip_if_exists=True))
            held = (me, data) if mine else retried(f"claim {key}", lambda: self._claims.get(path))
            if held is None:  # it was removed since
                continue
            owner, theirs = held
            self.put(key, theirs)
            return bool(owner == me)

    def list(self, folder: str, *, deep: bool = True) -> Iterator[Stored]:
        top = self._path(folder) if folder else self._prefix
        found = retried(f"list {folder or self.url}", lambda: self._files.walk(top, deep))
        cut = len(self._prefix) + 1 if self._prefix else 0
        for each in sorted(found, key=lambda each: each.key):
            yield Stored(each.key[cut:], each.size, each.modified)

    def delete(self, keys: Iterable[str]) -> None:
        """See :meth:`Objects.delete`; an entry goes before its file, so that the file is never without one to ask."""

        def remove(key: str) -> None:
            if f"/{FILES}/" not in key:
                retried(f"remove {key}", lambda: self._claims.pop(self._path(key), None))
            with suppress(FileNotFoundError):
                retried(f"remove {key}", lambda: self._files.remove(self._path(key)))

        with ThreadPoolExecutor(THREADS, thread_name_prefix="volume") as threads:
            for _ in threads.map(remove, keys):
                pass
        retried("remove files", self._files.commit)

    def refresh(self) -> None:
        retried("see what others wrote", self._files.reload)

    def _path(self, key: str) -> str:
        return f"{self._prefix}/{key}" if self._prefix else key


def retried(what: str, do: Callable[[], _T]) -> _T:
    """Do something with Modal, again and again if what it meets may pass.

    Raises:
        FileNotFoundError: what is asked for is not there.
        AcentoError: anything else, in a sentence.
    """
    for attempt in range(_ATTEMPTS):
        try:
            return do()
        except FileNotFoundError:
            raise
        except Exception as error:
            meaning = explain(error, what)
            if attempt == _ATTEMPTS - 1 or not may_pass(meaning):
                raise meaning from error
        time.sleep(_FIRST_WAIT_S * 2**attempt)
    raise AssertionError("unreachable")
