"""A CSV or TSV file whose first line names its columns: one with the recordings' paths, one with their texts.

The usual names of columns are known (``path``, ``file_name``, ``audio``, …; ``sentence``, ``text``, …), others are
given by the options ``audio_column`` and ``text_column``. Paths are relative to the table's folder, or absolute. An id
(``uid``, ``id``), ``split``, ``speaker`` or ``client_id``, ``accent`` or ``accents``, ``language`` or ``locale`` are
taken where they are there; without an id, the path without its suffix is the id. ``start`` with ``end``, or ``offset``
with ``duration``, cut a stretch out of the recording, and ``channel`` one of its channels. Columns that are not
understood are named in a note.
"""

from collections.abc import Collection, Iterator
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import Any

from acento.core.errors import InputError
from acento.data.source_options import SourceOptions
from acento.data.sources.base import NO_TEXT, Reason, Rejection, Source, SourceItem, fact_of, split_in, stretch
from acento.data.sources.files import find_file
from acento.data.sources.tables.row_parts import CHANNEL, facts_in, times_among
from acento.data.sources.tables.table_file import DELIMITERS, TableFile

AUDIO = (
    *("audio_filepath", "audio_path", "audio_file", "file_name", "filename", "file_path", "filepath"),
    *("path", "audio", "file", "wav", "wav_filename", "clip", "recording"),
)
TEXT = ("sentence", "text", "transcript", "transcription", "transcripts", "transcriptions", "raw_text", "reference")
ID = ("uid", "id", "utt_id", "utterance_id")
NAMES = {
    "split": ("split", "subset", "partition"),
    "language": ("language", "locale", "lang"),
    "speaker": ("speaker", "speaker_id", "client_id", "spk_id"),
    "accent": ("accent", "accents"),
}
"""Columns of facts, the likeliest first."""
HARMLESS = frozenset(
    (
        *("up_votes", "down_votes", "votes", "age", "gender", "sex", "variant", "segment", "sentence_id", "prompt_id"),
        *("sentence_domain", "domain", "topic", "duration", "duration_s", "duration_ms", "duration[ms]", "length"),
        *("wav_filesize", "filesize", "size", "sample_rate", "sampling_rate", "samplerate", "num_samples", "n_samples"),
        *("frames", "format", "bits", "source", "corpus", "dataset", "license", "comment", "notes", "date", "snr"),
        *("normalized_text", "text_normalized", "normalized", "words", "num_words", "unnamed: 0", "index", "taskname"),
        *("target_lang", "pnc", "itn", "timestamp", "diarize", "wer", "cer", "score", "confidence", "rating", "md5"),
        *("sha256", "bitrate", "num_channels", "channels", "audio_duration", "speaker_name", "answer", "context"),
    )
)
"""Columns and keys that change nothing here, and need no note."""
KNOWN = frozenset((*ID, *chain(*NAMES.values()), *CHANNEL, *HARMLESS))


class Table(Source):
    """See the module."""

    kind = "a table (.csv or .tsv, its first line with the names of the columns, such as path,text)"

    def __init__(self, where: str, options: SourceOptions | None = None) -> None:
        """Keep the table's path."""
        super().__init__(where, options)
        self._lists = [self._path.name]
        self._named = split_in(self._path.stem)
        self.refused: set[str] = set()
        """Names of recordings, among other values, in rows that could not be used."""

    @classmethod
    def matches(cls, path: Path) -> bool:
        """See :meth:`Source.matches`."""
        return path.suffix.lower() in DELIMITERS and path.is_file()

    def items(self) -> Iterator[SourceItem | Rejection]:
        """See :meth:`Source.items`; the origin is the recording's path as the table gives it, and its stretch.

        Raises:
            DataError: the header is not readable, or has no column for the recordings or the texts.
        """
        wanted = self.options.source_split
        with TableFile(self._path, self.where, encoding=self.options.encoding) as table:
            audio = table.column(AUDIO, self.options.audio_column, "the recordings' paths", "audio_column")
            text = table.column(TEXT, self.options.text_column, "the texts", "text_column")
            table.text = text
            if wanted is not None:
                table.column(NAMES["split"], None, f"the split, of which {wanted!r} was asked for", "")
            self._notes = unknown_columns(table.columns, {audio, text}, f"the table {self._path.name}")
            self.refused = table.refused
            for number, row in table.rows():
                origin = f"{self._path.name}:{number}"
                if isinstance(row, str):
                    yield Rejection(origin, origin, Reason.BAD_ROW, row)
                elif wanted is None or (fact_of(row, NAMES["split"]) or "").lower() == wanted.lower():
                    yield self._item(row, row.get(audio, ""), row.get(text, ""), origin, number)

    def _item(self, row: dict[str, str], name: str, text: str, origin: str, number: int) -> SourceItem | Rejection:
        """Return one row as an item."""
        uid = fact_of(row, ID)
        if not name:
            return Rejection(uid or origin, origin, Reason.BAD_ROW, f"Row {number} names no recording.")
        folder = self._path.parent
        path = folder / name
        inside = PurePosixPath(path.relative_to(folder) if path.is_relative_to(folder) else path)
        given, uid = uid, uid or inside.with_suffix("").as_posix().lstrip("/")
        found = find_file(folder, name)
        if found is None:
            detail = f"There is no file {name}, which row {number} names."
            return Rejection(uid, inside.as_posix(), Reason.NO_AUDIO, detail)
        return to_item(uid, found, text, inside.as_posix(), row, number, named=self._named, is_id=bool(given))


def to_item(
    uid: str,
    path: Path,
    text: str,
    origin: str,
    row: dict[str, str],
    number: int,
    *,
    named: str | None = None,
    is_id: bool = False,
) -> SourceItem | Rejection:
    """Return a row, whose recording is there, as an item with the facts that its usual columns give.

    ``named`` is the split that the list's name names, for rows that name none; unless ``is_id``, the id is only the
    recording's path, which a stretch or channel of it is added to.
    """
    try:
        facts = facts_in(row, NAMES)
    except (ValueError, InputError) as error:
        return Rejection(uid, origin, Reason.BAD_ROW, f"Row {number} cannot be used: {str(error).rstrip('.')}.")
    part = stretch(facts["start_s"], facts["length_s"], facts["channel"])
    uid, origin = uid if is_id else uid + part, origin + part
    if not text:
        return Rejection(uid, origin, Reason.NO_TRANSCRIPT, f"Row {number} has no text.")
    if text in NO_TEXT:
        detail = (
            f"Row {number} has the text {text!r}, as programs write a missing value; write it otherwise if it is said."
        )
        return Rejection(uid, origin, Reason.NO_TRANSCRIPT, detail)
    return SourceItem(uid, path, text, origin, **by_name(facts, named))


def by_name(facts: dict[str, Any], named: str | None) -> dict[str, Any]:
    """Return the facts of a clip with the split that its list's name names where they have none."""
    return facts if facts["split"] or named is None else {**facts, "split": named, "split_by_name": True}


def unknown_columns(columns: Collection[str], used: Collection[str], where: str) -> list[str]:
    """Return the note that names columns which are not understood; no note if there are none.

    >>> unknown_columns(["path", "text", "mood", "age"], ["path", "text"], "the table a.csv")
    ['Columns of the table a.csv that are not used: mood.']
    """
    known = {*used, *KNOWN, *times_among(columns)}
    names = [name for name in columns if name and name not in known]
    shown = ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
    return [f"Columns of {where} that are not used: {shown}."] if names else []
