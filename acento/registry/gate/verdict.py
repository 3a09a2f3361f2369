"""The gate's answer as the registry keeps it, and its sentences for a person."""

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel

from acento.registry.gate.evidence import Evidence, Pairs, SplitUse
from acento.scoring.counting.headline import RATE_NAMES, Headline, rate_title
from acento.scoring.score import Rate
from acento.scoring.statistics.power import POWER
from acento.scoring.statistics.units import FEW_SPEAKERS
from acento.scoring.table import counted, interval_text, p_text, points_text

_FEW = 30

SetRole = Literal["test", "guard", "window"]
"""``test``: must get better; ``guard``: must not get worse; ``window``: one model's full windows against its short."""
Unit = Literal["clip", "speaker"]
GateReason = Literal[
    "holds",
    "other language",
    "not scored",
    "lost clips",
    "too few",
    "same texts",
    "no gain",
    "loss",
    "too few to tell",
    "few speakers",
]
BY_NUMBERS: tuple[GateReason, ...] = ("no gain", "loss")
"""Reasons that a smaller step away from the base may mend; it cannot mend a set that is too small."""

_REFUSALS: dict[GateReason, tuple[str, str]] = {
    "other language": (
        "clips in another language",
        "its clips are in {foreign}, and the models were set to write {evidence.written}: its {name} means nothing; "
        "benchmark the set in its own language.",
    ),
    "not scored": (
        "nothing scored",
        "no clip has a reference {set.headline} and a score by both models; the gate cannot decide.",
    ),
    "lost clips": (
        "clips that only the candidate failed",
        "the candidate failed on {set.lost} clips that the incumbent transcribed (such as {pairs.lost[0]}); run its "
        "benchmark again: only failed clips are retried.",
    ),
    "too few": (
        "too few clips",
        "{counted} {are} too few for a meaningful interval; at least {set.fewest} {set.unit}s are needed.",
    ),
    "same texts": ("identical texts", "both models wrote the same text for all {set.clips} clips: there is no gain."),
    "no gain": ("no significant gain", "{numbers}; no significant gain."),
    "too few to tell": (
        "too few clips to tell",
        "{numbers}; {claim}, but {counted} are too few to tell: {needed}.",
    ),
    "few speakers": (
        f"fewer than {FEW_SPEAKERS} unseen speakers",
        "{numbers}; {speakers} cannot speak for all others: add test speakers up "
        f"to {FEW_SPEAKERS}, or let the answer hold for these alone with --allow-few-speakers.",
    ),
    "loss": ("a loss beyond the bound", "{numbers}; {loss}, more than the {bound} that a guard allows."),
}
"""Why a set refuses: in short for the headline, and in a sentence."""
_WINDOW_REFUSALS: dict[GateReason, tuple[str, str]] = _REFUSALS | {
    "not scored": (
        "nothing scored",
        "no clip has a reference {set.headline} and a score with both windows; the gate cannot decide.",
    ),
    "lost clips": (
        "clips that only short windows failed",
        "with short windows the model failed on {set.lost} clips that it transcribed with full ones (such as "
        "{pairs.lost[0]}); run the same command again: only failed clips are retried.",
    ),
    "loss": ("a loss beyond the bound", "{numbers}; {loss}, more than the {bound} that is allowed."),
}
_CLAIMS: dict[SetRole, str] = {"test": "a gain", "guard": "no loss", "window": "no loss beyond the bound"}
"""What a set is too small to show."""
_HOLDS: dict[SetRole, str] = {
    "test": "{numbers}; a gain.",
    "guard": "{numbers}; {loss}, within the bound of {bound}.",
    "window": "{numbers}; {loss}, within the bound of {bound}.",
}


