"""Lists of recordings: tables, whose first line names the columns, and NeMo manifests, a JSON object a line.

A table (CSV, TSV) has a column with the recordings' paths and one with their texts, by a usual name or by the options
``audio_column`` and ``text_column``; a manifest has ``audio_filepath`` and ``text``. Paths are relative to the list's
folder, or absolute. Without an id, the path without its suffix is the id, and its part (``talk#t=1.5,3.75``). In a
manifest ``duration`` alone is only information; with ``offset`` it cuts a stretch out of the recording. Columns and
keys that are not understood are named in a note. ``docs/how-to/data.md`` has all names.
"""

import json
import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import Any

from acento.core.errors import InputError
from acento.data.source_options import SourceOptions
from acento.data.sources.base import Entry, Rejection, RejectReason, Source, SourceItem, bad_row, split_in, stretch
from acento.data.sources.facts import CHANNEL, NO_TEXT, as_text, fact_of, facts_in, times_among
from acento.data.sources.files import find_file, inside
from acento.data.sources.tables.table_file import DELIMITERS, TableFile
from acento.data.sources.tables.text_lines import encoding_of, json_object, readable

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


class ListFile(Source):
    """A file that lists recordings, one in each row or line."""

    def __init__(self, location: str, options: SourceOptions | None = None) -> None:
        """Keep the list's path."""
        super().__init__(location, options)
        self.lists = [self._path.name]
        self._named = split_in(self._path.stem)
        self.refused: set[str] = set()
        """Names of recordings, among other values, in rows that could not be used."""


class Table(ListFile):
    """A table (.csv or .tsv, its first line with the names of the columns, such as path,text)."""

    @classmethod
    def matches(cls, path: Path) -> bool:
        return path.suffix.lower() in DELIMITERS and path.is_file()

    def items(self) -> Iterator[Entry]:
        """See :meth:`Source.items`; the origin is the recording's path as the table gives it, and its stretch."""
        wanted = self.options.source_split
        with TableFile(self._path, self.location, encoding=self.options.encoding) as table:
            audio = table.column(AUDIO, self.options.audio_column, "the recordings' paths", "audio_column")
            if self.options.untranscribed and self.options.text_column is None and not {*TEXT} & {*table.columns}:
                text = ""
            else:
                text = table.column(TEXT, self.options.text_column, "the texts", "text_column")
            table.text = text or None
            if wanted is not None:
                table.column(NAMES["split"], None, f"the split, of which {wanted!r} was asked for", "")
            self.notes = unknown_columns(table.columns, {audio, text}, f"the table {self._path.name}")
            self.refused = table.refused
            for number, row in table.rows():
                origin = f"{self._path.name}:{number}"
                if isinstance(row, str):
                    yield bad_row(origin, row)
                elif wanted is None or (fact_of(row, NAMES["split"]) or "").lower() == wanted.lower():
                    yield self._item(row, row.get(audio, ""), row.get(text, ""), origin, number)

    def _item(self, row: dict[str, str], name: str, text: str, origin: str, number: int) -> Entry:
        """Return one row as an item."""
        uid = fact_of(row, ID)
        if not name:
            return Rejection(uid or origin, origin, RejectReason.BAD_ROW, f"Row {number} names no recording.")
        folder = self._path.parent
        place = inside(folder, folder / name)
        given, uid = uid, uid or stem_of(place)
        found = find_file(folder, name)
        if found is None:
            detail = f"There is no file {name}, which row {number} names."
            return Rejection(uid, place, RejectReason.NO_AUDIO, detail)
        without = self.options.untranscribed
        return to_item(
            uid, found, text, place, row, number, named=self._named, is_id=bool(given), untranscribed=without
        )


def stem_of(place: str) -> str:
    """Return a path without its suffix, as an id."""
    return PurePosixPath(place).with_suffix("").as_posix().lstrip("/")


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
    untranscribed: bool = False,
) -> Entry:
    """Return a row, whose recording is there, as an item with the facts that its usual columns give.

    ``named`` is the split that the list's name names, for rows that name none; unless ``is_id``, the id is only the
    recording's path, which a stretch or channel of it is added to; with ``untranscribed`` a row needs no text.
    """
    try:
        facts = facts_in(row, NAMES)
    except (ValueError, InputError) as error:
        detail = f"Row {number} cannot be used: {str(error).rstrip('.')}."
        return Rejection(uid, origin, RejectReason.BAD_ROW, detail)
    part = stretch(facts["start_s"], facts["length_s"], facts["channel"])
    uid, origin = uid if is_id else uid + part, origin + part
    if untranscribed and text in {"", *NO_TEXT}:
        text = ""
    elif not text or text in NO_TEXT:
        detail = f"Row {number} has no text."
        if text:
            written = "as programs write a missing value; write it otherwise if it is said"
            detail = f"Row {number} has the text {text!r}, {written}."
        return Rejection(uid, origin, RejectReason.NO_TRANSCRIPT, detail)
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


