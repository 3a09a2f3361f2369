"""Scores: sums first and rates last; missing, failed and empty kept apart; the same bytes for the same run."""

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acento.core.errors import InputError
from acento.core.text import normalizer
from acento.scoring import score as scoring
from acento.scoring.comparing.compare import compare
from acento.scoring.counting.counts import ErrorCounts
from acento.scoring.score import SCHEMA, Score, UtteranceResult, count_column, score_utterances, summarize

CHILEAN = normalizer("chilean-leaderboard")
BASE = UtteranceResult(
    id="a",
    reference="uno dos tres cuatro",
    hypothesis="uno dos tres cuatro",
    error=None,
    split="test",
    speaker="ana",
    accent="chilean",
    duration_s=2.0,
)


def result(id: str, **changes: object) -> UtteranceResult:
    return replace(BASE, id=id, **changes)  # type: ignore[arg-type]


def score(*results: UtteranceResult) -> Score:
    return summarize(score_utterances(results, CHILEAN), CHILEAN, resamples=200)


WORDS = st.lists(st.sampled_from(["po", "la", "weá", "sí"]), max_size=6).map(" ".join)
RESULTS = st.builds(
    UtteranceResult,
    id=st.just(""),
    reference=st.none() | WORDS,
    hypothesis=WORDS,
    error=st.none(),
    split=st.sampled_from(["dev", "test"]),
    speaker=st.none() | st.sampled_from(["ana", "luis"]),
    accent=st.none() | st.just("chilean"),
    duration_s=st.floats(0.1, 30),
) | st.builds(
    UtteranceResult,
    id=st.just(""),
    reference=st.none() | WORDS,
    hypothesis=st.none(),
    error=st.just("out_of_memory"),
    split=st.just("test"),
    speaker=st.none(),
    accent=st.none(),
    duration_s=st.floats(0.1, 30),
)
RUNS = st.lists(RESULTS, max_size=12).map(
    lambda rows: [replace(row, id=f"clip-{index}") for index, row in enumerate(rows)]
)


def test_the_corpus_rate_is_of_the_sums_and_the_macro_rate_is_the_mean() -> None:
    overall = score(result("a"), result("b", reference="sí", hypothesis="no")).overall
    assert overall.words == ErrorCounts(substitutions=1, hits=4)
    assert overall.wer.value == 0.2
    assert overall.macro_wer.value == 0.5


def test_texts_are_normalized_before_they_are_compared() -> None:
    assert score(result("a", reference="¡Uno, dos! [risas]", hypothesis="uno dos")).overall.words.errors == 0


def test_an_empty_hypothesis_is_scored_as_deletions() -> None:
    overall = score(result("a", hypothesis="")).overall
    assert overall.words == ErrorCounts(deletions=4)
    assert (overall.scored, overall.failed) == (1, 0)


def test_a_failed_utterance_is_listed_and_not_scored() -> None:
    both = score(result("a"), result("b", hypothesis=None, error="out_of_memory"))
    assert both.overall.words == ErrorCounts(hits=4)
    assert (both.overall.utterances, both.overall.scored, both.overall.failed) == (2, 1, 1)
    assert [(failure.id, failure.reason) for failure in both.failures] == [("b", "out_of_memory")]


def test_a_missing_utterance_stops_the_scoring_by_name() -> None:
    with pytest.raises(InputError, match=r"neither a hypothesis nor an error.*: b\.$"):
        score(result("a"), result("b", hypothesis=None))


def test_an_utterance_cannot_both_fail_and_succeed() -> None:
    with pytest.raises(InputError, match="both a hypothesis and an error: b"):
        score(result("a"), result("b", error="out_of_memory"))


def test_an_id_that_repeats_is_refused() -> None:
    with pytest.raises(InputError, match="1 utterance ids occur more than once: a"):
        score(result("a"), result("a"), result("a"))


def test_a_long_list_of_ids_is_cut() -> None:
    with pytest.raises(InputError, match=r"7 utterance ids .*: 0, 1, 2, 3, 4, …\.$"):
        score(*(result(str(index), hypothesis=None) for index in range(7)))


def test_an_utterance_without_reference_is_counted_and_not_scored() -> None:
    overall = score(result("a"), result("b", reference=None)).overall
    assert (overall.scored, overall.without_reference) == (1, 1)
    assert overall.words == ErrorCounts(hits=4)
    assert overall.audio_s == 4.0


def test_an_empty_reference_counts_in_the_corpus_and_not_in_the_macro_rate() -> None:
    overall = score(result("a"), result("b", reference="[ruido]", hypothesis="po po")).overall
    assert overall.wer.value == 0.5
    assert overall.macro_wer.value == 0.0
    assert overall.undefined == 1


def test_nothing_to_score_has_no_rates() -> None:
    for empty in (score(), score(result("a", reference=None)), score(result("a", reference=""))):
        assert empty.overall.wer.value is empty.overall.cer.value is empty.overall.macro_wer.value is None
        assert empty.overall.wer.low is None


def test_rates_are_given_by_split_speaker_and_accent_where_known() -> None:
    groups = score(
        result("a"),
        result("b", speaker="luis", hypothesis="uno dos"),
        result("c", speaker=None, accent=None, split="dev"),
    ).groups
    assert {by: list(values) for by, values in groups.items()} == {
        "split": ["dev", "test"],
        "speaker": ["ana", "luis"],
        "accent": ["chilean"],
    }
    assert groups["speaker"]["luis"].wer.value == 0.5
    assert groups["accent"]["chilean"].words.errors == 2


