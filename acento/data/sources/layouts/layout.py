"""The common part of layouts of corpora and tools: a folder, lists in it, recordings found by their names."""

import re
from abc import abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from acento.core.audio.recording import channels_of
from acento.core.errors import DataError
from acento.data.source_options import SourceOptions
from acento.data.sources.base import Reason, Rejection, Source, SourceItem, split_in
from acento.data.sources.files import AUDIO_SUFFIXES, split_suffix, walk
from acento.data.sources.tables.table_file import TableFile
from acento.data.sources.tables.text_lines import read_lines


class Layout(Source):
    """A folder whose names and lists follow the rules of one corpus or tool."""

    uses_all: ClassVar[bool] = True
    """Whether recordings in the folder that no list names are inputs, which are rejected."""

    def __init__(self, where: str, options: SourceOptions | None = None) -> None:
        """Keep the folder: the one that is named, or that of the list which is."""
        super().__init__(where, options)
        self._root = self._path if self._path.is_dir() else self._path.parent
        self._used: set[str] = set()
        self._channels: dict[Path, int | None] = {}

    @classmethod
    def matches(cls, path: Path) -> bool:
        """See :meth:`Source.matches`."""
        return path.is_dir() and bool(cls.parts(path))

    @staticmethod
    def parts(root: Path) -> list[Path]:  # noqa: ARG004 - a layout without such is told otherwise
        """Return the lists or the folders that make a folder one of this layout; empty if there are none."""
        return []

    @abstractmethod
    def entries(self) -> Iterator[SourceItem | Rejection]:
        """Yield what the lists name."""

    def items(self) -> Iterator[SourceItem | Rejection]:
        """See :meth:`Source.items`; recordings that no list names follow, as rejections."""
        self._lists, self._notes, self._used, self._channels = [], [], set(), {}
        yield from self.entries()
        if self.uses_all and self._path.is_dir() and self.options.source_split is None:
            yield from self._unlisted()

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
        self._lists.append(self.inside(path))
        with TableFile(path, str(path), quoted=False, encoding=self.options.encoding) as table:
            missing = [name for name in needed if name not in table.columns]
            if missing:
                raise DataError(f"{path} has no column {' and no column '.join(missing)}.")
            for number, row in table.rows():
                origin = f"{self.inside(path)}:{number}"
                if isinstance(row, str):
                    yield Rejection(origin, origin, Reason.BAD_ROW, row)
                else:
                    yield origin, {**dict.fromkeys(table.columns, ""), **row}

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

    def item(
        self,
        uid: str,
        recording: Path | None,
        text: str | None,
        origin: str,
        no_file: str,
        no_text: str | None = None,
        **facts: str | None,
    ) -> SourceItem | Rejection:
        """Return what the line at ``origin`` says of a recording; ``no_…`` are sentences for what it lacks."""
        if recording is None:
            return Rejection(uid, origin, Reason.NO_AUDIO, no_file)
        place = self.use(recording)
        if not text:
            return Rejection(uid, place, Reason.NO_TRANSCRIPT, no_text or f"{origin} has no text.")
        return SourceItem(uid, recording, text, place, **facts)  # type: ignore[arg-type]

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
                yield Rejection(name, name, Reason.DUPLICATE_ID, detail)
            else:
                yield Rejection(stem, name, Reason.NO_TRANSCRIPT, f"There is no transcript of {name} in any list.")


def not_text(origin: str, number: int) -> Rejection:
    """Return the rejection of a line that is not in the encoding of its list."""
    detail = f"Line {number} is not UTF-8, or holds a NUL: name the encoding by --encoding, or save the list as UTF-8."
    return Rejection(origin, origin, Reason.BAD_ROW, detail)


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
