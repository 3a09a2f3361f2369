"""What the layouts of corpora and tools have in common: a folder, lists in it, recordings found by their names."""

import os
import re
import unicodedata
from abc import abstractmethod
from collections.abc import Callable, Collection, Iterator
from functools import lru_cache
from itertools import islice
from pathlib import Path

from acento.core.errors import DataError
from acento.data.source_options import SourceOptions
from acento.data.sources.base import Reason, Rejection, Source, SourceItem, split_in, split_named
from acento.data.sources.folders.audio_folder import AUDIO_SUFFIXES, CSV_NAMES
from acento.data.sources.tables.text_lines import read_lines

RECORDINGS = AUDIO_SUFFIXES | {".sph", ".nist", ".gsm", ".spx", ".ts", ".mpg"}
_BEST_FIRST = (".wav", ".flac", ".sph", ".aiff", ".w64")
"""Without loss; of two recordings of one name the first of these is taken."""
_LOOKED_AT = 100_000
"""Files at which the search for what makes a folder a layout ends."""


class Layout(Source):
    """A folder whose names and lists follow the rules of one corpus or tool."""

    def __init__(self, where: str, options: SourceOptions | None = None) -> None:
        """Keep the folder."""
        super().__init__(where, options)
        self._root = Path(where).expanduser()
        self._lists: list[str] = []
        self._notes: list[str] = []
        self._used: set[str] = set()

    @abstractmethod
    def entries(self) -> Iterator[SourceItem | Rejection]:
        """Yield what the lists name."""

    def items(self) -> Iterator[SourceItem | Rejection]:
        """See :meth:`Source.items`; recordings that no list names follow, as rejections."""
        self._lists, self._notes, self._used = [], [], set()
        forget_folders()
        yield from self.entries()
        yield from self._unlisted()

    def lists(self) -> Collection[str]:
        """See :meth:`Source.lists`."""
        return self._lists

    def notes(self) -> Collection[str]:
        """See :meth:`Source.notes`."""
        return self._notes

    def own_split(self) -> str | None:
        """See :meth:`Source.own_split`: for what the layout names no split of."""
        path = Path(self.where).expanduser()
        return split_named(path.absolute().name) if path.is_dir() else None

    def rows(self, path: Path, columns: int, separator: str | None) -> Iterator[tuple[str, list[str]] | Rejection]:
        """Yield the origin and the values of each line of a list; a line that cannot be used as a rejection.

        Args:
            path: the list.
            columns: how many values a line has; the last may hold separators.
            separator: None for any white space.
        """
        for number, line in self.lines(path):
            origin = f"{self.inside(path)}:{number}"
            if line is None:
                yield not_text(origin, number)
                continue
            values = [value.strip() for value in line.strip().split(separator, columns - 1)]
            if not values[0]:
                yield Rejection(origin, origin, Reason.BAD_ROW, f"Line {number} begins with no name.")
            else:
                yield origin, values + [""] * (columns - len(values))

    def table(self, path: Path, *needed: str) -> Iterator[tuple[str, dict[str, str]] | Rejection]:
        """Yield the origin and the values by column of each row of a table with tabs, in which quotes mean themselves.

        Raises:
            DataError: its first line lacks a column that is needed.
        """
        columns: list[str] = []
        for number, line in self.lines(path):
            origin = f"{self.inside(path)}:{number}"
            values = [value.strip() for value in (line or "").split("\t")]
            if not columns:
                columns = [value.lower() for value in values]
                missing = [name for name in needed if name not in columns]
                if missing:
                    raise DataError(f"{path} has no column {' and no column '.join(missing)}.")
            elif line is None:
                yield not_text(origin, number)
            elif len(values) > len(columns):
                detail = f"Line {number} has {len(values)} values for {len(columns)} columns."
                yield Rejection(origin, origin, Reason.BAD_ROW, detail)
            else:
                yield origin, {**dict.fromkeys(columns, ""), **dict(zip(columns, values, strict=False))}

    def lines(self, path: Path) -> Iterator[tuple[int, str | None]]:
        """Yield the numbered lines of a list, and note that it was read."""
        self._lists.append(self.inside(path))
        return read_lines(path, self.options.encoding)

    def inside(self, path: Path) -> str:
        """Return the path of a file in the folder, or its whole path if it lies elsewhere."""
        return (path.relative_to(self._root) if path.is_relative_to(self._root) else path).as_posix()

    def use(self, path: Path) -> str:
        """Note that a recording is named by a list, and return its path in the folder."""
        name = self.inside(path)
        self._used.add(name)
        return name

    def wanted(self, name: str) -> bool:
        """Tell whether a split, by the source's own name for it, was asked for."""
        return self.options.source_split is None or name.lower() == self.options.source_split.lower()

    def _unlisted(self) -> Iterator[Rejection]:
        """Yield the recordings in the folder that no list names."""
        if self.options.source_split is not None:
            return
        stems = {os.path.splitext(name)[0]: name for name in self._used}  # noqa: PTH122
        for name in walk(self._root):
            stem, suffix = os.path.splitext(name)  # noqa: PTH122
            if suffix.lower() not in RECORDINGS or name in self._used:
                continue
            if stem in stems:
                detail = f"It has the name of {stems[stem]}, which is taken."
                yield Rejection(name, name, Reason.DUPLICATE_ID, detail)
            else:
                yield Rejection(stem, name, Reason.NO_TRANSCRIPT, f"There is no transcript of {name} in any list.")


