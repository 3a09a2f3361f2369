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
from pathlib import Path, PurePosixPath
from typing import Any

from acento.core.errors import DataError, InputError
from acento.data.source_options import SourceOptions
from acento.data.sources.base import Reason, Rejection, Source, SourceItem, known_fact, parse_split, split_in, stretch
from acento.data.sources.folders.files import find_file
from acento.data.sources.tables.row_parts import CHANNEL, channel_of, segment_of
from acento.data.sources.tables.table import check_language, unknown_columns
from acento.data.sources.tables.text_lines import encoding_of


class NemoManifest(Source):
    """See the module."""

    kind = 'a NeMo manifest (.json, .jsonl or .ndjson; a line: {"audio_filepath": "a.wav", "text": "…"})'

    def __init__(self, where: str, options: SourceOptions | None = None) -> None:
        """Keep the manifest's path."""
        super().__init__(where, options)
        self._path = Path(where).expanduser()
        self._named = split_in(self._path.stem)
        self._keys: dict[str, None] = {}
        self.refused: set[str] = set()
        """Names of recordings in lines that could not be used."""

    @classmethod
    def matches(cls, where: str) -> bool:
        """See :meth:`Source.matches`."""
        path = Path(where).expanduser()
        return path.is_file() and path.suffix.lower() in {".json", ".jsonl", ".ndjson", ".manifest"}

    def lists(self) -> Collection[str]:
        """See :meth:`Source.lists`."""
        return [self._path.name]

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
            name = _string(entry, "audio_filepath")
            if not name or "\0" in name:
                raise ValueError("it has no audio_filepath")
            start, length = _stretch(entry)
            channel = channel_of(next((entry[key] for key in CHANNEL if entry.get(key) is not None), None))
            split = parse_split(_fact(entry, "split") or "")
            given, language, speaker, accent = (_fact(entry, *keys) for keys in (_ID, _LANGUAGE, _SPEAKER, _ACCENT))
            text = _string(entry, "text")
            check_language(language)
        except (ValueError, RecursionError, InputError) as error:
            if named := _NAME.search(line):
                with suppress(ValueError):
                    self.refused.add(json.loads(named[1]))
            detail = f"Line {number} cannot be used: {str(error).rstrip('.') or 'too deep'}."
            return Rejection(row, row, Reason.BAD_ROW, detail)
        self._keys.update(dict.fromkeys(entry))
        part = stretch(start, length, channel)
        path = self._path.parent / name
        inside = PurePosixPath(path.relative_to(self._path.parent) if path.is_relative_to(self._path.parent) else path)
        uid = given or inside.with_suffix("").as_posix().lstrip("/") + part
        origin = inside.as_posix() + part
        found = find_file(self._path.parent, name)
        if found is None:
            return Rejection(uid, origin, Reason.NO_AUDIO, f"There is no file {name}, which line {number} names.")
        if not text:
            return Rejection(uid, origin, Reason.NO_TRANSCRIPT, f"Line {number} has no text.")
        by_name = split is None and self._named is not None
        split = split or self._named
        return SourceItem(
            uid, found, text, origin, split, language, speaker, accent, start, length, channel, split_by_name=by_name
        )


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
_LANGUAGE = ("lang", "language", "source_lang")
_SPEAKER = ("speaker", "speaker_id", "client_id")
_ACCENT = ("accent", "accents")
_USED = frozenset((*_ID, *_LANGUAGE, *_SPEAKER, *_ACCENT, "audio_filepath", "text"))


def _string(entry: dict[str, Any], *keys: str) -> str | None:
    """Return the first of these keys that has a value, as a stripped string; numbers may be ids, and NaN is no value.

    Raises:
        ValueError: the value is a list, an object or a truth value.
    """
    for key in keys:
        value = entry.get(key)
        if value is None or value == "" or value != value:
            continue
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise ValueError(f"{key} is {json.dumps(value)[:40]} and should be a string")
        if isinstance(value, float) and value.is_integer():
            value = int(value)  # what pandas makes of whole numbers in a column with missing ones
        return str(value).strip() or None
    return None


def _fact(entry: dict[str, Any], *keys: str) -> str | None:
    """Return the first of these keys that has a value which does not only say that it is missing.

    Raises:
        ValueError: the value is a list, an object or a truth value.
    """
    return next((fact for key in keys if (fact := known_fact(_string(entry, key) or ""))), None)


def _stretch(entry: dict[str, Any]) -> tuple[float, float | None]:
    """Return start and length in seconds; (0, None) for the whole file.

    Raises:
        ValueError: the offset or its duration is no usable number.
    """
    if entry.get("offset") is None:
        return segment_of({key: value for key, value in entry.items() if key != "offset"})
    for key in ("offset", "duration"):
        if isinstance(entry.get(key), str):
            raise ValueError(f"{key} is {entry[key][:40]!r} and should be a number of seconds")
    return segment_of({key: entry.get(key) for key in ("offset", "duration")})
