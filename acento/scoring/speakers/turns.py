"""DER and JER of one recording, by pyannote.metrics."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from acento.core.extras import require
from acento.scoring.speakers.spoken import Spoken


@dataclass(frozen=True, slots=True)
class TurnErrors:
    """Seconds of a recording by what is wrong with them, and each speaker's Jaccard error."""

    total_s: float
    """Of the reference's speech; two that speak at once count twice."""
    missed_s: float
    false_alarm_s: float
    confusion_s: float
    jaccard: float
    """The sum of the speakers' Jaccard errors, each from 0 to 1."""
    speakers: int
    """Of the reference, those that speak in what is scored."""


def turn_errors(
    reference: Sequence[Spoken],
    hypothesis: Sequence[Spoken],
    *,
    collar_s: float = 0.0,
    skip_overlap: bool = False,
    ignored: Sequence[tuple[float, float]] = (),
) -> TurnErrors:
    """Count the errors of turns, from the first that either side has to the last.

    Turns of one speaker that overlap count once. Speakers are matched so that most of their time agrees.

    >>> said = [Spoken(0, 4, "ana"), Spoken(4, 8, "luis")]
    >>> turn_errors(said, [Spoken(0, 5, "1"), Spoken(5, 7, "2")])
    TurnErrors(total_s=8.0, missed_s=1.0, false_alarm_s=0.0, confusion_s=1.0, jaccard=0.7, speakers=2)

    Args:
        reference: what is true.
        hypothesis: what a system found.
        collar_s: seconds on each side of a reference turn's edge that are not scored.
        skip_overlap: leave out what several speak at once in the reference.
        ignored: stretches that are not scored.

    Raises:
        InputError: pyannote.metrics is not installed.
    """
    require("speakers", "Scoring who speaks when")
    from pyannote.core import Segment, Timeline
    from pyannote.metrics.diarization import DiarizationErrorRate, JaccardErrorRate

    said, heard = _annotation(reference), _annotation(hypothesis)
    extent = Timeline([*said.get_timeline(), *heard.get_timeline()]).extent()
    scored = Timeline([extent]).extrude(Timeline(Segment(*one) for one in ignored))
    options: dict[str, Any] = {"collar": 2 * collar_s, "skip_overlap": skip_overlap}  # theirs is both sides together
    der = DiarizationErrorRate(**options)(said, heard, uem=scored, detailed=True)
    jer = JaccardErrorRate(**options)(said, heard, uem=scored, detailed=True)
    # rounded, as sums of many turns differ in the last digits by their order
    return TurnErrors(
        total_s=round(float(der["total"]), 6),
        missed_s=round(float(der["missed detection"]), 6),
        false_alarm_s=round(float(der["false alarm"]), 6),
        confusion_s=round(float(der["confusion"]), 6),
        jaccard=round(float(jer["speaker error"]), 9),
        speakers=int(jer["speaker count"]),
    )


def _annotation(spoken: Sequence[Spoken]) -> Any:
    from pyannote.core import Annotation, Segment

    found = Annotation()
    for number, one in enumerate(spoken):
        if one.end > one.start:
            found[Segment(one.start, one.end), number] = one.speaker
    return found.support()
