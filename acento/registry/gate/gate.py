"""The promotion gate: whether a candidate is better than today's production model where it counts, and nowhere worse.

It passes when the paired interval of the difference on the test set is wholly below 0, and on every guard set the
one-sided upper bound of the loss is within the bound: a test of superiority and tests of non-inferiority that must all
hold, so that each may keep its own level (the intersection-union test; Berger, Technometrics 24(4), 1982). Nothing is
decided by what was not measured: a set without clips, in another language, or with clips that only the candidate
failed on, is a refusal.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict

from acento.core.errors import InputError
from acento.registry.gate.evidence import Evidence, Pairs, SplitUse, pair
from acento.registry.gate.verdict import (
    BY_NUMBERS,
    GateReason,
    GateVerdict,
    SetRole,
    SetVerdict,
    Unit,
    headline,
    notes,
    sentence_of,
)
from acento.scoring.bootstrap import LEVEL, RESAMPLES, Draws, paired
from acento.scoring.compare import SPEAKERS
from acento.scoring.power import detectable
from acento.scoring.score import rate_of

BOUND = 0.02


def decide(
    test: Evidence,
    guards: Sequence[Evidence] = (),
    *,
    bound: float = BOUND,
    level: float = LEVEL,
    unit: Unit | None = None,
    against: str = "today's production model",
    uses: SplitUse | None = None,
    resamples: int = RESAMPLES,
) -> GateVerdict:
    """Decide whether the candidate may become production.

    Args:
        test: both models on the untouched test set.
        guards: both models on what must not get worse.
        bound: the largest loss on a guard set, a fraction of WER (0.02 is 2 points).
        level: of the test set's two-sided interval and of the guards' one-sided bounds.
        unit: what is drawn; None draws speakers where a set has at least ``SPEAKERS`` of them, else clips.
        against: what the incumbent is called in the sentences.
        uses: how often the test set has been looked at, to be said with the answer.
        resamples: of the bootstrap.

    Raises:
        InputError: the two models were measured on other clips or under another normalizer, two guards have one name,
            or the bound or level is out of its range.
    """
    if not 0 <= bound < 1 or not 0.5 <= level < 1:
        raise InputError(f"The gate needs a bound from 0 to 1 and a level from 0.5 to 1, not {bound} and {level}.")
    twice = [name for name, times in Counter(guard.name for guard in guards).items() if times > 1]
    if twice:
        raise InputError(f"The guard {twice[0]} is named twice; name each once.")
    sets: list[tuple[SetRole, Evidence]] = [("test", test), *(("guard", guard) for guard in guards)]
    draws = Draws(resamples=resamples, level=level)
    judged = [_judge(evidence, role, bound, unit, draws) for role, evidence in sets]
    refusing = [one for one in judged if not one.passed]
    offer = bool(refusing) and all(one.reason in BY_NUMBERS for one in refusing)
    return GateVerdict(
        passed=not refusing,
        against=against,
        bound=bound,
        level=level,
        test=judged[0],
        guards=tuple(judged[1:]),
        sentences=(headline(judged, against), *(one.sentence for one in judged), *notes(judged, offer, uses)),
        offer="interpolate" if offer else None,
    )


def fewest_units(level: float, role: SetRole) -> int:
    """Return how many clips (speakers) a set needs at least to decide anything.

    If every one of fewer units went the candidate's way, a sign test would still not reach the level, whatever the
    bootstrap says of so few.

    >>> fewest_units(0.95, "test"), fewest_units(0.95, "guard")
    (6, 5)
    """
    sides = 2 if role == "test" else 1
    return max(2, math.ceil(math.log2(sides / (1 - level)) - 1e-9))


def _judge(evidence: Evidence, role: SetRole, bound: float, unit: Unit | None, draws: Draws) -> SetVerdict:
    pairs, level = pair(evidence), draws["level"]
    speakers = len({speaker for speaker in pairs.speakers if speaker is not None})
    drawn: Unit = unit or ("speaker" if speakers >= SPEAKERS else "clip")
    groups = list(pairs.speakers) if drawn == "speaker" else None
    units = speakers + pairs.speakers.count(None) if groups is not None else len(pairs.lengths)
    draws = Draws(**draws, groups=groups)
    found = paired(pairs.candidate, pairs.lengths, pairs.incumbent, **draws)
    visible = detectable(pairs.incumbent, pairs.lengths, pairs.candidate, groups=groups, unit=drawn, alpha=1 - level)
    verdict = SetVerdict(
        name=evidence.name,
        role=role,
        passed=True,
        reason="holds",
        sentence="",
        clips=len(pairs.lengths),
        words=int(pairs.lengths.sum()),
        left_out=pairs.left_out,
        lost=len(pairs.lost),
        unit=drawn,
        units=units,
        fewest=fewest_units(level, role),
        incumbent=rate_of(pairs.incumbent, pairs.lengths, **draws),
        candidate=rate_of(pairs.candidate, pairs.lengths, **draws),
        **(asdict(found) if found else dict.fromkeys(("delta", "low", "high", "upper", "p_value"))),
        detectable=visible and visible.difference,
    )
    reason = _reason(verdict, evidence, pairs, bound)
    verdict = verdict.model_copy(update={"reason": reason, "passed": reason == "holds"})
    power = f" {visible.sentence}" if visible and reason == "no gain" else ""
    return verdict.model_copy(update={"sentence": sentence_of(verdict, evidence, pairs, bound, level) + power})


def _reason(verdict: SetVerdict, evidence: Evidence, pairs: Pairs, bound: float) -> GateReason:
    """Return the first reason against the candidate: what was not measured rightly comes before what was measured."""
    if evidence.foreign:
        return "other language"
    if pairs.lost:
        return "lost clips"
    if verdict.delta is None:
        return "not scored"
    if verdict.units < verdict.fewest or verdict.high is None or verdict.upper is None:
        return "too few"
    if verdict.role == "guard":
        return "holds" if verdict.upper <= bound else "loss"
    if pairs.same_texts:
        return "same texts"
    return "holds" if verdict.high < 0 else "no gain"
