"""Where TensorBoard finds how a model learned: live while it trains, and from its history afterwards."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from acento.core.errors import InputError
from acento.core.store import LocalStore, Store
from acento.core.store.cache import cache_folder
from acento.training.board import LiveBoard, write_events
from acento.training.loop.checkpoints import Checkpoints
from acento.training.loop.state import Row

if TYPE_CHECKING:
    from acento.registry.versions import ModelVersion
    from acento.training.job import FinetuneJob

_LOGS = "logs"


@contextmanager
def live_log(store: Store, job: "FinetuneJob") -> Iterator[Callable[[Row], None]]:
    """Yield what takes each new row of a history and shows it in TensorBoard; the file is made with the first one.

    A store that is no local folder keeps what it is given only when that is whole: there the rows go to a folder of
    this machine beside its copies, and the store has them in the model's history at the end.
    """
    board: LiveBoard | None = None
    folder = _live(store, job.name, job.key)
    latest = Checkpoints(store, job.key).latest()

    def note(row: Row) -> None:
        nonlocal board
        if board is None:
            board = LiveBoard(folder, from_step=None if latest is None else latest.step + 1)
        board.add(row)

    try:
        yield note
    finally:
        if board is not None:
            board.close()


def log_folder(store: Store, model: str | None) -> Path:
    """Return the folder to point TensorBoard at: of every training, or of the one that made a model.

    Raises:
        InputError: nothing has been trained yet.
        ModelError: there is no such model.
    """
    from acento.registry.versions import find_version, versions

    if model is None:
        every = _root(store)
        if not isinstance(store, LocalStore):
            for version in versions(store):  # trained elsewhere, perhaps
                _from_history(store, version)
        if not every.is_dir():
            raise InputError(
                f"No training has left a log in {store.url} yet: acento finetune --dataset … --base-model …"
            )
        return every
    return _from_history(store, find_version(store, model))


def _from_history(store: Store, version: "ModelVersion") -> Path:
    """Return the folder of a model's training, filled from its history where nothing was written live."""
    from acento.registry.learned import read_history

    folder = _live(store, version.name, version.about.job)
    if not any(folder.glob("events.*")):
        write_events(read_history(store, version), folder)
    return folder


def _live(store: Store, name: str, job: str) -> Path:
    return _root(store) / name / job.rpartition("/")[2][:12]


def _root(store: Store) -> Path:
    return (store.root if isinstance(store, LocalStore) else cache_folder(store.url)) / _LOGS
