"""Where a training stands: all that a checkpoint must say, beside tensors, to go on the same way; and its history."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from acento.core.errors import DamagedError

HISTORY = "history.jsonl"
"""The file of a history: a row for each step and for each evaluation, as lines of JSON."""

Row = dict[str, Any]
"""A row of a history, JSON-like: of a step (``loss``), or of an evaluation on dev (``dev_wer``)."""


@dataclass(slots=True)
class TrainingState:
    """The state after ``step`` optimizer steps. No random state: a step's chance comes of the seed and its number."""

    step: int = 0
    evaluated: int | None = None
    """The step of the last evaluation."""
    base_wer: float | None = None
    """Dev WER before the first step, a fraction."""
    best_step: int | None = None
    best_wer: float | None = None
    """The lowest dev WER after any training, and the first step that had it."""
    worse: int = 0
    """Evaluations since then."""
    forward_size: int | None = None
    """Clips in one forward pass, once it had to be made smaller for want of memory."""
    ended: str | None = None
    """Why there is nothing left to train."""
    history: list[Row] = field(default_factory=list)

    def record_evaluation(self, row: Row) -> None:
        """Add an evaluation's row to the history, and compare it with the best; the first one is that of the base."""
        self.evaluated = self.step
        self.history.append(row)
        if self.step == 0:
            self.base_wer = row["dev_wer"]
        elif self.best_wer is None or row["dev_wer"] < self.best_wer:
            self.best_step, self.best_wer, self.worse = self.step, row["dev_wer"], 0
        else:
            self.worse += 1

    def to_json(self) -> str:
        """Return all of it as JSON."""
        return json.dumps(asdict(self), sort_keys=True, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> "TrainingState":
        """Read what ``to_json`` wrote.

        Raises:
            DamagedError: the text is something else.
        """
        try:
            return cls(**json.loads(text))
        except (ValueError, TypeError) as error:
            raise DamagedError(f"The state in a training's checkpoint cannot be read ({error}).") from error


def write_history(rows: Iterable[Row], path: Path) -> None:
    """Write rows as lines of JSON."""
    path.write_text("".join(json.dumps(row, sort_keys=True) + "\n" for row in rows), encoding="utf-8")


def read_history(path: Path) -> list[Row]:
    """Read what ``write_history`` wrote."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]
