"""Predictions: a row for each utterance, a text or the reason why there is none, written a part at a time."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from acento.core.errors import AcentoError
from acento.core.fingerprint import fingerprint_rows, sha256
from acento.core.store import Store
from acento.data.words import Word

FILE = "predictions.parquet"

_WORD = pa.struct(
    [
        ("text", pa.string()),
        ("start", pa.float64()),
        ("end", pa.float64()),
        ("probability", pa.float64()),
        ("speaker", pa.string()),
        ("joined", pa.bool_()),
    ]
)
_SEGMENT = pa.struct(
    [
        ("start", pa.float64()),
        ("end", pa.float64()),
        ("text", pa.string()),
        ("words", pa.list_(_WORD)),
        ("logprob", pa.float64()),
        ("no_speech", pa.float64()),
        ("language", pa.string()),
    ]
)
_SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("text", pa.string()),
        ("segments", pa.list_(_SEGMENT)),
        ("error", pa.string()),
        ("detail", pa.string()),
    ]
)


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of the utterance, times in seconds from its start."""

    start: float
    end: float
    text: str
    words: tuple[Word, ...] = ()
    """With times in seconds from the utterance's start; empty: they were not asked for, or the model gives none."""
    logprob: float | None = None
    no_speech: float | None = None
    language: str | None = None
    """See :class:`~acento.models.base.Transcript`, as the two before."""

    def moved(self, seconds: float) -> "Segment":
        """Return it with every time that much later: counted from the recording's start and not the window's.

        >>> Segment(1.0, 2.0, "sí", (Word("sí", 1.0, 1.5),)).moved(60).words[0].start
        61.0
        """
        words = (replace(word, start=seconds + word.start, end=seconds + word.end) for word in self.words)
        return replace(self, start=seconds + self.start, end=seconds + self.end, words=tuple(words))


@dataclass(frozen=True, slots=True)
class Prediction:
    """What became of one utterance: ``text`` (which may be empty), or an ``error`` code with a sentence."""

    id: str
    text: str | None
    segments: tuple[Segment, ...] = ()
    error: str | None = None
    detail: str | None = None

    @property
    def failed(self) -> bool:
        """Whether there is no text."""
        return self.error is not None

    @property
    def reason(self) -> str | None:
        """Why there is no text, code and sentence."""
        return None if self.error is None else f"{self.error}: {self.detail}"


def write_predictions(path: Path, predictions: Sequence[Prediction]) -> None:
    """Write one part's predictions as Parquet."""
    pq.write_table(pa.Table.from_pylist([asdict(row) for row in predictions], schema=_SCHEMA), path)


def read_predictions(path: Path) -> list[Prediction]:
    """Read what ``write_predictions`` wrote."""
    with pq.ParquetFile(path) as file:  # ``read_table`` imports pandas
        rows = file.read().to_pylist()
    return [
        Prediction(**{**row, "segments": tuple(_segment(**segment) for segment in row["segments"])}) for row in rows
    ]


def _segment(words: Sequence[dict[str, Any]] | None = None, **values: Any) -> Segment:
    """Return a segment that was stored; before words were, it has only times and text."""
    return Segment(**values, words=tuple(Word(**word) for word in words or ()))


def attempts(store: Store, job: str) -> list[str]:
    """Return the keys of a job's whole attempts, oldest first; a damaged one is as good as absent."""
    keys: list[str] = []
    while store.find(attempt_key(job, len(keys) + 1), verify=True) is not None:
        keys.append(attempt_key(job, len(keys) + 1))
    return keys


def attempt_key(job: str, number: int) -> str:
    """Return the store key of an attempt, counted from 1."""
    return f"{job}/attempt-{number}"


def overlaid(store: Store, keys: Iterable[str]) -> dict[str, Prediction]:
    """Return the latest prediction for each id: a later attempt holds only what failed before."""
    rows: dict[str, Prediction] = {}
    for key in keys:
        rows |= {row.id: row for row in read_predictions(store.local_path(key, FILE))}
    return rows


def collect(store: Store, jobs: Iterable[tuple[str, Iterable[str]]]) -> Iterator[Prediction]:
    """Yield every prediction of a run, and see that it is complete.

    Args:
        store: where the attempts are.
        jobs: for each job its key and the ids it was to decode.

    Raises:
        AcentoError: an id is not there, or is there twice.
    """
    seen: set[str] = set()
    for job, ids in jobs:
        rows = overlaid(store, attempts(store, job))
        for id_ in ids:
            if id_ not in rows or id_ in seen:
                what = "twice" if id_ in seen else "not"
                raise AcentoError(f"Utterance {id_!r} is {what} in the predictions of {job}; run the benchmark again.")
            seen.add(id_)
            yield rows[id_]


def digest(predictions: Iterable[Prediction]) -> str:
    """Return the digest of (id, text, reason): equal where two runs have the same texts, in any order.

    >>> digest([Prediction("a", "sí"), Prediction("b", None, error="x")])[:8]
    '6a78fba9'
    """
    return fingerprint_rows(
        sha256("\x00".join([row.id, "-" if row.text is None else "+" + row.text, row.error or ""]).encode())
        for row in predictions
    )
