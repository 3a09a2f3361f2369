"""A NeMo manifest: a JSONL file with ``audio_filepath``, ``text`` and more for each utterance.

``audio_filepath`` is relative to the manifest's folder, or absolute. ``duration`` alone is only information; with
``offset`` (seconds) the two cut a stretch out of the file, and so do ``start`` and ``end``. ``channel`` or
``channel_selector`` cut out one channel.
``id`` or ``utt_id`` name the utterance, else its path without the suffix does (and its part: ``talk#t=1.5,3.75``).
``speaker``, ``accent``, ``split`` and ``lang``, ``language`` or ``source_lang`` are taken where they are given; other
keys that are not understood are named in a note.
"""

import json
import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import Any

from acento.core.errors import DataError, InputError
from acento.data.source_options import SourceOptions
from acento.data.sources.base import Reason, Rejection, Source, SourceItem, as_text, fact_of, split_in, stretch
from acento.data.sources.files import find_file
from acento.data.sources.tables.row_parts import facts_in
from acento.data.sources.tables.table import by_name, unknown_columns
from acento.data.sources.tables.text_lines import encoding_of


class NemoManifest(Source):
    """See the module."""

    kind = 'a NeMo manifest (.json, .jsonl or .ndjson; a line: {"audio_filepath": "a.wav", "text": "…"})'

    def __init__(self, where: str, options: SourceOptions | None = None) -> None:
        """Keep the manifest's path."""
        super().__init__(where, options)
        self._lists = [self._path.name]
        self._named = split_in(self._path.stem)
        self._keys: dict[str, None] = {}
        self.refused: set[str] = set()
        """Names of recordings in lines that could not be used."""

    @classmethod
    def matches(cls, path: Path) -> bool:
        """See :meth:`Source.matches`."""
        return path.is_file() and path.suffix.lower() in {".json", ".jsonl", ".ndjson", ".manifest"}

    def notes(self) -> Collection[str]:
        """See :meth:`Source.notes`: the keys that are not understood."""
        return unknown_columns(self._keys, _USED, f"the manifest {self._path.name}")

    def items(self) -> Iterator[SourceItem | Rejection]:
        """See :meth:`Source.items`; the origin is the recording's path as the manifest gives it, and its part.

        Raises:
            DataError: the manifest cannot be read.
        """
        try:
            with self._path.open("rb") as file:
                encoding = encoding_of(file.read(4), self.options.encoding)
                file.seek(0)
                if encoding.replace("_", "-").lower().startswith(("utf-16", "utf-32")):
                    lines: Iterable[bytes] = file.read().decode(encoding).encode().split(b"\n")
                    encoding = "utf-8"
                else:
                    lines = _of_array(self._path, encoding) or file
                for number, line in enumerate(lines, start=1):
                    if line.strip():
                        yield self._item(line, encoding, f"{self._path.name}:{number}", number)
        except UnicodeError as error:
            raise DataError(f"The manifest {self.where!r} cannot be read as {encoding} ({error}).") from error
        except OSError as error:
            raise DataError(f"The manifest {self.where!r} cannot be read ({error.strerror}).") from error

    def _item(self, line: bytes, encoding: str, row: str, number: int) -> SourceItem | Rejection:
        """Return one line as an item."""
        try:
            entry = json.loads(line.decode("utf-8-sig" if encoding == "utf-8" else encoding))
            if not isinstance(entry, dict):
                raise ValueError("it is no JSON object")
            name = as_text("audio_filepath", entry.get("audio_filepath"))
            if not name or "\0" in name:
                raise ValueError("it has no audio_filepath")
            facts, given = facts_in(entry, _NAMES, _times(entry)), fact_of(entry, _ID)
            text = as_text("text", entry.get("text"))
        except (ValueError, RecursionError, InputError) as error:
            if named := _NAME.search(line):
                with suppress(ValueError):
                    self.refused.add(json.loads(named[1]))
            detail = f"Line {number} cannot be used: {str(error).rstrip('.') or 'too deep'}."
            return Rejection(row, row, Reason.BAD_ROW, detail)
        self._keys.update(dict.fromkeys(entry))
        part = stretch(facts["start_s"], facts["length_s"], facts["channel"])
        path = self._path.parent / name
        inside = PurePosixPath(path.relative_to(self._path.parent) if path.is_relative_to(self._path.parent) else path)
        uid = given or inside.with_suffix("").as_posix().lstrip("/") + part
        origin = inside.as_posix() + part
        found = find_file(self._path.parent, name)
        if found is None:
            return Rejection(uid, origin, Reason.NO_AUDIO, f"There is no file {name}, which line {number} names.")
        if not text:
            return Rejection(uid, origin, Reason.NO_TRANSCRIPT, f"Line {number} has no text.")
        return SourceItem(uid, found, text, origin, **by_name(facts, self._named))


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


_NAME = re.compile(rb'"audio_filepath"\s*:\s*("(?:[^"\\]|\\.)*")')
_ID = ("id", "utt_id")
_NAMES = {
    "split": ("split",),
    "language": ("lang", "language", "source_lang"),
    "speaker": ("speaker", "speaker_id", "client_id"),
    "accent": ("accent", "accents"),
}
_USED = frozenset((*_ID, *chain(*_NAMES.values()), "audio_filepath", "text"))


def _times(entry: dict[str, Any]) -> dict[str, Any]:
    """Return the keys that say which part of a recording it is: ``offset`` and ``duration``, else all others.

    Raises:
        ValueError: the offset or its duration is a string.
    """
    if entry.get("offset") is None:
        return {key: value for key, value in entry.items() if key != "offset"}
    for key in ("offset", "duration"):
        if isinstance(entry.get(key), str):
            raise ValueError(f"{key} is {entry[key][:40]!r} and should be a number of seconds")
    return {key: entry.get(key) for key in ("offset", "duration")}
