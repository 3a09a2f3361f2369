"""Mozilla Common Voice, read and spontaneous speech; in its lists quotes mean themselves.

Of a language's folder (``clips/`` and lists), ``train.tsv``, ``dev.tsv`` and ``test.tsv`` are taken, else
``validated.tsv``. The option ``source_split`` takes one list instead, by its name (``test``, ``validated``, ``other``,
…): a clip of it, or a speaker, whom train, dev or test name stays in that split. Spontaneous Speech is
``ss-corpus-LANGUAGE.tsv`` and the recordings in ``audios/``.
"""

from collections.abc import Iterator
from pathlib import Path

from acento.core.errors import DataError
from acento.data.source_options import SourceOptions
from acento.data.sources.base import Entry, Rejection, RejectReason, Source, bad_row, is_file, split_in
from acento.data.sources.facts import known_fact, known_text
from acento.data.sources.files import find_recording
from acento.data.sources.layouts.layout import Layout, first_found
from acento.data.sources.tables.table import to_item
from acento.data.sources.tables.table_file import Row, TableFile
from acento.data.utterance import SPLITS

LISTS = (*SPLITS, "validated", "invalidated", "other")


class CommonVoice(Source):
    """A Common Voice folder (clips/ with train.tsv, dev.tsv, test.tsv or validated.tsv)."""

    def __init__(self, location: str, options: SourceOptions | None = None) -> None:
        """Open the folder."""
        super().__init__(location, options)
        self._root = self._language(self._path)
        there = _lists(self._root)
        self._splits = [split for split in SPLITS if split in there]
        wanted = self.options.source_split
        self._read = (self._splits or ["validated"]) if wanted is None else [wanted]
        self.lists = [f"{name}.tsv" for name in self._read]
        for name in self._read:
            if name not in there:
                names = ", ".join(f"{name}.tsv" for name in there)
                raise DataError(f"The Common Voice folder {location!r} has no {name}.tsv: its lists are {names}.")

    @classmethod
    def matches(cls, path: Path) -> bool:
        """See :meth:`Source.matches`; the folder above the languages, ``cv-corpus-*``, is one too."""
        return _is_corpus(path) or (path.name.startswith("cv-corpus-") and path.is_dir() and bool(_languages(path)))

    def items(self) -> Iterator[Entry]:
        """See :meth:`Source.items`; the origin is the clip's path in the language's folder."""
        clips: dict[str, str] = {}
        speakers: dict[str, str] = {}
        if self._read != self._splits:
            for split in self._splits:
                for _, row in self._rows(split):
                    if not isinstance(row, str):
                        clips[row["path"]] = split
                        speakers[row.get("client_id") or row["path"]] = split
        for name in self._read:
            for number, row in self._rows(name):
                origin = f"{name}.tsv:{number}"
                if isinstance(row, str):
                    yield bad_row(origin, row)
                    continue
                placed = clips.get(row["path"]) or speakers.get(row.get("client_id", ""))
                yield self._item({**row, "split": name if name in SPLITS else placed or ""}, origin, number)

    def _item(self, row: dict[str, str], origin: str, number: int) -> Entry:
        """Return one row as an item."""
        name = row["path"]
        if not name or "/" in name or "\0" in name:
            return bad_row(origin, f"Row {number} names no clip in its column path.")
        path = self._root / "clips" / name
        if not path.suffix and not is_file(path):
            path = path.with_suffix(".mp3")  # as in the first versions
        place = f"clips/{path.name}"
        if not is_file(path):
            detail = f"There is no file {place}, which {origin} names."
            return Rejection(path.stem, place, RejectReason.NO_AUDIO, detail)
        return to_item(path.stem, path, row["sentence"], place, row, number)

    def _rows(self, name: str) -> Iterator[Row]:
        """Yield the rows of one list, each with a path and a sentence, though they may be blank."""
        shown = f"{self.location}/{name}.tsv"
        with TableFile(self._root / f"{name}.tsv", shown, quoted=False, encoding=self.options.encoding) as table:
            table.need("path", "sentence")
            table.text = "sentence"
            for number, row in table.rows():
                yield number, row if isinstance(row, str) else {"path": "", "sentence": "", **row}

    def _language(self, path: Path) -> Path:
        """Return the folder of the one language, or of the one that the option ``config`` names."""
        if _is_corpus(path):
            return path
        found = {folder.name: folder for folder in _languages(path)}
        if self.options.config in found:
            return found[self.options.config]
        if len(found) != 1 or self.options.config is not None:
            names = ", ".join(sorted(found))
            raise DataError(f"{self.location!r} holds the languages {names}: name the folder of one.")
        return next(iter(found.values()))


def _lists(folder: Path) -> list[str]:
    """Return the names of the lists in a folder, without the suffix."""
    return [name for name in LISTS if (folder / f"{name}.tsv").is_file()]


def _is_corpus(folder: Path) -> bool:
    return (folder / "clips").is_dir() and bool(_lists(folder))


def _languages(folder: Path) -> list[Path]:
    return [inside for inside in sorted(folder.iterdir()) if _is_corpus(inside)]


class SpontaneousSpeech(Layout):
    """A Common Voice Spontaneous Speech folder (ss-corpus-*.tsv with audios/)."""

    @staticmethod
    def parts(root: Path) -> list[Path]:
        """See :meth:`Layout.parts`: the lists in a folder, or in folders of languages in it."""
        patterns = ("ss-corpus-*.tsv", "*/ss-corpus-*.tsv")
        return first_found(root, patterns, lambda path: (path.parent / "audios").is_dir())

    def entries(self) -> Iterator[Entry]:
        for path in self.parts(self._root):
            for origin, row in self.table(path, "audio_file", "transcription"):
                name, split = row["audio_file"], row.get("split", "")
                if not self.wanted(split):
                    continue
                if not name:
                    self.reject(origin, f"{origin} names no recording in its column audio_file.")
                    continue
                facts = {
                    "split": split_in(split),
                    "language": known_fact(row.get("language", "")) or path.stem.removeprefix("ss-corpus-") or None,
                    "speaker": known_fact(row.get("client_id", "")),
                    "accent": known_fact(row.get("accents", "") or row.get("variant", "")),
                }
                recording = find_recording(path.parent / "audios", name)
                no_file = f"There is no file audios/{name}, which {origin} names."
                uid, text = name.rpartition(".")[0] or name, known_text(row["transcription"])
                yield self.item(uid, recording, text, origin, no_file, f"{origin} has no transcription.", **facts)
