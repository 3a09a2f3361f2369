"""Where a number comes from: versions of the code and the libraries, and the machine it was made on."""

import platform
import subprocess
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from acento.core import VERSION

LIBRARIES = (
    "torch",
    "transformers",
    "tokenizers",
    "numpy",
    "pyarrow",
    "av",
    "soundfile",
    "soxr",
    "jiwer",
    "rapidfuzz",
    "great-expectations",
    "prefect",
)
"""What may change a text, a score or a time when its version changes."""


@cache
def code_version() -> str:
    """Return Acento's version, in a checkout with the commit, and a plus sign if files changed since."""
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        return VERSION
    try:
        commit = subprocess.run(
            ["git", "describe", "--always", "--dirty=+", "--abbrev=12", "--exclude=*"],
            cwd=root,
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return VERSION
    return f"{VERSION} ({commit})"


def library_versions(names: tuple[str, ...] = LIBRARIES) -> dict[str, str]:
    """Return the installed version of each library, read from its metadata without importing it."""
    found = {}
    for name in names:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def machine() -> dict[str, Any]:
    """Return what this machine calls itself."""
    return {"system": platform.platform(), "python": platform.python_version(), "host": platform.node()}
