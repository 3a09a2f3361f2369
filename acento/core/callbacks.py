"""What a caller is told of jobs while they run, and how it stops them: one value, handed through every layer."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


def _ignore(_: object) -> None:
    """Drop what is told."""


@dataclass(frozen=True, slots=True)
class Callbacks:
    """Functions that jobs call while they run, from any thread."""

    on_progress: Callable[[float], None] = _ignore
    """Receives audio seconds as they are decoded, where the backend can know."""
    on_metrics: Callable[[dict[str, Any]], None] = _ignore
    """Receives each new row of a training's history."""
    should_stop: Callable[[], str | None] = lambda: None
    """Returns a reason to end trainings with a checkpoint, or None; called now and then while they run."""


NO_CALLBACKS = Callbacks()
