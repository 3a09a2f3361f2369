"""The gate: what passes, what is refused, and why; never on what was not measured."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acento.core.errors import InputError
from acento.core.text import normalizer
from acento.registry.gate.evidence import Evidence, SplitUse
from acento.registry.gate.gate import decide, fewest_units
from acento.registry.gate.verdict import GateVerdict
from acento.scoring.bootstrap import paired
from acento.scoring.score import UtteranceResult, score_utterances

NONE = normalizer("none")
WORDS = 10


def table(errors: list[int | None], speakers: int = 3, words: int = WORDS) -> pa.Table:
    """Return a score in which each clip of ``words`` words has so many errors; None: the model failed on it."""
    return score_utterances(
        [
            UtteranceResult(
                id=f"c{place:03d}",
                reference=" ".join(["sí"] * words),
                hypothesis=None if count is None else " ".join(["sí"] * words + ["no"] * count),
                error="out_of_memory: no room" if count is None else None,
                split="test",
                speaker=f"s{place % speakers}",
                accent="chilean",
                duration_s=2.0,
            )
            for place, count in enumerate(errors)
        ],
        NONE,
    )


def evidence(before: list[int | None], after: list[int | None], name: str = "demo", **facts: object) -> Evidence:
    speakers = int(facts.pop("speakers", 3))  # type: ignore[call-overload]
    return Evidence(name, table(before, speakers), table(after, speakers), **facts)  # type: ignore[arg-type]


GAIN = evidence([3, 4, 2, 5] * 10, [1, 2, 1, 2] * 10)
HELD = evidence([1, 0, 2, 0] * 10, [1, 0, 2, 0] * 10, "demo[accent=neutral]")
LOST = evidence([1, 0, 2, 0] * 10, [2, 0, 3, 0] * 10, "demo[accent=neutral]")
COUNTS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=8, max_size=40)


def quick(test: Evidence, *guards: Evidence, **options: object) -> GateVerdict:
    return decide(test, guards, resamples=200, **options)  # type: ignore[arg-type]


def test_a_gain_whose_guard_holds_passes_and_says_how_much() -> None:
    verdict = quick(GAIN, HELD)
    assert verdict.passed
    assert verdict.offer is None
    assert verdict.sentences[0].startswith("Passed: the candidate is better than today's production model")
    assert verdict.test.delta == pytest.approx(-0.2)
    assert "WER 35.0 %" in verdict.test.sentence
    assert "-20.0 points" in verdict.test.sentence
    assert verdict.guards[0].upper == 0


def test_the_interval_is_the_paired_bootstrap_of_the_scoring_room() -> None:
    verdict = quick(GAIN)
    expected = paired([1, 2, 1, 2] * 10, [WORDS] * 40, [3, 4, 2, 5] * 10, resamples=200)
    assert expected is not None
    found = verdict.test
    assert (found.delta, found.low, found.high, found.upper, found.p_value) == (
        expected.delta,
        expected.low,
        expected.high,
        expected.upper,
        expected.p_value,
    )


def test_a_loss_on_a_guard_is_refused_with_its_numbers_and_offers_a_smaller_step() -> None:
    verdict = quick(GAIN, LOST)
    assert not verdict.passed
    assert verdict.test.passed
    assert verdict.guards[0].reason == "loss"
    assert "more than the 2.0 that a guard allows" in verdict.guards[0].sentence
    assert verdict.offer == "interpolate"
    assert "a loss beyond the bound on demo[accent=neutral]" in verdict.sentences[0]


def test_a_wider_bound_lets_the_same_loss_pass() -> None:
    assert not quick(GAIN, LOST, bound=0.02).passed
    assert quick(GAIN, LOST, bound=0.10).passed


def test_a_guard_whose_loss_is_small_but_uncertain_is_refused() -> None:
    uneven = evidence([0, 10] * 10, [2, 8] * 10, "guard")
    verdict = quick(GAIN, uneven)
    assert verdict.guards[0].delta == 0
    assert verdict.guards[0].reason == "loss"


def test_no_gain_beyond_chance_is_refused_and_says_what_could_have_been_seen() -> None:
    verdict = quick(evidence([3, 4, 2, 5, 3, 1, 0], [3, 3, 2, 6, 2, 1, 1]), HELD)
    assert verdict.test.reason == "no gain"
    assert "With 7 clips a difference below" in verdict.test.sentence
    assert verdict.test.detectable is not None
    assert verdict.offer == "interpolate"


def test_a_worse_candidate_is_refused() -> None:
    assert quick(evidence([1, 2, 1, 2] * 10, [3, 4, 2, 5] * 10)).test.reason == "no gain"


def test_a_candidate_that_writes_the_same_texts_is_told_so() -> None:
    verdict = quick(evidence([1, 2, 3] * 10, [1, 2, 3] * 10), HELD)
    assert verdict.test.reason == "same texts"
    assert "both models wrote the same text for all 30 clips" in verdict.test.sentence
    assert verdict.offer is None


def test_a_candidate_cannot_gain_by_failing_on_hard_clips() -> None:
    before: list[int | None] = [9, 9, *[3, 4] * 20]
    after: list[int | None] = [None, None, *[1, 2] * 20]
    verdict = quick(evidence(before, after), HELD)
    assert verdict.test.reason == "lost clips"
    assert "failed on 2 clips that the incumbent transcribed (such as c000)" in verdict.test.sentence
    assert "2 clips are left out" in verdict.test.sentence
    assert verdict.offer is None


def test_one_lost_clip_of_a_guard_is_a_refusal_too() -> None:
    verdict = quick(GAIN, evidence([1, 0, 2] * 10, [None, *[0] * 29], "guard"))
    assert [one.reason for one in verdict.guards] == ["lost clips"]


def test_a_smaller_step_is_not_offered_where_it_would_not_mend_all_that_is_wrong() -> None:
    verdict = quick(GAIN, LOST, evidence([1] * 20, [None, *[1] * 19], "other guard"))
    assert [one.reason for one in verdict.guards] == ["loss", "lost clips"]
    assert verdict.offer is None


def test_clips_that_production_failed_on_are_left_out_and_counted() -> None:
    verdict = quick(evidence([None, None, *[3, 4] * 20], [0, 0, *[1, 2] * 20]), HELD)
    assert verdict.passed
    assert (verdict.test.clips, verdict.test.left_out, verdict.test.lost) == (40, 2, 0)
    assert "2 clips are left out" in verdict.test.sentence


def test_nothing_scored_is_a_refusal() -> None:
    nothing = Evidence("demo", table([0, 0], words=0), table([0, 0], words=0))
    assert quick(nothing).test.reason == "not scored"
    assert quick(evidence([None] * 3, [None] * 3)).test.reason == "not scored"
    assert quick(evidence([], [])).test.reason == "not scored"
    assert not quick(GAIN, evidence([None] * 3, [None] * 3, "guard")).passed


@pytest.mark.parametrize("clips", [1, 2, 5])
def test_too_few_clips_decide_nothing_however_clear_they_look(clips: int) -> None:
    verdict = quick(evidence([9] * clips, [1] * clips), HELD)
    assert verdict.test.reason == "too few"
    assert "at least 6 clips are needed" in verdict.test.sentence
    assert verdict.offer is None


def test_a_guard_of_one_clip_guards_nothing() -> None:
    assert quick(GAIN, evidence([1], [1], "guard")).guards[0].reason == "too few"


def test_the_fewest_units_are_those_a_sign_test_could_decide_by() -> None:
    for level in (0.8, 0.9, 0.95, 0.99):
        for role, sides in (("test", 2), ("guard", 1)):
            fewest = fewest_units(level, role)  # type: ignore[arg-type]
            assert sides * 0.5**fewest <= 1 - level + 1e-9
            assert sides * 0.5 ** (fewest - 1) > 1 - level + 1e-9 or fewest == 2


def test_a_guard_in_another_language_than_the_model_was_told_is_refused() -> None:
    english = evidence([1] * 20, [1] * 20, "librispeech", languages=frozenset({"en"}), written="es")
    verdict = quick(GAIN, english)
    assert verdict.guards[0].reason == "other language"
    assert "its clips are in en, and the models were set to write es" in verdict.guards[0].sentence
    assert verdict.offer is None


def test_a_guard_in_another_language_that_the_model_was_told_of_counts() -> None:
    english = evidence([1] * 20, [1] * 20, "librispeech", languages=frozenset({"en"}), written="en")
    assert quick(GAIN, english).passed


def test_without_a_guard_it_passes_and_says_that_forgetting_was_not_measured() -> None:
    verdict = quick(GAIN)
    assert verdict.passed
    assert any("forgetting was not measured" in sentence for sentence in verdict.sentences)
    assert not any("forgetting was not measured" in sentence for sentence in quick(GAIN, HELD).sentences)


def test_speakers_are_drawn_where_there_are_ten_and_clips_where_there_are_fewer() -> None:
    many, few = (evidence([3, 4, 2, 5] * 10, [1, 2, 1, 2] * 10, speakers=count) for count in (10, 9))
    assert (quick(many).test.unit, quick(many).test.units) == ("speaker", 10)
    assert "40 clips of 10 speakers" in quick(many).test.sentence
    assert (quick(few).test.unit, quick(few).test.units) == ("clip", 40)
    assert any("The intervals on demo are over clips, not speakers" in sentence for sentence in quick(few).sentences)


def test_the_unit_can_be_asked_for() -> None:
    asked = quick(evidence([3, 4] * 20, [1, 2] * 20, speakers=7), unit="speaker").test
    assert (asked.unit, asked.units) == ("speaker", 7)
    assert quick(evidence([3, 4] * 20, [1, 2] * 20, speakers=5), unit="speaker").test.reason == "too few"


def test_a_gain_of_one_speaker_among_ten_is_not_a_gain_when_speakers_are_drawn() -> None:
    before = [5 if place % 10 == 0 else 2 for place in range(200)]
    after = [0 if place % 10 == 0 else 2 for place in range(200)]
    one = evidence(before, after, speakers=10)
    assert quick(one, unit="clip").test.passed
    assert quick(one).test.reason == "no gain"


def test_how_often_the_test_was_used_is_said_with_the_answer() -> None:
    uses = SplitUse(dataset="demo", split="test", models=7, runs=9)
    assert quick(GAIN, HELD, uses=uses).sentences[-1] == uses.sentence


def test_a_verdict_survives_the_registry() -> None:
    for verdict in (quick(GAIN, HELD), quick(GAIN, LOST), quick(evidence([], []))):
        assert GateVerdict.model_validate_json(verdict.model_dump_json()) == verdict


def test_a_guard_named_twice_and_a_bound_out_of_range_are_refused() -> None:
    with pytest.raises(InputError, match="is named twice"):
        quick(GAIN, HELD, HELD)
    with pytest.raises(InputError, match="a bound from 0 to 1"):
        quick(GAIN, HELD, bound=-0.1)
    with pytest.raises(InputError, match="a level from"):
        quick(GAIN, HELD, level=1.0)


@settings(max_examples=40, deadline=None)
@given(COUNTS, st.integers(0, 3))
def test_a_guard_that_errs_more_never_turns_a_refusal_into_a_pass(guard: list[tuple[int, int]], more: int) -> None:
    before, after = [old for old, _ in guard], [new for _, new in guard]
    as_is = quick(GAIN, evidence([*before], [*after], "guard"), bound=0.1)
    worse = quick(GAIN, evidence([*before], [new + more for new in after], "guard"), bound=0.1)
    assert as_is.passed or not worse.passed
    assert worse.guards[0].upper == pytest.approx((as_is.guards[0].upper or 0) + more / WORDS)


@settings(max_examples=40, deadline=None)
@given(COUNTS, COUNTS)
def test_another_guard_never_turns_a_refusal_into_a_pass(
    test: list[tuple[int, int]], guard: list[tuple[int, int]]
) -> None:
    judged = evidence([old for old, _ in test], [new for _, new in test])
    without = quick(judged)
    guarded = quick(judged, evidence([old for old, _ in guard], [new for _, new in guard], "guard"))
    assert guarded.test == without.test
    assert without.passed or not guarded.passed


@settings(max_examples=40, deadline=None)
@given(COUNTS, st.integers(0, 3))
def test_a_candidate_that_errs_more_on_the_test_never_turns_a_refusal_into_a_pass(
    test: list[tuple[int, int]], more: int
) -> None:
    before, after = [old for old, _ in test], [new for _, new in test]
    as_is = quick(evidence([*before], [*after]))
    assert as_is.passed or not quick(evidence([*before], [new + more for new in after])).passed


@pytest.mark.slow
def test_equal_models_pass_in_at_most_one_of_twenty_tests() -> None:
    passed = 0
    for trial in range(200):
        drawn = np.random.default_rng(trial).binomial(WORDS, 0.2, size=(2, 60)).tolist()
        passed += quick(evidence(drawn[0], drawn[1])).passed
    assert passed / 200 <= 0.06  # the lower half of a two-sided 5 %, and what chance adds to 200 trials
