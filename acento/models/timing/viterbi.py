"""Where a text that is known stands in what a CTC model hears: the likeliest path that writes it (forced alignment)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Scores = npt.NDArray[np.float32]
"""Log probabilities of each token at each frame, shape ``(frames, tokens)``."""
ANYTHING: Final = -1
"""An id for letters that the model lacks: it stands for the likeliest token but the blank."""


@dataclass(frozen=True, slots=True)
class Alphabet:
    """How a CTC model writes."""

    blank: int
    frame_s: float
    """Seconds of a frame."""
    spell: Callable[[str], list[int]]
    """Returns the ids that write a word; :data:`ANYTHING` for letters in a row that it lacks."""


def alphabet_letters(word: str, find: Callable[[str], int | None]) -> list[int]:
    """Spell a word by its letters: as they are, or small, or large; what the model lacks is anything, once in a row.

    >>> known = {"A": 1, "B": 2}
    >>> alphabet_letters("ab12", known.get)
    [1, 2, -1]
    """
    ids: list[int] = []
    for letter in word:
        if not letter.isalnum():
            continue
        forms = (letter, letter.lower(), letter.upper())
        found = next((number for number in map(find, forms) if number is not None), ANYTHING)
        if found != ANYTHING or ids[-1:] != [ANYTHING]:
            ids.append(found)
    return ids


def best_frames(scores: Scores, ids: Sequence[int], blank: int) -> tuple[list[int], list[int], list[float]] | None:
    """Return for each id its first frame, the frame after its last, and its highest log probability there.

    The path passes through all ids in their order, with blanks between where it needs or likes them (Graves et al.
    2006; the states of a frame are computed together).

    Args:
        scores: log probabilities.
        ids: of a text, or :data:`ANYTHING`.
        blank: the id of the blank.

    Returns:
        None: there are too few frames for so many ids.
    """
    frames, count = len(scores), len(ids)
    if not count:
        return [], [], []
    states = np.full(2 * count + 1, blank)
    states[1::2] = ids
    emitted = _emitted(scores, states, blank)
    skips = np.zeros(len(states), dtype=bool)
    skips[3::2] = states[3::2] != states[1:-2:2]
    reached = np.full(len(states), -np.inf, dtype=np.float64)
    reached[:2] = emitted[0, :2]
    steps = np.zeros((frames, len(states)), dtype=np.uint8)
    step, skip = np.full_like(reached, -np.inf), np.full_like(reached, -np.inf)
    for frame in range(1, frames):
        step[1:], skip[2:] = reached[:-1], reached[:-2]
        skip[~skips] = -np.inf
        moved = step > reached
        best = np.where(moved, step, reached)
        leapt = skip > best
        steps[frame] = moved + leapt * (2 - moved)
        reached = np.where(leapt, skip, best) + emitted[frame]
    state = len(states) - 1 - int(reached[-2] > reached[-1])
    if not np.isfinite(reached[state]):
        return None
    path = np.empty(frames, dtype=np.int64)
    for frame in range(frames - 1, -1, -1):
        path[frame] = state
        state -= int(steps[frame, state])
    return _frames_of(path, emitted, count)


def _emitted(scores: Scores, states: npt.NDArray[np.int_], blank: int) -> Scores:
    """Return the log probability of each state at each frame."""
    emitted = scores[:, np.maximum(states, 0)]
    wild = states == ANYTHING
    if wild.any():
        letters = np.delete(scores, blank, axis=1)
        emitted[:, wild] = letters.max(axis=1)[:, None]
    return emitted


def _frames_of(path: npt.NDArray[np.int64], emitted: Scores, count: int) -> tuple[list[int], list[int], list[float]]:
    first, end, gains = [0] * count, [0] * count, [-np.inf] * count
    for frame, state in enumerate(path.tolist()):
        if state % 2 == 0:
            continue
        place = state // 2
        if end[place] == 0:
            first[place] = frame
        end[place] = frame + 1
        gains[place] = max(gains[place], float(emitted[frame, state]))
    return first, end, gains
