"""VoxPopuli's transcribed speech: ``asr_train.tsv``, ``asr_dev.tsv``, ``asr_test.tsv`` and recordings by their ids.

A recording ``ID.ogg`` (or ``.wav``) is looked for beside its list and in every folder below it: by years, by splits, or
flat. ``raw_text`` is taken where it is given, else ``normalized_text`` (``--text-column normalized``: always). The
speaker is ``speaker_id``, the accent ``accent``; "None" is a missing value. The language is that of the list's folder
(``es/asr_train.tsv``) or of the one that the recordings are in.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from acento.data.sources.base import Reason, Rejection, SourceItem, known_fact, known_text, split_in
from acento.data.sources.files import is_recording, split_suffix, walk
from acento.data.sources.layouts.fleurs import text_column
from acento.data.sources.layouts.layout import Layout, language_named

_LIST = re.compile(r"asr_(train|dev|test)\w*\.tsv")
_LANGUAGE = re.compile(r"[a-z]{2}(_accented)?")

_PLACES = ("asr_*.tsv", "*/asr_*.tsv", "transcribed_data/*/asr_*.tsv")


class VoxPopuli(Layout):
    """See the module."""

    kind = "a VoxPopuli folder (asr_train.tsv with recordings by their ids)"

    @staticmethod
    def parts(root: Path) -> list[Path]:
        """See :meth:`Layout.parts`: the lists in a folder, or in folders of languages in it."""
        found = ([path for path in sorted(root.glob(pattern)) if _LIST.fullmatch(path.name)] for pattern in _PLACES)
        return next(filter(None, found), [])

    def entries(self) -> Iterator[SourceItem | Rejection]:
        """See :meth:`Layout.entries`; the origin is the recording's path in the folder.

        Raises:
            DataError: a list has no column for the ids or the texts.
        """
        column = text_column(self.options.text_column)
        found: dict[str, str] = {}
        for name in walk(self._root):
            if is_recording(name):
                found.setdefault(split_suffix(name)[0].rpartition("/")[2], name)
        for path in self.parts(self._root):
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
        folders = (*found.get(uid, "").split("/")[:-1], path.absolute().parent.name)
        language = next((name[:2] for name in folders if _LANGUAGE.fullmatch(name)), "")
        facts = {
            "split": split_in(row.get("split", "")) or split_in(split),
            "language": language_named(language),
            "speaker": known_fact(row.get("speaker_id", "")),
            "accent": known_fact(row.get("accent", "")),
        }
        text = (known_text(row.get("raw_text", "")) if column == "raw" else None) or known_text(row["normalized_text"])
        recording = self._root / found[uid] if uid in found else None
        no_file = f"There is no recording {uid} in the folder, which {origin} names."
        return self.item(uid, recording, text, origin, no_file, **facts)
