"""The interface of an engine that distributes work: what a work pool, Spark and Ray call their runs is behind it."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

_log = logging.getLogger(__name__)

START_LIMIT_S = 1800.0
"""Seconds in which the first run has to begin: a machine is found, an image is pulled."""

Phase = Literal["waiting", "taken", "running", "ended", "died", "cancelled"]
"""Waiting for a worker; taken by one and not yet begun; running; and how it ended."""


@dataclass(frozen=True, slots=True)
class RunState:
    """What an engine says of a run."""

    phase: Phase
    why: str = ""
    """Of a run that died or was cancelled: what the engine says."""


class SliceEngine(ABC):
    """Where slices are submitted as runs."""

    title: str
    """What it is called in sentences, such as ``work pool 'gpus'``."""
    taken_limit_s: float = START_LIMIT_S
    """Seconds for which a run may be taken by a worker without a first sign of life: then that worker died."""

    @abstractmethod
    def submit(self, work: str, run: str, indices: Sequence[int], count: int) -> str | None:
        """Submit a slice as a run, and return the engine's id of it; None: the engine is away now.

        Args:
            work: the id of the work list.
            run: the run's name in the work list.
            indices: the slice: jobs by their index in the work list.
            count: how many runs share the work.

        Raises:
            InputError: the engine refuses it.
            TransientError: it has been away for too long.
        """

    @abstractmethod
    def states(self, ids: Sequence[str]) -> Mapping[str, RunState] | None:
        """Return the state of each run that the engine knows; None: the engine is away now.

        Raises:
            InputError: its workers cannot do this work.
            TransientError: it has been away for too long.
        """

    @abstractmethod
    def cancel(self, ids: Iterable[str]) -> None:
        """End runs; errors of the engine are logged."""

    def give_up(self, id: str, why: str) -> None:
        """Tell the engine that a run is dead, which it does not know; errors of the engine are logged."""
        _log.warning("Slice %s of %s is ended: %s", id, self.title, why)
        self.cancel([id])

    def check_waiting(self) -> str:
        """Return what may keep runs from beginning, in words for a person.

        Raises:
            InputError: nobody works for it any more.
        """
        return "its workers may be busy"

    def say(self, sentence: str, *, warn: bool = False) -> None:
        """Log a sentence where a person looks for it."""
        (_log.warning if warn else _log.info)(sentence)

    def close(self) -> None:  # noqa: B027 - where nothing is held
        """Free what the engine holds, once all of its runs are over or called off."""
