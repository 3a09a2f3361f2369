"""VoxPopuli's transcribed speech: ``asr_train.tsv``, ``asr_dev.tsv``, ``asr_test.tsv`` and recordings by their ids.

A recording ``ID.ogg`` (or ``.wav``) is looked for beside its list and in every folder below it: by years, by splits, or
flat. ``raw_text`` is taken where it is given, else ``normalized_text`` (``--text-column normalized``: always). The
speaker is ``speaker_id``, the accent ``accent``; "None" is a missing value. The language is that of the list's folder
(``es/asr_train.tsv``) or of the one that the recordings are in.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from acento.data.sources.base import Reason, Rejection, SourceItem, known_fact, split_in
from acento.data.sources.layouts.fleurs import text_column
from acento.data.sources.layouts.layout import Layout, is_recording, language_named, walk
from acento.data.sources.tables.text_lines import known

_LIST = re.compile(r"asr_(train|dev|test)\w*\.tsv")
_LANGUAGE = re.compile(r"[a-z]{2}(_accented)?")


class VoxPopuli(Layout):
    """See the module."""

    kind = "a VoxPopuli folder (asr_train.tsv with recordings by their ids)"

    @classmethod
    def matches(cls, where: str) -> bool:
        """See :meth:`Source.matches`."""
        return bool(_lists(Path(where).expanduser()))

    def entries(self) -> Iterator[SourceItem | Rejection]:
        """See :meth:`Layout.entries`; the origin is the recording's path in the folder.

        Raises:
            DataError: a list has no column for the ids or the texts.
        """
        column = text_column(self.options.text_column)
        found: dict[str, str] = {}
        for name in walk(self._root):
            if is_recording(name):
                found.setdefault(os.path.splitext(name)[0].rpartition("/")[2], name)  # noqa: PTH122
        for path in _lists(self._root):
            split = path.stem.removeprefix("asr_")
            if not self.wanted(split):
                continue
            for row in self.table(path, "normalized_text"):
                yield row if isinstance(row, Rejection) else self._item(*row, path, split, column, found)

    def _item(
        self, origin: str, row: dict[str, str], path: Path, split: str, column: str, found: dict[str, str]
    ) -> SourceItem | Rejection:
        uid = row.get("id_") or row.get("id") or ""
        if not uid:
            return Rejection(origin, origin, Reason.BAD_ROW, f"{origin} has no id.")
        if uid not in found:
            detail = f"There is no recording {uid} in the folder, which {origin} names."
            return Rejection(uid, origin, Reason.NO_AUDIO, detail)
        place = self.use(self._root / found[uid])
        text = (known(row.get("raw_text", "")) if column == "raw" else None) or known(row["normalized_text"])
        if text is None:
            return Rejection(uid, place, Reason.NO_TRANSCRIPT, f"{origin} has no text.")
        folders = (*place.split("/")[:-1], path.absolute().parent.name)
        language = next((name[:2] for name in folders if _LANGUAGE.fullmatch(name)), None)
        speaker, accent = known_fact(row.get("speaker_id", "")), known_fact(row.get("accent", ""))
        named = split_in(row.get("split", "")) or split_in(split)
        return SourceItem(uid, self._root / place, text, place, named, language_named(language or ""), speaker, accent)


def _lists(root: Path) -> list[Path]:
    """Return the lists in a folder, or in a folder of a language in it."""
    if not root.is_dir():
        return []
    for pattern in ("asr_*.tsv", "*/asr_*.tsv", "transcribed_data/*/asr_*.tsv"):
        if found := [path for path in sorted(root.glob(pattern)) if _LIST.fullmatch(path.name)]:
            return found
    return []
