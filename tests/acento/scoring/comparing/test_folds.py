"""Folds part clips and never groups; their counts are pooled and their rates never averaged."""

from collections import Counter
from dataclasses import replace

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acento.core.errors import DataError, InputError
from acento.core.text import normalizer
from acento.scoring.comparing.folds import make_folds, pool, pool_difference, pool_tables
from acento.scoring.score import UtteranceResult, score_utterances
from acento.scoring.statistics.bootstrap import interval, paired

NONE = normalizer("none")
CLIP = UtteranceResult(
    id="", reference="", hypothesis="", error=None, split="test", speaker=None, accent=None, duration_s=1.0
)
GROUPS = st.lists(st.sampled_from("abcdefghijkl"), min_size=2, max_size=60)


def table(*clips: tuple[str, int, int, str | None], reference: str = "sí") -> pa.Table:
    """Return a score; a clip is (id, words, errors, speaker), errors below 0: it failed."""
    return score_utterances(
        [
            replace(
                CLIP,
                id=name,
                reference=" ".join([reference] * words),
                hypothesis=None if errors < 0 else " ".join([reference] * words + ["no"] * errors),
                error="out_of_memory: no room" if errors < 0 else None,
                speaker=speaker,
            )
            for name, words, errors, speaker in clips
        ],
        NONE,
    )


@given(GROUPS, st.integers(2, 6), st.integers(0, 5))
def test_folds_partition_the_clips_and_never_part_a_group(groups: list[str], count: int, seed: int) -> None:
    if count > len(set(groups)):
        with pytest.raises(InputError, match=f"cannot make {count} folds"):
            make_folds(groups, count, seed)
        return
    folds = make_folds(groups, count, seed)
    tested = [place for fold in range(count) for place in folds.test(fold)]
    assert sorted(tested) == list(range(len(groups)))
    for fold in range(count):
        test, train = folds.test(fold), folds.train(fold)
        assert test
        assert sorted(test + train) == list(range(len(groups)))
        assert not {groups[place] for place in test} & {groups[place] for place in train}
    assert folds.sizes == tuple(len(folds.test(fold)) for fold in range(count))
    assert max(folds.sizes) - min(folds.sizes) <= max(Counter(groups).values())


@given(GROUPS, st.randoms(use_true_random=False))
def test_a_group_has_its_fold_whatever_the_order_of_the_clips(groups: list[str], random: object) -> None:
    if len(set(groups)) < 2:
        return
    shuffled = list(groups)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = make_folds(groups, 2), make_folds(shuffled, 2)
    assert dict(zip(groups, one.of_clip, strict=True)) == dict(zip(shuffled, other.of_clip, strict=True))


def test_another_seed_makes_other_folds_of_equal_groups() -> None:
    prompts = [f"prompt:{number}" for number in range(40)]
    assert make_folds(prompts, 4, seed=1) == make_folds(prompts, 4, seed=1)
    assert make_folds(prompts, 4, seed=1) != make_folds(prompts, 4, seed=2)
    assert make_folds(prompts, 4).sizes == (10, 10, 10, 10)


def test_one_fold_tests_nothing() -> None:
    with pytest.raises(InputError, match="ask for 2 or more"):
        make_folds(["a", "b"], 1)


def test_more_folds_than_groups_are_refused_with_a_way_out() -> None:
    with pytest.raises(InputError, match=r"5 clips of 2 groups cannot make 3 folds.*at most 2, or make"):
        make_folds(["a", "a", "b", "b", "b"], 3)


def test_counts_are_added_and_rates_never_averaged() -> None:
    pooled = pool([table(("a", 2, 2, "ana")), table(("b", 8, 0, "luis"))])
    assert pooled.wer.value == 0.2  # the mean of the folds' own rates would be 0.5
    assert (pooled.words.errors, pooled.words.reference_length) == (2, 10)
    assert (pooled.folds, pooled.clips, pooled.groups) == (2, 2, 2)


