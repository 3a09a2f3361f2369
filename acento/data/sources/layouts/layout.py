"""The common part of layouts of corpora and tools: a folder, lists in it, recordings found by their names."""

import re
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar

from acento.core.audio.recording import channels_of
from acento.data.source_options import SourceOptions
from acento.data.sources.base import Entry, Rejection, RejectReason, Source, SourceItem, split_in, stretch
from acento.data.sources.files import AUDIO_SUFFIXES, inside, split_suffix, walk
from acento.data.sources.tables.table_file import TableFile
from acento.data.sources.tables.text_lines import read_lines


class Layout(Source):
    """A folder whose names and lists follow the rules of one corpus or tool."""

    uses_all: ClassVar[bool] = True
    """Whether recordings in the folder that no list names are inputs, which are rejected."""

    def __init__(self, location: str, options: SourceOptions | None = None) -> None:
        """Keep the folder: the one that is named, or that of the list which is."""
        super().__init__(location, options)
        self._root = self._path if self._path.is_dir() else self._path.parent
        self._used: set[str] = set()
        self._channels: dict[Path, int | None] = {}

    @classmethod
    def matches(cls, path: Path) -> bool:
        return path.is_dir() and bool(cls.parts(path))

    @staticmethod
    def parts(root: Path) -> list[Path]:  # noqa: ARG004 - a layout without such is told otherwise
        """Return the lists or the folders that make a folder one of this layout; empty if there are none."""
        return []

    @abstractmethod
    def entries(self) -> Iterator[Entry]:
        """Yield what the lists name; the origin is the recording's path in the folder, and its stretch."""

    def items(self) -> Iterator[Entry]:
        """See :meth:`Source.items`; lines that cannot be used, and recordings that no list names, come last."""
        self.lists, self.notes, self._used, self._rejected, self._channels = [], [], set(), [], {}
        yield from self.entries()
        yield from self._rejected
        if self.uses_all and self._path.is_dir() and self.options.source_split is None:
            yield from self._unlisted()

    def lines(self, path: Path) -> Iterator[tuple[str, int, str]]:
        """Yield the origin, the number and the text of each line of a list; reject what is not text."""
        name = self.inside(path)
        self.lists.append(name)
        for number, line in read_lines(path, self.options.encoding):
            origin = f"{name}:{number}"
            if line is None:
                hint = "name the encoding by --encoding, or save the list as UTF-8"
                self.reject(origin, f"Line {number} is not UTF-8, or holds a NUL: {hint}.")
            else:
                yield origin, number, line

    def rows(self, path: Path, columns: int, separator: str | None) -> Iterator[tuple[str, list[str]]]:
        """Yield the origin and the values of each line of a list; reject lines that cannot be used.

        Args:
            path: the list.
            columns: how many values a line has; the last may hold separators.
            separator: None for any white space.
        """
        for origin, number, line in self.lines(path):
            values = [value.strip() for value in line.strip().split(separator, columns - 1)]
            if values[0]:
                yield origin, values + [""] * (columns - len(values))
            else:
                self.reject(origin, f"Line {number} begins with no name.")

    def table(self, path: Path, *needed: str) -> Iterator[tuple[str, dict[str, str]]]:
        """Yield the origin and the values by column of each row of a table with tabs, in which quotes mean themselves.

        Raises:
            DataError: its first line lacks a column that is needed.
        """
        name = self.inside(path)
        self.lists.append(name)
        with TableFile(path, str(path), quoted=False, encoding=self.options.encoding) as table:
            table.need(*needed)
            for number, row in table.rows():
                if isinstance(row, str):
                    self.reject(f"{name}:{number}", row)
                else:
                    yield f"{name}:{number}", {**dict.fromkeys(table.columns, ""), **row}

    def inside(self, path: Path) -> str:
        """Return the path of a file in the folder, or its whole path if it lies elsewhere."""
        return inside(self._root, path)

    def use(self, path: Path) -> str:
        """Note that a recording is named by a list, and return its path in the folder."""
        name = self.inside(path)
        self._used.add(name)
        return name

    def item(
        self,
        uid: str,
        recording: Path | None,
        text: str | None,
        origin: str,
        no_file: str,
        no_text: str | None = None,
        place: str | None = None,
        **facts: Any,
    ) -> Entry:
        """Return what a line says of a recording; ``no_…`` say what it lacks, ``facts`` are fields of the item."""
        if recording is None:
            return Rejection(uid, origin, RejectReason.NO_AUDIO, no_file)
        place = place or self.use(recording)
        place += stretch(facts.get("start_s", 0.0), facts.get("length_s"), facts.get("channel"))
        if not text:
            return Rejection(uid, place, RejectReason.NO_TRANSCRIPT, no_text or f"{origin} has no text.")
        return SourceItem(uid, recording, text, place, **facts)

    def channels(self, path: Path) -> int | None:
        """Return how many channels a recording has by its header; None if that cannot be read."""
        if path not in self._channels:
            self._channels[path] = channels_of(path)
        return self._channels[path]

    def wanted(self, name: str) -> bool:
        """Tell whether a split, by the source's own name for it, was asked for."""
        return self.options.source_split is None or name.lower() == self.options.source_split.lower()

    def _unlisted(self) -> Iterator[Rejection]:
        """Yield the recordings in the folder that no list names."""
        stems = {split_suffix(name)[0]: name for name in self._used}
        for name in walk(self._root):
            stem, suffix = split_suffix(name)
            if suffix not in AUDIO_SUFFIXES or name in self._used:
                continue
            if stem in stems:
                detail = f"It has the name of {stems[stem]}, which is taken."
                yield Rejection(name, name, RejectReason.DUPLICATE_ID, detail)
            else:
                detail = f"There is no transcript of {name} in any list."
                yield Rejection(stem, name, RejectReason.NO_TRANSCRIPT, detail)


def first_found(root: Path, patterns: Iterable[str], is_one: Callable[[Path], object]) -> list[Path]:
    """Return the files that the first pattern finds which finds any of the kind."""
    found = ([path for path in sorted(root.glob(pattern)) if is_one(path)] for pattern in patterns)
    return next(filter(None, found), [])


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
