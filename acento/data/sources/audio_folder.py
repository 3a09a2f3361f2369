"""A folder of recordings, ``<UID>.wav`` and the like, each with its transcript in ``<UID>.txt`` or in a CSV file.

Subfolders belong to it: a clip's id is its path in the folder without the suffix (``anna/0001``). ``train_files.csv``,
``dev_files.csv`` and ``test_files.csv`` in the folder itself, with the columns ``uid,file_name,text`` and, if wanted,
``speaker,accent,language``, decide the splits and texts of the recordings they name; a row without a text takes that of
``<UID>.txt``. A recording that no CSV names is taken with its own ``<UID>.txt``, its split by the rule, and is rejected
if it has none. Hidden files, and files that are neither audio nor text, are no inputs.
"""

import csv
import os
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

from acento.data.sources.base import Reason, Rejection, Source, SourceItem, SourceOptions, is_file
from acento.data.utterance import SPLITS
from acento.errors import DataError

AUDIO_SUFFIXES = frozenset(
    f".{suffix}"
    for suffix in (
        *("wav", "mp3", "flac", "ogg", "oga", "opus", "m4a", "m4b", "aac", "webm", "mp4", "mov", "mkv", "mka", "wma"),
        *("aif", "aiff", "aifc", "caf", "amr", "3gp", "w64", "au", "ac3", "avi", "wv", "ape", "tta"),
    )
)
CSV_NAMES = {split: f"{split}_files.csv" for split in SPLITS}
COLUMNS = ("uid", "file_name", "text")
_LONGEST_TEXT = 1 << 20


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
        self._root = Path(where).expanduser()
        if next(self._files(), None) is None and not self.lists():
            raise DataError(f"The folder {where!r} holds no recordings. A source is {self.kind}.")

    @classmethod
    def matches(cls, where: str) -> bool:
        """See :meth:`Source.matches`."""
        path = Path(where).expanduser()
        return path.is_dir()

    def lists(self) -> Collection[str]:
        """See :meth:`Source.lists`."""
        return [name for name in CSV_NAMES.values() if (self._root / name).is_file()]

    def folder(self) -> Path | None:
        """See :meth:`Source.folder`."""
        return self._root

    def items(self) -> Iterator[SourceItem | Rejection]:
        """See :meth:`Source.items`; the origin is the recording's path in the folder."""
        audio: set[str] = set()
        texts: dict[str, str] = {}
        for name in self._files():
            stem, suffix = _split(name)
            if suffix == ".txt":
                texts[stem] = min(name, texts.get(stem, name))
            else:
                audio.add(name)
        named: set[str] = set()
        for split, name in CSV_NAMES.items():
            if name in self.lists():
                yield from self._rows(split, name, texts, named)
        for name in sorted(audio - named):
            stem = _split(name)[0]
            yield self._item(stem, name, self._text(texts.get(stem)), f"{stem}.txt")
        with_audio = {_split(name)[0] for name in audio}
        for stem in sorted(texts.keys() - with_audio):
            yield Rejection(stem, texts[stem], Reason.NO_AUDIO, f"There is no recording beside {texts[stem]}.")

    def _files(self) -> Iterator[str]:
        """Yield the path in the folder of each recording and transcript."""
        for folder, folders, files in os.walk(self._root):
            folders[:] = [name for name in folders if not name.startswith(".")]
            inside = Path(folder).relative_to(self._root).as_posix()
            for name in files:
                suffix = _split(name)[1]
                if not name.startswith(".") and (suffix in AUDIO_SUFFIXES or suffix == ".txt"):
                    yield name if inside == "." else f"{inside}/{name}"

    def _rows(
        self, split: str, csv_name: str, texts: dict[str, str], named: set[str]
    ) -> Iterator[SourceItem | Rejection]:
        """Yield the rows of one CSV file, adding the recordings that they name to ``named``."""
        try:
            with (self._root / csv_name).open(encoding="utf-8-sig", newline="") as file:
                reader = csv.DictReader(file, restkey="")
                missing = [column for column in COLUMNS[:2] if column not in (reader.fieldnames or ())]
                if missing:
                    raise DataError(
                        f"{self._root / csv_name} has no column {' and no column '.join(missing)}: "
                        "its first line should be uid,file_name,text."
                    )
                for row in reader:
                    values = {key: (value or "").strip() for key, value in row.items() if key}
                    yield self._row(split, f"{csv_name}:{reader.line_num}", values, texts, named)
        except (UnicodeDecodeError, csv.Error) as error:
            raise DataError(f"{self._root / csv_name} cannot be read as CSV in UTF-8: {error}.") from error
        except OSError as error:
            raise DataError(f"{self._root / csv_name} cannot be read ({error.strerror}).") from error

    def _row(
        self, split: str, origin: str, row: dict[str, str], texts: dict[str, str], named: set[str]
    ) -> SourceItem | Rejection:
        """Return one row of a CSV file as an item."""
        uid, name = row["uid"], row["file_name"]
        if not uid or not name:
            return Rejection(uid or origin, origin, Reason.BAD_ROW, "The row has no uid or no file_name.")
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or "\0" in name:
            return Rejection(uid, origin, Reason.BAD_ROW, f"file_name {name!r} leads out of the folder.")
        name = path.as_posix()
        if not is_file(self._root / name):
            return Rejection(uid, name, Reason.NO_AUDIO, f"There is no recording {name}, which {origin} names.")
        named.add(name)
        text: str | Rejection = row.get("text") or self._text(texts.get(path.with_suffix("").as_posix()))
        item = self._item(uid, name, text, origin)
        if isinstance(item, Rejection):
            return item
        language, speaker, accent = (row.get(key) or None for key in ("language", "speaker", "accent"))
        return replace(item, split=split, language=language, speaker=speaker, accent=accent)

    def _item(self, uid: str, name: str, text: str | Rejection, wanted: str) -> SourceItem | Rejection:
        """Return a recording with its text, or why it has none."""
        if isinstance(text, Rejection):
            return Rejection(uid, name, text.reason, text.detail)
        if not text:
            return Rejection(uid, name, Reason.NO_TRANSCRIPT, f"There is no transcript in {wanted}.")
        return SourceItem(uid, Path(self._place(name)), text, name)

    def _place(self, name: str) -> str:
        """Return where a file of the folder is; ``self._root / name`` would intern the name and so keep it known."""
        return os.path.join(self._root, name)  # noqa: PTH118

    def _text(self, name: str | None) -> str | Rejection:
        """Return what a transcript's file says; "" if there is none."""
        if name is None:
            return ""
        try:
            with open(self._place(name), "rb") as file:  # noqa: PTH123
                data = file.read(_LONGEST_TEXT + 1)
            if len(data) > _LONGEST_TEXT:
                return Rejection(
                    name, name, Reason.BAD_ROW, f"{name} is larger than 1 MB: no transcript of one utterance."
                )
            return data.decode("utf-8-sig").strip()
        except UnicodeDecodeError as error:
            return Rejection(name, name, Reason.BAD_ROW, f"{name} is not UTF-8 ({error.reason} at byte {error.start}).")
        except OSError as error:
            return Rejection(name, name, Reason.NO_TRANSCRIPT, f"{name} cannot be read ({error.strerror}).")


def _split(name: str) -> tuple[str, str]:
    """Return a path without its suffix, and the suffix in lower case; a ``Path`` for each of a million is too much.

    >>> _split("anna/0001.v2.WAV")
    ('anna/0001.v2', '.wav')
    """
    stem, suffix = os.path.splitext(name)  # noqa: PTH122
    return stem, suffix.lower()
