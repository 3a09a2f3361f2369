"""Whisper in 8 bits on the CPU: what is rounded, and that little changes by it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_whisper import make_whisper
from torch import nn

from acento.core.errors import ModelError
from acento.families.whisper.convert import convert
from acento.families.whisper.recognizer import WhisperRecognizer
from acento.models.base import DecodeOptions, Recognizer
from acento.models.checkpoints.resolver import resolve

WINDOW = np.sin(np.arange(24_000) / 9).astype(np.float32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_whisper(tmp_path_factory.mktemp("whisper") / "m", window_s=2, seed=2)


def load(folder: Path, dtype: Any) -> Recognizer:
    checkpoint = resolve(str(folder))
    return checkpoint.family.load(checkpoint.folder, DecodeOptions(language="es", dtype=dtype))


def states(recognizer: Recognizer) -> torch.Tensor:
    assert isinstance(recognizer, WhisperRecognizer)
    with torch.inference_mode():
        return recognizer._encode(recognizer.prepare([WINDOW]))


def test_matrices_are_rounded_and_little_changes(folder: Path) -> None:
    exact, rounded = load(folder, "float32"), load(folder, "int8")
    assert not any(type(one) is nn.Linear for one in rounded.model.modules())  # type: ignore[attr-defined]
    assert any(type(one) is nn.Conv1d for one in rounded.model.modules())  # type: ignore[attr-defined]
    difference = (states(rounded) - states(exact)).norm() / states(exact).norm()
    assert 0 < difference < 0.1
    assert rounded.finish(rounded.infer(rounded.prepare([WINDOW])))[0].text


def test_a_build_of_torch_without_it_says_what_else_there_is(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("torch.ao.quantization.quantize_dynamic")
    with pytest.raises(ModelError, match="no dynamic quantization: choose float32, or CTranslate2"):
        load(folder, "int8")


def test_ctranslate2_rounds_weights_that_are_held_in_float32(folder: Path, tmp_path: Path) -> None:
    convert(resolve(str(folder)), tmp_path, "ctranslate2", "float32")
    recognizer: Any = load(tmp_path, "int8")
    assert recognizer._model.compute_type == "int8_float32"
    assert recognizer.finish(recognizer.infer(recognizer.prepare([WINDOW])))[0].text
