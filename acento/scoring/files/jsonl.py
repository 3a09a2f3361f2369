"""JSON lines: NeMo's manifests, those of the Open ASR leaderboard, and any object a line with known keys."""

import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from acento.scoring.files.reading import TextFile
from acento.scoring.files.transcript import Columns, Transcripts, of_records

_PARENT, _INDEX = "parent_id", "chunk_index"
"""Keys of a manifest whose rows are pieces of a session that has one reference."""


def read(file: TextFile, columns: Columns) -> Transcripts:
    """Read an object a line, or one list of objects.

    Rows with ``parent_id`` and ``chunk_index`` are pieces of one session: they become one row, their predictions joined
    in order, as in ``merge_chunked_manifest`` of huggingface/open_asr_leaderboard (``normalizer/eval_utils.py``).
    """
    records = _whole([*_records(file)])
    names = list(dict.fromkeys(name for _, record in records for name in record))
    return of_records(file, "jsonl", iter(records), names, columns)


def _records(file: TextFile) -> Iterator[tuple[int, dict[str, Any]]]:
    if file.text.lstrip().startswith("["):
        numbered = [*enumerate(_parsed(file, 1, file.text), start=1)]
    else:
        numbered = [(number, _parsed(file, number, line)) for number, line in file.lines()]
    for number, record in numbered:
        if not isinstance(record, dict):
            raise file.wrong(number, 'there must be an object, such as {"id": …, "text": …}.')
        yield number, record


def _parsed(file: TextFile, line: int, text: str) -> Any:
    """Return what a JSON text says, which begins in a line of the file."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise file.wrong(line + error.lineno - 1, f"this is no JSON ({error.msg} at column {error.colno}).") from None
    except RecursionError:
        raise file.wrong(line, "this is no manifest: its JSON is nested too deep.") from None


def _whole(records: list[tuple[int, dict[str, Any]]]) -> list[tuple[int, dict[str, Any]]]:
    if not records or not all(_PARENT in record and _INDEX in record for _, record in records):
        return records
    sessions: dict[Any, list[tuple[int, dict[str, Any]]]] = defaultdict(list)
    for line, record in records:
        sessions[record[_PARENT]].append((line, record))
    merged = []
    for parent, chunks in sessions.items():
        chunks.sort(key=lambda chunk: chunk[1][_INDEX])
        line, first = chunks[0]
        texts = [str(chunk.get("pred_text") or "").strip() for _, chunk in chunks]
        whole = first | {"id": parent, "pred_text": " ".join(text for text in texts if text)}
        for name in ("duration", "time"):
            values = [chunk.get(name) for _, chunk in chunks]
            whole[name] = sum(values) if all(isinstance(value, int | float) for value in values) else None
        merged.append((line, whole))
    return merged
