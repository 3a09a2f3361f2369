"""Work in children that are forked from the test, whose fakes they have.

A child ends at once when its work is done: what other tests of the process registered for its end, as Prefect does,
waits for threads that a child has not.
"""

import os
import sys
import traceback
from collections.abc import Callable

Work = Callable[[], object]


def fork(work: Work) -> int:
    """Start a child that does some work, and return its number; it says what went wrong, and ends with 1 then."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            if torch := sys.modules.get("torch"):
                torch.set_num_threads(1)  # it would wait for threads that a child has not
            work()
            code = 0
        except BaseException:
            traceback.print_exc(file=sys.__stderr__)
        finally:
            os._exit(code)
    return child


def ended(child: int) -> int:
    """Wait until a child ends; return its exit code, negative where a signal ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def all_at_once(*works: Work) -> None:
    """Do each work in a child of its own, all at the same time, and see that they end well."""
    children = [fork(work) for work in works]
    assert [ended(child) for child in children] == [0] * len(works)
