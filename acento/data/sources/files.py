"""Files in folders: which are recordings, and where those are that lists name.

Names are compared in Unicode's composed form, in which ``é`` is one character, whichever form list and disk have; with
the separators of Windows too; and those of recordings also without their suffix.
"""

import os
import unicodedata
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import islice
from pathlib import Path

from acento.data.sources.base import is_file
from acento.data.utterance import SPLITS

AUDIO_SUFFIXES = frozenset(
    f".{suffix}"
    for suffix in (
        *("wav", "mp3", "flac", "ogg", "oga", "opus", "m4a", "m4b", "aac", "webm", "mp4", "mov", "mkv", "mka", "wma"),
        *("aif", "aiff", "aifc", "caf", "amr", "3gp", "3g2", "w64", "au", "snd", "ac3", "eac3", "avi", "wv", "ape"),
        *("tta", "sph", "nist", "gsm", "ts", "m2ts", "mts", "mpg", "mpeg", "mpga", "mp1", "mp2", "spx", "rm", "ra"),
        *("voc", "vob", "flv", "f4v", "dts", "mpc", "m4v", "ogv", "ogx", "wave", "awb", "asf", "wmv", "rf64"),
    )
)
LOSSLESS = (".wav", ".flac", ".aiff", ".aif", ".w64", ".caf", ".au", ".sph", ".wv", ".ape", ".tta")
"""Kinds without loss, the first preferred when one recording is there twice."""
CSV_NAMES = {split: f"{split}_files.csv" for split in SPLITS}
"""The lists of an audio folder."""
SEARCH_LIMIT = 100_000
"""Files at which the search for what a folder is ends."""


def split_suffix(name: str) -> tuple[str, str]:
    """Return a path without its suffix, and the suffix in lower case; a ``Path`` for each of a million is too much.

    >>> split_suffix("anna/0001.v2.WAV")
    ('anna/0001.v2', '.wav')
    """
    stem, suffix = os.path.splitext(name)  # noqa: PTH122
    return stem, suffix.lower()


def is_recording(name: str) -> bool:
    """Tell whether a file is a recording, by its suffix."""
    return split_suffix(name)[1] in AUDIO_SUFFIXES


def lossless_first(name: str) -> tuple[int, str]:
    """Return what sorts recordings of one name, those without loss first."""
    suffix = split_suffix(name)[1]
    return LOSSLESS.index(suffix) if suffix in LOSSLESS else len(LOSSLESS), name


def walk(root: Path, on_error: Callable[[OSError], None] | None = None) -> Iterator[str]:
    """Yield the path in a folder of every file that is not hidden; links are followed, no folder is entered twice.

    ``on_error`` is told of a folder that cannot be read; else it is passed over.
    """
    seen: set[tuple[int, int]] = set()
    for folder, folders, files in os.walk(root, onerror=on_error, followlinks=True):
        status = os.stat(folder)  # noqa: PTH116
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name != "__MACOSX")
        inside = os.path.relpath(folder, root).replace(os.sep, "/")
        for name in sorted(files):
            if not name.startswith("."):
                yield name if inside == "." else f"{inside}/{name}"


def subfolders(root: Path) -> list[Path]:
    """Return the folders in a folder, hidden ones left out, in the order of their names."""
    return sorted(path for path in root.iterdir() if not path.name.startswith(".") and path.is_dir())


def has_own_texts(root: Path) -> bool:
    """Tell whether recordings in a folder have transcripts of their own names beside them, as an audio folder has."""
    if any((root / name).is_file() for name in CSV_NAMES.values()):
        return True
    names = [split_suffix(name) for name in islice(walk(root), SEARCH_LIMIT)]
    texts = {stem for stem, suffix in names if suffix == ".txt"}
    return any(stem in texts for stem, suffix in names if suffix in AUDIO_SUFFIXES)


def find_file(folder: Path, name: str) -> Path | None:
    """Return the file that a list in a folder names, None if there is none; a name as it is given wins."""
    for given in dict.fromkeys((name, name.replace("\\", "/"))):
        if is_file(path := folder / given):
            return path
        if not given.isascii() and (found := _composed(path)) and is_file(found):
            return found
    return None


def find_recording(folder: Path, name: str) -> Path | None:
    """Return the recording of a name in a folder, with or without its suffix; else None.

    Of several that differ in the suffix only, one without loss is preferred.
    """
    below, _, last = name.replace("\\", "/").rpartition("/")
    try:
        place = folder / below if below else folder
        found = _recordings(*_state(place)).get(composed(last))
    except (OSError, ValueError):
        return None
    return place / found if found else None


def inside(folder: Path, path: Path) -> str:
    """Return the path of a file in a folder, or its whole path if it lies elsewhere."""
    return (path.relative_to(folder) if path.is_relative_to(folder) else path).as_posix()


def composed(name: str) -> str:
    """Return a name in Unicode's composed form."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def _composed(path: Path) -> Path | None:
    """Return the path whose parts are there in some Unicode form."""
    place = Path(path.anchor)
    for part in path.relative_to(path.anchor).parts:
        if not part.isascii() and not os.path.lexists(place / part):
            try:
                part = _names(*_state(place))[composed(part)]
            except (OSError, ValueError, KeyError):
                return None
        place = place / part
    return place


def _state(folder: Path) -> tuple[str, int]:
    """Return a folder and when it was changed last: one that changed is read again."""
    return str(folder), os.stat(folder).st_mtime_ns  # noqa: PTH116


@lru_cache(maxsize=64)
def _names(folder: str, changed_ns: int) -> dict[str, str]:  # noqa: ARG001
    """Return the names in a folder by their composed form."""
    with os.scandir(folder) as entries:
        return {composed(entry.name): entry.name for entry in entries}


@lru_cache(maxsize=64)
def _recordings(folder: str, changed_ns: int) -> dict[str, str]:
    """Return the recordings in a folder by their names, and by their names without the suffix."""
    names = [name for name in _names(folder, changed_ns).values() if is_recording(name)]
    names.sort(key=lossless_first, reverse=True)
    return {composed(split_suffix(name)[0]): name for name in names} | {composed(name): name for name in names}
