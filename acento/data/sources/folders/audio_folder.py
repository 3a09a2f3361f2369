"""A folder of recordings, ``<UID>.wav`` and the like, each with its transcript in ``<UID>.txt`` or in a CSV file.

Subfolders belong to it: a clip's id is its path in the folder without the suffix (``anna/0001``). ``train_files.csv``,
``dev_files.csv`` and ``test_files.csv`` in the folder itself, with the columns ``uid,file_name,text`` and, if wanted,
``speaker,accent,language``, decide the splits and texts of the recordings they name; a row without a text takes that of
``<UID>.txt``. A recording that no CSV names is taken with its own ``<UID>.txt``, its split by the rule, and is rejected
if it has none. ``<UID>.wav.txt`` can stand for ``<UID>.txt``. Where ``a.wav`` and ``a.mp3`` are there, the one without
loss is taken. With ``channel`` split, ``<UID>-ch0.txt`` and ``<UID>-ch1.txt`` are the texts of the channels of
``<UID>.wav``. Links are followed, but no folder is entered twice.
Every other file is rejected as no audio; hidden files, and what describes a folder (README, LICENSE, .md, .json, …),
are no inputs.
"""

import os
import re
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

from acento.core.errors import DataError
from acento.data.source_options import SourceOptions
from acento.data.sources.base import Reason, Rejection, Source, SourceItem, stretch
from acento.data.sources.files import (
    AUDIO_SUFFIXES,
    CSV_NAMES,
    composed,
    find_file,
    lossless_first,
    split_suffix,
    walk,
)
from acento.data.sources.tables.row_parts import CHANNEL
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

    kind = (
        "a folder with recordings (<UID>.wav, .mp3, .flac, .ogg, .m4a, …) and their transcripts (<UID>.txt, or "
        "train_files.csv, dev_files.csv and test_files.csv with uid,file_name,text)"
    )

    def __init__(self, where: str, options: SourceOptions | None = None) -> None:
        """Open the folder.

        Raises:
            DataError: it holds nothing that could be an input.
        """
        super().__init__(where, options)
        if not any(kind != "other" for _, kind in self.files()) and not self.lists():
            raise DataError(f"The folder {where!r} holds no recordings. A source is {self.kind}.")

    @classmethod
    def matches(cls, path: Path) -> bool:
        """See :meth:`Source.matches`."""
        return path.is_dir()

    def lists(self) -> Collection[str]:
        """See :meth:`Source.lists`."""
        return [name for name in CSV_NAMES.values() if (self._path / name).is_file()]

    def folder(self) -> Path | None:
        """See :meth:`Source.folder`."""
        return self._path

    def items(self) -> Iterator[SourceItem | Rejection]:
        """See :meth:`Source.items`; the origin is the recording's path in the folder."""
        self._notes = []
        yield from self.rest(set(), set())

    def rest(self, named: set[str], used: Collection[str]) -> Iterator[SourceItem | Rejection]:
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
            elif name not in used and name not in self.lists():
                others.append(name)
        for split, name in CSV_NAMES.items():
            if name in self.lists():
                yield from self._rows(split, name, texts, named)
        kept: dict[str, str] = {}
        for name in sorted(audio - named, key=lambda name: (split_suffix(name)[0], lossless_first(name))):
            stem = split_suffix(name)[0]
            if first := kept.get(stem):
                detail = f"{first} has the same name, and is kept."
                yield Rejection(stem, name, Reason.DUPLICATE_ID, detail)
                continue
            kept[stem] = name
            if self.options.channel == "split" and (channels := self._channels(stem, name, texts)):
                yield from channels
            else:
                text = texts.get(composed(stem), texts.get(composed(name)))
                yield self._item(stem, name, self._text(text), f"{stem}.txt")
        with_audio = {composed(split_suffix(name)[0]) for name in audio}
        with_audio |= {
            whole for name in audio if (whole := composed(name)) in texts and split_suffix(whole)[0] not in texts
        }
        for stem in sorted(texts.keys() - with_audio):
            if self.options.channel == "split" and (of := _CHANNEL.fullmatch(stem)) and of[1] in with_audio:
                continue
            yield Rejection(stem, texts[stem], Reason.NO_AUDIO, f"There is no recording beside {texts[stem]}.")
        for name in sorted(others):
            detail = f"{name} is neither a recording nor a transcript, nor a list that is used."
            yield Rejection(name, name, Reason.NOT_AUDIO, detail)

    def files(self) -> Iterator[tuple[str, str]]:
        """Yield the path in the folder of each file, and whether it is ``audio``, ``text`` or something ``other``."""
        for name in walk(self._path):
            suffix = split_suffix(name)[1]
            kind = "audio" if suffix in AUDIO_SUFFIXES else "text" if suffix == ".txt" else "other"
            if kind == "audio" or not _DESCRIBES.fullmatch(name.rpartition("/")[2]):
                yield name, kind

    def _channels(self, stem: str, name: str, texts: dict[str, str]) -> list[SourceItem | Rejection]:
        """Return the channels of a recording that have a text each (``<UID>-ch0.txt``)."""
        found: list[SourceItem | Rejection] = []
        for number in range(32):
            text = texts.get(composed(f"{stem}-ch{number}"))
            if text is not None:
                item = self._item(f"{stem}-ch{number}", name, self._text(text), text)
                if isinstance(item, SourceItem):
                    item = replace(item, channel=number, origin=name + stretch(0.0, None, number))
                found.append(item)
        return found

    def _rows(
        self, split: str, csv_name: str, texts: dict[str, str], named: set[str]
    ) -> Iterator[SourceItem | Rejection]:
        """Yield the rows of one CSV file, adding the recordings that they name to ``named``."""
        path = self._path / csv_name
        example = ",".join(COLUMNS)
        with TableFile(path, str(path), encoding=self.options.encoding, example=example) as table:
            missing = [column for column in COLUMNS[:2] if column not in table.columns]
            if missing:
                raise DataError(
                    f"{path} has no column {' and no column '.join(missing)}: its first line should be {example}."
                )
            table.text = "text"
            self._notes += unknown_columns(table.columns, (*COLUMNS, *_EXTRA), csv_name)
            for number, row in table.rows():
                origin = f"{csv_name}:{number}"
                if isinstance(row, str):
                    yield Rejection(origin, origin, Reason.BAD_ROW, row)
                else:
                    yield self._row(split, origin, number, row, texts, named)
            named |= table.refused

    def _row(
        self, split: str, origin: str, number: int, row: dict[str, str], texts: dict[str, str], named: set[str]
    ) -> SourceItem | Rejection:
        """Return one row of a CSV file as an item."""
        uid, name = row.get("uid", ""), row.get("file_name", "")
        if not uid or not name:
            return Rejection(uid or origin, origin, Reason.BAD_ROW, f"Row {number} has no uid or no file_name.")
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or "\0" in name:
            return Rejection(uid, origin, Reason.BAD_ROW, f"file_name {name!r} leads out of the folder.")
        name = path.as_posix()
        file = find_file(self._path, name)
        if file is None:
            return Rejection(uid, name, Reason.NO_AUDIO, f"There is no recording {name}, which {origin} names.")
        named.add(name := file.relative_to(self._path).as_posix())
        text = row.get("text") or ""
        if not text:
            found = self._text(texts.get(composed(split_suffix(name)[0])))
            if isinstance(found, Rejection):
                return Rejection(uid, name, found.reason, found.detail)
            text = found
        if not text:
            return Rejection(uid, name, Reason.NO_TRANSCRIPT, f"There is no transcript in {origin}.")
        return to_item(uid, Path(self._place(name)), text, name, {**row, "split": split}, number, is_id=True)

    def _item(self, uid: str, name: str, text: str | Rejection, wanted: str) -> SourceItem | Rejection:
        """Return a recording with its text, or why it has none."""
        if isinstance(text, Rejection):
            return Rejection(uid, name, text.reason, text.detail)
        if not text:
            return Rejection(uid, name, Reason.NO_TRANSCRIPT, f"There is no transcript in {wanted}.")
        return SourceItem(uid, Path(self._place(name)), text, name)

    def _place(self, name: str) -> str:
        """Return where a file of the folder is; ``self._path / name`` would intern the name and so keep it known."""
        return os.path.join(self._path, name)  # noqa: PTH118

    def _text(self, name: str | None) -> str | Rejection:
        """Return what a transcript's file says; "" if there is none."""
        if name is None:
            return ""
        encoding = "utf-8"
        try:
            with open(self._place(name), "rb") as file:  # noqa: PTH123
                data = file.read(_LONGEST_TEXT + 1)
            if len(data) > _LONGEST_TEXT:
                return Rejection(
                    name, name, Reason.BAD_ROW, f"{name} is larger than 1 MB: no transcript of one utterance."
                )
            encoding = encoding_of(data, self.options.encoding)
            return data.decode(encoding).strip()
        except UnicodeDecodeError as error:
            detail = (
                f"{name} is not {encoding.upper()} ({error.reason} at byte {error.start}): name the encoding by "
                "--encoding, or save it as UTF-8."
            )
            return Rejection(name, name, Reason.BAD_ROW, detail)
        except OSError as error:
            return Rejection(name, name, Reason.NO_TRANSCRIPT, f"{name} cannot be read ({error.strerror}).")
