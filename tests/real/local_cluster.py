"""A Spark cluster on this machine, its executors processes of their own."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def no_folders_left() -> Iterator[None]:
    """Remove what executors of a local cluster write into the folder in which Spark is installed."""
    import pyspark

    work = Path(pyspark.__file__).parent / "work"
    there = work.exists()
    try:
        yield
    finally:
        if not there:
            shutil.rmtree(work, ignore_errors=True)
