"""Where this machine keeps copies of what is in stores elsewhere."""

import hashlib
import os
import tempfile
from pathlib import Path

from acento.core.settings import settings


def cache_folder(url: str) -> Path:
    """Return the folder for copies from the store at a URL, a subfolder of :func:`cache_root`."""
    return cache_root() / hashlib.sha256(url.encode()).hexdigest()[:16]


def cache_root() -> Path:
    """Return the folder for all that can be fetched again: ``ACENTO_CACHE``, or else one in the user's cache folder."""
    if settings().cache:
        return Path(settings().cache).expanduser().absolute()
    if base := os.environ.get("XDG_CACHE_HOME"):
        return Path(base).absolute() / "acento"
    try:
        return Path.home() / ".cache" / "acento"
    except RuntimeError:  # nobody has a home here
        return Path(tempfile.gettempdir()) / "acento-cache"
