"""The formats that weights can be kept in, and how exactly."""

from collections.abc import Mapping
from typing import Final, Literal, get_args

from acento.core.errors import InputError

Format = Literal["safetensors", "ctranslate2"]
Quantization = Literal["float32", "float16", "int8", "int8_float16"]

QUANTIZATIONS: Final[Mapping[Format, tuple[Quantization, ...]]] = {
    "safetensors": ("float32", "float16"),
    "ctranslate2": ("int8", "int8_float16", "float16", "float32"),
}
"""What each format can hold weights in; the first is taken where none is asked for."""


def check_format(name: str, quantization: str | None) -> tuple[Format, Quantization]:
    """Return a format and how it holds weights, the format's own first choice where none is named.

    Raises:
        InputError: there is no such format, or it cannot hold weights so.
    """
    known = next((one for one in get_args(Format) if one == name), None)
    if known is None:
        raise InputError(f"There is no export format {name!r}; there is {', '.join(get_args(Format))}.")
    able = QUANTIZATIONS[known]
    chosen = able[0] if quantization is None else next((one for one in able if one == quantization), None)
    if chosen is None:
        raise InputError(f"The format {name} cannot hold weights in {quantization!r}; it can in {', '.join(able)}.")
    return known, chosen