class SetVerdict(BaseModel, frozen=True):
    """What one set of clips says of the candidate; rates and differences are fractions, candidate less incumbent."""

    name: str
    role: SetRole
    passed: bool
    reason: GateReason
    sentence: str
    clips: int
    """Scored for both models."""
    words: int
    left_out: int
    """Clips that one of the two failed on."""
    lost: int
    """Clips that the incumbent transcribed and the candidate failed on."""
    unit: Unit
    """What was drawn."""
    units: int
    fewest: int
    """Units it takes to decide anything."""
    incumbent: Rate
    candidate: Rate
    delta: float | None
    low: float | None
    high: float | None
    upper: float | None
    """One-sided upper bound of the loss."""
    p_value: float | None
    """Two-sided, of the sign-flip test; verdicts of earlier versions have the bootstrap's."""
    p_bounded: bool = False
    """Whether p is only known to be at most that."""
    detectable: float | None
    """The smallest difference that these clips would show (80 % power); None where that is not known."""
    speakers: int = 0
    """Different speakers that are known."""
    seen: bool = False
    """Whether these speakers are in the training split too: the answer then holds for them, and clips are drawn."""
    differing: int | None = None
    """Units in which the two models err differently often; None in verdicts of versions that did not count them."""
    needed: int | None = None
    """About how many units like these would show what these are too few for, with 80 % power."""
    few_speakers: bool = False
    """Whether the speakers are known and unseen, and fewer than ten."""
    headline: Headline = "word"
    """``character``: the rates are CER, and ``words`` are characters."""
    normalizer: str | None = None
    """Name and version of the rule by which both models were scored; None in verdicts of before it was kept."""

    @property
    def rate_title(self) -> str:
        """What its rates are, such as ``WER (spanish-1)``."""
        return rate_title(self.headline, self.normalizer)


class GateVerdict(BaseModel, frozen=True):
    """The gate's answer and all that it rests on; what the registry keeps."""

    passed: bool
    against: str
    bound: float
    level: float
    """Of the guards' one-sided bounds, and of the test set's two-sided interval at a first look."""
    test: SetVerdict
    guards: tuple[SetVerdict, ...]
    sentences: tuple[str, ...]
    """For a person, the answer first."""
    offer: Literal["interpolate"] | None
    """What may mend a refusal: weights between the base's and the candidate's."""
    look: int | None = None
    """Which of the candidates that were judged on the test split it is, from 1; None: nobody counted."""
    test_level: float | None = None
    """The level that the test set's interval had at this look; None in verdicts of versions that had ``level``."""
    allow_few_speakers: bool = False
    """Whether sets of fewer than ten unseen speakers were let decide for these speakers alone, asked for by name."""

    @property
    def only_few_speakers(self) -> bool:
        """Whether all that speaks against the candidate is the number of unseen speakers."""
        refusing = [one for one in (self.test, *self.guards) if not one.passed]
        return bool(refusing) and all(one.reason == "few speakers" for one in refusing)


def sentence_of(verdict: SetVerdict, evidence: Evidence, pairs: Pairs, bound: float, level: float) -> str:
    """Return what a set says, with its numbers."""
    facts: dict[str, object] = {
        "counted": _counted(verdict),
        "bound": _bound_text(bound),
        "speakers": counted(verdict.speakers, "speaker"),
        "claim": _CLAIMS[verdict.role],
        "needed": _needed(verdict),
        "name": RATE_NAMES[verdict.headline],
    }
    if verdict.p_value is not None:
        before, after = (rate.text(digits=1, unit=" %") for rate in (verdict.incumbent, verdict.candidate))
        difference = points_text(verdict.delta) + " points" + interval_text(verdict.low, verdict.high, sign="+")
        old, new = ("with full windows", "with short ones") if verdict.role == "window" else ("before", "after")
        facts["numbers"] = (
            f"{RATE_NAMES[verdict.headline]} {before} {old}, {after} {new}: {difference}, "
            f"{p_text(verdict.p_value, verdict.p_bounded)}, {facts['counted']}"
            + (f", normalizer {verdict.normalizer}" if verdict.normalizer else "")
        )
        digits = 2 if verdict.role == "window" else 1  # of windows half a point is allowed
        facts["loss"] = f"at {100 * level:.3g} % the loss is at most {points_text(verdict.upper, digits=digits)} points"
    said = _HOLDS[verdict.role] if verdict.reason == "holds" else _refusal(verdict)[1]
    foreign = ", ".join(evidence.foreign)
    are = "is" if verdict.units == 1 else "are"
    sentence = said.format(set=verdict, evidence=evidence, pairs=pairs, foreign=foreign, are=are, **facts)
    left_out = f" {pairs.left_out} clips are left out: one of the two failed on them." if pairs.left_out else ""
    return f"{verdict.name}: {sentence}{left_out}"


