"""TensorBoard event files: appended while a training runs, or written afterwards from its history."""

import time
from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from acento.training.loop.curve import Row

TAGS = {
    "loss": "train/loss",
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


class EventWriter(AbstractContextManager["EventWriter"]):
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

    def add(self, row: Row) -> None:
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

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self.close()


def write_events(history: Iterable[Row], folder: Path) -> None:
    """Write one event file of a whole history.

    Raises:
        OSError: the folder cannot be written.
    """
    with EventWriter(folder) as writer:
        for row in history:
            writer.add(row)
