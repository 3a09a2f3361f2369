"""The gate's answer as the registry keeps it, and its sentences for a person."""

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict

from acento.registry.gate.evidence import Evidence, Pairs, foreign_languages
from acento.registry.gate.split_use import SplitUse
from acento.scoring.score import Rate

_FEW = 30

Role = Literal["test", "guard"]
Unit = Literal["clip", "speaker"]
Reason = Literal["holds", "other language", "not scored", "lost clips", "too few", "same texts", "no gain", "loss"]
BY_NUMBERS: tuple[Reason, ...] = ("no gain", "loss")
"""Reasons that a smaller step away from the base may mend."""


_SHORTLY: dict[Reason, str] = {
    "other language": "nothing to be known",
    "not scored": "nothing scored",
    "lost clips": "clips that only the candidate failed",
    "too few": "too few clips",
    "same texts": "the very same texts",
    "no gain": "no gain beyond chance",
    "loss": "a loss beyond the bound",
}


class SetVerdict(BaseModel):
    """What one set of clips says of the candidate; rates and differences are fractions, candidate less incumbent."""

    model_config = ConfigDict(frozen=True)

    name: str
    role: Role
    passed: bool
    reason: Reason
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


class Verdict(BaseModel):
    """The gate's answer and all that it rests on; what the registry keeps."""

    model_config = ConfigDict(frozen=True)

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
    left_out = f" {pairs.left_out} clips are left out: one of the two failed on them." if pairs.left_out else ""
    return f"{verdict.name}: {_said(verdict, evidence, pairs, bound, level)}{left_out}"


def _said(verdict: SetVerdict, evidence: Evidence, pairs: Pairs, bound: float, level: float) -> str:
    if verdict.reason == "other language":
        foreign = ", ".join(foreign_languages(evidence.languages, evidence.told))
        return (
            f"its clips are in {foreign}, and the models were told to write {evidence.told}, so that its WER says "
            "nothing of them; benchmark it in its own language."
        )
    if verdict.reason == "lost clips":
        return (
            f"the candidate failed on {verdict.lost} clips that the incumbent transcribed (such as {pairs.lost[0]}); "
            "what it makes of them is not known. Run its benchmark again: only failed clips are tried anew."
        )
    if verdict.reason == "not scored":
        return "no clip has a reference word and a score by both models; there is nothing to decide by."
    if verdict.reason == "too few":
        return (
            f"{_counted(verdict)} {'is' if verdict.units == 1 else 'are'} too few for an interval that means anything; "
            f"it takes at least {verdict.fewest} {verdict.unit}s."
        )
    if verdict.reason == "same texts":
        return f"the candidate wrote the very same text for all {verdict.clips} clips: nothing was gained."
    numbers = (
        f"WER {_rate(verdict.incumbent)} before, {_rate(verdict.candidate)} after: "
        f"{_points(verdict.delta)} points [{_points(verdict.low)}, {_points(verdict.high)}], "
        f"p = {verdict.p_value:.2g}, {_counted(verdict)}"
    )
    if verdict.role == "test":
        return f"{numbers}; {'a gain' if verdict.passed else 'no gain that could not be chance'}."
    loss = f"at {100 * level:.3g} % the loss is at most {_points(verdict.upper)} points"
    if verdict.passed:
        return f"{numbers}; {loss}, within the bound of {100 * bound:.1f}."
    return f"{numbers}; {loss}, more than the {100 * bound:.1f} that a guard allows."


def headline(judged: Sequence[SetVerdict], against: str) -> str:
    """Return the answer in a sentence."""
    if all(one.passed for one in judged):
        guards = ", and no guard lost more than the bound" if judged[1:] else ""
        return f"Passed: the candidate is better than {against}{guards}."
    why = [f"{_SHORTLY[one.reason]} on {one.name}" for one in judged if not one.passed]
    return f"Refused, compared with {against}: {', '.join(why)}."


def notes(judged: Sequence[SetVerdict], offer: bool, uses: SplitUse | None) -> list[str]:
    """Return what a person should know besides."""
    said = []
    if not judged[1:]:
        said.append("No guard set was named, so what the candidate has forgotten was not measured.")
    by_clip = [one for one in judged if one.unit == "clip" and one.reason in ("holds", *BY_NUMBERS)]
    if by_clip:
        said.append(
            f"Clips were drawn on {', '.join(one.name for one in by_clip)}, not speakers: "
            "the intervals speak of these voices, and for new ones they are too narrow."
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
    clips = f"{verdict.clips} clip{'' if verdict.clips == 1 else 's'}"
    return clips if verdict.unit == "clip" else f"{clips} of {verdict.units} speakers"


def _points(difference: float | None) -> str:
    return "–" if difference is None else f"{100 * difference:+.1f}"


def _rate(rate: Rate) -> str:
    if rate.value is None or rate.low is None or rate.high is None:
        return "–"
    return f"{100 * rate.value:.1f} % [{100 * rate.low:.1f}, {100 * rate.high:.1f}]"
