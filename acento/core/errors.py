"""What can go wrong, said in one sentence: what happened, to which file or id, and how to mend it.

The class tells two things apart that matter to whoever calls: whether the person has to change something
(``InputError``), and whether the same call may succeed a little later (``TransientError``): only that is retried.
"""

import traceback

_TRACEBACK = "Traceback (most recent call last)"


class AcentoError(Exception):
    """The base of every error that Acento raises on purpose; its text is one sentence for a person."""


class InputError(AcentoError):
    """What was asked for cannot be done as asked: a wrong path, option, data set or model. Trying again is no use."""


class DataError(InputError):
    """A source, a data set or a file of it is not what it should be."""


class ModelError(InputError):
    """A model cannot be found or is not whole, or its family is not known."""


class StoreError(AcentoError):
    """The artifact store cannot be written or read."""


class DamagedError(StoreError):
    """Bytes of an artifact are not those that were published."""


class TransientError(AcentoError):
    """What may pass by itself: a network that is down, a machine that was taken away, a lock held by another."""


def may_pass(error: BaseException) -> bool:
    """Tell whether trying again later may help: true for the network and the machine, never for a bug."""
    return isinstance(error, TransientError | ConnectionError | TimeoutError)


def own_line(text: str) -> str:
    """Return the line of an error's text that says what happened: of the last traceback in it the exception's own.

    Where there is no traceback, it is the first line that is not empty.

    >>> own_line("Job failed: Traceback (most recent call last):\\n  File x\\nKeyError: 3\\n\\tat org.x")
    'KeyError: 3'
    >>> own_line("\\nNo such file.\\nTry another.")
    'No such file.'
    """
    said, inside = "", False
    lines = text.splitlines()
    for line in lines:
        if _TRACEBACK in line:
            inside = True
        elif inside and line.strip() and not line[0].isspace():
            said, inside = line.strip(), False
    return said or next((line.strip() for line in lines if line.strip() and _TRACEBACK not in line), "")


def name_and_line(error: BaseException) -> str:
    """Return an error that nobody foresaw as one line: its class, and the line of its text that says what happened.

    >>> name_and_line(KeyError("rate")), name_and_line(AssertionError())
    ("KeyError: 'rate'", 'AssertionError')
    """
    line = own_line(str(error))
    return f"{type(error).__name__}: {line}" if line else type(error).__name__


def first_line(error: BaseException) -> str:
    """Return the first line of an error's text, or its class where it has no text."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def for_another_process(error: BaseException) -> RuntimeError:
    """Return an error that nobody foresaw for another process, where its own class may not be known.

    Its text is one line, and its traceback is a note, which Python prints with it.
    """
    return with_trace(name_and_line(error), "".join(traceback.format_exception(error)))


def with_trace(line: str, trace: str) -> RuntimeError:
    """Return an error of one line that has another process's traceback as a note."""
    error = RuntimeError(line)
    if trace:
        error.add_note(f"In the process where it arose:\n{trace.rstrip()}")
    return error
