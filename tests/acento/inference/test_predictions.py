"""Predictions in files: what is written is read, by a reader that imports little."""

import subprocess
import sys
from pathlib import Path

from acento.data.words import Word
from acento.inference.predictions import Prediction, Segment, read_predictions, write_predictions


def test_predictions_are_read_as_they_were_written(tmp_path: Path) -> None:
    words = (Word("ya", 0.1, 0.3, 0.9), Word("po", 0.3, 0.5))
    rows = [
        Prediction("a", "ya po", (Segment(0.0, 0.6, "ya po", words, -0.2, 0.1, "es"),)),
        Prediction("b", ""),
        Prediction("c", "", error="failed", detail="It cannot be decoded."),
    ]
    write_predictions(tmp_path / "p.parquet", rows)
    assert read_predictions(tmp_path / "p.parquet") == rows


def test_reading_predictions_imports_neither_pandas_nor_a_framework(tmp_path: Path) -> None:
    write_predictions(tmp_path / "p.parquet", [Prediction("a", "ya")])
    script = (
        "import sys; from pathlib import Path; from acento.inference.predictions import read_predictions; "
        f"assert read_predictions(Path({str(tmp_path / 'p.parquet')!r}))[0].text == 'ya'; "
        "print([name for name in ('pandas', 'torch', 'transformers') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout == "[]\n"
