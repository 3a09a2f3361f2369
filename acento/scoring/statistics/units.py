"""What an interval draws: speakers where the claim is about people that the model has not heard, else clips."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import pyarrow as pa

from acento.scoring.statistics.bootstrap import FEW

SPEAKER_SEEN = "speaker_seen"
"""The column of a table of utterances that says whether the clip's speaker is also in the training split."""
FEW_SPEAKERS = FEW
"""Below this many unseen speakers an interval is marked approximate."""

UnitKind = Literal["clip", "speaker"]


@dataclass(frozen=True, slots=True)
class Units:
    """What is drawn for the intervals of a table of utterances, and what they hold for."""

    kind: UnitKind
    groups: tuple[str | None, ...] | None
    """A name for each row, as ``Draws`` of :mod:`acento.scoring.statistics.bootstrap` takes it; None draws clips."""
    count: int
    """Units to draw: a clip without a speaker is one of its own."""
    speakers: int
    """Different speakers that are known."""
    seen: bool
    """Whether all speakers are in the training split too: the number then holds for these people."""

    @property
    def few(self) -> bool:
        """Whether there are too few unseen speakers for an interval to be trusted."""
        return self.kind == "speaker" and self.count < FEW_SPEAKERS


def units_of(utterances: pa.Table) -> Units:
    """Return what to draw for the rows of a table: speakers where they are known and unseen, else clips.

    Where only some of the speakers are in the training split, all are drawn: the interval is then rather too wide.
    A table without the column ``speaker_seen`` was made before there was one: its speakers count as unseen.
    """
    speakers: Sequence[str | None] = utterances["speaker"].to_pylist()
    known = {speaker for speaker in speakers if speaker is not None}
    has_column = SPEAKER_SEEN in utterances.column_names
    flags = utterances[SPEAKER_SEEN].to_pylist() if has_column else [False] * len(speakers)
    seen = bool(known) and all(flag for flag, speaker in zip(flags, speakers, strict=True) if speaker is not None)
    if not known or seen:
        return Units("clip", None, len(speakers), len(known), seen)
    return Units("speaker", tuple(speakers), len(known) + speakers.count(None), len(known), seen)
