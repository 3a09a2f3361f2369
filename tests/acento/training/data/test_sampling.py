"""The laws of batches: every clip once an epoch, a pure function of the step, groups drawn as often as was asked."""

import pickle
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acento.core.errors import DataError
from acento.training.data.prepared import Example
from acento.training.data.sampling import Batches, shares, weights_for

LENGTHS = st.lists(st.integers(1, 500_000), min_size=1, max_size=150)


def clip_of(accent: str | None, speaker: str | None = None) -> Example:
    return Example("id", "text", (1,), accent, speaker, "es", 16000)


@given(LENGTHS, st.integers(1, 20), st.integers(0, 2**31), st.integers(0, 5))
def test_every_clip_comes_once_in_each_epoch(lengths: list[int], size: int, seed: int, epoch: int) -> None:
    batches = Batches(lengths, size, seed)
    first = epoch * batches.steps_per_epoch
    dealt = [batches.at(step) for step in range(first, first + batches.steps_per_epoch)]
    assert sorted(clip for batch in dealt for clip in batch) == list(range(len(lengths)))
    assert all(1 <= len(batch) <= size for batch in dealt)
    assert sum(len(batch) < size for batch in dealt) <= 1


@given(LENGTHS, st.integers(1, 20), st.integers(0, 2**31), st.booleans(), st.data())
def test_a_batch_depends_on_the_step_alone(
    lengths: list[int], size: int, seed: int, weighted: bool, data: st.DataObject
) -> None:
    weights = [float(length) for length in lengths] if weighted else None
    straight = Batches(lengths, size, seed, weights)
    steps = range(4 * straight.steps_per_epoch)
    expected = [straight.at(step) for step in steps]
    any_order = data.draw(st.permutations(steps))
    again = Batches(lengths, size, seed, weights)
    assert {step: again.at(step) for step in any_order} == dict(enumerate(expected))


@given(LENGTHS, st.integers(1, 20), st.integers(0, 2**31), st.data())
def test_resumed_is_straight(lengths: list[int], size: int, seed: int, data: st.DataObject) -> None:
    straight = Batches(lengths, size, seed)
    steps = 3 * straight.steps_per_epoch
    killed_at = data.draw(st.integers(0, steps))
    resumed = Batches(lengths, size, seed)
    until = [Batches(lengths, size, seed).at(step) for step in range(killed_at)]
    after = [resumed.at(step) for step in range(killed_at, steps)]
    assert until + after == [straight.at(step) for step in range(steps)]


def test_epochs_and_seeds_differ() -> None:
    lengths = list(range(1, 101))
    batches = Batches(lengths, 10, 0)
    epochs = [[batches.at(epoch * 10 + step) for step in range(10)] for epoch in range(2)]
    assert epochs[0] != epochs[1]
    assert epochs[0] != [Batches(lengths, 10, 1).at(step) for step in range(10)]


def test_little_of_a_batch_is_padding_and_batches_are_not_in_the_order_of_length() -> None:
    lengths = np.random.default_rng(0).integers(16_000, 480_000, size=1000)
    batches = Batches(lengths.tolist(), 8, 0)
    dealt = [lengths[batches.at(step)] for step in range(batches.steps_per_epoch)]
    padding = 1 - lengths.sum() / sum(len(batch) * batch.max() for batch in dealt)
    assert padding < 0.05  # about 0.44 for batches at random
    means = [batch.mean() for batch in dealt]
    assert abs(np.corrcoef(np.arange(len(means)), means)[0, 1]) < 0.3


def test_weights_draw_each_group_as_often() -> None:
    clips = [clip_of("chilean")] * 90 + [clip_of("neutral")] * 9 + [clip_of(None)]
    weights = weights_for(clips, "accent")
    batches = Batches([1] * 100, 10, 0, weights)
    drawn = Counter(clips[at].accent for step in range(2000) for at in batches.at(step))
    assert sum(drawn.values()) == 20_000
    for accent in ("chilean", "neutral", None):
        # a share of 1/3 of 20,000 draws has a standard deviation of 0.0033
        assert drawn[accent] / 20_000 == pytest.approx(1 / 3, abs=0.015)


@given(st.lists(st.sampled_from(["a", "b", "c", None]), min_size=1, max_size=60))
def test_balance_makes_shares_equal_and_shows_it(accents: list[str | None]) -> None:
    clips = [clip_of(accent) for accent in accents]
    table = shares(clips, weights_for(clips, "accent"), "accent")
    assert {group: share.clips for group, share in table.items()} == Counter(accents)
    assert sum(share.before for share in table.values()) == pytest.approx(1)
    for share in table.values():
        assert share.before == share.clips / len(clips)
        assert share.after == pytest.approx(1 / len(table))


def test_without_weights_nothing_changes_its_share() -> None:
    table = shares([clip_of("a"), clip_of("a"), clip_of("b")], None, "accent")
    assert [(group, share.before == share.after) for group, share in table.items()] == [("a", True), ("b", True)]


def test_balance_by_speaker_shows_its_effect_on_accents() -> None:
    clips = [clip_of("x", "ana")] * 3 + [clip_of("y", "eva")] + [clip_of("y", "luz")]
    table = shares(clips, weights_for(clips, "speaker"), "accent")
    assert table["x"].after == pytest.approx(1 / 3)
    assert table["y"].after == pytest.approx(2 / 3)


def test_one_clip_makes_an_epoch_of_one_step() -> None:
    batches = Batches([1], 8, 0)
    assert batches.steps_per_epoch == 1
    assert [batches.at(step) for step in range(3)] == [[0], [0], [0]]


def test_batches_can_be_sent_to_another_process() -> None:
    batches = Batches([1, 2, 3], 2, 0)
    first = batches.at(0)
    assert pickle.loads(pickle.dumps(batches)).at(0) == first


@pytest.mark.parametrize("weights", [[1.0], [1.0, -1.0], [0.0, 0.0], [1.0, float("nan")]])
def test_weights_that_cannot_be_drawn_by_are_refused(weights: list[float]) -> None:
    with pytest.raises(DataError, match="one weight for each clip"):
        Batches([1, 2], 1, 0, weights)


@pytest.mark.parametrize(("lengths", "size"), [([], 4), ([1], 0)])
def test_no_clips_and_empty_batches_are_refused(lengths: list[int], size: int) -> None:
    with pytest.raises(DataError, match="cannot be dealt"):
        Batches(lengths, size, 0)
