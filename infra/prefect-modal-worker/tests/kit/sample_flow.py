"""A flow that does what a test asks, for those that look at the process it runs in."""

import os
import sys
import time
from pathlib import Path
from typing import TextIO

from prefect import flow


def _say(text: str, stream: TextIO = sys.stdout) -> None:
    stream.write(f"{text}\n")
    stream.flush()


@flow(name="sample", log_prints=False)
def sample(what: str, where: str = "") -> str:
    """Print a line; then ``return``, ``raise``, ``exit`` with code 3, or ``wait`` until a file is there."""
    _say(f"sample {what} in process {os.getpid()}")
    if where:
        with Path(where).with_suffix(".began").open("a") as began:
            began.write(f"{os.getpid()}\n")
    if what == "wait":
        while not Path(where).exists():
            time.sleep(0.1)
        _say("flow saw the file")
    if what == "raise":
        raise ValueError("the flow failed as it was asked to")
    if what == "exit":
        _say("a last word", sys.stderr)
        os.kill(os.getppid(), 9)
        os._exit(3)
    return f"secret is {'set' if os.environ.get('SAMPLE_SECRET') else 'not set'}"
