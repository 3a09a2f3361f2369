"""How a person names a model: a folder or file, a hub id, a shipped model, one of the registry; and what reads it."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, get_args

from acento.core.errors import InputError, ModelError
from acento.core.store.base import check_key
from acento.models.families import FAMILIES

Format = Literal["safetensors", "ctranslate2", "ggml"]
Quantization = Literal["float32", "float16", "int8", "int8_float16", "q8_0", "q5_1", "q5_0"]

QUANTIZATIONS: Final[Mapping[Format, tuple[Quantization, ...]]] = {
    "safetensors": ("float32", "float16"),
    "ctranslate2": ("int8", "int8_float16", "float16", "float32"),
    "ggml": ("float16", "q8_0", "q5_1", "q5_0"),  # whisper.cpp stops at convolutions in float32
}
"""What each format can hold weights in; the first is taken where none is asked for."""
UNREAD: Final[frozenset[Format]] = frozenset({"ggml"})
"""Formats that no engine of Acento runs."""

SHIPPED = "demo:"
"""Prefix of the models that come with Acento, such as ``demo:whisper-mini``."""
REGISTRY = "registry:"
"""Prefix of the models that were tuned here, such as ``registry:mini-santiago@production``."""
CTRANSLATE2 = "ctranslate2"
TRANSFORMERS = "transformers"


@dataclass(frozen=True, slots=True)
class ModelName:
    """A name in its parts: ``BASE[:READER]``."""

    base: str
    """A folder or file, ``owner/name[@revision]``, ``demo:NAME`` or ``registry:NAME@VERSION``."""
    reader: str | None = None
    """What reads it: ``ctranslate2-QUANTIZATION``, ``transformers``, or a family's name; None: what it says itself."""

    @property
    def quantization(self) -> Quantization | None:
        """How CTranslate2 is to hold the weights; None where it is not asked for."""
        engine, _, held = (self.reader or "").partition("-")
        return next((one for one in get_args(Quantization) if one == held), None) if engine == CTRANSLATE2 else None


def parse(name: str) -> ModelName:
    """Take a name apart; raise ModelError if it is empty, or nothing reads a model as the part after the colon says.

    >>> parse("openai/whisper-tiny@main:ctranslate2-int8")
    ModelName(base='openai/whisper-tiny@main', reader='ctranslate2-int8')
    >>> parse("demo:whisper-mini")
    ModelName(base='demo:whisper-mini', reader=None)
    """
    if not name.strip():
        raise ModelError("The name of a model is empty: name a folder, a Hugging Face id, or a model of the registry.")
    if name.startswith(REGISTRY):  # what is after another colon is an export of it, whatever it was called
        return ModelName(name)
    prefix = SHIPPED if name.startswith(SHIPPED) else ""
    body, colon, reader = name.removeprefix(prefix).rpartition(":")
    if not colon or Path(name).expanduser().exists():
        return ModelName(name)
    engine, _, held = reader.partition("-")
    if engine == CTRANSLATE2:
        try:
            reader = f"{CTRANSLATE2}-{check_format(CTRANSLATE2, held or None)[1]}"
        except InputError as error:
            raise ModelError(str(error)) from None
    elif reader not in FAMILIES and reader != TRANSFORMERS:
        known = ", ".join([f"{CTRANSLATE2}-int8", TRANSFORMERS, *FAMILIES])
        raise ModelError(f"Nothing reads a model as {reader!r} (the part after its colon); there is {known}.")
    return ModelName(prefix + body, reader)


def short_name(name: str) -> str:
    """Return the last part of a name, as titles have it.

    >>> short_name("openai/whisper-tiny"), short_name("demo:whisper-mini"), short_name("models/mine/")
    ('whisper-tiny', 'demo:whisper-mini', 'mine')
    """
    return name.rstrip("/").rpartition("/")[2]


def with_engine(name: str, engine: str, quantization: str | None = None) -> str:
    """Return a model's name with an engine that is to run it, unless it names what reads it already.

    Raises InputError if there is no such engine, or it cannot hold weights so.

    >>> with_engine("demo:whisper-mini", "ctranslate2")
    'demo:whisper-mini:ctranslate2-int8'
    """
    if engine not in (CTRANSLATE2, TRANSFORMERS):
        raise InputError(f"There is no engine {engine!r}; there is {CTRANSLATE2}, {TRANSFORMERS}.")
    exported = name.startswith(REGISTRY) and ":" in name.removeprefix(REGISTRY)
    if exported or parse(name).reader is not None:
        return name
    if engine == TRANSFORMERS:
        if quantization is not None:
            raise InputError("A quantization is for --engine ctranslate2; transformers takes --dtype.")
        return name
    return f"{name}:{CTRANSLATE2}-{check_format(CTRANSLATE2, quantization)[1]}"


def check_format(name: str, quantization: str | None) -> tuple[Format, Quantization]:
    """Return a format and how it holds weights, the format's own first choice where none is named.

    Raises InputError if there is no such format, or it cannot hold weights so.
    """
    known = next((one for one in get_args(Format) if one == name), None)
    if known is None:
        raise InputError(f"There is no export format {name!r}; there is {', '.join(get_args(Format))}.")
    able = QUANTIZATIONS[known]
    chosen = next((one for one in able if quantization in (None, one)), None)
    if chosen is None:
        raise InputError(f"The format {name} cannot hold weights in {quantization!r}; it can in {', '.join(able)}.")
    return known, chosen


def check_name(name: str) -> str:
    """Return a model's name if it is one (letters, digits, ``.``, ``_``, ``-``); else raise InputError."""
    if not is_name(name):
        raise InputError(f"{name!r} cannot be a model's name: use letters, digits, '.', '_' and '-'.")
    return name


def is_name(name: str) -> bool:
    """Tell whether a model of the registry may be called so."""
    with suppress(InputError):
        return check_key(name) == name and not any(c in name for c in "/@=,+")
    return False
