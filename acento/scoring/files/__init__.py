"""Transcripts that others made, read from files: a format is a module here, and a line in ``FORMATS``."""

import json
import re
from pathlib import Path

from acento.core.errors import InputError
from acento.scoring.files import delimited, jsonl, kaldi, rttm, seglst, timed, trn
from acento.scoring.files.reading import TextFile, read_text
from acento.scoring.files.transcript import BY_NAME, COLUMNS, Columns, Reader, Transcripts

FORMATS: dict[str, Reader] = {
    "jsonl": jsonl.read,
    "csv": delimited.read_csv,
    "tsv": delimited.read_tsv,
    "kaldi": kaldi.read,
    "trn": trn.read,
    "stm": timed.read_stm,
    "ctm": timed.read_ctm,
    "rttm": rttm.read,
    "seglst": seglst.read,
}
WITH_ALTERNATIVES = ("trn", "stm", "ctm")
"""The formats in which braces and parentheses in a reference mean several readings."""

_ENDINGS = {name: name for name in FORMATS} | {"json": "jsonl", "ndjson": "jsonl"}
_NUMBER = r"\d+(\.\d*)?|\.\d+"
_STM = re.compile(rf"\S+\s+\S+\s+\S+\s+({_NUMBER})\s+({_NUMBER})(\s+.*)?")
_RTTM = re.compile(r"SPEAKER\s+\S+\s+\S+\s+\S+\s+\S+(\s+\S+){3,}", re.IGNORECASE)
_CTM = re.compile(rf"\S+\s+\S+\s+({_NUMBER})\s+({_NUMBER})\s+\S+(\s+({_NUMBER}))?(\s+\S+)*")


def read_transcripts(path: Path, format: str | None = None, columns: Columns = BY_NAME) -> Transcripts:
    """Read a file of transcripts, in the format of that name, or else in that of its ending or its content.

    Raises:
        InputError: the file cannot be read, is no text, has no utterance, or a line of it is not of its format; the
            sentence names the file and the line.
    """
    file = read_text(path)
    found = FORMATS[format or format_of(file)](file, columns)
    if not found.rows:
        raise InputError(f"{path} has no utterance.")
    return found


def format_of(file: TextFile) -> str:
    """Return the name of a file's format, by its ending (``refs.stm``), else by its first line.

    >>> format_of(TextFile(Path("text"), "ana-01 hola po\\n", "")), format_of(TextFile(Path("x"), "hola (a-1)\\n", ""))
    ('kaldi', 'trn')
    """
    if (ending := file.path.suffix.lower().removeprefix(".")) in _ENDINGS:
        return "seglst" if _ENDINGS[ending] == "jsonl" and seglst.looks_like(file.text) else _ENDINGS[ending]
    first = next((line for _, line in file.lines() if not line.startswith(";;")), "")
    if seglst.looks_like(file.text):
        return "seglst"
    if first.lstrip().startswith(("{", "[")):
        try:
            json.loads(first)
        except (json.JSONDecodeError, RecursionError):
            if first.strip() == "[":
                return "jsonl"
        else:
            return "jsonl"
    for name in ("tsv", "csv"):
        names = {one.strip().lower() for one in delimited.header(file, name)}
        if len(names) > 1 and names & {*COLUMNS["id"]} and names & {*COLUMNS["text"], *COLUMNS["prediction"]}:
            return name
    for name, pattern in (("rttm", _RTTM), ("stm", _STM), ("ctm", _CTM), ("trn", trn.LINE)):
        if pattern.fullmatch(first):
            return name
    return "kaldi"
