"""Two systems on the same clips: which errs less, and whether the clips suffice to say so."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from acento.core.errors import InputError
from acento.scoring.counting.alternatives import has_alternatives
from acento.scoring.counting.headline import RATE_NAMES, Headline, headline
from acento.scoring.score import headline_columns, rows_by, scored, with_units
from acento.scoring.statistics.bootstrap import LEVEL, Draws, PairedDifference, paired
from acento.scoring.statistics.units import FEW_SPEAKERS, units_of
from acento.scoring.table import TextTable, p_text, points_text

if TYPE_CHECKING:
    import pandas as pd

_DIFFERENCE = "delta", "low", "high", "approximate", "p_value", "p_bounded"
FEW_NOTE = f"Fewer than {FEW_SPEAKERS} unseen speakers tell no model from another."


@dataclass(frozen=True, slots=True)
class Comparison:
    """The difference of the headline of system A less that of system B over the clips that both have a score for."""

    clips: int
    left_out: int
    """Clips that one of the two failed on, or does not have."""
    difference: PairedDifference | None
    """None when no clip has a reference."""


def compare(a: pa.Table, b: pa.Table, *, by_speaker: bool | None = None, **draws: Unpack[Draws]) -> Comparison:
    """Compare two tables of utterances (of ``score_utterances``) on the clips that both scored.

    ``by_speaker`` is whether speakers are drawn; None draws what ``units_of`` says of these clips.

    Raises:
        InputError: a clip's reference has another length in the two, or only one of them is scored by characters: other
            data, or another normalizer.
    """
    if headline(a) != headline(b):
        raise InputError(
            "Two runs cannot be compared: one is scored by words and one by characters; score both with the same "
            "normalizer."
        )
    both_a, both_b = common_clips(a, b)
    ids = both_a["id"].to_pylist()
    (errors, lengths), (errors_b, lengths_b) = headline_columns(both_a), headline_columns(both_b)
    # of one reference with several readings the two may have come closest to others: the longer counts
    texts = zip(both_a["reference"], both_b["reference"], strict=True) if (lengths != lengths_b).any() else ()
    several = np.array([one == two and has_alternatives(one.as_py()) for one, two in texts] or [False])
    other = np.flatnonzero((lengths != lengths_b) & ~several)
    lengths = np.maximum(lengths, lengths_b)
    if len(other):
        raise InputError(
            f"Two runs cannot be compared: the reference of {ids[other[0]]} has not the same number of "
            f"{headline(a)}s in both; score both with the same normalizer on the same version of the data set."
        )
    if by_speaker is None:
        draws = with_units(both_a, draws)
    elif by_speaker:
        draws["groups"] = both_a["speaker"].to_pylist()
    difference = paired(errors, lengths, errors_b, **draws)
    return Comparison(len(ids), len(np.union1d(a["id"].to_pylist(), b["id"].to_pylist())) - len(ids), difference)


def common_clips(a: pa.Table, b: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Return the rows of both tables for the clips that both have a score for, in the same order."""
    tables = scored(a), scored(b)
    ids_a, ids_b = (table["id"].to_numpy(zero_copy_only=False).astype(object) for table in tables)
    _, at_a, at_b = np.intersect1d(ids_a, ids_b, assume_unique=True, return_indices=True)
    return tables[0].take(at_a), tables[1].take(at_b)


@dataclass(frozen=True, slots=True)
class GroupedComparison:
    """Two models on the same clips, overall and by speaker and accent."""

    model_a: str
    model_b: str
    overall: Comparison
    groups: Mapping[str, Mapping[str, Comparison]]
    """By ``speaker`` and ``accent`` where more than one is known, then by value, sorted."""
    by_speaker: bool
    """Whether the overall interval draws speakers; those of single speakers draw clips."""
    headline: Headline = "word"
    """Whose errors are compared."""
    few: bool = False
    """Whether there are too few unseen speakers to tell two models apart for other voices."""

    def rows(self) -> list[dict[str, Any]]:
        """Return a flat row for the whole and one for each group; differences are fractions of the headline."""
        every = [("", "all", self.overall)]
        every += [(by, value, one) for by, found in self.groups.items() for value, one in found.items()]
        return [
            {"by": by, "group": value, "clips": one.clips, "left_out": one.left_out}
            | {name: getattr(one.difference, name, None) for name in _DIFFERENCE}
            for by, value, one in every
        ]

    def table(self) -> TextTable:
        """Return it as a person reads it: differences in points of WER, or of CER where that is the headline."""
        rows = []
        for row in self.rows():
            p_value = p_text(row["p_value"], bool(row["p_bounded"])).removeprefix("p ").removeprefix("= ")
            difference = points_text(row["delta"], row["low"], row["high"], approximate=bool(row["approximate"]))
            rows.append((row["by"], row["group"], str(row["clips"]), difference, p_value))
        drawn = "speakers, of single speakers over clips" if self.by_speaker else "clips"
        return TextTable(
            title=f"{RATE_NAMES[self.headline]} of {self.model_a} less {self.model_b}, points",
            columns=("by", "group", "clips", f"difference [{LEVEL:.0%}]", "p"),
            rows=tuple(rows),
            notes=(
                f"Below 0: {self.model_a} errs less. Intervals by Student's t, p by flipped signs, over {drawn}.",
                *([FEW_NOTE] if self.few else []),
            ),
            text=frozenset({"by", "group"}),
        )

    def to_pandas(self) -> "pd.DataFrame":
        """Return the rows as a data frame."""
        import pandas as pd

        return pd.DataFrame(self.rows())

    def __str__(self) -> str:
        return self.table().to_text()

    def _repr_html_(self) -> str:
        return self.table().to_html()


def compare_groups(
    model_a: str, model_b: str, a: pa.Table, b: pa.Table, *, by_speaker: bool | None = None
) -> GroupedComparison:
    """Compare two tables of ``score_utterances`` overall and by speaker and accent, where more than one is known.

    ``by_speaker`` is whether intervals draw speakers; None draws them where they are known and unseen (``units_of``).
    """
    groups: dict[str, dict[str, Comparison]] = {}
    for column in ("speaker", "accent"):
        if len(parts := rows_by(a, column)) > 1:
            by = False if column == "speaker" else by_speaker
            groups[column] = {
                value: compare(rows, b.filter(pc.equal(b[column], value)), by_speaker=by) for value, rows in parts
            }
    units = units_of(common_clips(a, b)[0])
    few = units.few and by_speaker is not False
    if by_speaker is None:
        by_speaker = units.kind == "speaker" and units.count > 1
    overall = compare(a, b, by_speaker=by_speaker)
    return GroupedComparison(model_a, model_b, overall, groups, by_speaker, headline(a), few)
