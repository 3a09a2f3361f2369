"""Checkpoints that are made from others on first use, and kept in the store by their source and how they are made.

Conversions to CTranslate2, pickled weights as safetensors, and LoRA adapters of PEFT merged with the base they name.
"""

import json
import shutil
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from acento.core import plugins
from acento.core.errors import AcentoError, ModelError, TransientError, first_line
from acento.core.fingerprint import fingerprint
from acento.core.settings import settings
from acento.core.store import Store, open_store
from acento.models.checkpoints.checkpoint import Checkpoint, in_artifact
from acento.models.checkpoints.places import may_be_fetched
from acento.models.checkpoints.references import Format, Quantization, parse
from acento.models.checkpoints.weights import ADAPTER, PICKLED, save_as, small_files, stored_dtype, without_pickles
from acento.models.families import FAMILIES
from acento.models.family import BESIDE_TOKENIZER

_VERSION = 1
"""Raised by hand whenever the same weights would be converted to others."""
_MERGING_VERSION = 1
"""Raised by hand whenever the same adapter and base would be merged to other weights."""


def for_ctranslate2(name: str, source: Checkpoint, quantization: Quantization) -> Checkpoint:
    """Return a Whisper as CTranslate2 reads it, its weights held as the quantization says."""
    made_of = [_VERSION, source.digest, quantization]
    made = stored_checkpoint(
        name, source.revision, made_of, lambda folder: convert(source, folder, "ctranslate2", quantization)
    )
    return replace(made, full_only=source.full_only)


def convert(checkpoint: Checkpoint, folder: Path, name: Format, quantization: Quantization) -> None:
    """Write a checkpoint into an empty folder in another format, with all that it takes to load it there.

    Raises ModelError if the family cannot be exported, or the checkpoint cannot be converted.
    """
    converter = checkpoint.family.converter
    if converter is None:
        able = ", ".join(family.name for family in FAMILIES.values() if family.converter is not None)
        raise ModelError(f"Models of the family {checkpoint.family.name!r} cannot be exported; these can: {able}.")
    plugins.load(converter)(checkpoint, folder, name, quantization)


def reread(checkpoint: Checkpoint, folder: Path, out: Path) -> Path:
    """Read an export of a checkpoint, in a format that no engine here runs, into an empty folder; return that folder.

    What is there then is a checkpoint with the weights as the export holds them. Raises ModelError if it is not whole.
    """
    if checkpoint.family.rereader is None:
        raise ModelError(f"Exports of the family {checkpoint.family.name!r} cannot be read back.")
    plugins.load(checkpoint.family.rereader)(checkpoint, folder, out)
    return out


def unpickled(name: str, revision: str | None, folder: Path, digest: str) -> Checkpoint:
    """Return a checkpoint that has pickled weights only, with the same weights as safetensors.

    ``digest`` names the content of the folder. Raises ModelError if the model is not trusted by name, or is damaged.
    """
    plain = parse(name).base
    if plain not in settings().trusted:
        raise ModelError(
            f"Model {plain} has pickled weights only ({PICKLED[0]}), which can be made to run code; ask its owner for "
            f"safetensors, or trust it by name: ACENTO_TRUST={plain}"
        )

    def make(out: Path) -> None:
        without_pickles(folder, out)
        for path in small_files(folder):
            shutil.copyfile(path, out / path.name)

    return stored_checkpoint(name, revision, [_VERSION, digest, "safetensors"], make)


def merged(
    name: str, revision: str | None, folder: Path, digest: str, resolve: Callable[[str, str | None], Checkpoint]
) -> Checkpoint:
    """Return the base of an adapter with the adapter's weights added to its own, kept in the store.

    ``digest`` names what is in the adapter's folder; ``resolve`` finds the base by its name and revision. Raises
    ModelError if the base is not named or cannot be found, or the adapter does not fit it or has no safetensors.
    """
    if not (folder / ADAPTER[1]).is_file():
        raise ModelError(f"The adapter {name} has no {ADAPTER[1]}; save it again with PEFT's save_pretrained.")
    base_name, base_revision = check_base(name, folder)
    try:
        base = resolve(base_name, base_revision)
    except (ModelError, TransientError) as error:
        raise type(error)(_without_base(name, folder, base_name, str(error).rstrip("."))) from error
    if base.family.archive is not None or not base.family.parts:
        raise ModelError(f"The adapter {name} is for {base.id}, of the family {base.family.name!r}, which takes none.")
    made_of = [_MERGING_VERSION, "merged", digest, base.digest]
    return stored_checkpoint(name, revision, made_of, lambda out: _merge(name, folder, base.folder, out), base=base.id)


