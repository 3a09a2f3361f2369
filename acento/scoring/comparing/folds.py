"""Cross-validation for data sets too small to spare a test split: folds by group, pooled to one rate.

The clips of a group (a speaker, or a prompt) are all in one fold, so that no model is tested on a voice, or a sentence,
that it was trained on. Every clip is tested once, by a model that never saw it; the counts of all folds make one
corpus rate, and rates are never averaged. What is judged is the recipe, not one model.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Unpack

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel

from acento.core.errors import InputError
from acento.data.source_options import SplitBy
from acento.data.splits import group_of
from acento.scoring.counting.counts import ErrorCounts
from acento.scoring.counting.headline import RATE_NAMES, Headline, headline, normalizer_of
from acento.scoring.score import FAILED, SCORED, Rate, counts_of, headline_columns, headline_rate, scored
from acento.scoring.statistics.bootstrap import Draws, PairedDifference, paired


@dataclass(frozen=True, slots=True)
class Folds:
    """Which fold each clip is tested in."""

    count: int
    of_clip: tuple[int, ...]
    """The fold of each clip, from 0."""

    def test(self, fold: int) -> list[int]:
        """Return the places of the clips that a fold tests."""
        return [place for place, own in enumerate(self.of_clip) if own == fold]

    def train(self, fold: int) -> list[int]:
        """Return the places of the clips that the model of a fold learns from."""
        return [place for place, own in enumerate(self.of_clip) if own != fold]

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many clips each fold tests."""
        return tuple(self.of_clip.count(fold) for fold in range(self.count))


def make_folds(groups: Sequence[str], count: int, seed: int = 0) -> Folds:
    """Share whole groups out to folds: the largest first, each to the fold that is smallest so far.

    ``groups`` is the group of each clip, as ``group_of`` names them. The same groups, of the same sizes, are shared out
    alike whatever the order of the clips; those of equal size in the order of a hash of the seed and their name. No two
    folds differ by more clips than the largest group has (Graham, SIAM J. Appl. Math. 17(2), 1969).

    Raises:
        InputError: fewer than two folds, or more than there are groups.
    """
    sizes = Counter(groups)
    if count < 2:
        raise InputError(f"{count} folds cannot test on other clips than they train on; ask for 2 or more.")
    if count > len(sizes):
        raise InputError(
            f"{len(groups)} clips of {len(sizes)} groups cannot make {count} folds, for a group is never parted; "
            f"ask for at most {len(sizes)}, or make folds by prompt if these are speakers."
        )

    def place(name: str) -> tuple[int, bytes, str]:
        return -sizes[name], hashlib.sha256(f"{seed}\n{name}".encode()).digest(), name

    filled, owner = [0] * count, {}
    for group in sorted(sizes, key=place):
        owner[group] = filled.index(min(filled))
        filled[owner[group]] += sizes[group]
    return Folds(count, tuple(owner[group] for group in groups))


class Pooled(BaseModel, frozen=True):
    """What all folds came to, together."""

    folds: int
    clips: int
    """Scored, each once, by a model that was not trained on its group."""
    failed: int
    groups: int
    """What was drawn for the interval."""
    words: ErrorCounts
    """Or characters, where they are the headline."""
    wer: Rate
    """Or CER, where that is the headline."""
    headline: Headline = "word"
    normalizer: str | None = None
    """Name and version; None in what was written before it was kept."""

    @property
    def sentence(self) -> str:
        """What a person should know of it."""
        name = RATE_NAMES[self.headline]
        if self.wer.value is None:
            return f"{self.folds} folds have no reference {self.headline} in {self.clips} clips: there is no {name}."
        bounds = "; one group alone has no interval" if self.wer.low is None else ""
        rule = f", normalizer {self.normalizer}," if self.normalizer else ""
        failed = f" {self.failed} clips failed and are left out." if self.failed else ""
        return (
            f"{name} {self.wer.text(digits=1, unit=' %')}{bounds}{rule} over {self.clips} clips of {self.groups} "
            f"groups, each tested once by one of {self.folds} models, which was not trained on its group.{failed} "
            "It judges the recipe: a model trained on all clips should do about as well, or a little better."
        )


def pool_tables(tables: Sequence[pa.Table]) -> pa.Table:
    """Return the utterances of all folds (tables of ``score_utterances``) as one table, sorted by id.

    Raises:
        InputError: there is no fold, or a clip was tested in two.
    """
    if not tables:
        raise InputError("There are no folds to pool.")
    whole = pa.concat_tables(tables).sort_by("id")
    twice = [name for name, times in Counter(whole["id"].to_pylist()).items() if times > 1]
    if twice:
        raise InputError(f"{len(twice)} clips were tested in two folds (such as {twice[0]}); each counts once.")
    return whole


def pool(tables: Sequence[pa.Table], split_by: SplitBy = "auto", **draws: Unpack[Draws]) -> Pooled:
    """Pool the folds' scores: counts are added, and whole groups are drawn for the interval.

    The interval is of the choice of groups. That models of two folds share most of their training clips is not in it:
    no estimate from one set of folds holds that (Bengio & Grandvalet, JMLR 5, 2004).

    Raises:
        InputError: there is no fold, or a clip was tested in two.
        DataError: groups are speakers, and a clip has none.
    """
    whole = pool_tables(tables)
    rows = scored(whole)
    draws["groups"] = groups = groups_of(rows, split_by)
    return Pooled(
        folds=len(tables),
        clips=len(rows),
        failed=whole["status"].to_pylist().count(FAILED),
        groups=len(set(groups)),
        words=counts_of(rows, headline(rows)),
        wer=headline_rate(rows, **draws),
        headline=headline(rows),
        normalizer=normalizer_of(rows),
    )


def pool_difference(
    tuned: Sequence[pa.Table], base: Sequence[pa.Table], split_by: SplitBy = "auto", **draws: Unpack[Draws]
) -> PairedDifference | None:
    """Return tuned less base over the clips that both have a score for, whole groups drawn; None if there are no words.

    Raises:
        InputError: there is no fold, a clip was tested twice, or the two are not of the same clips and references.
        DataError: groups are speakers, and a clip has none.
    """
    new, old = pool_tables(tuned), pool_tables(base)
    if any(new[name].to_pylist() != old[name].to_pylist() for name in ("id", "normalized_reference")):
        raise InputError(
            "The folds of the two models are not of the same clips and references; "
            "score both with the same normalizer on the same folds."
        )
    both = pc.and_(pc.equal(new["status"], SCORED), pc.equal(old["status"], SCORED))
    new, old = new.filter(both), old.filter(both)
    draws["groups"] = groups_of(new, split_by)
    (errors, lengths), (before, _) = headline_columns(new), headline_columns(old)
    return paired(errors, lengths, before, **draws)


def groups_of(utterances: pa.Table, split_by: SplitBy) -> list[str]:
    """Return the group of each row.

    Raises:
        DataError: groups are speakers, and a clip has none.
    """
    rows = zip(utterances["speaker"].to_pylist(), utterances["reference"].to_pylist(), strict=True)
    return [group_of(speaker, text, split_by) for speaker, text in rows]
