"""Scratch: files and folders in the making, named for their process so that they can be cleared away when it dies."""

import os
import shutil
import socket
import uuid
from pathlib import Path

from acento.core.processes import alive


class Scratch:
    """A folder of this machine in which work in progress has names of its own."""

    def __init__(self, folder: Path) -> None:
        """Name the folder; it is made when something is first put there."""
        self.folder = folder

    def new(self) -> Path:
        """Return a path that nobody else uses, in the folder, which is there by then."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return self.folder / f"{socket.gethostname()}~{os.getpid()}~{uuid.uuid4().hex}"

    def sweep(self) -> None:
        """Remove what processes of this host left that no longer live."""
        if not self.folder.is_dir():
            return
        for path in self.folder.iterdir():
            host, _, rest = path.name.partition("~")
            number = rest.partition("~")[0]
            if host == socket.gethostname() and number.isdigit() and not alive(int(number)):
                discard(path)

    def older(self, before: float) -> list[str]:
        """Return the names of scratch in which nothing was written since a time, in seconds since 1970."""
        if not self.folder.is_dir():
            return []
        return sorted(path.name for path in self.folder.iterdir() if _newest(path) < before)


def _newest(path: Path) -> float:
    """Return when something in a folder was written last; what vanishes meanwhile was written just now."""
    try:
        return max(each.stat().st_mtime for each in (path, *path.rglob("*")))
    except FileNotFoundError:
        return float("inf")


def discard(path: Path) -> None:
    """Remove scratch, whatever it is."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
