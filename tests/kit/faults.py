"""Kill a process at every write of the store, one after another: what survives must be enough to go on from.

Each trial is a forked child with its own root folder, so it costs milliseconds. The parent must run no threads of its
own by then, and must have imported everything that the action needs. Only what the action does in its own process is
counted: stage with ``workers=0``, run jobs inline.
"""

import hashlib
import os
import signal
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from forked import Work, ended, fork

from acento.core.store import local

Action = Callable[[Path], object]
"""Does the work with the store in this folder; the same work for the same state."""

WRITES = ("write_synced", "sync_file", "rename", "sync_folder")


def killed_at_every_write(action: Action, make_root: Callable[[], Path]) -> Iterator[tuple[str, Path]]:
    """Yield, for each write, its name and a root in which the action was killed there and then run again unharmed.

    ``make_root`` returns a new root each time, empty or prepared, always the same. Of each write of bytes there are two
    trials: before it, and when half of the bytes are written; the last trial is killed when all the writing is done.
    """
    names = _count(action, make_root())
    assert names, "the action does not write to the store"
    points = [(n, half) for n, name in enumerate(names) for half in (False, True) if not half or name == "write_synced"]
    for n, half in [*points, (len(names), False)]:
        root = make_root()
        _killed(action, root, n, half)
        assert ended(fork(_unsynced(partial(action, root)))) == 0, "the action fails when it is run again after a kill"
        name = names[n] if n < len(names) else "the end"
        yield f"{'in the middle of' if half else 'before'} write {n}: {name}", root


def tree(root: Path) -> dict[str, str]:
    """Return every folder and file of a store with its bytes' digest; what is under ``tmp`` is scratch and left out."""
    found = {}
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if name.partition("/")[0] != "tmp":
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
    return found


def _count(action: Action, root: Path) -> list[str]:
    """Return the names of the writes that the action does."""
    reading, writing = os.pipe()

    def work() -> None:
        names: list[str] = []
        os.close(reading)
        _watch(lambda name, _: names.append(name))
        action(root)
        os.write(writing, "\n".join(names).encode())

    child = fork(_unsynced(work))
    os.close(writing)
    with os.fdopen(reading) as pipe:
        names = pipe.read().split()
    assert ended(child) == 0, "the action fails when nothing kills it"
    return names


def _killed(action: Action, root: Path, at: int, half: bool) -> None:
    """Run the action in a child that kills itself before write ``at``, or in the middle of it."""
    writes = 0

    def perhaps(_: str, write_half: Callable[[], None]) -> None:
        nonlocal writes
        if writes == at:
            if half:
                write_half()
            os.kill(os.getpid(), signal.SIGKILL)
        writes += 1

    status = ended(fork(_unsynced(lambda: (_watch(perhaps), action(root), os.kill(os.getpid(), signal.SIGKILL)))))
    assert status == -signal.SIGKILL, f"the action ended by itself, with {status}, before write {at}"


def _unsynced(work: Work) -> Work:
    """Return the work for a child, which waits for no disk: what is killed loses nothing that the kernel has."""

    def unsynced() -> None:
        os.fsync = lambda _: None
        work()

    return unsynced


def _watch(before: Callable[[str, Callable[[], None]], None]) -> None:
    """Call ``before(name, write_half)`` before every write that the local store does in this process."""

    def watched(owner: object, name: str) -> None:
        real = getattr(owner, name)

        def write(*args: object, **options: object) -> object:
            def write_half() -> None:
                path, data = args
                assert isinstance(path, Path)
                assert isinstance(data, bytes)
                path.write_bytes(data[: len(data) // 2])

            before(name, write_half)
            return real(*args, **options)

        setattr(owner, name, write)

    for name in WRITES:
        watched(local, name)
    watched(local.os, "link")
