"""A NeMo manifest: a JSONL file with ``audio_filepath``, ``text`` and more for each utterance.

``audio_filepath`` is relative to the manifest's folder, or absolute. ``duration`` alone is only information; with
``offset`` (seconds) the two cut a stretch out of the file. ``id`` or ``utt_id`` name the utterance, else its path
without the suffix does (and its stretch: ``talk#t=1.5,3.75``). ``speaker``, ``accent``, ``split`` and ``lang``,
``language`` or ``source_lang`` are taken where they are given.
"""

import json
import math
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from acento.data.sources.base import Reason, Rejection, Source, SourceItem, SourceOptions, is_file, parse_split, stretch
from acento.errors import DataError


class NemoManifest(Source):
    """See the module."""

    kind = 'a NeMo manifest (.json, .jsonl or .ndjson; a line: {"audio_filepath": "a.wav", "text": "…"})'

    def __init__(self, where: str, options: SourceOptions | None = None) -> None:
        """Keep the manifest's path."""
        super().__init__(where, options)
        self._path = Path(where).expanduser()

    @classmethod
    def matches(cls, where: str) -> bool:
        """See :meth:`Source.matches`."""
        path = Path(where).expanduser()
        return path.is_file() and path.suffix.lower() in {".json", ".jsonl", ".ndjson", ".manifest"}

    def lists(self) -> Collection[str]:
        """See :meth:`Source.lists`."""
        return [self._path.name]

    def items(self) -> Iterator[SourceItem | Rejection]:
        """See :meth:`Source.items`; the origin is the recording's path as the manifest gives it, and its stretch."""
        try:
            with self._path.open("rb") as file:
                for number, line in enumerate(file, start=1):
                    if line.strip():
                        yield self._item(line, f"{self._path.name}:{number}", number)
        except OSError as error:
            raise DataError(f"The manifest {self.where!r} cannot be read ({error.strerror}).") from error

    def _item(self, line: bytes, row: str, number: int) -> SourceItem | Rejection:
        """Return one line as an item."""
        try:
            entry = json.loads(line.decode("utf-8-sig"))
            if not isinstance(entry, dict):
                raise ValueError("it is no JSON object")
            name = _string(entry, "audio_filepath")
            if not name or "\0" in name:
                raise ValueError("it has no audio_filepath")
            start, length = _stretch(entry)
            split = parse_split(_string(entry, "split") or "")
            texts = [_string(entry, *keys) for keys in (_ID, ("text",), _LANGUAGE, ("speaker",), ("accent",))]
        except (ValueError, RecursionError) as error:
            return Rejection(row, row, Reason.BAD_ROW, f"Line {number} cannot be used: {error or 'too deep'}.")
        given, text, language, speaker, accent = texts
        part = stretch(start, length)
        path = self._path.parent / name
        inside = PurePosixPath(path.relative_to(self._path.parent) if path.is_relative_to(self._path.parent) else path)
        uid = given or inside.with_suffix("").as_posix().lstrip("/") + part
        origin = inside.as_posix() + part
        if not is_file(path):
            return Rejection(uid, origin, Reason.NO_AUDIO, f"There is no file {name}, which line {number} names.")
        if not text:
            return Rejection(uid, origin, Reason.NO_TRANSCRIPT, f"Line {number} has no text.")
        return SourceItem(uid, path, text, origin, split, language, speaker, accent, start, length)


_ID = ("id", "utt_id")
_LANGUAGE = ("lang", "language", "source_lang")


def _string(entry: dict[str, Any], *keys: str) -> str | None:
    """Return the first of these keys that has a value, as a stripped string; numbers may be ids.

    Raises:
        ValueError: the value is a list, an object or a truth value.
    """
    for key in keys:
        value = entry.get(key)
        if value is None or value == "":
            continue
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise ValueError(f"{key} is {json.dumps(value)[:40]} and should be a string")
        return str(value).strip() or None
    return None


def _stretch(entry: dict[str, Any]) -> tuple[float, float | None]:
    """Return start and length in seconds; (0, None) for the whole file.

    Raises:
        ValueError: the offset or its duration is no usable number.
    """
    if entry.get("offset") is None:
        return 0.0, None
    numbers = []
    for key in ("offset", "duration"):
        value = entry.get(key)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
            raise ValueError(f"{key} is {json.dumps(value)[:40]} and should be seconds")
        numbers.append(float(value))
    start, *length = numbers
    if length and not length[0]:
        raise ValueError("duration is 0")
    return start, length[0] if length else None
