"""Threads and batch size: tried out for seconds, the default first, and kept only where that is faster."""

from collections.abc import Callable

import pytest

from acento.inference.tuning.batches import Probe, Setting, SettingTrials
from acento.models.base import DecodeOptions
from tests.acento.inference.tuning.made_up_engines import Clock, Written, sample_of

DEFAULT = Setting(threads=1, batch_size=8)


def probed(
    clock: Clock,
    seconds: Callable[[int, int], float],
    clips: int = 128,
    *,
    threads: int | None = None,
    batch_size: int | None = None,
    cores: int = 4,
    allowed: float = 1000.0,
) -> tuple[SettingTrials, list[Written]]:
    """Try out a model that takes so many seconds for a batch, by threads and windows."""
    loaded: list[Written] = []

    def load(threads: int) -> Written:
        loaded.append(Written(clock, seconds=lambda windows: seconds(threads, windows)))
        return loaded[-1]

    probe = Probe(load, sample_of(clips), DecodeOptions(), None, cores, allowed, clock)
    return probe.run(DEFAULT, threads, batch_size), loaded


def test_more_threads_are_taken_while_they_are_faster(clock: Clock) -> None:
    speeds = {1: 1.0, 2: 0.4, 4: 0.5}
    found, loaded = probed(clock, lambda threads, windows: speeds[threads] * windows, batch_size=8)
    assert found.best == Setting(threads=2, batch_size=8)
    assert [trial.setting.threads for trial in found.trials] == [1, 2, 4]
    assert [trial.workers for trial in found.trials] == [4, 2, 1]
    assert all(one.closed == 1 for one in loaded)


def test_batches_grow_while_that_is_faster(clock: Clock) -> None:
    found, _ = probed(clock, lambda _, windows: 1.0 + 0.01 * windows, threads=1, cores=1)
    assert found.best == Setting(threads=1, batch_size=32)
    assert (
        found.why
        == "1 thread, batch 32, 3.27 times as fast as 1 thread, batch 8 (by 3 settings tried on made up v1/dev)"
    )


def test_batches_shrink_where_large_ones_are_slower(clock: Clock) -> None:
    found, _ = probed(clock, lambda _, windows: windows**2, threads=1, cores=1)
    assert found.best == Setting(threads=1, batch_size=4)


def test_the_default_stays_where_nothing_is_faster_by_what_the_clock_can_tell(clock: Clock) -> None:
    found, _ = probed(clock, lambda threads, windows: windows * (1 - 0.01 * threads), cores=2)
    assert found.best == DEFAULT


def test_what_was_fast_for_a_moment_only_is_tried_again_and_not_taken(clock: Clock) -> None:
    tried: list[int] = []

    def seconds(_: int, windows: int) -> float:
        if windows != 1:
            tried.append(windows)
        return windows * (0.5 if tried.count(16) == 1 and windows == 16 else 1.0)

    found, _ = probed(clock, seconds, threads=1, cores=1)
    assert tried.count(16) == 2
    assert found.best == Setting(threads=1, batch_size=16), "still faster on the whole"
    assert {one.setting.batch_size: one.rtfx for one in found.trials}[16] < 2.0


def test_what_was_asked_for_is_not_changed(clock: Clock) -> None:
    found, _ = probed(clock, lambda threads, windows: windows / threads, threads=1, batch_size=8)
    assert [trial.setting for trial in found.trials] == [DEFAULT]


def test_a_model_that_is_too_slow_for_the_time_is_not_tried_out(clock: Clock) -> None:
    found, loaded = probed(clock, lambda _, windows: 20.0 * windows, allowed=30)
    assert found.trials == ()
    assert found.best == DEFAULT
    assert found.why == "1 thread, batch 8 by default: no time was left in 30 s for 1 thread, batch 8"
    assert sum(loaded[0].batches) == 1, "one clip says how slow it is"
    assert loaded[0].closed == 1


def test_what_does_not_fit_into_the_time_any_more_is_left_out(clock: Clock) -> None:
    found, _ = probed(clock, lambda _, windows: 0.5 * windows, cores=1, threads=1, allowed=10)
    assert [trial.setting.batch_size for trial in found.trials] == [8, 4]
    assert "no time was left in 10 s for 1 thread, batch 16" in found.why


def test_batches_that_few_clips_cannot_fill_are_not_tried(clock: Clock) -> None:
    found, _ = probed(clock, lambda _, windows: 1.0 + 0.01 * windows, clips=20, threads=1, cores=1)
    assert max(trial.setting.batch_size for trial in found.trials) == 16


def test_without_clips_it_is_the_default(clock: Clock) -> None:
    found, loaded = probed(clock, lambda _, windows: windows, clips=0)
    assert not loaded
    assert found.why == "1 thread, batch 8 by default: no clip of made up v1/dev is a minute long or less"


def test_a_model_that_fails_is_freed_and_its_error_is_raised(clock: Clock) -> None:
    def fail(_: int, __: int) -> float:
        raise ValueError("cannot hear this")

    with pytest.raises(ValueError, match="cannot hear"):
        probed(clock, fail)