class NemoManifest(ListFile):
    """A NeMo manifest (.json, .jsonl or .ndjson; a line: {"audio_filepath": "a.wav", "text": "…"})."""

    @classmethod
    def matches(cls, path: Path) -> bool:
        return path.is_file() and path.suffix.lower() in {".json", ".jsonl", ".ndjson", ".manifest"}

    def items(self) -> Iterator[Entry]:
        """See :meth:`Source.items`; the origin is the recording's path as the manifest gives it, and its part."""
        keys: dict[str, None] = {}
        with readable(f"The manifest {self.location!r}"), self._path.open("rb") as file:
            encoding = encoding_of(file.read(4), self.options.encoding)
            file.seek(0)
            if encoding.replace("_", "-").lower().startswith(("utf-16", "utf-32")):
                lines: Iterable[bytes] = file.read().decode(encoding).encode().split(b"\n")
                encoding = "utf-8"
            else:
                lines = _of_array(self._path, encoding) or file
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    yield self._item(line, encoding, f"{self._path.name}:{number}", number, keys)
        self.notes = unknown_columns(keys, _USED, f"the manifest {self._path.name}")

    def _item(self, line: bytes, encoding: str, row: str, number: int, keys: dict[str, None]) -> Entry:
        """Return one line as an item; add its keys to ``keys``."""
        try:
            entry = json_object(line, "utf-8-sig" if encoding == "utf-8" else encoding)
            name = as_text("audio_filepath", entry.get("audio_filepath"))
            if not name or "\0" in name:
                raise ValueError("it has no audio_filepath")
            facts, given = facts_in(entry, _KEYS, _times(entry)), fact_of(entry, _KEY_ID)
            text = as_text("text", entry.get("text"))
        except (ValueError, InputError) as error:
            if named := _FILEPATH.search(line):
                with suppress(ValueError):
                    self.refused.add(json.loads(named[1]))
            return bad_row(row, f"Line {number} cannot be used: {str(error).rstrip('.')}.")
        keys.update(dict.fromkeys(entry))
        folder = self._path.parent
        part, place = stretch(facts["start_s"], facts["length_s"], facts["channel"]), inside(folder, folder / name)
        uid, origin = given or stem_of(place) + part, place + part
        found = find_file(folder, name)
        if found is None:
            detail = f"There is no file {name}, which line {number} names."
            return Rejection(uid, origin, RejectReason.NO_AUDIO, detail)
        if not text and not self.options.untranscribed:
            return Rejection(uid, origin, RejectReason.NO_TRANSCRIPT, f"Line {number} has no text.")
        return SourceItem(uid, found, text or "", origin, **by_name(facts, self._named))


def _of_array(path: Path, encoding: str) -> list[bytes]:
    """Return the entries of a manifest that is one JSON array as lines; none if it is a line an entry."""
    with path.open("rb") as file:
        if not file.read(64).removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"["):
            return []
    try:
        entries = json.loads(path.read_bytes().decode("utf-8-sig" if encoding == "utf-8" else encoding))
    except (ValueError, RecursionError):
        return []
    return [json.dumps(entry, ensure_ascii=False).encode(encoding) for entry in entries if isinstance(entry, dict)]


_FILEPATH = re.compile(rb'"audio_filepath"\s*:\s*("(?:[^"\\]|\\.)*")')
_KEY_ID = ("id", "utt_id")
_KEYS = {
    "split": ("split",),
    "language": ("lang", "language", "source_lang"),
    "speaker": ("speaker", "speaker_id", "client_id"),
    "accent": ("accent", "accents"),
}
_USED = frozenset((*_KEY_ID, *chain(*_KEYS.values()), "audio_filepath", "text"))


def _times(entry: dict[str, Any]) -> dict[str, Any]:
    """Return the keys that say which part of a recording it is: ``offset`` and ``duration``, else all others."""
    if entry.get("offset") is None:
        return {key: value for key, value in entry.items() if key != "offset"}
    for key in ("offset", "duration"):
        if isinstance(entry.get(key), str):
            raise ValueError(f"{key} is {entry[key][:40]!r} and should be a number of seconds")
    return {key: entry.get(key) for key in ("offset", "duration")}
