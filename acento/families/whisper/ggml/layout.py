"""The bytes of a GGML file: header, mel filters, vocabulary, and one weight after another; all little-endian.

Source: whisper.cpp's loader (``whisper_model_load``) and converters.
"""

import math
import os
import struct
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from acento.core.errors import ModelError
from acento.families.whisper.ggml.blocks import LAYOUTS, SIZE, dequantize, quantize

MAGIC: Final = 0x67676D6C
_BLOCK_VERSION: Final = 2000
"""ggml's version of its blocks, by its factor of a thousand."""
_FILE_TYPES: Final = {"float16": 1} | {
    kind: _BLOCK_VERSION + number for kind, number in (("q8_0", 7), ("q5_0", 8), ("q5_1", 9))
}
_WEIGHT_TYPES: Final = {"float32": 0, "float16": 1, "q5_0": 6, "q5_1": 7, "q8_0": 8}
_PLAIN: Final[Mapping[str, np.dtype[Any]]] = {"float32": np.dtype("<f4"), "float16": np.dtype("<f2")}


class Header(NamedTuple):
    """The sizes of a model, in the order of the file."""

    vocabulary: int
    audio_positions: int
    audio_width: int
    audio_heads: int
    audio_layers: int
    text_positions: int
    text_width: int
    text_heads: int
    text_layers: int
    mel_bins: int
    quantization: str
    """What the matrices are held in."""


def write_head(file: BinaryIO, header: Header, filters: NDArray[np.float32], tokens: Sequence[bytes]) -> None:
    """Write all that comes before the weights.

    Args:
        file: open for writing.
        header: the sizes.
        filters: ``[mel bins, frequencies]``.
        tokens: of the texts, by id; whisper.cpp adds the special ones by their number.
    """
    *sizes, _ = header
    file.write(struct.pack("<12i", MAGIC, *sizes, _FILE_TYPES[header.quantization]))
    file.write(struct.pack("<2i", *filters.shape) + filters.astype("<f4").tobytes())
    file.write(struct.pack("<i", len(tokens)))
    for token in tokens:
        file.write(struct.pack("<i", len(token)) + token)


def write_weight(file: BinaryIO, name: str, values: NDArray[np.floating[Any]], kind: str) -> None:
    """Write one weight; the dimensions of the file are the fastest first."""
    dimensions = values.shape[::-1]
    file.write(struct.pack("<3i", len(dimensions), len(name.encode()), _WEIGHT_TYPES[kind]))
    file.write(struct.pack(f"<{len(dimensions)}i", *dimensions) + name.encode())
    if kind in _PLAIN:
        file.write(np.ascontiguousarray(values, _PLAIN[kind]).data)
    else:
        file.write(quantize(np.ascontiguousarray(values, np.float32), kind).tobytes())


def read_head(file: BinaryIO) -> tuple[Header, NDArray[np.float32], list[bytes]]:
    """Return what :func:`write_head` wrote; raise ModelError if it is something else."""
    magic, *sizes, held = _numbers(file, 12)
    kind = next((name for name, number in _FILE_TYPES.items() if number == held), None)
    if magic != MAGIC or kind is None:
        raise ModelError(f"{file.name} is no GGML file of a Whisper, or its weights are held as none that is known.")
    mel_bins, frequencies = _numbers(file, 2)
    filters = np.frombuffer(_read(file, 4 * mel_bins * frequencies), "<f4").reshape(mel_bins, frequencies)
    tokens = [_read(file, _numbers(file, 1)[0]) for _ in range(_numbers(file, 1)[0])]
    return Header._make([*sizes, kind]), filters, tokens


def read_weights(file: BinaryIO) -> Iterator[tuple[str, NDArray[np.floating[Any]]]]:
    """Yield the weights behind the head, blocks as what they stand for; raise ModelError if one is cut or damaged."""
    size = Path(file.name).stat().st_size
    while file.tell() < size:
        count, length, number = _numbers(file, 3)
        shape = _numbers(file, count)[::-1]
        name = _read(file, length).decode(errors="replace")
        kind = next((one for one, known in _WEIGHT_TYPES.items() if known == number), None)
        if kind is None:
            raise ModelError(
                f"GGML file {file.name} is damaged: its weight {name!r} is held as {number}; write it again."
            )
        values = math.prod(shape)
        if kind in _PLAIN:
            yield name, np.frombuffer(_read(file, values * _PLAIN[kind].itemsize), _PLAIN[kind]).reshape(shape)
        else:
            layout = LAYOUTS[kind]
            blocks = np.frombuffer(_read(file, values // SIZE * layout.itemsize), layout)
            yield name, dequantize(blocks, kind).reshape(shape)


def _numbers(file: BinaryIO, count: int) -> tuple[int, ...]:
    return struct.unpack(f"<{count}i", _read(file, 4 * count))


def _read(file: BinaryIO, size: int) -> bytes:
    data = file.read(max(0, size))
    if len(data) != size:
        raise ModelError(f"GGML file {os.fspath(file.name)} is cut; write it again.")
    return data
