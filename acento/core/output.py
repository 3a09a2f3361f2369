"""Files and folders that a person asked for: each appears whole under its name, or not at all."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from acento.core.errors import InputError
from acento.core.store import local
from acento.core.store.base import NO_ROOM
from acento.core.store.scratch import discard


@contextmanager
def written_whole(target: Path, *, replace: bool = False) -> Iterator[Path]:
    """Yield a path beside a target to write to; after the block all of it appears at the target.

    The path is ``.NAME.partial``; what a killed process left there is removed first.

    Raises:
        InputError: the target is there already, and is not to be replaced or is a folder; or it cannot be written.
    """
    if target.is_dir() or (target.exists() and not replace):
        raise InputError(f"{target} is there already: remove it, or choose another place.")
    partial = target.with_name(f".{target.name}.partial")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        discard(partial)
        yield partial
        if replace:
            partial.replace(target)
        else:
            local.rename(partial, target)
        local.sync_folder(target.parent)
    except OSError as error:
        hint = "free some space, or choose another place" if error.errno in NO_ROOM else "choose another place"
        raise InputError(f"{target} cannot be written ({error.strerror or error}): {hint}.") from error
    finally:
        with suppress(OSError):
            discard(partial)


def write_whole(target: Path, data: bytes, *, replace: bool = False) -> bool:
    """Write a file; return False where it is there already with just these bytes, and is left as it is.

    Raises:
        InputError: other bytes are there, and are not to be replaced; or it cannot be written.
    """
    try:
        if target.is_file() and target.stat().st_size == len(data) and target.read_bytes() == data:
            return False
    except OSError as error:
        raise InputError(f"{target} cannot be read ({error.strerror or error}).") from error
    if target.is_file() and not replace:
        raise InputError(f"{target} is there with another content: overwrite it, remove it, or choose another place.")
    with written_whole(target, replace=replace) as partial:
        local.write_synced(partial, data)
    return True
