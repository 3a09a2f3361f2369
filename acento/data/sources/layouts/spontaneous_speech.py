"""Common Voice Spontaneous Speech: ``ss-corpus-LANGUAGE.tsv`` and the recordings in ``audios/``.

``audio_file``, ``transcription``, ``client_id`` (the speaker), ``language`` and ``split`` are taken. An answer that
nobody has transcribed yet has an empty ``transcription`` and is rejected. Quotes in the list mean themselves.
"""

from collections.abc import Iterator
from pathlib import Path

from acento.data.sources.base import Reason, Rejection, SourceItem, known_fact, known_text, split_in
from acento.data.sources.files import find_recording
from acento.data.sources.layouts.layout import Layout

_PLACES = ("ss-corpus-*.tsv", "*/ss-corpus-*.tsv")


class SpontaneousSpeech(Layout):
    """See the module."""

    kind = "a Common Voice Spontaneous Speech folder (ss-corpus-*.tsv with audios/)"

    @staticmethod
    def parts(root: Path) -> list[Path]:
        """See :meth:`Layout.parts`: the lists in a folder, or in folders of languages in it."""
        found = (
            [path for path in sorted(root.glob(pattern)) if (path.parent / "audios").is_dir()] for pattern in _PLACES
        )
        return next(filter(None, found), [])

    def entries(self) -> Iterator[SourceItem | Rejection]:
        """See :meth:`Layout.entries`; the origin is the recording's path in the folder.

        Raises:
            DataError: a list has no column for the recordings or the transcripts.
        """
        for path in self.parts(self._root):
            for row in self.table(path, "audio_file", "transcription"):
                if isinstance(row, Rejection):
                    yield row
                elif self.wanted(row[1].get("split", "")):
                    yield self._item(*row, path)

    def _item(self, origin: str, row: dict[str, str], path: Path) -> SourceItem | Rejection:
        name = row["audio_file"]
        if not name:
            return Rejection(origin, origin, Reason.BAD_ROW, f"{origin} names no recording in its column audio_file.")
        facts = {
            "split": split_in(row.get("split", "")),
            "language": known_fact(row.get("language", "")) or path.stem.removeprefix("ss-corpus-") or None,
            "speaker": known_fact(row.get("client_id", "")),
            "accent": known_fact(row.get("accents", "") or row.get("variant", "")),
        }
        recording = find_recording(path.parent / "audios", name)
        no_file = f"There is no file audios/{name}, which {origin} names."
        uid, text = name.rpartition(".")[0] or name, known_text(row["transcription"])
        return self.item(uid, recording, text, origin, no_file, f"{origin} has no transcription.", **facts)
