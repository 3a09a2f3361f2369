"""The engine that runs a model: the fastest whose word errors are within the bound of the default engine's."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acento.core.errors import ModelError
from acento.core.text import normalizer
from acento.inference.tuning.engines import EngineTrial, EngineTrials, Way, measure_engines
from acento.models.base import DecodeOptions, Recognizer
from tests.acento.inference.tuning.made_up_engines import WORDS, Clock, Written, sample_of

REFERENCE = Way(engine="transformers")
HALF = Way(engine="transformers", dtype="bfloat16")
INT8 = Way(engine="ctranslate2", quantization="int8")


def right(_: int) -> str:
    return " ".join(WORDS)


def wrong_in(every: int) -> Callable[[int], str]:
    """Return a text with one wrong word in every so many clips."""
    return lambda number: " ".join(["wrong", *WORDS[1:]]) if number % every == 0 else " ".join(WORDS)


def measured(
    clock: Clock,
    engines: dict[Way, Recognizer | Exception],
    clips: int = 100,
    *,
    transcribed: bool = True,
    seconds: float = 180.0,
) -> EngineTrials:
    def load(way: Way) -> Recognizer:
        found = engines[way]
        if isinstance(found, Exception):
            raise found
        return found

    return measure_engines(
        load,
        [*engines],
        sample_of(clips, transcribed=transcribed),
        batch_size=4,
        workers=1,
        options=DecodeOptions(),
        rule=normalizer("basic"),
        seconds=seconds,
        clock=clock,
    )


def test_the_fastest_engine_that_errs_no_more_runs_the_model(clock: Clock) -> None:
    engines = {
        REFERENCE: Written(clock),
        HALF: Written(clock, seconds=lambda windows: 0.05 * windows),
        INT8: Written(clock, seconds=lambda windows: 0.02 * windows),
    }
    found = measured(clock, engines)
    assert found.choose(0.02).way == INT8
    assert found.choose(0.02).faster == pytest.approx(5.0)
    assert found.choose(0.02).clips == 100
    assert found.why(0.02).startswith("ctranslate2 int8, 5.00 times as fast as transformers float32 (WER +0.00 points")
    assert "transformers bfloat16 is 2.00 times as fast" in found.why(0.02)
    assert all(engine.closed == 1 for engine in engines.values())


def test_an_engine_whose_wer_may_be_higher_than_the_bound_is_not_taken(clock: Clock) -> None:
    engines = {
        REFERENCE: Written(clock),
        HALF: Written(clock, seconds=lambda windows: 0.05 * windows),
        INT8: Written(clock, text=wrong_in(2), seconds=lambda windows: 0.02 * windows),  # 5 points worse
    }
    found = measured(clock, engines)
    assert found.choose(0.02).way == HALF
    assert found.choose(0.10).way == INT8, "the same measurement serves any bound"
    assert "ctranslate2 int8 is 5.00 times as fast, WER up to +5." in found.why(0.02)


def test_few_clips_bound_nothing_so_the_default_engine_stays(clock: Clock) -> None:
    engines = {REFERENCE: Written(clock), INT8: Written(clock, seconds=lambda windows: 0.02 * windows)}
    found = measured(clock, engines, clips=5)
    assert found.choose(0.02).way == REFERENCE
    assert found.why(0.02).startswith("transformers float32 stays (by 5 clips of made up v1/dev)")


def test_a_slower_engine_decodes_a_few_clips_and_no_more(clock: Clock) -> None:
    slow = Written(clock, seconds=lambda windows: 3.0 * windows)
    found = measured(clock, {REFERENCE: Written(clock), HALF: slow})
    assert sum(slow.batches) == 2
    assert found.choose(1.0).way == REFERENCE
    assert "transformers bfloat16 is 0.03 times as fast" in found.why(0.02)


def test_an_engine_that_is_hardly_faster_than_the_clock_can_tell_is_not_taken(clock: Clock) -> None:
    found = measured(clock, {REFERENCE: Written(clock), INT8: Written(clock, seconds=lambda windows: 0.097 * windows)})
    assert found.choose(0.5).way == REFERENCE


def test_an_engine_that_cannot_run_the_model_is_said_and_left_out(clock: Clock) -> None:
    engines = {REFERENCE: Written(clock), INT8: ModelError("ctranslate2 is not installed.")}
    found = measured(clock, engines)
    assert found.choose(0.02).way == REFERENCE
    assert found.why(0.02).endswith("; ctranslate2 int8: ctranslate2 is not installed.")


def test_without_the_default_engine_there_is_nothing_to_compare_with(clock: Clock) -> None:
    with pytest.raises(ModelError, match="no weights"):
        measured(clock, {REFERENCE: ModelError("It has no weights."), INT8: Written(clock)})


def test_without_transcripts_every_word_that_differs_counts(clock: Clock) -> None:
    engines = {
        REFERENCE: Written(clock, text=wrong_in(1)),
        INT8: Written(clock, text=right, seconds=lambda windows: 0.02 * windows),
    }
    found = measured(clock, engines, transcribed=False)
    assert found.trials[1].delta == pytest.approx(0.1), "a word of ten is another, right or not"
    assert found.choose(0.02).way == REFERENCE
    assert measured(clock, engines).choose(0.02).way == INT8, "with transcripts it is seen to be the better one"


def test_the_sample_ends_when_the_default_engine_has_had_its_time(clock: Clock) -> None:
    engines = {REFERENCE: Written(clock, seconds=lambda windows: windows), INT8: Written(clock)}
    found = measured(clock, engines, seconds=10)
    assert [trial.clips for trial in found.trials] == [10, 10]


@given(
    st.lists(st.tuples(st.floats(0.1, 20), st.floats(-0.1, 0.1), st.floats(0, 0.1)), max_size=4),
    st.floats(0, 0.2),
)
def test_whatever_was_measured_the_choice_is_within_the_bound_and_none_within_is_faster(
    others: list[tuple[float, float, float]], bound: float
) -> None:
    trials = [EngineTrial(way=REFERENCE, rtfx=1.0, faster=1.0, clips=9, delta=0.0, upper=0.0)]
    for faster, delta, more in others:
        trials.append(EngineTrial(way=INT8, rtfx=faster, faster=faster, clips=9, delta=delta, upper=delta + more))
    chosen = EngineTrials(trials=tuple(trials), sample="x").choose(bound)
    assert chosen.upper is not None
    assert chosen.upper <= bound
    assert all(
        one.upper is None or one.upper > bound or (one.faster or 0) <= max(chosen.faster or 0, 1.05) for one in trials
    )
