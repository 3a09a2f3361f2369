"""Compute backends as tasks share them."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from pathlib import Path
from typing import Any

import pytest

from acento.core.store import LocalStore
from infra.compute import InlineCompute
from tasks.compute import open_backend, shared_compute


def test_two_tasks_that_begin_together_share_one_backend_which_is_closed_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, closed = [], []

    class Backend(InlineCompute):
        def close(self) -> None:
            closed.append(self)
            super().close()

    def slowly(_: str, store: Any) -> Backend:
        time.sleep(0.05)
        opened.append(Backend(store))
        return opened[-1]

    def use() -> object:
        with open_backend("inline", LocalStore(tmp_path)) as backend:
            return backend

    monkeypatch.setattr("tasks.compute.open_compute", slowly)
    with shared_compute(), ThreadPoolExecutor(2) as pool:
        first, second = [pool.submit(copy_context().run, use) for _ in range(2)]
        assert first.result() is second.result()
    assert closed == opened
    assert len(closed) == 1
