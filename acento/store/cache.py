"""Where this machine keeps copies of what is in stores elsewhere."""

import hashlib
import os
import tempfile
from pathlib import Path

from acento.settings import settings


def cache_folder(url: str) -> Path:
    """Return the folder for copies from the store at a URL: in ``ACENTO_CACHE``, or else in the user's cache folder."""
    name = hashlib.sha256(url.encode()).hexdigest()[:16]
    if settings().cache:
        return Path(settings().cache).expanduser().absolute() / name
    if base := os.environ.get("XDG_CACHE_HOME"):
        return Path(base).absolute() / "acento" / name
    try:
        return Path.home() / ".cache" / "acento" / name
    except RuntimeError:  # nobody has a home here
        return Path(tempfile.gettempdir()) / "acento-cache" / name
