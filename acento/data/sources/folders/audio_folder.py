"""A folder of recordings, ``<UID>.wav`` and the like, each with its transcript in ``<UID>.txt`` or in a CSV file.

A clip's id is its path in the folder without the suffix (``anna/0001``). ``train_files.csv``, ``dev_files.csv`` and
``test_files.csv`` in the folder itself (``uid,file_name,text``) decide the splits and texts of the recordings they
name; a row without a text takes that of ``<UID>.txt``. A recording that no CSV names is taken with its own
``<UID>.txt`` or ``<UID>.wav.txt``. One that has no text is rejected, unless the option ``untranscribed`` takes it too.
With ``channel`` split, ``<UID>-ch0.txt`` and ``<UID>-ch1.txt`` are the texts of the channels of ``<UID>.wav``. Every
other file is rejected as no audio; hidden files, and what describes a folder (README, LICENSE, .md, .json, …), are no
inputs.
"""

import os
import re
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

from acento.core.errors import DataError
from acento.data.source_options import SourceOptions
from acento.data.sources.base import Entry, Rejection, RejectReason, Source, SourceItem, bad_row, stretch
from acento.data.sources.facts import CHANNEL
from acento.data.sources.files import AUDIO_SUFFIXES, CSV_NAMES, composed, find_file, lossless_first, split_suffix, walk
from acento.data.sources.tables.table import to_item, unknown_columns
from acento.data.sources.tables.table_file import TableFile
from acento.data.sources.tables.text_lines import encoding_of

COLUMNS = ("uid", "file_name", "text")
_EXTRA = ("speaker", "accent", "language", *CHANNEL)
_LONGEST_TEXT = 1 << 20
_DESCRIBES = re.compile(
    r"(readme|licen[cs]e|copying|changelog|citation|authors|notice|thumbs\.db|desktop\.ini)([._-].*)?"
    r"|.*\.(md|rst|json|yaml|yml|toml|xml|html?|pdf|ini|cfg|log|py|sh|ipynb|md5|sha1|sha256|sum|gitattributes)",
    re.I | re.S,
)
"""Names of files that describe a folder, and hence are no inputs."""
_CHANNEL = re.compile(r"(.+)-ch([0-9]+)", re.S)


