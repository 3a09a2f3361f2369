"""LoRA adapters as PEFT saves them: a small folder of weights that are added to those of the base that it names."""

import json
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from acento.core.errors import AcentoError, ModelError, TransientError
from acento.core.fingerprint import fingerprint
from acento.models.checkpoints.checkpoint import Checkpoint
from acento.models.checkpoints.converted import made
from acento.models.checkpoints.places import may_be_fetched
from acento.models.checkpoints.weights import ADAPTER, BESIDE, save_as, stored_dtype
from acento.models.families import FAMILIES
from acento.models.parts import BESIDE_TOKENIZER

_VERSION = 1
"""Raised by hand whenever the same adapter and base would be merged to other weights."""


def merged(
    name: str, revision: str | None, folder: Path, digest: str, resolve: Callable[[str, str | None], Checkpoint]
) -> Checkpoint:
    """Return the base of an adapter with the adapter's weights added to its own, kept in the store.

    Args:
        name: as the user named the adapter.
        revision: the hub's commit, if any.
        folder: the adapter.
        digest: names what is in the folder.
        resolve: finds the base by its name and revision.

    Raises:
        ModelError: the base is not named or not to be had, the adapter does not fit it, or has no safetensors.
    """
    weights = folder / ADAPTER[1]
    if not weights.is_file():
        raise ModelError(f"The adapter {name} has no {ADAPTER[1]}; save it again with PEFT's save_pretrained.")
    base = _base(name, folder, resolve)
    if base.family.archive is not None or not base.family.parts:
        raise ModelError(f"The adapter {name} is for {base.id}, of the family {base.family.name!r}, which takes none.")

    def make(out: Path) -> None:
        _merge(name, folder, base.folder, out)

    key = f"converted/{fingerprint([_VERSION, 'merged', digest, base.digest])}"
    return made(name, revision, key, make, base=base.id)


def check_base(name: str, folder: Path) -> None:
    """See that the base of an adapter is there, as far as that can be told without the network.

    Raises:
        ModelError: no base is named, or its folder is gone.
    """
    _named_base(name, folder)


def _named_base(name: str, folder: Path) -> tuple[str, str | None]:
    """Return what an adapter's config names as its base, and the revision: a hub id, or a folder, also one beside it.

    Raises:
        ModelError: it names none, or a folder that is not there.
    """
    config = folder / ADAPTER[0]
    try:
        said = json.loads(config.read_text(encoding="utf-8"))
        base, revision = said["base_model_name_or_path"], said.get("revision")
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"The {ADAPTER[0]} of adapter {name} names no base model (base_model_name_or_path)."
        ) from error
    if not isinstance(base, str) or not base:
        raise ModelError(f"The {ADAPTER[0]} of adapter {name} names no base model (base_model_name_or_path).")
    beside = folder.parent / base
    found = str(beside) if not Path(base).is_absolute() and beside.is_dir() else base
    if not Path(found).expanduser().exists() and not may_be_fetched(found):
        raise ModelError(_without_base(name, folder, base, "there is no such folder"))
    return found, revision if isinstance(revision, str) else None


def _base(name: str, folder: Path, resolve: Callable[[str, str | None], Checkpoint]) -> Checkpoint:
    """Return the base of an adapter."""
    base, revision = _named_base(name, folder)
    try:
        return resolve(base, revision)
    except (ModelError, TransientError) as error:
        raise type(error)(_without_base(name, folder, base, str(error).rstrip("."))) from error


def _without_base(name: str, folder: Path, base: str, reason: str) -> str:
    return (
        f"The base {base} of adapter {name} is not to be had ({reason}); put its folder there, or name another in "
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
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise ModelError(f"The adapter {name} does not fit its base {base}: {reason[0]}") from error
    save_as(model, model.state_dict(), out, stored_dtype(base))
    if not (base / "generation_config.json").is_file():  # what was saved is of transformers' defaults
        (out / "generation_config.json").unlink(missing_ok=True)
    own = {path.name for path in out.iterdir()}
    for source in (base, folder):  # a tokenizer beside the adapter is the one that it learned with
        for path in source.iterdir():
            told = path.suffix in BESIDE or (source == base and path.name == "README.md")
            small = path.is_file() and told and not path.name.startswith((".", "_"))
            if small and path.name not in own and (source == base or _is_tokenizer(path.name)):
                shutil.copyfile(path, out / path.name)


def _is_tokenizer(file: str) -> bool:
    parts = (part for family in FAMILIES.values() for part in family.parts if part.title == "tokenizer")
    return file in BESIDE_TOKENIZER or any(file in files for part in parts for files in part.files)
