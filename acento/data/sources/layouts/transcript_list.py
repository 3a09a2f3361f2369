"""Lists without a header: LJSpeech's ``metadata.csv``, ``transcripts.txt`` of a folder, and any with a path and a text.

The separator (``|``, tab, ``;``, ``,`` or white space) is the one with which most of the first lines name recordings
that exist: by a path, or by a name without its suffix, beside the list or in ``wavs/``, ``wav/``, ``audio/`` and the
like. With three and more columns the text is the last of those with several words, so of LJSpeech's two texts the one
whose numbers and abbreviations are spelled out, as they are spoken. A column of words without spaces that repeat is
the speaker. A folder is one of these if the recordings have no transcripts of their own names beside them.
"""

import csv
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from acento.core.errors import DataError
from acento.data.source_options import SourceOptions
from acento.data.sources.base import Entry, split_in
from acento.data.sources.facts import known_fact
from acento.data.sources.files import CSV_NAMES, find_recording, has_own_texts, is_recording
from acento.data.sources.layouts.layout import Layout, begins_with_split
from acento.data.sources.tables.table import AUDIO, ID, TEXT
from acento.data.sources.tables.text_lines import read_lines

_SUFFIXES = {".txt", ".tsv", ".csv", ".psv", ".list", ".lst", ".scp", ""}
_SEPARATORS: tuple[str | None, ...] = ("|", "\t", ";", ",", None)
_PLACES = ("", "wavs", "wav", "audio", "audios", "clips", "recordings", "flac", "mp3", "../wav", "../audio")
_HEAD = 20
"""Lines that are read to tell how a list is written."""
_FOLDERS = 2_000
_FILES = 20
"""Folders, and text files in each, that are looked at."""


@dataclass(frozen=True, slots=True)
class _Form:
    """How a list is written: what separates its columns, how many there are, which hold the text and the speaker."""

    separator: str | None
    columns: int
    text: int
    speaker: int | None = None
    header: bool = False

    def cells(self, line: str) -> list[str] | None:
        """Return a line's columns, None if it has not as many; the last of two may hold separators."""
        if self.columns > 2:
            cells = _cells(line, self.separator)
            return cells if len(cells) == self.columns else None
        cells = [cell.strip() for cell in line.strip().split(self.separator, 1)]
        if len(cells) == 2 and self.separator in (",", ";"):
            cells = [cell if (read := _unquoted(cell)) is None else read for cell in cells]
        return [*cells, ""][:2]


class TranscriptList(Layout):
    """A list without a header (a line: a.wav|text, or id text)."""

    @classmethod
    def fits(cls, location: str, options: SourceOptions) -> bool:
        path = Path(location).expanduser()
        return path.is_file() and path.suffix.lower() in _SUFFIXES and _form(path, options) is not None

    def entries(self) -> Iterator[Entry]:
        wanted = self.options.source_split
        for path in [self._path] if self._path.is_file() else _lists(self._path, self.options):
            split = _split_of(path, self._root)
            form = _form(path, self.options)
            if form is not None and (wanted is None or split == split_in(wanted)):
                if self.options.text_column:
                    form = _with_text(form, self.options.text_column, path)
                yield from self._of_list(path, form, split)

    def _of_list(self, path: Path, form: _Form, split: str | None) -> Iterator[Entry]:
        for origin, number, line in islice(self.lines(path), int(form.header), None):
            cells = form.cells(line)
            if form.separator in (",", ";") and line.count('"') % 2:
                self.reject(origin, f"Line {number} has a quote that is not closed.")
            elif cells is None or not cells[0]:
                self.reject(origin, f"Line {number} has not the {form.columns} columns that the list has.")
            else:
                yield self._item(path, cells, form, origin, split)

    def _item(self, path: Path, cells: list[str], form: _Form, origin: str, split: str | None) -> Entry:
        name, text = cells[0], cells[form.text]
        uid = (name.rpartition(".")[0] if is_recording(name) else name).lstrip("./")
        recording = _recording(path.parent, name)
        folder, place = self.inside(path.parent), None
        is_near = recording is not None and recording.is_relative_to(path.parent)
        if recording is not None and is_near and ".." in recording.relative_to(path.parent).parts:
            place = self.use(Path(os.path.normpath(recording)))
            uid = place.rpartition(".")[0]
        elif recording is not None and folder != ".":
            uid = f"{folder}/{uid}"
        no_file = f"There is no recording {name}, which {origin} names."
        speaker = None if form.speaker is None else known_fact(cells[form.speaker])
        return self.item(uid, recording, text, origin, no_file, place=place, split=split, speaker=speaker)


class TranscriptListFolder(TranscriptList):
    """A folder with such a list (transcripts.txt, or metadata.csv with wavs/ as in LJSpeech)."""

    @classmethod
    def fits(cls, location: str, options: SourceOptions) -> bool:
        path = Path(location).expanduser()
        return path.is_dir() and not has_own_texts(path) and bool(_lists(path, options))


