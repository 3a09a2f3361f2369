"""A run of a slice says which store it cannot see, and ends in good order when its machine is taken away."""

import signal
from pathlib import Path
from types import FrameType

import pytest

from acento.core.errors import InputError
from acento.core.settings import settings
from tasks.run_placement import _given_back, do_slice


def test_a_list_that_this_machine_does_not_see_is_said_with_its_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACENTO_STORE", str(tmp_path / "other"))
    settings.cache_clear()
    with pytest.raises(InputError, match=rf"list of jobs abc is not in the store {tmp_path}/other.*same store"):
        do_slice("abc", "0001", [0], "some work", 1)


def test_notice_is_given_to_the_work_first_and_to_prefect_when_it_has_ended() -> None:
    told: list[int] = []

    def prefects(number: int, _: FrameType | None) -> None:
        told.append(number)

    before = signal.signal(signal.SIGTERM, prefects)
    try:
        with _given_back() as ending:
            assert not ending.is_set()
            signal.raise_signal(signal.SIGTERM)
            assert ending.is_set()
            assert told == []
        assert told == [signal.SIGTERM]
        with _given_back():
            pass
        assert told == [signal.SIGTERM]
        assert signal.getsignal(signal.SIGTERM) is prefects
    finally:
        signal.signal(signal.SIGTERM, before)
