"""Download Debian's packages with apt-get, the machine's own client: as it is set, with its checks of signatures."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from acento.core.errors import InputError
from acento.core.packages import last_line, run

WITH_A_HUB: Final = (
    "with a model hub at hand the same runs as: acento specialize --source OWNER/DATA --dataset NAME "
    "--base-model openai/whisper-base --guard OTHER-NAME"
)
ROOM: Final = "real"
"""Of the cache: where what is fetched for the demo lies."""


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
    done = run(["apt-get", "download", *options, *packages], archives)
    if done.returncode != 0:
        own = folder.with_name(f"{folder.name}-lists")
        for name in ("state/lists/partial", "cache/archives/partial"):
            (own / name).mkdir(parents=True)
        for place in ("Dir::State=state", "Dir::State::lists=state/lists", "Dir::Cache=cache"):
            options += ["-o", place.replace("=", f"={own}/")]
        updated = run(["apt-get", "update", *options], archives)
        done = run(["apt-get", "download", *options, *packages], archives)
        if done.returncode != 0:
            reason = last_line(updated.stderr if updated.returncode else done.stderr)
            raise InputError(
                f"apt-get did not get {what} ({reason}). Check the network and the machine's sources of packages; "
                f"{WITH_A_HUB}."
            )
    for archive in sorted(archives.glob("*.deb")):
        unpacked = run(["dpkg", "-x", str(archive), str(folder)])
        if unpacked.returncode != 0:
            raise InputError(f"{archive.name} cannot be unpacked ({last_line(unpacked.stderr)}).")
