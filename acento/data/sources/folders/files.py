"""Files by the names that lists give them: in another Unicode form, or with the separators of Windows."""

import os
import unicodedata
from functools import lru_cache
from pathlib import Path

from acento.data.sources.base import is_file


def find_file(folder: Path, name: str) -> Path | None:
    """Return the file that a list in a folder names, None if there is none.

    A name that is there as it is given wins; then names are compared in Unicode's composed form, in which ``é`` is one
    character, whichever form list and disk have.
    """
    if not name or "\0" in name:
        return None
    for given in dict.fromkeys((name, name.replace("\\", "/"))):
        path = folder / given
        if is_file(path):
            return path
        if given.isascii():
            continue
        found = _composed(path)
        if found is not None and is_file(found):
            return found
    return None


def composed(name: str) -> str:
    """Return a name in Unicode's composed form."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def _composed(path: Path) -> Path | None:
    """Return the path whose parts are there in some Unicode form."""
    place = Path(path.anchor) if path.is_absolute() else Path()
    for part in path.parts[1 if path.is_absolute() else 0 :]:
        direct = place / part
        if part.isascii() or os.path.lexists(direct):
            place = direct
            continue
        try:
            found = _names(str(place), os.stat(place).st_mtime_ns).get(composed(part))  # noqa: PTH116
        except (OSError, ValueError):
            return None
        if found is None:
            return None
        place = place / found
    return place


@lru_cache(maxsize=64)
def _names(folder: str, changed_ns: int) -> dict[str, str]:  # noqa: ARG001 - a folder that changed is read again
    """Return the names in a folder by their composed form."""
    with os.scandir(folder or ".") as entries:
        return {composed(entry.name): entry.name for entry in entries}
