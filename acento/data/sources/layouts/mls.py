"""Multilingual LibriSpeech: ``mls_LANGUAGE/SPLIT/`` with ``transcripts.txt`` and ``audio/SPEAKER/BOOK/ID.flac``.

A line of ``transcripts.txt`` is an id, a tab and a text; the id is speaker, book and number (``9972_10719_000000``).
The split is the folder's name, the language that of ``mls_spanish``. ``segments.txt``, which says where in LibriVox's
files the recordings were, is not needed.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from acento.data.sources.base import Rejection, SourceItem, split_in
from acento.data.sources.files import find_recording, subfolders
from acento.data.sources.layouts.layout import Layout, language_named

_LIST = "transcripts.txt"
_CORPUS = re.compile(r"mls_([a-z]+?)(?:_opus)?", re.I)


class Mls(Layout):
    """See the module."""

    kind = "a Multilingual LibriSpeech folder (train/transcripts.txt with train/audio/SPEAKER/BOOK/ID.flac)"

    @staticmethod
    def parts(root: Path) -> list[Path]:
        """See :meth:`Layout.parts`: the folders of the splits, which are the folder itself, or in it."""
        folders = (root, *subfolders(root))
        return [folder for folder in folders if (folder / _LIST).is_file() and (folder / "audio").is_dir()]

    def entries(self) -> Iterator[SourceItem | Rejection]:
        """See :meth:`Layout.entries`; the origin is the recording's path in the folder."""
        named = (_CORPUS.fullmatch(part) for part in self._root.absolute().parts[::-1])
        language = next((language_named(found[1].lower()) for found in named if found), None)
        for folder in self.parts(self._root):
            if self.wanted(folder.absolute().name):
                for row in self.rows(folder / _LIST, 2, "\t"):
                    yield row if isinstance(row, Rejection) else self._item(*row, folder, language)

    def _item(self, origin: str, values: list[str], folder: Path, language: str | None) -> SourceItem | Rejection:
        uid, text = values
        speaker, _, rest = uid.partition("_")
        place = f"audio/{speaker}/{rest.partition('_')[0]}"
        no_file = f"There is no recording {place}/{uid}, which {origin} names."
        split = split_in(folder.absolute().name)
        recording = find_recording(folder / place, uid)
        return self.item(uid, recording, text, origin, no_file, split=split, language=language, speaker=speaker)
