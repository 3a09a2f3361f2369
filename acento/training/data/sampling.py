"""Which clips each step of training learns from: a pure function of the step, so a resumed run has nothing to keep.

Each epoch is dealt anew from a seed and the epoch's number. Clips of similar length stand together, so that little of a
batch is padding; which clips those are, and the order of batches, is chance.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from acento.core.errors import DataError

if TYPE_CHECKING:
    from acento.training.data.prepared import Example

Balance = Literal["accent", "speaker"]

_POOL_BATCHES = 32
"""Batches among which clips are sorted by length: enough to leave little padding, and few enough to leave chance."""


class Batches:
    """The batches of a training, by step."""

    def __init__(
        self, lengths: Sequence[int], batch_size: int, seed: int, weights: Sequence[float] | None = None
    ) -> None:
        """Deal clips into batches.

        Args:
            lengths: of each clip, in any unit.
            batch_size: clips in a batch; the last one of an epoch may have fewer.
            seed: decides every epoch's order.
            weights: how often each clip is drawn, relative to the others, with replacement; None: each clip once in
                each epoch.

        Raises:
            DataError: there are no clips, or the weights are not one positive sum of numbers for each clip.
        """
        if not len(lengths) or batch_size < 1:
            raise DataError(
                f"{len(lengths)} clips cannot be dealt into batches of {batch_size}: neither may be below 1."
            )
        self._lengths = np.asarray(lengths, dtype=np.int64)
        self._size, self._seed = batch_size, seed
        self._shares: npt.NDArray[np.float64] | None = None
        if weights is not None:
            given = np.asarray(weights, dtype=np.float64)
            if len(given) != len(lengths) or not np.isfinite(given).all() or given.min() < 0 or not given.sum() > 0:
                raise DataError("Sampling needs one weight for each clip: finite, none below 0, and not all of them 0.")
            self._shares = given / given.sum()
        self.steps_per_epoch = -(-len(lengths) // batch_size)
        self._dealt: tuple[int, list[list[int]]] = (-1, [])

    def at(self, step: int) -> list[int]:
        """Return the clips, as indices into ``lengths``, of a step; steps count from 0 and never end."""
        epoch, place = divmod(step, self.steps_per_epoch)
        number, batches = self._dealt  # read and written at once: another thread may ask for another epoch
        if number != epoch:
            batches = self._deal(epoch)
            self._dealt = (epoch, batches)
        return list(batches[place])

    def _deal(self, epoch: int) -> list[list[int]]:
        rng = np.random.default_rng([self._seed, epoch])
        count = len(self._lengths)
        drawn = rng.permutation(count) if self._shares is None else rng.choice(count, size=count, p=self._shares)
        batches: list[list[int]] = []
        for start in range(0, count, self._size * _POOL_BATCHES):
            pool = drawn[start : start + self._size * _POOL_BATCHES]
            pool = pool[np.argsort(self._lengths[pool], kind="stable")]
            batches += [pool[at : at + self._size].tolist() for at in range(0, len(pool), self._size)]
        return [batches[at] for at in rng.permutation(len(batches))]


def weights_for(examples: "Sequence[Example]", balance: Balance) -> list[float]:
    """Return a weight for each example, inversely proportional to the size of its group.

    Every group is then drawn equally often; clips whose accent or speaker is not known are a group of their own.
    """
    sizes = Counter(getattr(example, balance) for example in examples)
    return [1.0 / sizes[getattr(example, balance)] for example in examples]


@dataclass(frozen=True, slots=True)
class GroupShare:
    """What a group has of the clips, and of what is drawn: shares of 1."""

    clips: int
    before: float
    after: float


def shares(
    examples: "Sequence[Example]", weights: Sequence[float] | None, by: Balance
) -> Mapping[str | None, GroupShare]:
    """Return what balance does to each group, largest first; None names the clips of which the group is not known."""
    groups = [getattr(example, by) for example in examples]
    given = [1.0] * len(groups) if weights is None else weights
    drawn: dict[str | None, float] = defaultdict(float)
    for group, weight in zip(groups, given, strict=True):
        drawn[group] += weight
    total = sum(given)
    return {
        group: GroupShare(clips, clips / len(groups), drawn[group] / total)
        for group, clips in sorted(Counter(groups).items(), key=lambda one: (-one[1], one[0] is None, one[0] or ""))
    }
