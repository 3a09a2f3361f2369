"""Documents as JSON, without loss; tools that know Whisper's JSON find ``segments`` with times, texts and words in it.

    {"format": "acento-document", "version": 1, "name", "duration_s", "model", "language",
     "segments": [{"start", "end", "text", "speaker", "language", "logprob", "channel",
                   "words": [{"word", "start", "end", "probability", "speaker", "joined"}]}],
     "turns": [{"start", "end", "speaker"}], "removed": [{"start", "end", "text", "reason"}]}

What has its default is left out. Times are seconds, written so that the same number is read. A segment is a line.
"""

import json
import math
import re
from dataclasses import fields
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from acento.core.errors import DataError
from acento.data.document import Document, Passage, Removed
from acento.data.words import Turn, Word

FORMAT: Final = "acento-document"
VERSION: Final = 1


def document_to_json(document: Document) -> str:
    """Return a document as JSON, the same text for the same document.

    Raises:
        ValueError: a time is not finite.
    """
    segments = []
    for passage in document.passages:
        words = [{"word": word.text, **_said(word, "text")} for word in passage.words]
        segments.append(_said(passage, "words") | ({"words": words} if words else {}))
    head = _dumped({"format": FORMAT, "version": VERSION, **_said(document, "passages", "turns", "removed")})
    lists = {"segments": segments, "turns": map(_said, document.turns), "removed": map(_said, document.removed)}
    lines = {name: ",\n".join(map(_dumped, some)) for name, some in lists.items()}
    rows = [f'"{name}": [\n{some}\n]' if some else f'"{name}": []' for name, some in lines.items()]
    return head[:-1] + ",\n" + ",\n".join(rows) + "}\n"


def _dumped(values: dict[str, Any]) -> str:
    """Return an object on one line; half a character, as a file's name that is no UTF-8 has, is escaped."""
    text = json.dumps(values, ensure_ascii=False, allow_nan=False)
    return re.sub("[\ud800-\udfff]", lambda half: f"\\u{ord(half[0]):04x}", text)


def _said(thing: Word | Passage | Turn | Removed | Document, *but: str) -> dict[str, Any]:
    """Return the fields of a thing that do not have their defaults, without some."""
    return {
        field.name: value
        for field in fields(thing)
        if field.name not in but and (value := getattr(thing, field.name)) != field.default
    }


_DOCUMENT: Final = TypeAdapter(Document)


def document_from_json(text: str | bytes) -> Document:
    """Return the document that a JSON text is of.

    >>> document = Document("talk.wav", 2.5, (Passage(0.1, 1.9, "Hola.", (Word("Hola.", 0.1, 1.9, 0.93),)),))
    >>> document_from_json(document_to_json(document)) == document
    True

    Raises:
        DataError: it is no JSON, none of a document, of a later version, or a value is not what it should be; the
            sentence has no name of a file before it.
    """
    try:
        body = json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except ValueError as error:
        raise DataError(f"it is no JSON ({error})") from error
    except RecursionError as error:
        raise DataError("it is no document of acento transcribe: its lists are nested too deep") from error
    if not isinstance(body, dict) or body.get("format") != FORMAT:
        raise DataError("it is no document of acento transcribe")
    if body.get("version") != VERSION:
        raise DataError(f"it has version {body.get('version')!r}, and {VERSION} can be read: install a newer acento")
    try:
        passages = [_renamed(segment) for segment in body["segments"]]
        known = {field.name for field in fields(Document)}
        values = {name: value for name, value in body.items() if name in known} | {"passages": passages}
        return _DOCUMENT.validate_python(values)
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError("it is no document of acento transcribe: its list of segments is not whole") from error
    except ValidationError as error:
        found = error.errors()[0]
        where = ".".join("segments" if part == "passages" else str(part) for part in found["loc"])
        raise DataError(f"{where}: {found['msg'].removeprefix('Input ')}") from error


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no number")


def _finite(number: str) -> float:
    value = float(number)
    return value if math.isfinite(value) else _refuse(number)


def _renamed(segment: dict[str, Any]) -> dict[str, Any]:
    words = segment.get("words", [])
    return segment | {"words": [{("text" if name == "word" else name): word[name] for name in word} for word in words]}
