"""LibriSpeech, and corpora laid out like it: ``SPLIT/SPEAKER/CHAPTER/`` with recordings and one ``*.trans.txt``.

A line of a ``.trans.txt`` is an id and a text (``84-121123-0000 GO DO YOU HEAR``); the recording ``84-121123-0000``
(``.flac``, or any other suffix) lies beside the list. The speaker is what the id begins with, the split what the
folder's name says: ``train-clean-100``, ``dev-clean``, ``test-other``. Any part of the tree can be given.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from acento.data.sources.base import Rejection, SourceItem, split_in
from acento.data.sources.files import find_recording, has_own_texts, holds, walk
from acento.data.sources.layouts.layout import Layout, begins_with_split

_LIST = ".trans.txt"
_ID = re.compile(r"(\w+)-\w+-\w+")
_SPLIT = re.compile(r"(train|dev|test)-(clean|other)(-\d+)?", re.I)


class LibriSpeech(Layout):
    """See the module."""

    kind = "a LibriSpeech folder (SPEAKER/CHAPTER/*.trans.txt beside the recordings)"

    @classmethod
    def matches(cls, path: Path) -> bool:
        """See :meth:`Source.matches`."""
        return path.is_dir() and holds(path, lambda name: name.endswith(_LIST)) and not has_own_texts(path)

    def entries(self) -> Iterator[SourceItem | Rejection]:
        """See :meth:`Layout.entries`; the origin is the recording's path in the folder."""
        for name in walk(self._root):
            if name.endswith(_LIST):
                split = self._split_of(name)
                if self.wanted(split):
                    path = self._root / name
                    for row in self.rows(path, 2, None):
                        yield row if isinstance(row, Rejection) else self._item(*row, path, split_in(split))

    def _split_of(self, name: str) -> str:
        """Return the name of the split's folder: one of LibriSpeech's names anywhere above, or any in the folder."""
        above = self._root.absolute().parts
        inside = name.split("/")[:-1]
        for folder in inside[::-1] + list(above[::-1]):
            if _SPLIT.fullmatch(folder):
                return folder
        return next((folder for folder in [above[-1], *inside] if begins_with_split(folder)), "")

    def _item(self, origin: str, values: list[str], path: Path, split: str | None) -> SourceItem | Rejection:
        uid, text = values
        recording, named = find_recording(path.parent, uid), _ID.fullmatch(uid)
        no_file = f"There is no recording {uid} beside {path.name}, which names it."
        no_text, speaker = f"Its line in {path.name} has no text.", named[1] if named else None
        return self.item(uid, recording, text, origin, no_file, no_text, split=split, speaker=speaker)