def _lists(root: Path, options: SourceOptions) -> list[Path]:
    """Return the lists in a folder and its subfolders; where several name a split, only those."""
    found: list[Path] = []
    folders = [root]
    for folder in islice(folders, _FOLDERS):  # grows while it is read
        try:
            inside = sorted(folder.iterdir())
        except OSError:
            continue
        texts = [path for path in inside if path.suffix.lower() in _SUFFIXES and not path.name.startswith(".")]
        if any(path.name == "prompts-original" for path in texts):  # VoxForge: PROMPTS has the same without accents
            texts = [path for path in texts if path.name != "PROMPTS"]
        files = [path for path in texts[:_FILES] if path.is_file() and path.name not in CSV_NAMES.values()]
        found += [path for path in files if _form(path, options) is not None]
        if len(folder.relative_to(root).parts) < 3:
            folders += [path for path in inside if not path.suffix and not path.name.startswith(".") and path.is_dir()]
    named = [path for path in found if _split_of(path, root)]
    return named if len(named) > 1 else found


def _split_of(path: Path, root: Path) -> str | None:
    """Return the split that a list's name names, or that of a folder which it is in, up to the one given."""
    inside = path.parent.relative_to(root).parts if path.parent.is_relative_to(root) else ()
    folders = [*inside, *([root.absolute().name] if begins_with_split(root.absolute().name) else [])]
    return next((split for name in (path.stem, *folders) if (split := split_in(name))), None)


def _form(path: Path, options: SourceOptions) -> _Form | None:
    """Return how a list is written; None if its first lines do not name recordings that exist, or it is a table."""
    asked = {name.strip().lower() for name in (options.audio_column, options.text_column) if name}
    if path.stat().st_size == 0:
        return None
    try:
        lines = _first_lines(path, options.encoding) or _first_lines(path, "latin-1")
    except DataError:
        return None
    best: tuple[int, _Form] | None = None
    for separator in _SEPARATORS:
        named = [_recording(path.parent, _cells(line, separator)[0]) is not None for line in lines]
        score = sum(named)
        header = bool(named) and not named[0] and _is_header(_cells(lines[0], separator), asked)
        if header and path.suffix.lower() in (".csv", ".tsv"):
            return None  # a table, also where another separator would name recordings
        if 2 * score > len(lines) - header and (best is None or score > best[0]):
            best = score, _columns(lines[header:], separator, header)
    return best[1] if best else None


def _first_lines(path: Path, encoding: str | None) -> list[str]:
    return [line for _, line in islice(read_lines(path, encoding), _HEAD + 1) if line]


def _columns(lines: Sequence[str], separator: str | None, header: bool) -> _Form:
    """Return which columns of a list are its text and its speaker."""
    cells = [_cells(line, separator) for line in lines]
    count = len(cells[0])
    if separator is None or count < 3 or any(len(row) != count for row in cells):
        return _Form(separator, 2, 1, header=header)
    texts = [n for n in range(1, count) if any(" " in row[n] for row in cells)]
    text = texts[-1] if texts else count - 1
    words = [n for n in range(1, count) if n not in texts and n != text and all(row[n] for row in cells)]
    speaker = next((n for n in words if len({row[n] for row in cells}) < len(cells)), None)
    return _Form(separator, count, text, speaker, header)


def _with_text(form: _Form, wanted: str, path: Path) -> _Form:
    """Return the form with the text in another column."""
    names = {"raw": 2, "raw_text": 2, "normalized": 3, "normalized_text": 3}
    number = int(wanted) if wanted.isdecimal() else names.get(wanted.lower(), 0)
    if not 2 <= number <= form.columns:
        hint = "use --text-column with a number from 2 on, raw (2) or normalized (3)"
        raise DataError(f"{path} has no text {wanted!r}: it has {form.columns} columns and no header; {hint}.")
    return replace(form, text=number - 1, speaker=form.speaker if form.speaker != number - 1 else None)


def _is_header(cells: Sequence[str], asked: set[str]) -> bool:
    """Tell whether a line names columns: by a usual name of the first, or all that the options name."""
    names = [cell.lower() for cell in cells]
    return len(names) > 1 and (names[0] in (*AUDIO, *ID, *TEXT) or (bool(asked) and asked <= {*names}))


def _cells(line: str, separator: str | None) -> list[str]:
    """Return the columns of a line; quotes enclose values between commas and semicolons only."""
    if separator in (",", ";"):
        try:
            return [cell.strip() for cell in next(csv.reader([line], delimiter=separator), [""])]
        except csv.Error:
            return [""]
    return [cell.strip() for cell in line.split(separator)] or [""]


def _unquoted(value: str) -> str | None:
    """Return what a quoted value says, None if it is not quoted as a whole."""
    inner = value[1:-1]
    if len(value) < 2 or value[0] != '"' or value[-1] != '"' or '"' in inner.replace('""', ""):
        return None
    return inner.replace('""', '"')


def _recording(folder: Path, name: str) -> Path | None:
    """Return the recording that a line names: by a path, or by its last part in one of the usual places."""
    if not name or len(name) > 4096:
        return None
    last = name.replace("\\", "/").rpartition("/")[2]
    tries = [(place, name) for place in _PLACES]
    if last not in (name, ""):
        tries += [(place, last) for place in _PLACES[1:]]
    return next((found for place, name in tries if (found := find_recording(folder / place, name))), None)
