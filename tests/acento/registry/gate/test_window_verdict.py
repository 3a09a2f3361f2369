"""The window gate: short windows that lose nothing pass; a loss, or what cannot be told, keeps the full window."""

import pyarrow as pa
import pytest
from evidence_tables import WORDS, evidence, table
from hypothesis import given, settings
from hypothesis import strategies as st

from acento.core.errors import InputError
from acento.models.windows import Fit
from acento.registry.gate.evidence import Evidence
from acento.registry.gate.windows import WindowVerdict, decide_windows
from acento.scoring.entry import Conditions, Speed
from acento.scoring.statistics.bootstrap import paired

FIT = Fit(margin_s=1.0)
FULL, SHORT = [3, 4, 2, 5] * 10, [1, 2, 1, 2] * 10
BETTER = evidence(FULL, SHORT)
EQUAL = evidence(FULL * 3, FULL * 3)
"""No clip of 120 differs."""
WORSE = evidence(SHORT, FULL, "guard")


def quick(test: Evidence, *guards: Evidence, **options: object) -> WindowVerdict:
    return decide_windows(test, guards, fit=FIT, resamples=200, **options)  # type: ignore[arg-type]


def speed(rtfx: float, window: str | None = None, threads: int = 1) -> Speed:
    conditions = Conditions(
        device="cpu", dtype="float32", threads=threads, batch_size=8, backend="inline", placements=1, window=window
    )
    return Speed(rtfx=rtfx, low=None, high=None, inference_s=1.0, conditions=conditions)


def test_windows_that_change_nothing_pass_where_there_are_clips_enough() -> None:
    verdict = quick(EQUAL)
    assert verdict.passed
    assert verdict.test.delta == 0
    assert verdict.test.upper is not None
    assert 0 < verdict.test.upper <= 0.005
    assert verdict.sentences[0] == "Passed: short windows (clip + 1 s) lose no more than the bound."
    assert "WER 35.0 % [32.8, 39.0] with full windows, 35.0 % [32.8, 39.0] with short ones" in verdict.test.sentence
    assert "the loss is at most +0.25 points, within the bound of 0.5." in verdict.test.sentence


def test_windows_that_change_nothing_on_few_clips_cannot_be_told_and_say_how_many_would_do() -> None:
    few = quick(evidence(FULL, FULL))
    assert not few.passed
    assert few.test.reason == "too few to tell"
    assert few.sentences[0] == "Refused, the full window stays: too few clips to tell on demo."
    assert few.test.needed is not None
    enough = ([1] * few.test.needed,) * 2
    assert quick(evidence(*enough)).passed
    assert not quick(evidence(enough[0][1:], enough[1][1:])).passed


def test_a_gain_by_short_windows_passes() -> None:
    verdict = quick(BETTER)
    assert verdict.passed
    assert verdict.test.delta == pytest.approx(-0.2)
    assert verdict.test.role == "window"


def test_a_loss_on_the_test_set_refuses_with_its_numbers() -> None:
    verdict = quick(WORSE)
    assert not verdict.passed
    assert verdict.test.reason == "loss"
    assert verdict.sentences[0] == "Refused, the full window stays: a loss beyond the bound on guard."
    assert "with short ones: +20.0 points" in verdict.test.sentence
    assert "more than the 0.5 that is allowed" in verdict.test.sentence


def test_a_loss_within_the_bound_that_is_not_sure_is_too_few_clips_and_no_loss() -> None:
    full, short = [0, 10] * 10, [2, 8] * 9 + [2, 9] * 1
    unsure = quick(evidence(full, short), bound=0.01)
    assert unsure.test.delta == pytest.approx(0.005)
    assert unsure.test.reason == "too few to tell"
    assert "no loss beyond the bound, but 20 clips are too few to tell: about" in unsure.test.sentence
    assert quick(evidence(full, short), bound=0.004).test.reason == "loss"


def test_a_guard_that_loses_refuses_what_the_test_set_would_let_pass() -> None:
    verdict = quick(BETTER, WORSE)
    assert not verdict.passed
    assert (verdict.test.passed, [one.reason for one in verdict.guards]) == (True, ["loss"])
    assert "on guard" in verdict.sentences[0]


def test_the_bound_itself_passes_and_a_hair_less_does_not() -> None:
    short = [count + (place % 2) for place, count in enumerate(FULL)]
    found = paired(short, [WORDS] * 40, FULL)
    assert found is not None
    assert found.upper is not None
    assert quick(evidence(FULL, short), bound=found.upper).passed
    assert not quick(evidence(FULL, short), bound=found.upper - 1e-9).passed


