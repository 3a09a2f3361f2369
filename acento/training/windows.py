"""Which windows a training is in: the model's own, or fitted ones; and what is to be said of that before it begins."""

import logging
from collections.abc import Callable, Iterable
from typing import Final, get_args

from acento.core import plugins
from acento.core.errors import InputError
from acento.core.store import Store
from acento.models.checkpoints.checkpoint import Checkpoint
from acento.models.checkpoints.taught import taught
from acento.models.family import Family
from acento.models.windows import WindowChoice
from acento.training.job import FinetuneJob, state

_MOST_CLIPS: Final = 0.9
"""The share of clips that must be short before short windows are taught."""

_log = logging.getLogger(__name__)


def settle_window(checkpoint: Checkpoint, asked: object, lengths: Callable[[], Iterable[float]]) -> str:
    """Return the windows of a training: those that are asked for, or for ``auto`` those that suit model and clips.

    Fitted ones are learned by a model that was taught them before, and else where nine of ten clips are shorter than
    half its window: there most of what it would compute is silence.

    Args:
        checkpoint: the base model.
        asked: a :data:`WindowChoice`; None is ``auto``.
        lengths: returns the seconds of each training clip; it is called where they decide.

    Raises:
        InputError: there is no such choice.
    """
    choices = get_args(WindowChoice)
    if asked is not None and asked not in choices:
        raise InputError(f"The recipe's window={asked!r} cannot be used: it is {', '.join(choices)}.")
    if asked not in (None, "auto"):
        return str(asked)
    window = checkpoint.family.window
    if window is None:
        return "full"
    if taught(checkpoint.folder) is not None:
        return "fit"
    half = plugins.load(window)(checkpoint.folder) / 2
    short = [seconds < half for seconds in lengths()]
    return "fit" if short and sum(short) >= _MOST_CLIPS * len(short) else "full"


def check_fitting(family: Family, window: object, keep_full: object) -> None:
    """See that a family can learn in windows that are asked for, by a recipe's values or before there is one.

    Raises:
        InputError: its window cannot be shorter, or the full one is to be kept where nothing else is learned.
    """
    asked = [name for name, wanted in (("window", window == "fit"), ("keep_full", keep_full)) if wanted]
    if asked and family.window is None:
        raise InputError(
            f"Models of the family {family.name!r} have no window to be fitted: they take any length already, or "
            f"nothing but their own; leave {' and '.join(asked)} out."
        )
    if keep_full and window == "full":
        raise InputError(
            f"keep_full={keep_full} keeps the full window while shorter ones are learned, and this training "
            "has full windows only: ask for window=fit, or leave keep_full out."
        )


def warn_of_windows(store: Store, job: FinetuneJob, checkpoint: Checkpoint) -> None:
    """Log what may surprise: a base that loses its short windows, and a training that goes on in other ones.

    Checkpoints are never shared between windows: the recipe is part of what names a job.
    """
    if job.recipe.window == "full" and taught(checkpoint.folder) is not None:
        _log.warning(
            "Model %s was taught short windows, and this training shows it full ones only: the tuned model will decode "
            "in full windows. Ask for --window fit to keep them.",
            checkpoint.id,
        )
    if _steps(store, job) or state(store, job) is not None:
        return
    other = "full" if job.recipe.window == "fit" else "fit"
    for recipe in (job.recipe.with_values(window=other), job.recipe.with_values(window=other, keep_full=0.0)):
        begun = job.model_copy(update={"recipe": recipe})
        if steps := _steps(store, begun):
            _log.warning(
                "This training was begun with window=%s and stands at step %d. With window=%s it is another one, which "
                "begins at the base model; ask for --window %s to go on with the first.",
                other,
                steps[-1],
                job.recipe.window,
                other,
            )
            return


def _steps(store: Store, job: FinetuneJob) -> list[int]:
    """Return the steps of a job's checkpoints, lowest first; no torch needed."""
    return sorted(int(key.rpartition("/")[2]) for key in store.list(f"{job.key}/checkpoints"))