def test_a_grouping_that_nobody_knows_is_not_there() -> None:
    assert set(score(result("a", speaker=None, accent=None)).groups) == {"split"}


def test_rates_have_intervals_around_them() -> None:
    rng = random.Random(0)
    overall = score(*(result(str(i), hypothesis=" ".join(rng.choices(["uno", "dos"], k=4))) for i in range(50))).overall
    for rate in (overall.wer, overall.cer, overall.macro_wer):
        assert rate.low is not None
        assert rate.value is not None
        assert rate.high is not None
        assert rate.low < rate.value < rate.high


def test_the_score_names_its_normalizer_and_its_bootstrap() -> None:
    one = score(result("a"))
    assert (one.normalizer, one.resamples, one.seed, one.level) == ("chilean-leaderboard-1", 200, 0, 0.95)


@settings(max_examples=25, deadline=None)
@given(RUNS)
def test_a_score_survives_json_to_the_byte(run: list[UtteranceResult]) -> None:
    once = score(*run)
    again = Score.model_validate_json(once.model_dump_json(indent=1))
    assert again == once
    assert again.model_dump_json(indent=1) == once.model_dump_json(indent=1)


@settings(max_examples=25, deadline=None)
@given(RUNS, st.randoms(use_true_random=False))
def test_the_order_of_utterances_changes_no_byte(run: list[UtteranceResult], shuffle: random.Random) -> None:
    shuffled = list(run)
    shuffle.shuffle(shuffled)
    assert score(*shuffled).model_dump_json() == score(*run).model_dump_json()


@settings(max_examples=25, deadline=None)
@given(RUNS)
def test_every_utterance_is_scored_failed_or_without_reference_and_the_splits_add_up(
    run: list[UtteranceResult],
) -> None:
    whole = score(*run)
    overall = whole.overall
    assert overall.scored + overall.failed + overall.without_reference == overall.utterances == len(run)
    splits = whole.groups.get("split", {}).values()
    assert sum((split.words for split in splits), ErrorCounts()) == overall.words
    assert sum((split.characters for split in splits), ErrorCounts()) == overall.characters
    assert sum(split.failed for split in splits) == overall.failed == len(whole.failures)


def test_the_table_keeps_raw_and_normalized_texts_and_counts_only_where_scored() -> None:
    table = score_utterances([result("b", hypothesis=None, error="x"), result("a", hypothesis="¡Uno!")], CHILEAN)
    assert table.schema == SCHEMA
    first, second = table.to_pylist()
    assert (first["id"], first["hypothesis"], first["normalized_hypothesis"]) == ("a", "¡Uno!", "uno")
    assert (first["word_deletions"], first["word_hits"]) == (3, 1)
    assert (second["status"], second["normalized_hypothesis"], second["word_hits"]) == ("failed", None, None)


def test_columns_of_counts_add_up() -> None:
    table = score_utterances([result("a", hypothesis="uno dos seis po")], CHILEAN)
    assert count_column(table, "word_errors").tolist() == [2]
    assert count_column(table, "word_length").tolist() == [4]


def test_two_systems_are_compared_on_the_clips_that_both_scored() -> None:
    one = score_utterances([result("a"), result("b"), result("c"), result("d", hypothesis=None, error="x")], CHILEAN)
    other = score_utterances([result("a", hypothesis="uno"), result("b"), result("d")], CHILEAN)
    comparison = compare(one, other)
    assert (comparison.clips, comparison.left_out) == (2, 2)
    assert comparison.difference is not None
    assert comparison.difference.delta == -3 / 8


def test_two_systems_can_be_compared_by_speaker() -> None:
    one = score_utterances([result("a"), result("b", speaker="ana")], CHILEAN)
    comparison = compare(one, one, by_speaker=True)
    assert comparison.difference is not None
    assert comparison.difference.low is None


def test_systems_with_no_clip_in_common_have_no_difference() -> None:
    empty = score_utterances([], CHILEAN)
    assert compare(score_utterances([result("a")], CHILEAN), empty).difference is None
    assert compare(empty, empty).clips == 0


def test_systems_scored_by_different_normalizers_are_not_compared() -> None:
    raw = normalizer("none")
    rows = [result("a", reference="uno - dos", hypothesis="uno")]
    with pytest.raises(InputError, match="the reference of a has not the same number of words"):
        compare(score_utterances(rows, raw), score_utterances(rows, CHILEAN))


@pytest.mark.slow
@pytest.mark.parametrize("text", ["no " * 333_333, "a" * 1_000_000])
def test_a_hypothesis_of_a_million_characters_is_scored(text: str) -> None:
    overall = score(result("a", hypothesis=text), result("b")).overall
    assert overall.words.insertions == len(text.split()) - min(4, len(text.split()))
    assert overall.characters.errors > 900_000


def test_results_come_from_an_iterator_and_more_than_a_batch_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring, "BATCH", 3)
    rows = [result(f"{place:02d}", hypothesis="uno " * (place % 5)) for place in range(10)]
    assert score_utterances(iter(rows[::-1]), CHILEAN).to_pylist() == score_utterances(rows, CHILEAN).to_pylist()
    with pytest.raises(InputError, match="1 utterance ids occur more than once: 09"):
        score_utterances([*rows, rows[-1]], CHILEAN)
