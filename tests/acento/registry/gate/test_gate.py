"""The gate: what passes, what is refused, and why; never on what was not measured."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest
from counted import drawn
from evidence_tables import WORDS, evidence, table
from hypothesis import given, settings
from hypothesis import strategies as st

from acento.core.errors import InputError
from acento.core.text import normalizer
from acento.registry.gate.evidence import Evidence, SplitUse
from acento.registry.gate.gate import decide, fewest_units
from acento.registry.gate.looks import Look
from acento.registry.gate.verdict import GateVerdict
from acento.scoring.score import UtteranceResult, score_utterances
from acento.scoring.statistics.bootstrap import paired
from acento.scoring.statistics.units import SPEAKER_SEEN

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
    assert 0 < verdict.guards[0].upper < 0.01  # no clip differs, of as many as there are


def test_a_guard_of_few_clips_that_all_hold_is_too_small_and_says_how_many_would_do() -> None:
    verdict = quick(GAIN, evidence([1, 0, 2, 0, 1, 0], [1, 0, 2, 0, 1, 0], "demo[accent=neutral]"))
    assert not verdict.passed
    guard = verdict.guards[0]
    assert (guard.reason, guard.differing) == ("too few to tell", 0)
    assert guard.needed is not None
    assert f"about {guard.needed} clips like these" in guard.sentence
    assert quick(GAIN, evidence([1] * guard.needed, [1] * guard.needed, "demo[accent=neutral]")).passed
    assert not quick(GAIN, evidence([1] * (guard.needed - 1), [1] * (guard.needed - 1), "demo[accent=neutral]")).passed


def test_the_interval_is_that_of_the_scoring_room_and_p_that_of_sign_flips() -> None:
    verdict = quick(GAIN)
    before, after = [3, 4, 2, 5] * 10, [1, 2, 1, 2] * 10
    expected = paired(after, [WORDS] * 40, before, resamples=200)
    assert expected is not None
    found = verdict.test
    assert (found.delta, found.low, found.high, found.upper) == (
        expected.delta,
        expected.low,
        expected.high,
        expected.upper,
    )
    assert found.p_value == expected.p_value == pytest.approx(2 / 2**40)


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


def test_a_guard_that_lost_nothing_but_is_too_small_to_say_so_is_refused_for_that() -> None:
    uneven = evidence([0, 10] * 10, [2, 8] * 10, "guard")
    verdict = quick(GAIN, uneven)
    guard = verdict.guards[0]
    assert guard.delta == 0
    assert guard.reason == "too few to tell"
    assert guard.needed is not None
    assert f"20 clips are too few to tell: about {guard.needed} clips like these" in guard.sentence
    assert verdict.offer is None


def test_a_guard_with_as_many_clips_as_it_was_told_to_need_mostly_holds() -> None:
    needed = quick(GAIN, evidence([0, 10] * 10, [2, 8] * 10, "guard"), bound=0.05).guards[0].needed
    assert needed is not None
    assert 20 < needed < 5000
    pairs = needed // 2
    assert quick(GAIN, evidence([0, 10] * pairs, [2, 8] * pairs, "guard"), bound=0.05).passed


def test_a_guard_whose_loss_is_small_but_uncertain_is_refused() -> None:
    uneven = evidence([0, 10] * 10, [2, 9] * 5 + [2, 8] * 5, "guard")
    assert [one.reason for one in quick(GAIN, uneven).guards] == ["loss"]


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


def test_unseen_speakers_are_drawn_and_with_fewer_than_ten_nothing_is_promoted() -> None:
    many, few = (evidence([3, 4, 2, 5] * 10, [1, 2, 1, 2] * 10, speakers=count) for count in (10, 9))
    assert quick(many).passed
    assert (quick(many).test.unit, quick(many).test.units) == ("speaker", 10)
    assert "40 clips of 10 speakers" in quick(many).test.sentence
    refused = quick(few)
    assert not refused.passed
    assert refused.only_few_speakers
    assert (refused.test.reason, refused.test.unit, refused.test.units) == ("few speakers", "speaker", 9)
    assert "fewer than 10 unseen speakers on demo" in refused.sentences[0]
    assert "--allow-few-speakers" in refused.test.sentence
    assert refused.offer is None


def test_few_speakers_decide_for_themselves_alone_where_that_was_asked_for() -> None:
    few = evidence([3, 4, 2, 5] * 10, [1, 2, 1, 2] * 10, speakers=4)
    verdict = quick(few, allow_few_speakers=True)
    assert verdict.passed
    assert verdict.allow_few_speakers
    assert (verdict.test.unit, verdict.test.units, verdict.test.speakers) == ("clip", 40, 4)
    (said,) = [sentence for sentence in verdict.sentences if "these speakers alone" in sentence]
    assert "as was asked for with --allow-few-speakers: demo (4 speakers)" in said


def test_one_unseen_speaker_is_too_few_and_the_numbers_are_of_the_clips() -> None:
    alone = quick(evidence([3, 4, 2, 5] * 10, [1, 2, 1, 2] * 10, speakers=1)).test
    assert (alone.reason, alone.unit, alone.units) == ("few speakers", "clip", 40)
    assert "40 clips" in alone.sentence
    assert "; 1 speaker cannot speak for all others" in alone.sentence


def test_what_few_speakers_would_not_let_pass_either_is_refused_for_that() -> None:
    worse = evidence([1, 2, 1, 2] * 10, [3, 4, 2, 5] * 10, speakers=4)
    assert quick(worse).test.reason == "no gain"
    guard = evidence([1, 0, 2, 0] * 10, [2, 0, 3, 0] * 10, "guard", speakers=4)
    assert [one.reason for one in quick(GAIN, guard).guards] == ["loss"]


def test_a_guard_of_few_unseen_speakers_is_a_refusal_too() -> None:
    guard = evidence([1, 0, 2, 0] * 10, [1, 0, 2, 0] * 10, "guard", speakers=4)
    assert [one.reason for one in quick(GAIN, guard).guards] == ["few speakers"]
    assert quick(GAIN, guard, allow_few_speakers=True).passed


def test_one_speaker_that_was_named_is_judged_by_clips() -> None:
    ana = evidence([3, 4, 2, 5] * 10, [1, 2, 1, 2] * 10, "demo[speaker=s0]", speakers=1, of_one_speaker=True)
    verdict = quick(ana)
    assert verdict.passed
    assert (verdict.test.unit, verdict.test.units) == ("clip", 40)


def test_speakers_of_the_training_split_are_judged_by_clips_and_the_verdict_says_for_whom() -> None:
    def seen(errors: Sequence[int | None]) -> pa.Table:
        rows = table(errors, 4)
        if SPEAKER_SEEN in rows.column_names:
            rows = rows.drop_columns([SPEAKER_SEEN])
        return rows.append_column(SPEAKER_SEEN, pa.array([True] * len(rows)))

    verdict = quick(Evidence("demo", seen([3, 4, 2, 5] * 10), seen([1, 2, 1, 2] * 10)))
    assert verdict.passed
    assert (verdict.test.unit, verdict.test.seen, verdict.test.speakers) == ("clip", True, 4)
    assert any("clips are drawn: demo (for these 4 speakers)" in sentence for sentence in verdict.sentences)


def test_the_unit_can_be_asked_for() -> None:
    asked = quick(evidence([3, 4] * 20, [1, 2] * 20, speakers=7), unit="speaker", allow_few_speakers=True)
    assert asked.passed
    assert (asked.test.unit, asked.test.units) == ("speaker", 7)
    five = evidence([3, 4] * 20, [1, 2] * 20, speakers=5)
    assert quick(five, unit="speaker", allow_few_speakers=True).test.reason == "too few"


def test_a_gain_of_one_speaker_among_ten_is_not_a_gain_when_speakers_are_drawn() -> None:
    before = [5 if place % 10 == 0 else 2 for place in range(200)]
    after = [0 if place % 10 == 0 else 2 for place in range(200)]
    one = evidence(before, after, speakers=10)
    assert quick(one, unit="clip").test.passed
    refused = quick(one).test
    assert refused.reason == "too few to tell"
    assert "the models differ on 1 of 10 speakers, and must on 6 at least" in refused.sentence


def test_six_clips_of_which_four_differ_never_pass() -> None:
    verdict = quick(evidence([9, 9, 9, 9, 1, 1], [0, 0, 0, 0, 1, 1]), HELD)
    assert verdict.test.reason == "too few to tell"
    assert verdict.test.needed == 9
    assert "the models differ on 4 of 6 clips, and must on 6 at least; about 9 clips like these" in (
        verdict.test.sentence
    )
    assert verdict.offer is None


def test_a_gain_that_the_clips_cannot_show_says_how_many_would_and_offers_no_smaller_step() -> None:
    drawn = np.random.default_rng(3).binomial(WORDS, 0.2, size=(2, 60))
    before, after = drawn[0], np.maximum(0, drawn[1] - (np.arange(60) % 6 == 0))
    verdict = quick(evidence(before.tolist(), after.tolist()), HELD)
    assert verdict.test.delta is not None
    assert verdict.test.delta < 0
    assert verdict.test.reason == "too few to tell"
    assert "too few clips to tell on demo" in verdict.sentences[0]
    assert f"about {verdict.test.needed} clips like these would show it (80 % power)" in verdict.test.sentence
    assert verdict.test.needed is not None
    assert verdict.test.needed > 60
    assert verdict.offer is None
    assert not any("interpolate" in sentence for sentence in verdict.sentences)


def test_a_later_look_takes_a_stricter_level_and_says_so() -> None:
    gain = evidence([1] * 40, [0] * 12 + [2] * 3 + [1] * 25)
    first, fourth = (quick(gain, look=Look(dataset="demo", split="test", number=number)) for number in (1, 4))
    assert first.passed
    assert fourth.test.reason == "too few to tell"
    assert (first.look, fourth.look) == (1, 4)
    assert (first.test_level, fourth.test_level) == pytest.approx((0.95, 0.995))
    assert first.test.low is not None
    assert fourth.test.low is not None
    assert fourth.test.low < first.test.low
    assert (first.test.fewest, fourth.test.fewest) == (6, 9)
    assert not any("that the gate judges" in sentence for sentence in first.sentences)
    (said,) = [sentence for sentence in fourth.sentences if "that the gate judges" in sentence]
    assert said.startswith(
        "This is candidate 4 that the gate judges on the test split of demo: its gain must hold at 99.5 %"
    )


def test_the_looks_together_never_spend_the_whole_level() -> None:
    spent = [(1 - Look(dataset="demo", split="test", number=number).level()) / 2 for number in range(1, 10_000)]
    assert spent == sorted(spent, reverse=True)
    assert spent[0] == pytest.approx(0.025)
    assert 0.0499 < sum(spent) < 0.05


def test_how_often_the_test_was_used_is_said_with_the_answer() -> None:
    uses = SplitUse(dataset="demo", split="test", models=7, runs=9)
    assert quick(GAIN, HELD, uses=uses).sentences[-1] == uses.sentence


def test_a_verdict_of_before_looks_were_counted_is_still_read() -> None:
    body = quick(GAIN, HELD).model_dump(mode="json")
    for name in ("look", "test_level", "allow_few_speakers"):
        del body[name]
    for one in (body["test"], *body["guards"]):
        for name in ("speakers", "seen", "few_speakers", "differing", "needed"):
            del one[name]
    old = GateVerdict.model_validate(body)
    assert old.passed
    assert (old.look, old.allow_few_speakers, old.only_few_speakers, old.test.seen) == (None, False, False, False)


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


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(COUNTS, st.integers(0, 3))
def test_a_guard_that_errs_more_never_turns_a_refusal_into_a_pass(guard: list[tuple[int, int]], more: int) -> None:
    before, after = [old for old, _ in guard], [new for _, new in guard]
    as_is = quick(GAIN, evidence([*before], [*after], "guard"), bound=0.1)
    worse = quick(GAIN, evidence([*before], [new + more for new in after], "guard"), bound=0.1)
    assert as_is.passed or not worse.passed
    assert worse.guards[0].upper == pytest.approx((as_is.guards[0].upper or 0) + more / WORDS)


@pytest.mark.slow
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


@pytest.mark.slow
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


def judged(tables: list[pa.Table], look: int = 1) -> GateVerdict:
    return quick(Evidence("demo", *tables), look=Look(dataset="demo", split="test", number=look))


@pytest.mark.slow
def test_four_candidates_that_are_equal_to_the_base_are_promoted_in_at_most_5_percent_of_trials() -> None:
    promoted = 0
    for trial in range(120):
        base, *candidates = drawn(np.random.default_rng(trial), [0.2] * 5, clips=60)
        promoted += any(judged([base, one], look).passed for look, one in enumerate(candidates, 1))
    assert promoted <= 6


def test_a_candidate_that_suits_people_no_better_is_promoted_in_at_most_5_percent_of_trials() -> None:
    by_speaker = [drawn(np.random.default_rng(trial), [0.2] * 2, 100, speakers=10, taste=0.4) for trial in range(100)]
    assert sum(judged(tables).passed for tables in by_speaker) <= 5


def test_a_true_gain_is_seen_at_a_second_look_too() -> None:
    tables = [drawn(np.random.default_rng(trial), [0.2, 0.15], clips=300) for trial in range(30)]
    first, second = (sum(judged(pair, look).passed for pair in tables) for look in (1, 2))
    assert first >= 27
    assert second >= 24


def test_the_verdict_names_the_normalizer_and_counts_what_its_headline_counts() -> None:
    rule = normalizer("unicode-ja")

    def scored(hypothesis: str) -> pa.Table:
        clips = [
            UtteranceResult(f"c{n:02d}", "今日は雨です", hypothesis, None, "test", None, None, 2.0) for n in range(20)
        ]
        return score_utterances(clips, rule)

    verdict = quick(Evidence("tokyo", scored("今日は雪だす"), scored("今日は 雨だす")))
    assert verdict.passed
    assert (verdict.test.headline, verdict.test.normalizer) == ("character", "unicode-ja-1")
    assert verdict.test.delta == pytest.approx(-1 / 6)
    assert "CER 33.3 %" in verdict.test.sentence
    assert "20 clips, normalizer unicode-ja-1; a gain." in verdict.test.sentence
    assert verdict.test.rate_title == "CER (unicode-ja-1)"
    known = verdict.test.model_dump()
    old = type(verdict.test).model_validate({k: v for k, v in known.items() if k not in ("headline", "normalizer")})
    assert old.rate_title == "WER"
