"""Where TensorBoard finds how a model learns while it trains."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from acento.core.store import LocalStore, Store
from acento.core.store.cache import cache_folder
from acento.training.job import FinetuneJob
from acento.training.loop.checkpoints import Checkpoints
from acento.training.loop.state import Row
from acento.training.tensorboard import EventWriter

_LOGS = "logs"


@contextmanager
def live_log(store: Store, job: FinetuneJob) -> Iterator[Callable[[Row], None]]:
    """Yield what takes each new row of a history and shows it in TensorBoard; the file is made with the first one.

    A store that is no local folder keeps what it is given only when that is whole: there the rows go to a folder of
    this machine beside its copies, and the store has them in the model's history at the end.
    """
    writer: EventWriter | None = None
    folder = run_log(store, job.name, job.key)
    latest = Checkpoints(store, job.key).latest()

    def note(row: Row) -> None:
        nonlocal writer
        if writer is None:
            writer = EventWriter(folder, from_step=None if latest is None else latest.step + 1)
        writer.add(row)

    try:
        yield note
    finally:
        if writer is not None:
            writer.close()


def run_log(store: Store, name: str, job: str) -> Path:
    """Return the folder of the logs of one training."""
    return log_root(store) / name / job.rpartition("/")[2][:12]


def log_root(store: Store) -> Path:
    """Return the folder of the logs of all trainings."""
    return (store.root if isinstance(store, LocalStore) else cache_folder(store.url)) / _LOGS
