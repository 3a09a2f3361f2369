"""The promotion gate: whether a candidate is better than today's production model where it counts, and nowhere worse.

It passes when the paired interval of the difference on the test set is wholly below 0 and its p-value within the level,
and on every guard set the one-sided upper bound of the loss is within the bound: a test of superiority and tests of
non-inferiority that must all hold, so that each may keep its own level (the intersection-union test; Berger,
Technometrics 24(4), 1982). The test set's level is that of the look (see :mod:`acento.registry.gate.looks`). Nothing is
decided by what was not measured: a set without clips, in another language, or with clips that only the candidate
failed on, is a refusal; and fewer than ten unseen speakers decide only where that was asked for.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from acento.core.errors import InputError
from acento.registry.gate.evidence import Evidence, Pairs, SplitUse, pair
from acento.registry.gate.looks import Look
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
from acento.scoring.score import rate_of
from acento.scoring.statistics.bootstrap import LEVEL, RESAMPLES, Draws, paired, sums_by_unit, units_to_exclude
from acento.scoring.statistics.power import detectable

BOUND = 0.02


@dataclass(frozen=True, slots=True)
class Rules:
    """What every set is judged by; :func:`decide` explains each."""

    bound: float
    level: float = LEVEL
    test_level: float = LEVEL
    """The level at this look."""
    resamples: int = RESAMPLES
    unit: Unit | None = None
    allow_few_speakers: bool = False

    def level_of(self, role: SetRole) -> float:
        return self.test_level if role == "test" else self.level


def decide(
    test: Evidence,
    guards: Sequence[Evidence] = (),
    *,
    bound: float = BOUND,
    level: float = LEVEL,
    unit: Unit | None = None,
    against: str = "today's production model",
    uses: SplitUse | None = None,
    look: Look | None = None,
    allow_few_speakers: bool = False,
    resamples: int = RESAMPLES,
) -> GateVerdict:
    """Decide whether the candidate may become production.

    Args:
        test: both models on the untouched test set.
        guards: both models on what must not get worse.
        bound: the largest loss on a guard set, a fraction of the headline, WER or CER (0.02 is 2 points).
        level: of the test set's two-sided interval at a first look, and of the guards' one-sided bounds.
        unit: what is drawn; None draws speakers where they are known and unseen, else clips.
        against: what the incumbent is called in the sentences.
        uses: how often the test set has been looked at, to be said with the answer.
        look: which candidate on the test split it is; each after the first has a stricter level.
        allow_few_speakers: whether a set of fewer than ten unseen speakers may decide, for these speakers alone.
        resamples: of the bootstrap of each model's own rate.

    Raises:
        InputError: the two models were measured on other clips or under another normalizer, two guards have one name,
            or the bound or level is out of its range.
    """
    check_rules(guards, bound, level)
    sets: list[tuple[SetRole, Evidence]] = [("test", test), *(("guard", guard) for guard in guards)]
    test_level = level if look is None else look.level(level)
    rules = Rules(bound, level, test_level, resamples, unit, allow_few_speakers)
    judged = [judge_set(evidence, role, rules) for role, evidence in sets]
    refusing = [one for one in judged if not one.passed]
    offer = bool(refusing) and all(one.reason in BY_NUMBERS for one in refusing)
    said = notes(judged, offer, uses, None if look is None else look.sentence(level), allow_few_speakers)
    return GateVerdict(
        passed=not refusing,
        against=against,
        bound=bound,
        level=level,
        test=judged[0],
        guards=tuple(judged[1:]),
        sentences=(headline(judged, against), *(one.sentence for one in judged), *said),
        offer="interpolate" if offer else None,
        look=None if look is None else look.number,
        test_level=test_level,
        allow_few_speakers=allow_few_speakers,
    )


def check_rules(guards: Sequence[Evidence], bound: float, level: float) -> None:
    """Raise InputError if two guards have one name, or the bound or level is out of its range."""
    if not 0 <= bound < 1 or not 0.5 <= level < 1:
        raise InputError(f"The gate needs a bound from 0 to 1 and a level from 0.5 to 1, not {bound} and {level}.")
    twice = [name for name, times in Counter(guard.name for guard in guards).items() if times > 1]
    if twice:
        raise InputError(f"The guard {twice[0]} is named twice; name each once.")


def fewest_units(level: float, role: SetRole) -> int:
    """Return how many clips (speakers) a set needs at least to decide anything.

    If every one of fewer units went the candidate's way, a sign test would still not reach the level, whatever the
    bootstrap says of so few.

    >>> fewest_units(0.95, "test"), fewest_units(0.95, "guard")
    (6, 5)
    """
    sides = 2 if role == "test" else 1
    return max(2, math.ceil(math.log2(sides / (1 - level)) - 1e-9))


def judge_set(evidence: Evidence, role: SetRole, rules: Rules) -> SetVerdict:
    """Judge a set; one of few unseen speakers is judged for these speakers, and then refused unless that was asked for.

    So a set that would be refused anyhow is refused for that, and not for its speakers.
    """
    pairs = pair(evidence)
    for_these = evidence.of_one_speaker or pairs.units.few
    verdict = _measure(evidence, role, rules, pairs, rules.unit or ("clip" if for_these else pairs.units.kind))
    if not verdict.passed or evidence.of_one_speaker or not pairs.units.few or rules.allow_few_speakers:
        return verdict
    # of one speaker alone there is no interval
    return _measure(evidence, role, rules, pairs, "speaker" if pairs.units.count > 1 else "clip", "few speakers")


def _measure(
    evidence: Evidence, role: SetRole, rules: Rules, pairs: Pairs, drawn: Unit, refused: GateReason | None = None
) -> SetVerdict:
    """Return the verdict on a set where these units are drawn; ``refused``: it does not pass, for this reason."""
    level = rules.level_of(role)
    groups = pairs.speakers if drawn == "speaker" else None
    shown = Draws(resamples=rules.resamples, level=rules.level, groups=groups)
    found = paired(pairs.candidate, pairs.lengths, pairs.incumbent, **shown | Draws(level=level))
    excess = np.asarray(pairs.candidate - pairs.incumbent, dtype=np.float64)[:, None]
    excess = excess if groups is None else sums_by_unit(excess, groups)
    alpha = 1 - level if role == "test" else 2 * (1 - level)
    visible = detectable(pairs.incumbent, pairs.lengths, pairs.candidate, groups=groups, unit=drawn, alpha=alpha)
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
        units=len(excess),
        fewest=fewest_units(level, role),
        incumbent=rate_of(pairs.incumbent, pairs.lengths, **shown),
        candidate=rate_of(pairs.candidate, pairs.lengths, **shown),
        **{name: getattr(found, name, None) for name in ("delta", "low", "high", "upper", "p_value")},
        p_bounded=found is not None and found.p_bounded,
        detectable=visible and visible.difference,
        speakers=pairs.units.speakers,
        seen=pairs.units.seen,
        few_speakers=pairs.units.few and not evidence.of_one_speaker,
        differing=int(np.count_nonzero(excess)),
        headline=pairs.headline,
        normalizer=pairs.normalizer,
    )
    reason = refused or _reason(verdict, evidence, pairs, rules)
    needed = None
    if reason == "too few to tell" and visible is not None and verdict.delta is not None and verdict.differing:
        # by the power of the test, and so many that enough of them differ
        effect = -verdict.delta if role == "test" else rules.bound - verdict.delta
        differ = math.ceil(verdict.units * verdict.fewest / verdict.differing)
        needed = max(visible.units_for(effect) if effect > 0 else 0, verdict.units + 1, differ if role == "test" else 0)
    elif reason == "too few to tell" and not verdict.differing and rules.bound > 0:
        needed = units_to_exclude(rules.bound, np.sum(pairs.lengths) / verdict.units, level)
    verdict = verdict.model_copy(update={"reason": reason, "passed": reason == "holds", "needed": needed})
    power = f" {visible.sentence}" if visible and reason == "no gain" else ""
    said = sentence_of(verdict, evidence, pairs, rules.bound, rules.level)
    return verdict.model_copy(update={"sentence": said + power})


def _reason(verdict: SetVerdict, evidence: Evidence, pairs: Pairs, rules: Rules) -> GateReason:
    """Return the first reason against the candidate: what was not measured rightly comes before what was measured."""
    if evidence.foreign:
        return "other language"
    if pairs.lost:
        return "lost clips"
    if verdict.delta is None:
        return "not scored"
    if verdict.units < verdict.fewest or verdict.high is None or verdict.upper is None or verdict.p_value is None:
        return "too few"
    if verdict.role != "test":
        # rounded, so that a bound that is met to the last word is not missed by the last bit
        if round(verdict.upper - rules.bound, 12) <= 0:
            return "holds"
        allowed = rules.bound if verdict.role == "window" else 0.0
        return "loss" if verdict.delta > allowed else "too few to tell"
    if pairs.same_texts:
        return "same texts"
    if verdict.delta >= 0:
        return "no gain"
    enough = verdict.differing is not None and verdict.differing >= verdict.fewest
    sure = verdict.high < 0 and verdict.p_value <= 1 - rules.test_level + 1e-12
    return "holds" if enough and sure else "too few to tell"
