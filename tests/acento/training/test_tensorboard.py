"""TensorBoard reads back what the history says, while it grows, and after a kill and a resume."""

import socket
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from acento.training.tensorboard import EventWriter, write_events

HISTORY: list[dict[str, Any]] = [
    {"step": 1, "epoch": 0.1, "loss": 2.5, "learning_rate": 1e-4, "grad_norm": 3.0, "seconds": 0.5},
    {"step": 2, "epoch": 0.2, "loss": 1.5, "learning_rate": 5e-5, "grad_norm": None, "seconds": 0.5},
    {"step": 2, "epoch": 0.2, "dev_wer": 0.25, "dev_low": 0.2, "dev_high": 0.3, "runaways": 1, "clips": 25},
]


def read(folder: Path) -> dict[str, list[tuple[int, float]]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    accumulator = EventAccumulator(str(folder))
    accumulator.Reload()
    tags = accumulator.Tags()["scalars"]
    return {tag: [(event.step, pytest.approx(event.value)) for event in accumulator.Scalars(tag)] for tag in tags}


def test_a_history_is_read_back_as_scalars(tmp_path: Path) -> None:
    write_events(HISTORY, tmp_path)
    assert read(tmp_path) == {
        "train/loss": [(1, 2.5), (2, 1.5)],
        "train/learning_rate": [(1, 1e-4), (2, 5e-5)],
        "train/grad_norm": [(1, 3.0)],
        "train/seconds": [(1, 0.5), (2, 0.5)],
        "train/epoch": [(1, 0.1), (2, 0.2)],
        "dev/wer": [(2, 0.25)],
        "dev/wer_low": [(2, 0.2)],
        "dev/wer_high": [(2, 0.3)],
        "dev/runaways": [(2, 1.0)],
    }


def test_rows_can_be_read_as_soon_as_they_are_added(tmp_path: Path) -> None:
    with closing(EventWriter(tmp_path / "run")) as board:
        for count, row in enumerate(HISTORY[:2], start=1):
            board.add(row)
            assert len(read(tmp_path / "run")["train/loss"]) == count


def test_what_a_killed_process_showed_beyond_its_checkpoint_is_hidden(tmp_path: Path) -> None:
    killed = EventWriter(tmp_path)
    for step in range(1, 8):
        killed.add({"step": step, "loss": 9.0})
    with closing(EventWriter(tmp_path, from_step=5)) as board:
        for step in range(5, 7):
            board.add({"step": step, "loss": 1.0})
    assert read(tmp_path)["train/loss"] == [(1, 9.0), (2, 9.0), (3, 9.0), (4, 9.0), (5, 1.0), (6, 1.0)]


def test_a_row_that_was_cut_by_a_kill_is_passed_over(tmp_path: Path) -> None:
    write_events(HISTORY[:2], tmp_path)
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-7])
    assert read(tmp_path)["train/loss"] == [(1, 2.5)]
    with closing(EventWriter(tmp_path, from_step=2)) as board:
        board.add(HISTORY[1])
    assert read(tmp_path)["train/loss"] == [(1, 2.5), (2, 1.5)]


def test_no_file_names_the_machine(tmp_path: Path) -> None:
    write_events(HISTORY, tmp_path)
    (file,) = tmp_path.iterdir()
    assert file.name.startswith("events.out.tfevents.")
    assert socket.gethostname() not in file.name.split(".")
