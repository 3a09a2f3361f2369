"""The policy of all tasks: what may pass is tried again, a bug and bad input are not; a cached state is told apart."""

from pathlib import Path

import pytest
from prefect import flow
from prefect.settings import PREFECT_API_URL
from prefect.states import Completed, Failed

from acento.core.errors import InputError, ModelError, TransientError
from flows.runtime import embedded
from tasks.policy import CACHED, cached, run_task, step, worth_retrying


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (TransientError("the hub does not answer"), True),
        (ConnectionResetError("by peer"), True),
        (TimeoutError("too slow"), True),
        (InputError("no such data set"), False),
        (ModelError("no weights"), False),
        (ValueError("a bug"), False),
    ],
)
def test_only_what_may_pass_is_tried_again(error: Exception, again: bool) -> None:
    assert worth_retrying(None, None, Failed(data=error)) is again  # type: ignore[arg-type]


def test_what_did_not_fail_is_not_tried_again() -> None:
    assert worth_retrying(None, None, Completed(data=1)) is False  # type: ignore[arg-type]


def test_every_step_waits_longer_each_time_with_jitter_and_keeps_no_result_of_prefects() -> None:
    @step("listen", run_name="listen to {name}")
    def listen(name: str) -> str:
        return name

    assert listen.retries == 3
    assert listen.retry_delay_seconds == [2.0, 4.0, 8.0]
    assert listen.retry_jitter_factor == 0.5
    assert listen.persist_result is False
    assert (listen.name, listen.task_run_name, listen.tags) == ("listen", "listen to {name}", {"listen"})


@pytest.mark.slow
def test_in_a_run_it_comes_through_after_two_bad_answers_and_gives_up_at_once_on_bad_input(
    prefect_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_HOME", str(prefect_home))
    asked: list[str] = []

    @step("flaky", run_name="flaky")
    def flaky() -> str:
        asked.append("flaky")
        if len(asked) < 3:
            raise TransientError("the network is down")
        return cached("there")

    @step("wrong", run_name="wrong")
    def wrong() -> str:
        asked.append("wrong")
        raise InputError("no such thing")

    @flow
    def both() -> tuple[str, str]:
        state = flaky.with_options(retry_delay_seconds=0, retry_jitter_factor=None)(return_state=True)
        run_task(wrong)
        return state.name, ""

    assert not PREFECT_API_URL.value()
    with embedded.session(), pytest.raises(InputError, match="no such thing"):
        both()
    assert asked == ["flaky", "flaky", "flaky", "wrong"]
    assert CACHED == "Cached"
