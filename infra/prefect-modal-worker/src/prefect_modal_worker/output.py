"""Choose the lines of a sandbox's output that go to the flow run's logs: those that are not there already.

The flow in the sandbox sends its own log records to Prefect, and prints them too: sent by the worker as well, each
would be there twice. And a worker that goes on reading after another one must not send what that one has sent.
"""

import re
from collections import Counter
from collections.abc import Iterable

_RECORD = re.compile(r"^\d{2}:\d{2}:\d{2}\.\d{3} \| \w+ +\| (?P<logger>.+?) - ")
_OWN = re.compile(r"^(Flow run|Task run|Subflow run) ")
_COLOR = re.compile(r"\x1b\[[0-9;]*m")
_MAX_CHARACTERS = 20_000
"""How much of a line is sent."""


class OutputFilter:
    """Takes lines of output and returns those to be logged."""

    def __init__(self, sent: Iterable[str] = ()) -> None:
        """Take the lines that a worker that is gone has sent before."""
        self._sent = Counter(sent)
        self._in_traceback = False

    def take(self, line: str) -> str | None:
        """Return the text to log of a line, or None if there is none.

        >>> output = OutputFilter()
        >>> output.take("12:00:00.123 | INFO    | Flow run 'red-fox' - Finished in state Completed()") is None
        True
        >>> output.take("loading the model")
        'loading the model'
        """
        text = _COLOR.sub("", line).rstrip("\r\n")[:_MAX_CHARACTERS]
        record = _RECORD.match(text)
        if record is not None:
            self._in_traceback = _OWN.match(record["logger"]) is not None
            return None if self._in_traceback else self._new(text)
        if self._in_traceback and (text.startswith((" ", "Traceback ", "\t")) or _ends_traceback(text)):
            self._in_traceback = not _ends_traceback(text)
            return None
        self._in_traceback = False
        return self._new(text)

    def _new(self, text: str) -> str | None:
        if not text.strip():
            return None
        if self._sent[text] > 0:
            self._sent[text] -= 1
            return None
        return text


def _ends_traceback(text: str) -> bool:
    """Tell whether a line is the last of a traceback: an exception's class and what it says."""
    return re.match(r"^[\w.]+(Error|Exception|Exit|Interrupt|Warning)(: |$)", text) is not None
