"""Checkpoints that were made of others on first use, kept in the store by what they were made of and how."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from acento.core import plugins
from acento.core.errors import ModelError
from acento.core.fingerprint import fingerprint
from acento.core.settings import settings
from acento.core.store import open_store
from acento.models.checkpoints.checkpoint import Checkpoint, in_artifact
from acento.models.checkpoints.formats import Format, Quantization
from acento.models.checkpoints.references import parse
from acento.models.checkpoints.weights import BESIDE, PICKLED, is_pickled, without_pickles
from acento.models.families import FAMILIES

_VERSION = 1
"""Raised by hand whenever the same weights would be converted to others."""


def for_ctranslate2(name: str, source: Checkpoint, quantization: Quantization) -> Checkpoint:
    """Return a Whisper as CTranslate2 reads it, its weights held as the quantization says.

    Raises:
        ModelError: the model is no Whisper, or cannot be converted.
    """
    return made(
        name,
        source.revision,
        f"converted/{fingerprint([_VERSION, source.digest, quantization])}",
        lambda folder: convert(source, folder, "ctranslate2", quantization),
    )


def convert(checkpoint: Checkpoint, folder: Path, name: Format, quantization: Quantization) -> None:
    """Write a checkpoint into an empty folder in another format, with all that it takes to load it there.

    Raises:
        ModelError: the family cannot be exported, or the checkpoint cannot be converted.
    """
    converter = checkpoint.family.converter
    if converter is None:
        able = ", ".join(family.name for family in FAMILIES.values() if family.converter is not None)
        raise ModelError(f"Models of the family {checkpoint.family.name!r} cannot be exported; these can: {able}.")
    plugins.load(converter)(checkpoint, folder, name, quantization)


def unpickled(name: str, revision: str | None, folder: Path, digest: str) -> Checkpoint:
    """Return a checkpoint that has pickled weights only, with the same weights as safetensors.

    Args:
        name: as the user named it.
        revision: the hub's commit, if any.
        folder: where the pickled weights are.
        digest: names what is in the folder.

    Raises:
        ModelError: the model is not trusted by name, or its weights cannot be read.
    """
    plain = parse(name).base
    if plain not in settings().trusted:
        raise ModelError(
            f"Model {plain} has pickled weights only ({PICKLED[0]}), which can be made to run code; ask its owner for "
            f"safetensors, or trust it by name: ACENTO_TRUST={plain}"
        )

    def make(out: Path) -> None:
        without_pickles(folder, out)
        for path in folder.iterdir():
            if path.is_file() and (path.suffix in BESIDE or path.name == "README.md") and not is_pickled(path.name):
                shutil.copyfile(path, out / path.name)

    return made(name, revision, f"converted/{fingerprint([_VERSION, digest, 'safetensors'])}", make)


def made(name: str, revision: str | None, key: str, make: Callable[[Path], None], **facts: str) -> Checkpoint:
    """Return the checkpoint under a key of the store, made first if need be; ``facts`` are kept beside it."""
    store = open_store(settings().store)
    if store.find(key, verify=True) is None:
        with store.publish(key) as draft:
            make(draft.folder)
            asked = parse(name)
            draft.info |= {"model": asked.base, "revision": revision, "reader": asked.reader} | facts
    return replace(in_artifact(store, name, key), revision=revision)
