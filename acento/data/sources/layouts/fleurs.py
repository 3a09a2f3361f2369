"""FLEURS as the hub gives it: ``es_419/train.tsv``, ``dev.tsv``, ``test.tsv``, recordings in ``audio/train/`` etc.

The lists have no header: number of the sentence, file, text as written, text in lower case without punctuation, its
characters, samples, gender. The text as written is taken, as it is what a model learns to write; ``--text-column
normalized`` takes the other. The language is the folder's name (``es_419`` is ``es-419``). There are no speakers.
"""

from collections.abc import Iterator
from pathlib import Path

from acento.core.errors import DataError
from acento.data.source_options import SourceOptions
from acento.data.sources.base import Reason, Rejection, SourceItem, known_text, split_in
from acento.data.sources.files import find_recording, subfolders
from acento.data.sources.layouts.layout import Layout, language_named
from acento.data.sources.tables.text_lines import read_lines

_SPLITS = ("train", "dev", "test")
_COLUMNS = 7


class Fleurs(Layout):
    """See the module."""

    kind = "a FLEURS folder (es_419/train.tsv with audio/train/)"

    def __init__(self, where: str, options: SourceOptions | None = None) -> None:
        """Open the folder of the language.

        Raises:
            DataError: it holds several languages and none was chosen, or the option ``text_column`` is not known.
        """
        super().__init__(where, options)
        languages = {folder.absolute().name: folder for folder in self.parts(self._root)}
        if self.options.config is not None:
            languages = {name: folder for name, folder in languages.items() if name == self.options.config} or languages
        if len(languages) > 1:
            names = ", ".join(sorted(languages))
            raise DataError(f"{where!r} holds the languages {names}: name one by --config, or name its folder.")
        self._language, self._folder = next(iter(languages.items()))
        self._text = text_column(self.options.text_column)

    @staticmethod
    def parts(root: Path) -> list[Path]:
        """See :meth:`Layout.parts`: the folders of languages: the folder itself, or those in it, or in ``data/``."""
        if _is_language(root):
            return [root]
        inside = [*subfolders(root), *(subfolders(root / "data") if (root / "data").is_dir() else ())]
        return [folder for folder in inside if _is_language(folder)]

    def entries(self) -> Iterator[SourceItem | Rejection]:
        """See :meth:`Layout.entries`; the origin is the recording's path in the folder."""
        language = language_named(self._language)
        for split in _SPLITS:
            path = self._folder / f"{split}.tsv"
            if path.is_file() and self.wanted(split):
                for row in self.rows(path, _COLUMNS, "\t"):
                    yield row if isinstance(row, Rejection) else self._item(*row, split, language)

    def _item(self, origin: str, values: list[str], split: str, language: str | None) -> SourceItem | Rejection:
        _, name, raw, normalized, *_ = values
        if not name:
            return Rejection(origin, origin, Reason.BAD_ROW, f"{origin} names no recording in its second column.")
        uid = name.rpartition(".")[0] or name
        text = known_text(raw if self._text == "raw" else normalized)
        recording = _recording(self._folder, split, name)
        no_file = f"There is no file audio/{split}/{name}, which {origin} names; is {split}.tar.gz unpacked?"
        return self.item(uid, recording, text, origin, no_file, split=split_in(split), language=language)


def text_column(given: str | None, default: str = "raw") -> str:
    """Return which of two texts is taken, ``raw`` or ``normalized``.

    Raises:
        DataError: the option names neither.
    """
    name = (given or default).lower().removesuffix("_text").removesuffix("_transcription")
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
