"""TensorBoard event files: appended while a training runs, or written afterwards from its history."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from acento.core.store import LocalStore, Store
from acento.core.store.copies import cache_folder
from acento.training.job import FinetuneJob
from acento.training.loop.checkpoints import Checkpoints
from acento.training.loop.state import Row

TAGS = {
    "loss": "train/loss",
    "state_loss": "train/state_loss",
    "keep_loss": "train/keep_loss",
    "learning_rate": "train/learning_rate",
    "grad_norm": "train/grad_norm",
    "seconds": "train/seconds",
    "epoch": "train/epoch",
    "dev_wer": "dev/wer",
    "dev_low": "dev/wer_low",
    "dev_high": "dev/wer_high",
    "runaways": "dev/runaways",
}
"""Fields of a history row, and what TensorBoard calls them; WER in errors per reference word."""
_OF_STEPS = {"seconds", "epoch"}
"""Fields that evaluations have too, where they would only repeat themselves."""


class EventWriter:
    """Appends rows of a history to an event file in ``folder``, which ``tensorboard --logdir`` shows as they come.

    Each row is on its way to the disk when ``add`` returns: a kill loses none, at most it cuts the last one, which
    TensorBoard passes over. Records are written by TensorBoard's own writer; ``EventFileWriter``, the next larger one,
    puts the machine's name into the file's and only a whole second's time, by which files are put in order.
    """

    def __init__(self, folder: Path, *, from_step: int | None = None) -> None:
        """Open a new event file beside those that are there; the folder is made where it is missing.

        Args:
            folder: one training's.
            from_step: the first step that a resumed training does; what a killed process showed from there on is then
                shown no more.

        Raises:
            OSError: the folder cannot be written.
        """
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog
        from tensorboard.summary.writer.record_writer import RecordWriter

        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / f"events.out.tfevents.{time.time_ns():020d}.acento").open("xb")
        self._writer: Any = RecordWriter(file)
        self._put(Event(file_version="brain.Event:2"))
        if from_step is not None:
            self._put(Event(step=from_step, session_log=SessionLog(status=SessionLog.START)))

    def add(self, row: Mapping[str, Any]) -> None:
        """Append one row."""
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary

        evaluation = row.get("dev_wer") is not None
        values = [
            Summary.Value(tag=tag, simple_value=float(row[field]))
            for field, tag in TAGS.items()
            if row.get(field) is not None and not (evaluation and field in _OF_STEPS)
        ]
        self._put(Event(step=int(row["step"]), summary=Summary(value=values)))

    def close(self) -> None:
        """Close the file."""
        self._writer.close()

    def _put(self, event: Any) -> None:
        event.wall_time = time.time()
        self._writer.write(event.SerializeToString())
        self._writer.flush()


def write_events(history: Iterable[Mapping[str, Any]], folder: Path) -> None:
    """Write one event file of a whole history.

    Raises:
        OSError: the folder cannot be written.
    """
    with closing(EventWriter(folder)) as writer:
        for row in history:
            writer.add(row)


@contextmanager
def live_log(store: Store, job: FinetuneJob) -> Iterator[Callable[[Row], None]]:
    """Yield what takes each new row of a history and shows it in TensorBoard; the file is made with the first one.

    A store that is no local folder keeps what it is given only when that is whole: there the rows go to a folder of
    this machine beside its copies, and the store has them in the model's history at the end.
    """
    latest = Checkpoints(store, job.key).latest()
    with ExitStack() as stack:

        @cache
        def writer() -> EventWriter:
            folder, from_step = run_log(store, job.name, job.key), None if latest is None else latest.step + 1
            return stack.enter_context(closing(EventWriter(folder, from_step=from_step)))

        yield lambda row: writer().add(row)


def run_log(store: Store, name: str, job: str) -> Path:
    """Return the folder of the logs of one training."""
    return log_root(store) / name / job.rpartition("/")[2][:12]


def log_root(store: Store) -> Path:
    """Return the folder of the logs of all trainings."""
    return (store.root if isinstance(store, LocalStore) else cache_folder(store.url)) / "logs"
