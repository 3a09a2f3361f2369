"""When a sandbox has outlived its flow run, and when a flow run waits for a sandbox that will not come."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from prefect.client.schemas.objects import StateType
from prefect.states import State
from prefect_modal_worker.reconcile import is_overdue, is_stuck


@pytest.mark.parametrize("kind", [StateType.COMPLETED, StateType.CANCELLED, StateType.CRASHED, StateType.CANCELLING])
def test_a_sandbox_is_overdue_a_minute_after_its_run_ended_or_was_to_end(kind: StateType) -> None:
    assert is_overdue(_in(kind, seconds=90))
    assert not is_overdue(_in(kind, seconds=5))


def test_a_sandbox_whose_run_was_cancelled_before_it_began_is_overdue_at_once() -> None:
    assert is_overdue(_in(StateType.CANCELLING, seconds=0, begun=None))


@pytest.mark.parametrize("kind", [StateType.RUNNING, StateType.PENDING, StateType.SCHEDULED])
def test_a_sandbox_whose_run_goes_on_is_never_overdue(kind: StateType) -> None:
    assert not is_overdue(_in(kind, seconds=100_000))


def test_a_run_is_stuck_that_waits_for_a_sandbox_longer_than_a_minute() -> None:
    assert is_stuck(_in(StateType.PENDING, seconds=90))
    assert not is_stuck(_in(StateType.PENDING, seconds=5))
    assert not is_stuck(_in(StateType.RUNNING, seconds=90))


def _in(kind: StateType, seconds: float, begun: datetime | None = datetime(2026, 11, 21, tzinfo=UTC)) -> Any:
    """Return a flow run that has been in a state for so long."""
    return SimpleNamespace(
        start_time=begun, state=State(type=kind, timestamp=datetime.now(UTC) - timedelta(seconds=seconds))
    )