def check_base(name: str, folder: Path) -> tuple[str, str | None]:
    """Return what an adapter's config names as its base, and the revision: a hub id, or a folder, also one beside it.

    Raises ModelError if it names none, or a folder that is not there; a hub is not asked.
    """
    try:
        config = json.loads((folder / ADAPTER[0]).read_text(encoding="utf-8"))
        base, revision = config["base_model_name_or_path"], config.get("revision")
    except (ValueError, KeyError, TypeError):
        base = revision = None
    if not isinstance(base, str) or not base:
        raise ModelError(f"The {ADAPTER[0]} of adapter {name} names no base model (base_model_name_or_path).")
    beside = folder.parent / base
    found = str(beside) if not Path(base).is_absolute() and beside.is_dir() else base
    if not Path(found).expanduser().exists() and not may_be_fetched(found):
        raise ModelError(_without_base(name, folder, base, "there is no such folder"))
    return found, revision if isinstance(revision, str) else None


def _without_base(name: str, folder: Path, base: str, reason: str) -> str:
    return (
        f"The base {base} of adapter {name} cannot be found ({reason}); put its folder there, or name another in "
        f"base_model_name_or_path of {folder / ADAPTER[0]}."
    )


def _merge(name: str, folder: Path, base: Path, out: Path) -> None:
    """Write the merged model, in the precision that the base is kept in."""
    import torch
    import transformers
    from peft import PeftModel
    from transformers.utils.logging import disable_progress_bar, set_verbosity_error

    disable_progress_bar()
    set_verbosity_error()
    try:
        (architecture,) = json.loads((base / "config.json").read_text(encoding="utf-8"))["architectures"]
        kind: Any = getattr(transformers, architecture)
        plain = kind.from_pretrained(base, dtype=torch.float32, local_files_only=True, use_safetensors=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PEFT asks the model by names that transformers has renamed
            model = PeftModel.from_pretrained(plain, str(folder)).merge_and_unload()
    except (AcentoError, MemoryError):
        raise
    except Exception as error:
        raise ModelError(f"The adapter {name} does not fit its base {base}: {first_line(error)}") from error
    save_as(model, model.state_dict(), out, stored_dtype(base))
    if not (base / "generation_config.json").is_file():  # what was saved is of transformers' defaults
        (out / "generation_config.json").unlink(missing_ok=True)
    own = {path.name for path in out.iterdir()}
    learned = [path for path in small_files(folder) if _is_tokenizer(path.name)]  # the adapter's own tokenizer wins
    for path in [*small_files(base), *learned]:
        if path.name not in own and not path.name.startswith((".", "_")):
            shutil.copyfile(path, out / path.name)


def _is_tokenizer(file: str) -> bool:
    parts = (part for family in FAMILIES.values() for part in family.parts if part.title == "tokenizer")
    return file in BESIDE_TOKENIZER or any(file in files for part in parts for files in part.files)


def stored_checkpoint(
    name: str, revision: str | None, made_of: Sequence[Any], make: Callable[[Path], None], **facts: str
) -> Checkpoint:
    """Return the checkpoint that is made of something, from the store if it was made before; with some facts."""
    key = f"converted/{fingerprint(list(made_of))}"
    store = open_store(settings().store)
    if store.find(key, verify=True) is None:
        with store.publish(key) as draft:
            make(draft.folder)
            asked = parse(name)
            draft.info |= {"model": asked.base, "revision": revision, "reader": asked.reader} | facts
    return replace(in_artifact(store, name, key), revision=revision)


def conversions(store: Store, model: str) -> tuple[str, ...]:
    """Return the keys of what the store keeps that was made of a model."""
    found = ((key, store.find(key)) for key in store.list("converted"))
    return tuple(key for key, one in found if one is not None and one.info.get("model") == parse(model).base)
