"""Optional dependencies: what is not installed is said in one sentence, with the extra that installs it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Literal

from acento.core.errors import InputError

Extra = Literal[
    "ctranslate2",
    "diarization",
    "docker",
    "docx",
    "eight-bit",
    "meeteval",
    "modal",
    "nemo",
    "ray",
    "search",
    "spark",
    "speakers",
]

EXTRAS: Mapping[Extra, tuple[str, str]] = {
    "ctranslate2": ("ctranslate2", "ctranslate2"),
    "diarization": ("kaldi-native-fbank", "kaldi_native_fbank"),
    "docker": ("prefect-docker", "prefect_docker"),
    "docx": ("python-docx", "docx"),
    "eight-bit": ("bitsandbytes", "bitsandbytes"),
    "meeteval": ("meeteval", "meeteval"),
    "modal": ("modal", "modal"),
    "nemo": ("nemo_toolkit", "nemo"),
    "ray": ("ray", "ray"),
    "search": ("optuna", "optuna"),
    "spark": ("pyspark", "pyspark"),
    "speakers": ("pyannote.metrics", "pyannote.metrics"),
}
"""The main distribution that each extra of ``pyproject.toml`` installs, and the name by which it is imported."""


def missing(extra: Extra, user: str) -> str | None:
    """Return None if an extra is installed, else a sentence: what needs it, and how to install it.

    Args:
        extra: the name of the extra.
        user: what needs it, such as ``The search``.
    """
    distribution, module = EXTRAS[extra]
    spec = find_spec(module)
    if spec is not None and spec.origin is not None:  # a folder of that name in the working directory has no origin
        return None
    return f"{user} needs {distribution}, which is not installed: pip install 'acento[{extra}]'."


def require(extra: Extra, user: str) -> None:
    """Check that an extra is installed.

    Raises:
        InputError: it is not; the sentence says how to install it.
    """
    if (sentence := missing(extra, user)) is not None:
        raise InputError(sentence)


@contextmanager
def needed_by(user: str) -> Iterator[None]:
    """Raise the same error where the block imports a package of an extra that is not installed."""
    try:
        yield
    except ModuleNotFoundError as error:
        for extra, (_, module) in EXTRAS.items():
            if module == (error.name or "").partition(".")[0]:
                require(extra, user)
        raise
