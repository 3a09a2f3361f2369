"""FLEURS and VoxPopuli, whose lists hold each text as it is written and normalized.

FLEURS' lists (``es_419/train.tsv``) have no header: number of the sentence, file, text as written, text in lower case
without punctuation, its characters, samples, gender. Recordings are in ``audio/train/`` etc. VoxPopuli's
(``asr_train.tsv``) name recordings by their ids, which lie in any folder below: by years, by splits, or flat; the
language is that of the list's folder (``es/asr_train.tsv``) or of the one that the recordings are in. The text as
written is taken, as it is what a model learns to write; ``--text-column normalized`` takes the other.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from acento.core.errors import DataError
from acento.data.source_options import SourceOptions
from acento.data.sources.base import Entry, split_in
from acento.data.sources.facts import known_fact, known_text
from acento.data.sources.files import find_recording, is_recording, split_suffix, subfolders, walk
from acento.data.sources.layouts.layout import Layout, first_found, language_named
from acento.data.sources.tables.text_lines import read_lines

_SPLITS = ("train", "dev", "test")
_COLUMNS = 7


class Fleurs(Layout):
    """A FLEURS folder (es_419/train.tsv with audio/train/)."""

    def __init__(self, location: str, options: SourceOptions | None = None) -> None:
        """Open the folder of the language."""
        super().__init__(location, options)
        languages = {folder.absolute().name: folder for folder in self.parts(self._root)}
        if self.options.config is not None:
            languages = {name: folder for name, folder in languages.items() if name == self.options.config} or languages
        if len(languages) > 1:
            names = ", ".join(sorted(languages))
            raise DataError(f"{location!r} holds the languages {names}: name one by --config, or name its folder.")
        self._language, self._folder = next(iter(languages.items()))

    @staticmethod
    def parts(root: Path) -> list[Path]:
        """See :meth:`Layout.parts`: the folders of languages: the folder itself, or those in it, or in ``data/``."""
        if _is_language(root):
            return [root]
        inside = [*subfolders(root), *(subfolders(root / "data") if (root / "data").is_dir() else ())]
        return [folder for folder in inside if _is_language(folder)]

    def entries(self) -> Iterator[Entry]:
        language, column = language_named(self._language), text_column(self.options.text_column)
        for split in _SPLITS:
            path = self._folder / f"{split}.tsv"
            if not path.is_file() or not self.wanted(split):
                continue
            for origin, (_, name, raw, normalized, *_) in self.rows(path, _COLUMNS, "\t"):
                if not name:
                    self.reject(origin, f"{origin} names no recording in its second column.")
                    continue
                uid = name.rpartition(".")[0] or name
                text = known_text(raw if column == "raw" else normalized)
                recording = _recording(self._folder, split, name)
                no_file = f"There is no file audio/{split}/{name}, which {origin} names; is {split}.tar.gz unpacked?"
                yield self.item(uid, recording, text, origin, no_file, split=split_in(split), language=language)


def text_column(given: str | None) -> str:
    """Return which of two texts is taken, ``raw`` or ``normalized``.

    Raises:
        DataError: the option names neither.
    """
    name = (given or "raw").lower().removesuffix("_text").removesuffix("_transcription")
    if name not in ("raw", "normalized"):
        raise DataError(f"There is no text {given!r} in this layout: use --text-column raw or normalized.")
    return name


def _recording(folder: Path, split: str, name: str) -> Path | None:
    places = (folder / "audio" / split, folder / split, folder / "audio")
    return next((found for place in places if (found := find_recording(place, name))), None)


def _is_language(folder: Path) -> bool:
    """Tell whether a folder has a list of FLEURS: no header, seven values, the second a recording's name."""
    for split in _SPLITS:
        path = folder / f"{split}.tsv"
        if path.is_file():
            try:
                _, line = next(read_lines(path), (0, None))
            except DataError:
                return False
            values = (line or "").split("\t")
            return len(values) == _COLUMNS and values[1].lower().endswith((".wav", ".flac", ".mp3", ".ogg"))
    return False


_LIST = re.compile(r"asr_(train|dev|test)\w*\.tsv")
_LANGUAGE = re.compile(r"[a-z]{2}(_accented)?")
_PLACES = ("asr_*.tsv", "*/asr_*.tsv", "transcribed_data/*/asr_*.tsv")


class VoxPopuli(Layout):
    """A VoxPopuli folder (asr_train.tsv with recordings by their ids)."""

    @staticmethod
    def parts(root: Path) -> list[Path]:
        """See :meth:`Layout.parts`: the lists in a folder, or in folders of languages in it."""
        return first_found(root, _PLACES, lambda path: _LIST.fullmatch(path.name))

    def entries(self) -> Iterator[Entry]:
        column = text_column(self.options.text_column)
        found: dict[str, str] = {}
        for name in filter(is_recording, walk(self._root)):
            found.setdefault(split_suffix(name)[0].rpartition("/")[2], name)
        for path in self.parts(self._root):
            split = path.stem.removeprefix("asr_")
            if not self.wanted(split):
                continue
            for origin, row in self.table(path, "normalized_text"):
                uid = row.get("id_") or row.get("id") or ""
                if not uid:
                    self.reject(origin, f"{origin} has no id.")
                    continue
                folders = (*found.get(uid, "").split("/")[:-1], path.absolute().parent.name)
                language = next((name[:2] for name in folders if _LANGUAGE.fullmatch(name)), "")
                facts = {
                    "split": split_in(row.get("split", "")) or split_in(split),
                    "language": language_named(language),
                    "speaker": known_fact(row.get("speaker_id", "")),
                    "accent": known_fact(row.get("accent", "")),
                }
                raw = known_text(row.get("raw_text", "")) if column == "raw" else None
                recording = self._root / found[uid] if uid in found else None
                no_file = f"There is no recording {uid} in the folder, which {origin} names."
                yield self.item(uid, recording, raw or known_text(row["normalized_text"]), origin, no_file, **facts)
