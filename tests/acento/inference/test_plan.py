"""The plan: work is fixed once, every clip in it exactly once, and what is added later moves nothing."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from staged import staged

from acento.core.errors import DataError, InputError
from acento.core.store import LocalStore
from acento.data.dataset import ClipRow
from acento.data.utterance import Utterance
from acento.inference.plan import PART_SECONDS, load_part, make_plan, plan_parts


def row(number: int, seconds: float, part: str = "parts/a") -> ClipRow:
    name = f"c{number:04d}"
    return ClipRow(Utterance(name, seconds, "x", "test", None, None, None, "x", "x", f"sha-{name}"), part, number)


lengths = st.lists(st.floats(0.1, 400), min_size=1, max_size=60)


@given(lengths, st.integers(1, 9))
def test_every_clip_is_in_exactly_one_batch(seconds: list[float], batch_size: int) -> None:
    rows = [row(i, s) for i, s in enumerate(seconds)]
    planned = [clip.id for part in plan_parts(rows, batch_size, {"parts/a": 1}) for clip in part.clips]
    assert sorted(planned) == [clip.utterance.id for clip in rows]


@given(lengths, st.integers(1, 9))
def test_batches_hold_clips_of_similar_length_and_no_more_than_asked(seconds: list[float], batch_size: int) -> None:
    rows = [row(i, min(s, 10)) for i, s in enumerate(seconds)]  # less than an hour: one stretch
    parts = list(plan_parts(rows, batch_size, {"parts/a": 1}))
    order = [clip.duration_s for part in parts for clip in part.clips]
    assert order == sorted(order, reverse=True)
    assert all(1 <= len(batch) <= batch_size for part in parts for batch in part.batches)


@given(lengths)
def test_a_part_ends_with_the_batch_that_fills_five_minutes(seconds: list[float]) -> None:
    for part in list(plan_parts([row(i, s) for i, s in enumerate(seconds)], 2, {"parts/a": 1}))[:-1]:
        assert part.seconds >= PART_SECONDS
        assert sum(clip.duration_s for batch in part.batches[:-1] for clip in batch) < PART_SECONDS


def test_clips_that_a_later_version_brings_leave_the_parts_as_they_are() -> None:
    old = [row(i, 5.0) for i in range(100)]
    new = [row(i, 3.0, "parts/b") for i in range(100, 120)]
    before = [part.digest for part in plan_parts(old, 8, {"parts/a": 1})]
    after = [part.digest for part in plan_parts(old + new, 8, {"parts/a": 1, "parts/b": 2})]
    assert after[: len(before)] == before
    assert len(after) > len(before)


def test_lengths_are_sorted_within_an_hour_so_that_a_part_reads_few_files() -> None:
    rows = [row(i, 10 + i % 7, f"parts/{i // 100}") for i in range(1000)]
    versions = {f"parts/{i}": 1 for i in range(10)}
    for part in plan_parts(rows, 8, versions):
        assert len({clip.data_part for clip in part.clips}) <= 4


def test_a_stored_plan_is_read_as_it_was_made_and_made_once(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    card = staged(store, tmp_path / "clips", 7)
    plan = make_plan(store, card, split="test", batch_size=3)
    assert make_plan(store, card, split="test", batch_size=3) == plan
    assert (plan.clips, len(plan.parts)) == (7, 1)
    part = load_part(store, plan.key, 0)
    assert [len(batch) for batch in part.batches] == [3, 3, 1]
    assert (part.digest, len(part.clips)) == (plan.parts[0].digest, plan.parts[0].clips)


def test_a_limit_takes_the_first_clips_by_id(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    card = staged(store, tmp_path / "clips", 7)
    plan = make_plan(store, card, split="test", batch_size=3, limit=2)
    assert sorted(clip.id for clip in load_part(store, plan.key, 0).clips) == ["c00", "c01"]


@pytest.mark.parametrize("wrong", [{"batch_size": 0}, {"batch_size": 1, "limit": 0}])
def test_work_of_size_zero_is_refused(tmp_path: Path, wrong: dict[str, int]) -> None:
    store = LocalStore(tmp_path / "store")
    card = staged(store, tmp_path / "clips", 1)
    with pytest.raises(InputError, match="of 0 decodes nothing; give 1 or more"):
        make_plan(store, card, split="test", **wrong)


def test_a_split_that_is_not_there_is_refused_with_those_that_are(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    card = staged(store, tmp_path / "clips", 2)
    with pytest.raises(DataError, match=r"no clips in split 'train'; it has test \(2\)"):
        make_plan(store, card, split="train", batch_size=1)