@pytest.mark.slow
@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.sampled_from(["ana", "luis", "eva"])), min_size=2),
    st.integers(1, 5),
)
def test_how_clips_fall_into_folds_does_not_change_the_pooled_rate(rows: list[tuple[int, int, str]], cut: int) -> None:
    clips = [(f"c{place:03d}", words, errors, name) for place, (words, errors, name) in enumerate(rows)]
    whole = pool([table(*clips)], resamples=50)
    parted = pool([table(*clips[cut:]), table(*clips[:cut])], resamples=50)
    assert (parted.words, parted.wer, parted.groups) == (whole.words, whole.wer, whole.groups)


def test_whole_groups_are_drawn_for_the_interval() -> None:
    clips = [(f"c{place:02d}", 10, 4 if place % 4 else 0, f"s{place % 4}") for place in range(40)]
    pooled = pool([table(*clips[:20]), table(*clips[20:])], "speaker")
    errors = [4 if place % 4 else 0 for place in range(40)]
    expected = interval(errors, [10] * 40, groups=[str(place % 4) for place in range(40)])
    assert expected is not None
    assert (pooled.wer.low, pooled.wer.high) == (expected.low, expected.high)


def test_two_readings_of_a_sentence_are_one_group_by_prompt() -> None:
    pooled = pool([table(("a", 2, 0, "ana"), ("b", 2, 1, "luis"), ("c", 3, 0, "ana"))], "prompt")
    assert pooled.groups == 2


def test_failed_clips_are_counted_and_not_scored() -> None:
    pooled = pool([table(("a", 4, 1, "ana"), ("b", 4, -1, "ana")), table(("c", 4, 1, "luis"))])
    assert (pooled.clips, pooled.failed, pooled.wer.value) == (2, 1, 0.25)
    assert "1 clips failed and are left out" in pooled.sentence
    assert "each tested once by one of 2 models" in pooled.sentence


def test_nothing_to_score_has_no_rate() -> None:
    pooled = pool([table(("a", 0, 0, "ana"))])
    assert pooled.wer.value is None
    assert "there is no WER" in pooled.sentence


def test_one_group_has_no_interval() -> None:
    pooled = pool([table(("a", 4, 1, "ana"), ("b", 4, 1, "ana"))])
    assert pooled.wer.low is None
    assert "one group alone has no interval" in pooled.sentence


def test_a_clip_that_two_folds_tested_is_refused() -> None:
    with pytest.raises(InputError, match=r"1 clips were tested in two folds \(such as a\)"):
        pool_tables([table(("a", 2, 0, None)), table(("a", 2, 0, None))])
    with pytest.raises(InputError, match="no folds"):
        pool_tables([])


def test_speakers_that_are_not_known_cannot_be_drawn() -> None:
    with pytest.raises(DataError, match="need a speaker for every clip"):
        pool([table(("a", 2, 0, None))], "speaker")


def test_the_pooled_difference_is_paired_by_group() -> None:
    base = [table(("a", 10, 4, "ana"), ("b", 10, 5, "eva")), table(("c", 10, 6, "luis"), ("d", 10, -1, "luis"))]
    tuned = [table(("c", 10, 2, "luis"), ("d", 10, 0, "luis")), table(("a", 10, 2, "ana"), ("b", 10, 2, "eva"))]
    found = paired([2, 2, 2], [10] * 3, [4, 5, 6], groups=["ana", "eva", "luis"])
    assert pool_difference(tuned, base) == found
    speakers = [table(("a", 10, 4, "ana"), ("b", 10, 5, "ana"))]
    found = pool_difference(speakers, speakers, "speaker")
    assert found is not None
    assert found.low is None


def test_folds_of_other_clips_cannot_be_compared() -> None:
    with pytest.raises(InputError, match="not of the same clips and references"):
        pool_difference([table(("a", 2, 0, None))], [table(("b", 2, 0, None))])
    with pytest.raises(InputError, match="not of the same clips and references"):
        pool_difference([table(("a", 2, 0, None))], [table(("a", 2, 0, None), reference="no")])
