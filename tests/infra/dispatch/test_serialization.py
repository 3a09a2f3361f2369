"""Errors that another process tells: one line that says what happened, the traceback beside it."""

import json
import pickle
from typing import Any

import pytest

from acento.core.errors import InputError, TransientError, for_another_process, own_line
from acento.inference.jobs import TranscribeJob
from infra.compute.dispatch.serialization import dump_error, load_outcome

JOB = TranscribeJob.model_construct(kind="transcribe")
TRACED = "Traceback (most recent call last):\n  File x\ntorch.OutOfMemoryError: CUDA out of memory.\nTried to allocate."


def raised(error: BaseException) -> BaseException:
    """Return an error as it is after it was raised, another one its cause."""
    try:
        try:
            {}["rate"]
        except KeyError as cause:
            raise error from cause
    except BaseException as caught:
        return caught


def carried(error: BaseException) -> BaseException:
    """Return what another process makes of an error that was told it."""
    read = load_outcome(JOB, json.loads(json.dumps(dump_error(error)))).error
    assert read is not None
    return read


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ZeroDivisionError("a bug"), "ZeroDivisionError: a bug"),
        (KeyError("rate"), "KeyError: 'rate'"),
        (AssertionError(), "AssertionError"),
        (RuntimeError("shapes differ\n  [1, 2]\n  [2, 1]"), "RuntimeError: shapes differ"),
        (RuntimeError(TRACED), "RuntimeError: torch.OutOfMemoryError: CUDA out of memory."),
    ],
)
def test_an_unforeseen_error_is_told_in_one_line_with_its_traceback_beside_it(error: Exception, line: str) -> None:
    read = carried(raised(error))
    assert (type(read), str(read)) == (RuntimeError, line)
    (note,) = read.__notes__
    assert "Traceback (most recent call last)" in note
    assert '{}["rate"]' in note, "where it came from is lost"


def test_one_that_may_pass_is_told_in_one_line() -> None:
    read = carried(raised(ConnectionResetError("reset by peer")))
    assert (type(read), str(read)) == (TransientError, "ConnectionResetError: reset by peer")


def test_a_foreseen_one_keeps_its_class_and_its_sentence() -> None:
    read = carried(raised(InputError("There is no such model.")))
    assert (type(read), str(read)) == (InputError, "There is no such model.")


def test_what_an_older_placement_told_with_its_traceback_is_read_as_its_last_line() -> None:
    trace = "Traceback (most recent call last):\n  File x\nKeyError: 'rate'\n"
    told = {"error": "KeyError", "sentence": trace, "passes": False}
    read = load_outcome(JOB, told).error
    assert str(read) == "KeyError: 'rate'"
    assert "File x" in read.__notes__[0]  # type: ignore[union-attr]


def test_an_error_keeps_its_line_and_its_traceback_through_pickle() -> None:
    read: Any = pickle.loads(pickle.dumps(for_another_process(raised(ValueError("not a rate")))))
    assert str(read) == "ValueError: not a rate"
    assert "Traceback" in read.__notes__[0]


def test_the_last_of_several_tracebacks_is_the_one_that_counts() -> None:
    first = "Traceback (most recent call last):\n  File a\nKeyError: 1\n"
    during = "\nDuring handling of the above exception, another exception occurred:\n\n"
    assert (
        own_line(f"{first}{during}Traceback (most recent call last):\n  File b\nacento.X: two\nmore\n")
        == "acento.X: two"
    )
