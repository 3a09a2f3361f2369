"""Common Voice Spontaneous Speech: ``ss-corpus-LANGUAGE.tsv`` and the recordings in ``audios/``.

``audio_file``, ``transcription``, ``client_id`` (the speaker), ``language`` and ``split`` are taken. An answer that
nobody has transcribed yet has an empty ``transcription`` and is rejected. Quotes in the list mean themselves.
"""

from collections.abc import Iterator
from pathlib import Path

from acento.data.sources.base import Reason, Rejection, SourceItem, known_fact, split_in
from acento.data.sources.layouts.layout import Layout, find_recording
from acento.data.sources.tables.text_lines import known


class SpontaneousSpeech(Layout):
    """See the module."""

    kind = "a Common Voice Spontaneous Speech folder (ss-corpus-*.tsv with audios/)"

    @classmethod
    def matches(cls, where: str) -> bool:
        """See :meth:`Source.matches`."""
        return bool(_lists(Path(where).expanduser()))

    def entries(self) -> Iterator[SourceItem | Rejection]:
        """See :meth:`Layout.entries`; the origin is the recording's path in the folder.

        Raises:
            DataError: a list has no column for the recordings or the transcripts.
        """
        for path in _lists(self._root):
            for row in self.table(path, "audio_file", "transcription"):
                if isinstance(row, Rejection):
                    yield row
                elif self.wanted(row[1].get("split", "")):
                    yield self._item(*row, path)

    def _item(self, origin: str, row: dict[str, str], path: Path) -> SourceItem | Rejection:
        name = row["audio_file"]
        if not name:
            return Rejection(origin, origin, Reason.BAD_ROW, f"{origin} names no recording in its column audio_file.")
        uid = name.rpartition(".")[0] or name
        recording = find_recording(path.parent / "audios", name)
        if recording is None:
            detail = f"There is no file audios/{name}, which {origin} names."
            return Rejection(uid, origin, Reason.NO_AUDIO, detail)
        place = self.use(recording)
        text = known(row["transcription"])
        if text is None:
            return Rejection(uid, place, Reason.NO_TRANSCRIPT, f"{origin} has no transcription.")
        language = known_fact(row.get("language", "")) or path.stem.removeprefix("ss-corpus-") or None
        speaker, accent = (
            known_fact(row.get("client_id", "")),
            known_fact(row.get("accents", "") or row.get("variant", "")),
        )
        return SourceItem(uid, recording, text, place, split_in(row.get("split", "")), language, speaker, accent)


def _lists(root: Path) -> list[Path]:
    """Return the lists in a folder, or in a folder of a language in it."""
    if not root.is_dir():
        return []
    for pattern in ("ss-corpus-*.tsv", "*/ss-corpus-*.tsv"):
        if found := [path for path in sorted(root.glob(pattern)) if (path.parent / "audios").is_dir()]:
            return found
    return []
