"""The recordings of a Hugging Face data set as files: those inside its rows, beside its tables, or at an address."""

import re
import shutil
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path, PurePosixPath
from typing import Any

from acento.core.errors import DataError
from acento.core.hub import hub_error, hub_token
from acento.data.sources.files import find_file

HUB = "hf://datasets/"


class Recordings:
    """A temporary folder (``TMPDIR``) into which recordings are written as they are; ``close`` removes it."""

    def __init__(self, name: str, commit: str, folder: Path | None) -> None:
        """Take the data set's name, and where it is: its commit on the hub, or its folder or file here."""
        self._name, self._commit, self._folder = name, commit, folder
        self._temporary = tempfile.TemporaryDirectory(prefix="acento-", ignore_cleanup_errors=True)
        self._written = 0
        self.used: set[str] = set()
        """Paths in the folder of recordings that rows name."""

    def close(self) -> None:
        """Remove what was written."""
        self._temporary.cleanup()

    def made(self, path: Path) -> bool:
        """Tell whether this file was written here."""
        return path.is_relative_to(self._temporary.name)

    def file(self, data: bytes | None, path: str | None) -> Path | str:
        """Return the file of a recording whose row holds these bytes or this path, or why there is none.

        Raises:
            DataError: there is no room for it.
            TransientError: the hub stopped answering.
        """
        return self._write(data, path) if data is not None else self._find(path or "")

    def _write(self, data: bytes | None, name: str | None) -> Path:
        """Return a new file in the temporary folder with these bytes, and the suffix of this name."""
        self._written += 1
        suffix = PurePosixPath(name or "").suffix
        suffix = suffix.lower() if re.fullmatch(r"\.[A-Za-z0-9]{1,5}", suffix) else ""
        path = Path(self._temporary.name) / f"{self._written // 1000:06d}" / f"{self._written:09d}{suffix}"
        try:
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data or b"")
        except OSError as error:
            raise DataError(
                f"A recording of data set {self._name} cannot be written into {path.parent} ({error.strerror}): let "
                "TMPDIR name a folder with room for its compressed audio."
            ) from error
        return path

    def _find(self, path: str) -> Path | str:
        """Return the file of a recording that a row names, fetched if need be, or why there is none."""
        import fsspec
        from huggingface_hub import HfFileSystem

        if path.startswith("https://"):
            return self._fetch(path, lambda url: fsspec.open(url, "rb"))
        inside = path.removeprefix(f"{HUB}{self._name}@{self._commit}/") if self._commit else path
        if "://" in inside or "\0" in inside:
            return f"The recording {path} is neither a file of the data set nor at an https:// address."
        if ".." in PurePosixPath(inside).parts or (self._folder is None and inside.startswith("/")):
            return f"The recording {path} is not a file of the data set."
        if self._folder is not None:
            folder = self._folder if self._folder.is_dir() else self._folder.parent
            file = find_file(folder, inside)
            if file is None:
                return f"There is no recording {path}."
            self.used.add(file.relative_to(folder).as_posix() if file.is_relative_to(folder) else inside)
            return file
        hub = HfFileSystem(token=hub_token())
        return self._fetch(
            f"datasets/{self._name}@{self._commit}/{inside}", lambda path: hub.open(path, "rb", block_size=0)
        )

    def _fetch(self, address: str, opened: Callable[[str], AbstractContextManager[Any]]) -> Path | str:
        """Return a file with what is at an address, or why there is none."""
        from huggingface_hub.utils import EntryNotFoundError, httpx

        shown = address.partition("?")[0]  # what follows may be a signature
        path = self._write(None, shown)
        try:
            with opened(address) as remote, path.open("wb") as file:
                shutil.copyfileobj(remote, file, 1 << 20)
        except (FileNotFoundError, EntryNotFoundError):
            return f"There is no recording {shown}."
        except (httpx.HTTPError, OSError) as error:
            raise hub_error(error, "data set", self._name, None, DataError) from error
        except Exception as error:  # of the libraries behind fsspec, each with errors of its own
            return f"The recording {shown} cannot be fetched ({type(error).__name__})."
        return path


def as_stored(value: object) -> tuple[bytes | None, str | None]:
    """Return the bytes and the path of a recording as a row holds it.

    Raises:
        ValueError: it is neither bytes nor a path.
    """
    if isinstance(value, dict):
        data, path = value.get("bytes"), value.get("path")
        if isinstance(data, bytes | None) and isinstance(path, str | None):
            return data, path or None
    elif isinstance(value, bytes):
        return value, None
    elif isinstance(value, str | None):
        return None, value or None
    raise ValueError("its recording is neither bytes nor a path")
