"""Whisper's own second tries: a text that repeats itself, or of which the model is unsure, is drawn again.

The rules and their thresholds are those of OpenAI's ``transcribe`` (its ``decode_with_fallback``); the third,
of how often a text repeats itself, is that of runaways.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from acento.models.base import Audio
from acento.models.runaways import MOST_COMPRESSED, compression_ratio

LEAST_LIKELY: Final = -1.0
"""A text whose tokens have a lower mean log probability is tried again (``logprob_threshold``)."""
MOST_SILENT: Final = 0.6
"""Above this probability of no speech, a text that is also unlikely is taken for silence (``no_speech_threshold``)."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What a Whisper wrote for one window at one temperature."""

    ids: list[int]
    """Tokens, without prompt and end token."""
    logprob: float
    """The sum of the natural logarithms of the tokens' probabilities at temperature 1, the end token's among them."""
    no_speech: float = 0.0
    """How likely it is that nobody speaks, by the model's token for that; 0 where it has none."""
    ended: bool = True
    """Whether the end token came before the most tokens that it may write."""

    @property
    def mean_logprob(self) -> float:
        """Per token, the end token counted even where it was not written, as OpenAI does.

        >>> Attempt([7, 8, 9], -2.0).mean_logprob
        -0.5
        """
        return self.logprob / (len(self.ids) + 1)

    @property
    def is_silence(self) -> bool:
        """Whether the window is taken to have no speech in it: likely silent, and an unlikely text."""
        return self.no_speech > MOST_SILENT and self.mean_logprob <= LEAST_LIKELY


Write = Callable[[Sequence[int], float], Sequence[Attempt]]
"""Decodes some rows of a batch, by their numbers, at a temperature."""


def with_fallback(
    write: Write,
    read: Callable[[Sequence[int]], str],
    temperatures: Sequence[float],
    rows: int,
    *,
    short: bool = False,
    likeliest: bool = False,
) -> list[Attempt]:
    """Decode the rows of a batch at one temperature after the other, until each passes; the last try is kept.

    Args:
        write: decodes rows; it is given those only that have not passed yet.
        read: returns the text of token ids.
        temperatures: in this order.
        rows: how many there are.
        short: whether the windows are shorter than the model's own: there a text that repeats itself or has no end is
            not tried again, as the engine decodes it once more at the whole window.
        likeliest: where none passes the likeliest try that does not repeat itself is kept. The last one is drawn at a
            temperature at which little of a text is what was said.

    Returns:
        For each row its text; an empty one where there is no speech.
    """
    tried: list[list[Attempt]] = [[] for _ in range(rows)]
    left: Sequence[int] = range(rows)
    for temperature in temperatures:
        if left:
            for row, attempt in zip(left, write(left, temperature), strict=True):
                tried[row].append(attempt)
            left = [row for row in left if _fails(tried[row][-1], read, short=short)]
    kept = [tries[-1] for tries in tried]
    for row in left if likeliest else ():
        sound = [one for one in tried[row] if not _repeats(one, read)]
        kept[row] = max(sound, key=lambda one: one.mean_logprob, default=kept[row])
    return [Attempt([], one.logprob, one.no_speech) if one.is_silence else one for one in kept]


def seed_of(window: Audio) -> str:
    """Return what the draws of a window's texts follow from: its samples, whatever batch or worker it is in."""
    return hashlib.blake2b(window.tobytes(), digest_size=16).hexdigest()


def _fails(attempt: Attempt, read: Callable[[Sequence[int]], str], *, short: bool) -> bool:
    if attempt.is_silence:
        return False
    repeats = _repeats(attempt, read)
    if short and (repeats or not attempt.ended):
        return False
    return repeats or attempt.mean_logprob < LEAST_LIKELY


def _repeats(attempt: Attempt, read: Callable[[Sequence[int]], str]) -> bool:
    return compression_ratio(read(attempt.ids).strip()) > MOST_COMPRESSED