def _refusal(verdict: SetVerdict) -> tuple[str, str]:
    return (_WINDOW_REFUSALS if verdict.role == "window" else _REFUSALS)[verdict.reason]


def _bound_text(bound: float) -> str:
    """Return a bound in points with one decimal, or as many as it has.

    >>> _bound_text(0.02), _bound_text(0.005), _bound_text(0.00125)
    ('2.0', '0.5', '0.125')
    """
    return max(f"{100 * bound:.1f}", f"{round(100 * bound, 6):g}", key=len)


def _needed(verdict: SetVerdict) -> str:
    """Say how many units would do where these are too few to tell."""
    enough = "how many would do is not known"
    if verdict.needed is not None:
        enough = f"about {counted(verdict.needed, verdict.unit)} like these would show it ({100 * POWER:.0f} % power)"
    if verdict.role == "test" and verdict.differing is not None and verdict.differing < verdict.fewest:
        differing = f"the models differ on {verdict.differing} of {counted(verdict.units, verdict.unit)}"
        return f"{differing}, and must on {verdict.fewest} at least; {enough}"
    return enough


def headline(judged: Sequence[SetVerdict], against: str) -> str:
    """Return the answer in a sentence."""
    if all(one.passed for one in judged):
        guards = ", and no guard lost more than the bound" if judged[1:] else ""
        return f"Passed: the candidate is better than {against}{guards}."
    return f"Refused, compared with {against}: {reasons(judged)}."


def reasons(judged: Sequence[SetVerdict]) -> str:
    """Return in short why sets refuse."""
    return ", ".join(f"{_refusal(one)[0]} on {one.name}" for one in judged if not one.passed)


def notes(
    judged: Sequence[SetVerdict], offer: bool, uses: SplitUse | None, look: str | None, allow_few_speakers: bool
) -> list[str]:
    """Return what a person should know besides; ``look`` is the sentence about a look after the first."""
    said = [] if look is None else [look]
    if not judged[1:]:
        said.append("No guard set was named, so forgetting was not measured.")
    said += holding_for(judged, allow_few_speakers)
    if offer:
        said.append("Weights between the base's and the candidate's may keep the gain and lose less: interpolate.")
    if uses is not None:
        said.append(uses.sentence)
    return said


def holding_for(judged: Sequence[SetVerdict], allow_few_speakers: bool) -> list[str]:
    """Return for whom the intervals of sets hold, where that is not for everybody."""
    said = []
    by_clip = [one for one in judged if one.unit == "clip" and one.reason in ("holds", "too few to tell", *BY_NUMBERS)]
    if named := [f"{one.name} (for these {counted(one.speakers, 'speaker')})" for one in by_clip if one.seen]:
        said.append(f"Who speaks is also in the training split, so that clips are drawn: {', '.join(named)}.")
    if named := [f"{one.name} ({counted(one.speakers, 'speaker')})" for one in by_clip if one.few_speakers]:
        asked = ", as was asked for with --allow-few-speakers" if allow_few_speakers else ""
        said.append(
            f"Fewer than {FEW_SPEAKERS} unseen speakers: the intervals are over clips and hold for these speakers "
            f"alone{asked}: {', '.join(named)}."
        )
    if named := [one.name for one in by_clip if not one.seen and not one.few_speakers]:
        said.append(
            f"The intervals on {', '.join(named)} are over clips, not speakers: for new speakers they are too narrow."
        )
    few = [f"{one.name} ({_counted(one)})" for one in judged if one.passed and one.units < _FEW]
    if few:
        said.append(f"With fewer than {_FEW} units intervals are approximate: {', '.join(few)}.")
    return said


def _counted(verdict: SetVerdict) -> str:
    clips = counted(verdict.clips, "clip")
    return clips if verdict.unit == "clip" else f"{clips} of {verdict.units} speakers"
