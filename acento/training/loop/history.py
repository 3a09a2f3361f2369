"""The history of a training: a row for each step and for each evaluation, as lines of JSON."""

import json
from collections.abc import Iterable
from pathlib import Path

from acento.training.loop.evaluate import DevScore
from acento.training.loop.state import Row

FILE = "history.jsonl"


def step_row(step: int, epoch: float, *, loss: float, learning_rate: float, grad_norm: float, seconds: float) -> Row:
    """Return a step's row: ``loss`` in nats for each token, ``grad_norm`` before clipping, wall ``seconds``."""
    return {
        "step": step,
        "epoch": round(epoch, 6),
        "loss": loss,
        "learning_rate": learning_rate,
        "grad_norm": grad_norm,
        "seconds": round(seconds, 6),
    }


def dev_row(step: int, epoch: float, score: DevScore) -> Row:
    """Return an evaluation's row; rates are fractions."""
    return {
        "step": step,
        "epoch": round(epoch, 6),
        "dev_wer": score.wer,
        "dev_low": score.low,
        "dev_high": score.high,
        "runaways": score.runaways,
        "clips": score.clips,
        "failed": score.failed,
    }


def write_history(rows: Iterable[Row], path: Path) -> None:
    """Write rows as lines of JSON."""
    path.write_text("".join(json.dumps(row, sort_keys=True) + "\n" for row in rows), encoding="utf-8")


def read_history(path: Path) -> list[Row]:
    """Read what ``write_history`` wrote."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]
