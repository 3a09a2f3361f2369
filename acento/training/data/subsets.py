"""Which of the prepared clips a training learns from, when its purpose is to be measured and not to be kept.

A share is a point of a learning curve: the smaller ones lie within the larger ones. A fold is a part of a
cross-validation: the groups that it tests are neither learned from nor used to choose the best checkpoint. Both are
small rules that go with a job, and choose the same clips wherever it is carried out; nothing is prepared twice.
"""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple, TypeAlias

from pydantic import BaseModel, Field

from acento.core.errors import InputError
from acento.data.source_options import SplitBy
from acento.data.splits import group_of

if TYPE_CHECKING:
    from acento.training.data.prepared import Example

DEV_FOLDS = 8
"""A fold's dev set is about one eighth of the clips that it does not test, as a whole number of groups."""


class Share(BaseModel, frozen=True, extra="forbid"):
    """So many percent of the train split; all of dev steers, and is what is measured."""

    kind: Literal["share"] = "share"
    percent: float = Field(gt=0, le=100)


class Fold(BaseModel, frozen=True, extra="forbid"):
    """One fold of several over all clips: it tests its own groups, and learns from the others."""

    kind: Literal["fold"] = "fold"
    number: int = Field(ge=0)
    """From 0."""
    count: int = Field(ge=2)
    by: SplitBy = "auto"
    seed: int = 0


Subset: TypeAlias = Annotated[Share | Fold, Field(discriminator="kind")]


class FoldPlaces(NamedTuple):
    """The places of a fold's clips among all, each in ascending order."""

    train: list[int]
    dev: list[int]
    test: list[int]


def share_places(examples: "Sequence[Example]", share: Share) -> list[int]:
    """Return the places of the clips that a share of the train split holds, in ascending order.

    Every speaker (where none is known, every accent) gives about the share of its clips, so that a small share sounds
    like the whole; which ones is decided by a hash of their ids. A share holds all clips of each smaller one.
    """
    groups: dict[str, list[int]] = defaultdict(list)
    for place, example in enumerate(examples):
        groups[f"{example.accent or ''}\n{example.speaker or ''}"].append(place)
    line: list[tuple[float, float, int]] = []
    for name, places in groups.items():
        places.sort(key=lambda place: (_chance(examples[place].id), place))
        # evenly along a line from 0 to 1, each group from a beginning of its own: small groups do not all come first
        start = _chance(name)
        line += [
            ((rank + start) / len(places), _chance(examples[place].id), place) for rank, place in enumerate(places)
        ]
    return sorted(place for _, _, place in sorted(line)[: share_size(len(examples), share.percent)])


def share_size(clips: int, percent: float) -> int:
    """Return how many clips a share holds.

    >>> share_size(150, 25), share_size(2, 1), share_size(150, 100)
    (38, 1, 150)
    """
    return max(1, int(clips * percent / 100 + 0.5))


def fold_places(examples: "Sequence[Example]", fold: Fold) -> FoldPlaces:
    """Return what a fold learns from, what chooses its best checkpoint, and what it tests; no two share a group.

    Raises:
        InputError: there are fewer groups than folds, or too few for a dev set beside what is learned from.
        DataError: folds are by speaker, and a clip has none.
    """
    from acento.scoring.comparing.folds import make_folds

    groups = [group_of(example.speaker, example.text, fold.by) for example in examples]
    folds = make_folds(groups, fold.count, fold.seed)
    rest = folds.train(fold.number)
    left = len({groups[place] for place in rest})
    if left < 2:
        raise InputError(
            f"Fold {fold.number + 1} of {fold.count} leaves {left} group to learn from, and none to choose the best "
            f"checkpoint by: the {len(examples)} clips have {len(set(groups))} groups in all, and a group is never "
            "parted; ask for more folds, or make them by prompt if these are speakers."
        )
    inner = make_folds([groups[place] for place in rest], min(DEV_FOLDS, left), fold.seed)
    smallest = inner.sizes.index(min(inner.sizes))
    return FoldPlaces(
        train=[rest[place] for place in inner.train(smallest)],
        dev=[rest[place] for place in inner.test(smallest)],
        test=folds.test(fold.number),
    )


def _chance(name: str) -> float:
    """Return a number from 0 to below 1 that depends on a name only."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:6], "big") / 2**48