class AudioFolder(Source):
    """See the module."""

    def __init__(self, location: str, options: SourceOptions | None = None) -> None:
        """Open the folder."""
        super().__init__(location, options)
        self.folder = self._path
        self.lists = [name for name in CSV_NAMES.values() if (self._path / name).is_file()]
        if not self.lists and all(kind == "other" for _, kind in self.files()):
            raise DataError(
                f"The folder {location!r} holds no recordings. A source is a folder with recordings (<UID>.wav, .mp3, "
                ".flac, .ogg, .m4a, …) and their transcripts (<UID>.txt, or train_files.csv, dev_files.csv and "
                "test_files.csv with uid,file_name,text)."
            )

    @classmethod
    def matches(cls, path: Path) -> bool:
        return path.is_dir()

    def items(self) -> Iterator[Entry]:
        """See :meth:`Source.items`; the origin is the recording's path in the folder."""
        self.notes = []
        yield from self.rest(set(), set())

    def rest(self, named: set[str], used: Collection[str]) -> Iterator[Entry]:
        """Yield what the folder holds beside the recordings that are named, and the lists that are used, already."""
        audio: set[str] = set()
        texts: dict[str, str] = {}
        others: list[str] = []
        for name, kind in self.files():
            if kind == "text":
                stem = composed(split_suffix(name)[0])
                texts[stem] = min(name, texts.get(stem, name))
            elif kind == "audio":
                audio.add(name)
            elif name not in used and name not in self.lists:
                others.append(name)
        for split, name in CSV_NAMES.items():
            if name in self.lists:
                yield from self._rows(split, name, texts, named)
        taken: dict[str, str] = {}
        for name in sorted(audio - named, key=lambda name: (split_suffix(name)[0], lossless_first(name))):
            stem = split_suffix(name)[0]
            if first := taken.get(stem):
                detail = f"{first} has the same name, and is kept."
                yield Rejection(stem, name, RejectReason.DUPLICATE_ID, detail)
                continue
            taken[stem] = name
            if self.options.channel == "split" and (channels := list(self._channels(stem, name, texts))):
                yield from channels
            else:
                yield self._item(stem, name, texts.get(composed(stem), texts.get(composed(name))), f"{stem}.txt")
        with_audio = {composed(split_suffix(name)[0]) for name in audio}
        with_audio |= {
            whole for name in audio if (whole := composed(name)) in texts and split_suffix(whole)[0] not in texts
        }
        for stem in sorted(texts.keys() - with_audio):
            if self.options.channel == "split" and (of := _CHANNEL.fullmatch(stem)) and of[1] in with_audio:
                continue
            yield Rejection(stem, texts[stem], RejectReason.NO_AUDIO, f"There is no recording beside {texts[stem]}.")
        for name in sorted(others):
            detail = f"{name} is neither a recording nor a transcript, nor a list that is used."
            yield Rejection(name, name, RejectReason.NOT_AUDIO, detail)

    def files(self) -> Iterator[tuple[str, str]]:
        """Yield the path in the folder of each file, and whether it is ``audio``, ``text`` or something ``other``."""
        for name in walk(self._path):
            suffix = split_suffix(name)[1]
            kind = "audio" if suffix in AUDIO_SUFFIXES else "text" if suffix == ".txt" else "other"
            if kind == "audio" or not _DESCRIBES.fullmatch(name.rpartition("/")[2]):
                yield name, kind

    def _channels(self, stem: str, name: str, texts: dict[str, str]) -> Iterator[Entry]:
        """Yield the channels of a recording that have a text each (``<UID>-ch0.txt``)."""
        for number in range(32):
            text = texts.get(composed(f"{stem}-ch{number}"))
            if text is not None:
                item = self._item(f"{stem}-ch{number}", name, text, text)
                origin = name + stretch(0.0, None, number)
                yield replace(item, channel=number, origin=origin) if isinstance(item, SourceItem) else item

    def _rows(self, split: str, csv_name: str, texts: dict[str, str], named: set[str]) -> Iterator[Entry]:
        """Yield the rows of one CSV file, adding the recordings that they name to ``named``."""
        path = self._path / csv_name
        with TableFile(path, str(path), encoding=self.options.encoding, example=",".join(COLUMNS)) as table:
            table.need(*COLUMNS[:2])
            table.text = "text"
            self.notes += unknown_columns(table.columns, (*COLUMNS, *_EXTRA), csv_name)
            for number, row in table.rows():
                origin = f"{csv_name}:{number}"
                if isinstance(row, str):
                    yield bad_row(origin, row)
                else:
                    yield self._row({**row, "split": split}, origin, number, texts, named)
            named |= table.refused

    def _row(self, row: dict[str, str], origin: str, number: int, texts: dict[str, str], named: set[str]) -> Entry:
        """Return one row of a CSV file as an item."""
        uid, name = row.get("uid", ""), row.get("file_name", "")
        if not uid or not name:
            return Rejection(uid or origin, origin, RejectReason.BAD_ROW, f"Row {number} has no uid or no file_name.")
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or "\0" in name:
            return Rejection(uid, origin, RejectReason.BAD_ROW, f"file_name {name!r} leads out of the folder.")
        file = find_file(self._path, path.as_posix())
        if file is None:
            detail = f"There is no recording {path.as_posix()}, which {origin} names."
            return Rejection(uid, path.as_posix(), RejectReason.NO_AUDIO, detail)
        named.add(name := file.relative_to(self._path).as_posix())
        text = row.get("text")
        if not text:
            entry = self._item(uid, name, texts.get(composed(split_suffix(name)[0])), origin)
            if isinstance(entry, Rejection):
                return entry
            text = entry.text
        place, without = Path(self._place(name)), self.options.untranscribed
        return to_item(uid, place, text, name, row, number, is_id=True, untranscribed=without)

    def _item(self, uid: str, name: str, text_file: str | None, wanted: str) -> Entry:
        """Return a recording with the text of a file, or why it has none."""
        text = self._text(text_file) if text_file else ""
        if isinstance(text, tuple):
            return Rejection(uid, name, *text)
        if not text and not self.options.untranscribed:
            return Rejection(uid, name, RejectReason.NO_TRANSCRIPT, f"There is no transcript in {wanted}.")
        return SourceItem(uid, Path(self._place(name)), text, name)

    def _place(self, name: str) -> str:
        """Return where a file of the folder is; ``self._path / name`` would intern the name and so keep it known."""
        return os.path.join(self._path, name)  # noqa: PTH118

    def _text(self, name: str) -> str | tuple[RejectReason, str]:
        """Return what a transcript's file says, or why it cannot be used."""
        try:
            with open(self._place(name), "rb") as file:  # noqa: PTH123
                data = file.read(_LONGEST_TEXT + 1)
        except OSError as error:
            return RejectReason.NO_TRANSCRIPT, f"{name} cannot be read ({error.strerror})."
        if len(data) > _LONGEST_TEXT:
            return RejectReason.BAD_ROW, f"{name} is larger than 1 MB: no transcript of one utterance."
        encoding = encoding_of(data, self.options.encoding)
        try:
            return data.decode(encoding).strip()
        except UnicodeDecodeError as error:
            problem = f"{name} is not {encoding.upper()} ({error.reason} at byte {error.start})"
            return RejectReason.BAD_ROW, f"{problem}: name the encoding by --encoding, or save it as UTF-8."
