"""Blocks of GGML: the bytes that ggml itself writes, and the laws of rounding."""

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from acento.families.whisper.ggml.blocks import LAYOUTS, dequantize, quantize

DIGESTS = {
    "q8_0": "f759ee617c933d2a1e2a02e6759c84649657a0e945c74e8da2fcee85b7036508",
    "q5_0": "ce4eefe5901805f28febb6c8f6bb221d30a7419e3c511ef58eaa39e2fe879594",
    "q5_1": "c089d2133590f6de01d0242c35ec6604b1bdf1e849859da9acfb8b39d94161bc",
}
"""SHA-256 of what ggml 0.13.1 wrote (``ggml_quantize_chunk``), of ``sample()``."""


def sample() -> np.ndarray:
    """Return numbers of all sizes, exact in float32 everywhere."""
    steps = (np.arange(64 * 96, dtype=np.int64) * 7919 + 13) % 20011 - 10005
    values = steps.reshape(64, 96).astype(np.float32) / np.float32(4096)
    values[::3] *= np.float32(2**-9)
    values[5] = 0
    return values


@pytest.mark.parametrize("kind", LAYOUTS)
def test_the_bytes_are_those_of_ggml_itself(kind: str) -> None:
    assert hashlib.sha256(quantize(sample(), kind).tobytes()).hexdigest() == DIGESTS[kind]


@pytest.mark.parametrize("kind", LAYOUTS)
@settings(max_examples=25, deadline=None)
@given(
    arrays.arrays(
        np.float32, (3, 64), elements=st.floats(-100, 100, width=32).filter(lambda x: x == 0 or abs(x) > 1e-3)
    )
)
def test_a_number_moves_by_no_more_than_a_step(kind: str, values: np.ndarray) -> None:
    blocks = quantize(values, kind)
    rows, back = values.reshape(-1, 32), dequantize(blocks, kind)
    step = np.abs(blocks["scale"].astype(np.float32))
    slack = 1e-3 * (np.abs(rows).max(1) + np.ptp(rows, axis=1)) + 1e-5
    bound = step * (1.0 if kind == "q5_0" else 0.5) + slack
    assert (np.abs(back - rows) <= bound[:, None]).all()
    again = quantize(back, kind)
    if kind == "q8_0":  # what is on the grid stays there
        assert np.abs(dequantize(again, kind) - back).max() <= slack.max()
