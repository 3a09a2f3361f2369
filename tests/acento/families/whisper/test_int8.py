"""Whisper in 8 bits on the CPU: what is rounded, and that little changes by it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny_whisper import make_whisper
from torch import nn

from acento.families.whisper.convert import convert
from acento.families.whisper.int8 import Int8Linear
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


@given(st.integers(1, 9), st.integers(1, 40), st.integers(1, 30), st.booleans(), st.integers(0, 99))
def test_products_are_as_exact_as_8_bits_of_each_row(
    rows: int, width: int, out: int, with_bias: bool, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    linear = nn.Linear(width, out, bias=with_bias)
    nn.init.normal_(linear.weight, generator=generator)
    inputs = torch.randn(2, rows, width, generator=generator)
    inputs[0, 0] *= 1000  # one that is large makes the others no coarser
    with torch.inference_mode():
        exact, found = linear(inputs), Int8Linear(linear)(inputs)
    assert found.shape == exact.shape
    largest = inputs.abs().amax(-1, keepdim=True) * linear.weight.abs().amax(1) * width
    assert ((found - exact).abs() <= largest / 100 + 1e-5).all()


def test_rows_do_not_depend_on_their_neighbors_and_zeros_stay_zeros() -> None:
    layer = Int8Linear(nn.Linear(16, 8, bias=False))
    inputs = torch.randn(5, 16)
    assert torch.equal(layer(inputs)[2:3], layer(inputs[2:3]))
    assert not layer(torch.zeros(1, 16)).any()


def test_matrices_are_rounded_and_little_changes(folder: Path) -> None:
    exact, rounded = load(folder, "float32"), load(folder, "int8")
    assert not any(type(one) is nn.Linear for one in rounded.model.modules())  # type: ignore[attr-defined]
    assert any(type(one) is nn.Conv1d for one in rounded.model.modules())  # type: ignore[attr-defined]
    difference = (states(rounded) - states(exact)).norm() / states(exact).norm()
    assert 0 < difference < 0.05
    assert rounded.finish(rounded.infer(rounded.prepare([WINDOW])))[0].text


def test_ctranslate2_rounds_weights_that_are_held_in_float32(folder: Path, tmp_path: Path) -> None:
    convert(resolve(str(folder)), tmp_path, "ctranslate2", "float32")
    recognizer: Any = load(tmp_path, "int8")
    assert recognizer._model.compute_type == "int8_float32"
    assert recognizer.finish(recognizer.infer(recognizer.prepare([WINDOW])))[0].text