def not_text(origin: str, number: int) -> Rejection:
    """Return the rejection of a line that is not in the encoding of its list."""
    detail = f"Line {number} is not UTF-8, or holds a NUL: name the encoding by --encoding, or save the list as UTF-8."
    return Rejection(origin, origin, Reason.BAD_ROW, detail)


def walk(root: Path) -> Iterator[str]:
    """Yield the path in a folder of every file that is not hidden; links are followed, none twice."""
    seen: set[tuple[int, int]] = set()
    for folder, folders, files in os.walk(root, followlinks=True):
        status = os.stat(folder)  # noqa: PTH116
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        inside = os.path.relpath(folder, root).replace(os.sep, "/")
        for name in sorted(files):
            if not name.startswith("."):
                yield name if inside == "." else f"{inside}/{name}"


def holds(root: Path, is_one: Callable[[str], bool]) -> bool:
    """Tell whether one of the first files in a folder is what is looked for."""
    return any(is_one(name) for name in islice(walk(root), _LOOKED_AT))


def subfolders(root: Path) -> list[Path]:
    """Return the folders in a folder, hidden ones left out, in the order of their names."""
    with os.scandir(root) as entries:
        names = sorted(entry.name for entry in entries if not entry.name.startswith(".") and entry.is_dir())
    return [root / name for name in names]


def is_recording(name: str) -> bool:
    """Tell whether a file is a recording, by its suffix."""
    return os.path.splitext(name)[1].lower() in RECORDINGS  # noqa: PTH122


def has_own_texts(root: Path) -> bool:
    """Tell whether recordings in a folder have transcripts of their own names beside them, as an audio folder has."""
    if any((root / name).is_file() for name in CSV_NAMES.values()):
        return True
    texts, recordings = set(), set()
    for name in islice(walk(root), _LOOKED_AT):
        stem, suffix = os.path.splitext(name)  # noqa: PTH122
        if suffix.lower() == ".txt":
            texts.add(stem)
        elif suffix.lower() in RECORDINGS:
            recordings.add(stem)
    return not texts.isdisjoint(recordings)


def find_recording(folder: Path, name: str) -> Path | None:
    """Return the recording of a name in a folder, with or without its suffix, in either Unicode form; else None.

    Of several that differ in the suffix only, one without loss is preferred.
    """
    below, _, last = name.replace("\\", "/").rpartition("/")
    try:
        place = folder / below if below else folder
        names = _recordings_in(str(place))
    except (OSError, ValueError):
        return None
    found = names.get(unicodedata.normalize("NFC", last))
    return place / found if found else None


@lru_cache(maxsize=64)
def _recordings_in(folder: str) -> dict[str, str]:
    """Return the recordings of a folder by their names, and by their names without the suffix.

    Cached: lists name recordings folder by folder.
    """
    found: dict[str, str] = {}
    names = [name for name in os.listdir(folder) if is_recording(name)]  # noqa: PTH208
    for name in sorted(names, key=_rank, reverse=True):
        found[unicodedata.normalize("NFC", os.path.splitext(name)[0])] = name  # noqa: PTH122
    for name in names:
        found[unicodedata.normalize("NFC", name)] = name
    return found


def forget_folders() -> None:
    """Forget what was in folders: a source begins with it, as they may have changed since another was read."""
    _recordings_in.cache_clear()
    channels_of.cache_clear()


def _rank(name: str) -> tuple[int, str]:
    suffix = os.path.splitext(name)[1].lower()  # noqa: PTH122
    return (_BEST_FIRST.index(suffix) if suffix in _BEST_FIRST else len(_BEST_FIRST)), name


@lru_cache(maxsize=4096)
def channels_of(path: Path) -> int | None:
    """Return how many channels a recording has by its header; None if that cannot be read."""
    import av
    import soundfile

    try:
        return int(soundfile.info(path).channels)
    except (soundfile.LibsndfileError, OSError, TypeError):
        pass
    try:
        with av.open(str(path), options={"format_whitelist": "mov,mp4,m4a,matroska,webm,aac,asf,amr,caf,gsm"}) as file:
            return int(file.streams.audio[0].codec_context.channels)
    except (av.FFmpegError, OSError, ValueError, IndexError):
        return None


def begins_with_split(name: str) -> bool:
    """Tell whether the first word of a folder's name is that of a split.

    >>> begins_with_split("train_si284"), begins_with_split("eval2000"), begins_with_split("my-test-corpus")
    (True, True, False)
    """
    return split_in(re.split(r"[\W_\d]+", name)[0]) is not None


def language_named(name: str) -> str | None:
    """Return the code of a language that a corpus names in English or by a code; None if there is no such.

    >>> language_named("spanish"), language_named("es_419"), language_named("cmn_hans_cn"), language_named("xyzzy")
    ('es', 'es-419', 'zh-Hans-CN', None)
    """
    import langcodes

    try:
        if langcodes.tag_is_valid(name):
            return langcodes.standardize_tag(name, macro=True)
        return str(langcodes.find(name))
    except (LookupError, ValueError):
        return None
