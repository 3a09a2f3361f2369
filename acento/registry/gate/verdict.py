"""The gate's answer as the registry keeps it, and its sentences for a person."""

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel

from acento.registry.gate.evidence import Evidence, Pairs, SplitUse
from acento.scoring.score import Rate
from acento.scoring.table import counted, interval_text, points_text

_FEW = 30

SetRole = Literal["test", "guard"]
Unit = Literal["clip", "speaker"]
GateReason = Literal["holds", "other language", "not scored", "lost clips", "too few", "same texts", "no gain", "loss"]
BY_NUMBERS: tuple[GateReason, ...] = ("no gain", "loss")
"""Reasons that a smaller step away from the base may mend."""

_REFUSALS: dict[GateReason, tuple[str, str]] = {
    "other language": (
        "clips in another language",
        "its clips are in {foreign}, and the models were set to write {evidence.written}: its WER means nothing; "
        "benchmark the set in its own language.",
    ),
    "not scored": (
        "nothing scored",
        "no clip has a reference word and a score by both models; the gate cannot decide.",
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
    "loss": ("a loss beyond the bound", "{numbers}; {loss}, more than the {bound:.1f} that a guard allows."),
}
"""Why a set refuses: in short for the headline, and in a sentence."""
_HOLDS: dict[SetRole, str] = {
    "test": "{numbers}; a gain.",
    "guard": "{numbers}; {loss}, within the bound of {bound:.1f}.",
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
    detectable: float | None
    """The smallest difference that these clips would show (80 % power); None where that is not known."""


class GateVerdict(BaseModel, frozen=True):
    """The gate's answer and all that it rests on; what the registry keeps."""

    passed: bool
    against: str
    bound: float
    level: float
    test: SetVerdict
    guards: tuple[SetVerdict, ...]
    sentences: tuple[str, ...]
    """For a person, the answer first."""
    offer: Literal["interpolate"] | None
    """What may mend a refusal: weights between the base's and the candidate's."""


def sentence_of(verdict: SetVerdict, evidence: Evidence, pairs: Pairs, bound: float, level: float) -> str:
    """Return what a set says, with its numbers."""
    facts: dict[str, object] = {"counted": _counted(verdict), "bound": 100 * bound}
    if verdict.p_value is not None:
        before, after = (rate.text(digits=1, unit=" %") for rate in (verdict.incumbent, verdict.candidate))
        difference = points_text(verdict.delta) + " points" + interval_text(verdict.low, verdict.high, sign="+")
        facts["numbers"] = (
            f"WER {before} before, {after} after: {difference}, p = {verdict.p_value:.2g}, {facts['counted']}"
        )
        facts["loss"] = f"at {100 * level:.3g} % the loss is at most {points_text(verdict.upper)} points"
    said = _HOLDS[verdict.role] if verdict.reason == "holds" else _REFUSALS[verdict.reason][1]
    foreign = ", ".join(evidence.foreign)
    are = "is" if verdict.units == 1 else "are"
    sentence = said.format(set=verdict, evidence=evidence, pairs=pairs, foreign=foreign, are=are, **facts)
    left_out = f" {pairs.left_out} clips are left out: one of the two failed on them." if pairs.left_out else ""
    return f"{verdict.name}: {sentence}{left_out}"


def headline(judged: Sequence[SetVerdict], against: str) -> str:
    """Return the answer in a sentence."""
    if all(one.passed for one in judged):
        guards = ", and no guard lost more than the bound" if judged[1:] else ""
        return f"Passed: the candidate is better than {against}{guards}."
    why = [f"{_REFUSALS[one.reason][0]} on {one.name}" for one in judged if not one.passed]
    return f"Refused, compared with {against}: {', '.join(why)}."


def notes(judged: Sequence[SetVerdict], offer: bool, uses: SplitUse | None) -> list[str]:
    """Return what a person should know besides."""
    said = []
    if not judged[1:]:
        said.append("No guard set was named, so forgetting was not measured.")
    by_clip = [one for one in judged if one.unit == "clip" and one.reason in ("holds", *BY_NUMBERS)]
    if by_clip:
        said.append(
            f"The intervals on {', '.join(one.name for one in by_clip)} are over clips, not speakers: "
            "for new speakers they are too narrow."
        )
    few = [f"{one.name} ({_counted(one)})" for one in judged if one.passed and one.units < _FEW]
    if few:
        said.append(f"With fewer than {_FEW} units intervals are too narrow: {', '.join(few)}.")
    if offer:
        said.append("Weights between the base's and the candidate's may keep the gain and lose less: interpolate.")
    if uses is not None:
        said.append(uses.sentence)
    return said


def _counted(verdict: SetVerdict) -> str:
    clips = counted(verdict.clips, "clip")
    return clips if verdict.unit == "clip" else f"{clips} of {verdict.units} speakers"
