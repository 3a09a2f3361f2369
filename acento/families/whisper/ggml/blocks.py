"""GGML's block quantizations, bit by bit as ggml's reference code rounds: 32 numbers of a row share a scale.

Source: ``quantize_row_q8_0_ref``, ``…_q5_0_ref`` and ``…_q5_1_ref`` of ggml; numbers are little-endian.
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

SIZE: Final = 32
"""Numbers in a block."""
_HALF: Final = SIZE // 2
LAYOUTS: Final[Mapping[str, np.dtype[Any]]] = {
    "q8_0": np.dtype([("scale", "<f2"), ("low", "i1", SIZE)]),
    "q5_0": np.dtype([("scale", "<f2"), ("high", "u1", SIZE // 8), ("low", "u1", _HALF)]),
    "q5_1": np.dtype([("scale", "<f2"), ("least", "<f2"), ("high", "u1", SIZE // 8), ("low", "u1", _HALF)]),
}
"""The scale is a half, ``high`` has the fifth bits by place, a byte of ``low`` two places that are 16 apart."""


def quantize(values: NDArray[np.float32], kind: str) -> NDArray[Any]:
    """Return the blocks of numbers whose last dimension is a multiple of 32, in their order.

    >>> blocks = quantize(np.arange(32, dtype=np.float32), "q8_0")
    >>> blocks.nbytes, float(blocks["scale"][0]), blocks["low"][0, -1]
    (34, 0.244140625, np.int8(127))
    """
    rows = values.astype(np.float32, copy=False).reshape(-1, SIZE)
    blocks = np.zeros(len(rows), LAYOUTS[kind])
    if kind == "q8_0":
        scale = np.abs(rows).max(1) / np.float32(127)
        numbers = rows * _inverse(scale)[:, None]
        # half away from zero, as C rounds
        whole = np.floor(np.abs(numbers))
        blocks["low"] = np.copysign(whole + (np.abs(numbers) - whole >= 0.5), numbers)
    else:
        if kind == "q5_0":
            farthest = np.abs(rows).argmax(1)[:, None]
            scale = np.take_along_axis(rows, farthest, 1)[:, 0] / np.float32(-16)
            moved = rows * _inverse(scale)[:, None] + np.float32(16.5)
        else:
            least = rows.min(1)
            scale = (rows.max(1) - least) / np.float32(31)
            moved = (rows - least[:, None]) * _inverse(scale)[:, None] + np.float32(0.5)
            blocks["least"] = least
        fives = np.minimum(31, moved.astype(np.uint8))
        blocks["low"] = fives[:, :_HALF] & 15 | (fives[:, _HALF:] & 15) << 4
        blocks["high"] = np.packbits(fives >> 4, axis=1, bitorder="little")
    blocks["scale"] = scale
    return blocks


def dequantize(blocks: NDArray[Any], kind: str) -> NDArray[np.float32]:
    """Return what blocks stand for, 32 numbers a row.

    >>> float(dequantize(quantize(np.full((1, 32), -2.0, np.float32), "q5_0"), "q5_0")[0, 0])
    -2.0
    """
    scale = blocks["scale"].astype(np.float32)[:, None]
    if kind == "q8_0":
        return blocks["low"].astype(np.float32) * scale
    fifth = np.unpackbits(blocks["high"], axis=1, bitorder="little") << 4
    numbers = (np.concatenate([blocks["low"] & 15, blocks["low"] >> 4], 1) | fifth).astype(np.float32)
    if kind == "q5_0":
        return (numbers - 16) * scale
    return numbers * scale + blocks["least"].astype(np.float32)[:, None]


def _inverse(scale: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.divide(1, scale, out=np.zeros_like(scale), where=scale != 0)
