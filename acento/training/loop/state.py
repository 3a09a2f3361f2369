"""Where a training stands: its state, of which a checkpoint keeps all, its history, and what watches over it."""

import json
import math
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from acento.core.callbacks import NO_CALLBACKS, Callbacks
from acento.core.errors import DamagedError
from acento.core.progress import report
from acento.training.job import Why

if TYPE_CHECKING:
    from acento.training.data.prepared import Prepared

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

    def record_evaluation(self, row: Row, *, base_counts: bool = False) -> None:
        """Add an evaluation's row to the history, and compare it with the best; the first one is that of the base.

        That is no candidate for the best, unless ``base_counts``.
        """
        self.evaluated = self.step
        self.history.append(row)
        if self.step == 0:
            self.base_wer = row["dev_wer"]
        if self.step == 0 and not base_counts:
            return
        if self.best_wer is None or row["dev_wer"] < self.best_wer:
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


@dataclass
class Stopped(Exception):  # noqa: N818 - nothing went wrong
    """A training ends before its end."""

    why: Why
    sentence: str


@dataclass(frozen=True, slots=True)
class Hooks:
    """What watches over a training."""

    callbacks: Callbacks = NO_CALLBACKS
    alive: Callable[[], None] = lambda: None
    """Is called before each step, after each batch of dev and each checkpoint; what it raises ends the training."""
    deadline: float = math.inf
    """When time is up, by ``time.monotonic``, in seconds."""

    def check(self, when: str) -> None:
        """End the training if somebody asks for it or its time is up.

        Args:
            when: where the training is, such as ``after 3 of 10 steps``.

        Raises:
            Stopped: it ends here.
        """
        self.alive()
        if (reason := self.callbacks.should_stop()) is not None:
            raise Stopped("stopped", f"Stopped {when} ({reason}).")
        if monotonic() >= self.deadline:
            raise Stopped("time limit", f"The time limit was reached {when}.")

    def while_decoding(self, clips: "Prepared", step: str, when: str) -> Callable[[float], None]:
        """Return what to call with the audio seconds of each decoded batch: it reports progress, and checks.

        Args:
            clips: all that is decoded.
            step: the name of it, as :func:`report` takes it.
            when: as :meth:`check` takes it.
        """
        done = 0.0

        def after_batch(seconds: float) -> None:
            nonlocal done
            done += seconds
            report(step, min(done, clips.seconds), clips.seconds, "s")
            self.check(when)

        return after_batch
