"""The two halves of a transcription, decoding and diarization, as tasks beside each other."""

import time
from collections.abc import Generator, Sequence
from concurrent.futures import CancelledError
from pathlib import Path

import pytest
from batches import asked, by_tasks, talks, use_fakes

from acento.core.callbacks import NO_CALLBACKS, Callbacks
from acento.core.errors import InputError
from acento.core.settings import settings
from acento.jobs.job import Job
from infra.compute import Compute, Outcome

CALLED_OFF: list[tuple[int, int]] = []
"""How many jobs, and for how many workers, were waiting when they were called off."""


class OneHalf(Compute):
    """Refuses to decode, and has no worker for diarizations, which therefore wait."""

    def run(
        self, jobs: Sequence[Job], *, workers: int, callbacks: Callbacks = NO_CALLBACKS
    ) -> Generator[Outcome, None, None]:
        if jobs[0].kind == "transcribe":
            time.sleep(0.2)
            raise InputError("the workers have no such model")
        try:
            for _ in range(600):
                callbacks.should_stop()
                time.sleep(0.05)
        except CancelledError:
            CALLED_OFF.append((len(jobs), workers))
            raise
        yield from ()


def test_a_half_that_waits_for_a_worker_ends_when_the_other_one_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_fakes(monkeypatch)
    monkeypatch.setenv("ACENTO_STORE", str(tmp_path / "store"))
    settings.cache_clear()
    monkeypatch.setattr("tasks.compute.open_compute", lambda _, store: OneHalf(store))
    with pytest.raises(InputError, match="the workers have no such model"):
        by_tasks(monkeypatch, asked(talks(tmp_path / "in", 1), tmp_path, channels="each"))
    assert CALLED_OFF == [(1, 1)]