def test_a_bound_of_nothing_is_never_shown_and_breaks_nothing() -> None:
    verdict = quick(EQUAL, bound=0.0)
    assert verdict.test.reason == "too few to tell"
    assert "how many would do is not known" in verdict.test.sentence


def test_too_few_clips_decide_nothing() -> None:
    verdict = quick(evidence([9] * 4, [0] * 4))
    assert verdict.test.reason == "too few"
    assert "at least 5 clips are needed" in verdict.test.sentence


def test_fewer_than_ten_unseen_speakers_keep_the_full_window_unless_they_were_let_decide() -> None:
    few = evidence(FULL, SHORT, speakers=4)
    refused, asked = quick(few), quick(few, allow_few_speakers=True)
    assert refused.test.reason == "few speakers"
    assert not refused.passed
    assert "--allow-few-speakers" in refused.test.sentence
    assert asked.passed
    assert any("these speakers alone, as was asked for" in sentence for sentence in asked.sentences)
    many = quick(evidence(FULL, SHORT, speakers=10))
    assert many.passed
    assert many.test.unit == "speaker"


def test_speakers_of_the_training_split_are_judged_by_clips() -> None:
    def seen(errors: list[int]) -> pa.Table:
        rows = table(errors, 4)
        at = rows.column_names.index("speaker_seen")
        return rows.set_column(at, "speaker_seen", [[True] * len(errors)])

    verdict = quick(Evidence("demo", seen(FULL), seen(SHORT)))
    assert verdict.passed
    assert (verdict.test.unit, verdict.test.seen) == ("clip", True)
    assert any("also in the training split" in sentence for sentence in verdict.sentences)


def test_clips_that_only_short_windows_failed_on_refuse() -> None:
    verdict = quick(evidence(FULL, [None, *SHORT[1:]]))
    assert verdict.test.reason == "lost clips"
    assert "with short windows the model failed on 1 clips that it transcribed with full ones" in verdict.test.sentence
    assert "clips that only short windows failed on demo" in verdict.sentences[0]


def test_nothing_scored_refuses() -> None:
    verdict = quick(Evidence("demo", table([0, 0], words=0), table([0, 0], words=0)))
    assert verdict.test.reason == "not scored"
    assert "with both windows" in verdict.test.sentence


def test_the_speed_is_compared_only_where_nothing_but_the_window_differs() -> None:
    alike = quick(BETTER, full=speed(3.0), short=speed(21.0, "clip + 1 s"), runaways=2)
    assert alike.times_as_fast == pytest.approx(7.0)
    assert "RTFx 3.00 with full windows, 21 with short ones: 7.0 times as fast." in alike.sentences
    assert "2 windows ran away and had to be decoded again in full." in alike.sentences
    other = quick(BETTER, full=speed(3.0, threads=2), short=speed(21.0, "clip + 1 s"))
    assert other.times_as_fast is None
    assert any("not measured alike" in sentence for sentence in other.sentences)
    assert not any("RTFx" in sentence for sentence in quick(BETTER).sentences)


def test_without_a_guard_it_says_what_was_not_measured() -> None:
    assert any("No guard set was named" in sentence for sentence in quick(BETTER).sentences)
    assert not any("No guard set" in sentence for sentence in quick(BETTER, evidence(FULL, SHORT, "g")).sentences)


def test_bad_input_is_one_sentence() -> None:
    for bound in (-0.1, 1.0, 2.0):
        with pytest.raises(InputError, match="a bound from 0 to 1"):
            quick(BETTER, bound=bound)
    with pytest.raises(InputError, match="is named twice"):
        quick(BETTER, EQUAL, EQUAL)
    with pytest.raises(InputError, match="not measured on the same clips"):
        quick(Evidence("demo", table([1] * 20), table([1] * 21)))


def test_a_verdict_survives_the_registry() -> None:
    for verdict in (quick(BETTER, WORSE, full=speed(3.0), short=speed(9.0)), quick(evidence([], []))):
        assert WindowVerdict.model_validate_json(verdict.model_dump_json()) == verdict


COUNTS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=8, max_size=40)


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(COUNTS, COUNTS, st.integers(0, 3))
def test_more_errors_with_short_windows_or_one_guard_more_never_turn_a_refusal_into_a_pass(
    test: list[tuple[int, int]], guard: list[tuple[int, int]], more: int
) -> None:
    full, short = [old for old, _ in test], [new for _, new in test]
    as_is = quick(evidence(full, short), bound=0.2)
    worse = quick(evidence(full, [count + more for count in short]), bound=0.2)
    assert as_is.passed or not worse.passed
    guarded = evidence([old for old, _ in guard], [new for _, new in guard], "guard")
    assert as_is.passed or not quick(evidence(full, short), guarded, bound=0.2).passed
