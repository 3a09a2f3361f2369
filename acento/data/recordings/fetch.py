"""A recording as a file of this machine: as it lies here, or fetched from S3, the web or a pipe, for a while."""

import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from acento.core.audio.decoders.stream import AudioError
from acento.core.errors import DataError, InputError, StoreError, TransientError
from acento.core.progress import report
from acento.data.sources.archives.download import Downloads, encoded, without_secrets
from acento.data.sources.archives.temporary import NO_ROOM

STDIN = "-"
SCHEMES = ("s3://", "https://", "http://")
_BLOCK = 1 << 20


class UnreachableError(TransientError):
    """A recording cannot be fetched now."""

    reason = "unreachable"


def is_address(location: str) -> bool:
    """Tell whether something is at an address, and no path."""
    return location.lower().startswith(SCHEMES)


def shown(location: str) -> str:
    """Return how messages call a recording: without what an address may hold of secrets."""
    return without_secrets(location) if is_address(location) else "stdin" if location == STDIN else location


@contextmanager
def local_file(location: str, on_block: Callable[[], None] = lambda: None) -> Iterator[Path]:
    """Give the path of a recording; what was fetched for it is gone after the block.

    ``on_block`` is called after each block that was fetched; what it raises ends the fetching.

    Raises:
        AudioError: there is nothing at the place, it may not be read, or it is no file; see its ``reason``.
        UnreachableError: a server does not give it now.
        InputError: stdin is a terminal.
        StoreError: there is no room for what is fetched.
    """
    if not is_address(location) and location != STDIN and not _is_pipe(path := Path(location).expanduser()):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="acento-", ignore_cleanup_errors=True) as folder:
        path = Path(folder) / "recording"
        try:
            if is_address(location):
                _fetch(location, path, on_block)
            elif location == STDIN:
                if sys.stdin.isatty():
                    raise InputError("Nothing is piped into stdin: give a path, or pipe a recording.")
                _copy(sys.stdin.buffer, path, on_block)
            else:
                with Path(location).open("rb") as pipe:
                    _copy(pipe, path, on_block)
        except OSError as error:
            if error.errno not in NO_ROOM:
                raise AudioError(f"It cannot be read ({error.strerror or error}).") from error
            where = f"{shown(location)} cannot be put into {tempfile.gettempdir()} ({error.strerror})"
            raise StoreError(f"{where}: set TMPDIR to a folder with more room.") from error
        yield path


def _is_pipe(path: Path) -> bool:
    """Tell whether a path is a named pipe, such as a shell makes of ``<(command)``."""
    try:
        return stat.S_ISFIFO(path.stat().st_mode)
    except (OSError, ValueError):
        return False


def _copy(source: BinaryIO, path: Path, on_block: Callable[[], None]) -> None:
    with path.open("wb") as file:
        while block := source.read(_BLOCK):
            file.write(block)
            on_block()


def _fetch(location: str, path: Path, on_block: Callable[[], None]) -> None:
    """Fetch what an address names."""
    scheme, _, rest = location.partition("://")
    step, is_s3 = f"fetch {shown(location).rpartition('/')[2]}", scheme.lower() == "s3"

    def fetched(done: int, total: int) -> None:
        report(step, done, total, "bytes")
        on_block()

    try:
        Downloads(s3=is_s3).fetch(rest if is_s3 else encoded(location), path, fetched)
    except TransientError as error:
        raise UnreachableError(str(error)) from error
    except DataError as error:
        raise AudioError(str(error), "unreachable") from error
    with path.open("rb") as file:
        if file.read(256).lstrip().lower().startswith((b"<!doctype html", b"<html")):
            raise AudioError("It is a web page: name the address of the recording itself.", "not_audio")
