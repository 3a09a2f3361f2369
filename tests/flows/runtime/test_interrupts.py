"""Ctrl-C ends a command as Ctrl-C, whatever a library made of it on the way."""

import contextlib
import os
import signal
import threading
import time
import weakref
from pathlib import Path

import pytest
from prefect.exceptions import TerminationSignal
from typer.testing import CliRunner

from flows.cli import app
from flows.commands import datasets, terminal
from flows.runtime import interrupts

SIGNALS = pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])


def send(sign: signal.Signals) -> None:
    """Send a signal to this process."""
    os.kill(os.getpid(), sign)


@SIGNALS
def test_what_an_import_made_of_it_is_an_interrupt_again(sign: signal.Signals) -> None:
    def half_an_import() -> None:
        try:
            send(sign)
        except BaseException as error:
            raise ImportError("partially initialized module") from error

    with pytest.raises(KeyboardInterrupt) as caught, interrupts.catching():
        half_an_import()
    assert isinstance(caught.value.__cause__, ImportError)


@SIGNALS
def test_one_that_was_swallowed_is_in_the_list(sign: signal.Signals) -> None:
    with interrupts.catching() as noticed:
        with contextlib.suppress(KeyboardInterrupt):
            send(sign)
        with interrupts.catching() as inner:
            assert inner == noticed == [sign]


@SIGNALS
def test_one_that_python_drops_is_sent_again(sign: signal.Signals) -> None:
    class Thing:
        pass

    def drop_one() -> None:
        thing = Thing()
        kept = weakref.ref(thing, lambda _: send(sign))
        del thing  # the handler raises within the callback, where nothing can be raised
        assert kept() is None
        for _ in range(600):
            time.sleep(0.1)

    with pytest.raises(KeyboardInterrupt), interrupts.catching() as noticed:
        drop_one()
    assert noticed == [sign, sign]


def test_what_prefects_own_handler_raised_is_sent_again() -> None:
    error = TerminationSignal(signal=signal.SIGTERM)
    assert interrupts._signal_of(error, []) == signal.SIGTERM
    assert interrupts._signal_of(ValueError(), [signal.SIGINT]) is None


def test_an_error_without_one_stays_what_it_is() -> None:
    with pytest.raises(ImportError), interrupts.catching():
        raise ImportError


def test_the_handlers_are_put_back() -> None:
    before = [signal.getsignal(sign) for sign in (signal.SIGINT, signal.SIGTERM)]
    with interrupts.catching():
        assert signal.getsignal(signal.SIGTERM) is not before[1]
    assert [signal.getsignal(sign) for sign in (signal.SIGINT, signal.SIGTERM)] == before


def test_somebody_elses_handler_is_left_alone() -> None:
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with interrupts.catching():
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_thread_has_no_handlers_to_set() -> None:
    seen: list[list[int]] = []

    def work() -> None:
        with interrupts.catching() as noticed:
            seen.append(noticed)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [[]]


def test_a_command_says_interrupted_whatever_it_raised(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ACENTO_STORE", str(tmp_path))

    def fail() -> None:
        try:
            send(signal.SIGINT)
        except KeyboardInterrupt:
            raise AttributeError("module has no attribute") from None

    monkeypatch.setattr("acento.core.store.open_store", fail)
    assert datasets.datasets
    shown = CliRunner().invoke(app, ["datasets"])
    assert shown.exit_code == terminal.INTERRUPTED
    assert shown.stderr.startswith("Interrupted.")
    assert "AttributeError" not in shown.output
