"""Multilingual LibriSpeech: ``mls_LANGUAGE/SPLIT/`` with ``transcripts.txt`` and ``audio/SPEAKER/BOOK/ID.flac``.

A line of ``transcripts.txt`` is an id, a tab and a text; the id is speaker, book and number (``9972_10719_000000``).
The split is the folder's name, the language that of ``mls_spanish``. ``segments.txt``, which says where in LibriVox's
files the recordings were, is not needed.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from acento.data.sources.base import Reason, Rejection, SourceItem, split_in
from acento.data.sources.layouts.layout import Layout, find_recording, language_named, subfolders

_LIST = "transcripts.txt"
_CORPUS = re.compile(r"mls_([a-z]+?)(?:_opus)?", re.I)


class Mls(Layout):
    """See the module."""

    kind = "a Multilingual LibriSpeech folder (train/transcripts.txt with train/audio/SPEAKER/BOOK/ID.flac)"

    @classmethod
    def matches(cls, where: str) -> bool:
        """See :meth:`Source.matches`."""
        return bool(_parts(Path(where).expanduser()))

    def entries(self) -> Iterator[SourceItem | Rejection]:
        """See :meth:`Layout.entries`; the origin is the recording's path in the folder."""
        named = (_CORPUS.fullmatch(part) for part in self._root.absolute().parts[::-1])
        language = next((language_named(found[1].lower()) for found in named if found), None)
        for folder in _parts(self._root):
            name = folder.absolute().name
            if self.wanted(name):
                yield from self._of_split(folder, split_in(name), language)

    def _of_split(self, folder: Path, split: str | None, language: str | None) -> Iterator[SourceItem | Rejection]:
        for row in self.rows(folder / _LIST, 2, "\t"):
            if isinstance(row, Rejection):
                yield row
                continue
            origin, (uid, text) = row
            speaker, _, rest = uid.partition("_")
            place = f"audio/{speaker}/{rest.partition('_')[0]}"
            recording = find_recording(folder / place, uid)
            if recording is None:
                detail = f"There is no recording {place}/{uid}, which {origin} names."
                yield Rejection(uid, origin, Reason.NO_AUDIO, detail)
                continue
            inside = self.use(recording)
            if text:
                yield SourceItem(uid, recording, text, inside, split, language, speaker)
            else:
                yield Rejection(uid, inside, Reason.NO_TRANSCRIPT, f"{origin} has no text.")


def _parts(root: Path) -> list[Path]:
    """Return the folders of the splits: the folder itself, or those in it."""
    if not root.is_dir():
        return []
    return [folder for folder in (root, *subfolders(root)) if _is_part(folder)]


def _is_part(folder: Path) -> bool:
    return (folder / _LIST).is_file() and (folder / "audio").is_dir()
