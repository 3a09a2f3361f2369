"""What watches over a training: it reports progress, and may end it."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

from acento.core.callbacks import NO_CALLBACKS, Callbacks
from acento.core.progress import report
from acento.training.job import Why

if TYPE_CHECKING:
    from acento.training.data.prepared import Prepared


class Stopped(Exception):  # noqa: N818 - nothing went wrong
    """A training ends before its end."""

    def __init__(self, why: Why, sentence: str) -> None:
        """Keep the reason and the sentence."""
        super().__init__(sentence)
        self.why, self.sentence = why, sentence


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
