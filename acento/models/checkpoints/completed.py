"""Checkpoints that lack a tokenizer or a feature extractor, completed from the base model that they name.

A training leaves such folders (``checkpoint-500``): weights and a config, and what never changed is elsewhere.
"""

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from acento.core.errors import AcentoError, ModelError
from acento.core.fingerprint import fingerprint, sha256_file
from acento.models.checkpoints.card_facts import front_matter
from acento.models.checkpoints.checkpoint import Checkpoint
from acento.models.checkpoints.converted import made
from acento.models.checkpoints.places import find_small_files, may_be_fetched
from acento.models.checkpoints.weights import BESIDE
from acento.models.parts import BESIDE_TOKENIZER, Part, lacking

_VERSION = 1
_STEP = re.compile(r"checkpoint-\d+")
"""How transformers' Trainer names the folders that it leaves, inside of its output folder."""


@dataclass(frozen=True, slots=True)
class _Donor:
    """A model that may have what lacks."""

    title: str
    folder: Path


def completed(checkpoint: Checkpoint) -> Checkpoint:
    """Return a checkpoint with what it lacks taken from its base; itself where it lacks nothing.

    Raises:
        ModelError: something lacks, and no base is named, or the base does not have it or is of another vocabulary.
    """
    missing = lacking(checkpoint.family.parts, checkpoint.folder)
    return _put_together(checkpoint, *_found(checkpoint, missing)) if missing else checkpoint


def check_parts(checkpoint: Checkpoint) -> None:
    """See that what a checkpoint lacks is to be had on this machine; a base that may be elsewhere is not asked for.

    Raises:
        ModelError: something lacks, and no folder has it.
    """
    missing = lacking(checkpoint.family.parts, checkpoint.folder)
    if missing and all(Path(name).expanduser().is_dir() or not may_be_fetched(name) for name in _named(checkpoint)):
        _found(checkpoint, missing)


def _found(checkpoint: Checkpoint, missing: list[Part]) -> tuple[_Donor, dict[str, Path]]:
    """Return the first model that has what lacks, and its files by name.

    Raises:
        ModelError: none has.
    """
    tried: list[str] = []
    for name in _named(checkpoint):
        if not Path(name).expanduser().is_dir() and not may_be_fetched(name):
            tried.append(f"there is no folder {name}")
            continue
        try:
            donor = _Donor(name, find_small_files(name))
            return donor, _taken(checkpoint, donor, missing)
        except AcentoError as error:
            tried.append(str(error))
    raise ModelError(_sentence(checkpoint, missing, tried))


def base_names(folder: Path) -> list[str]:
    """Return what a checkpoint's own files say that it was made from: folders and ids of the hub, the surest first."""
    config, adapter = _json(folder / "config.json"), _json(folder / "adapter_config.json")
    said = [adapter.get("base_model_name_or_path"), config.get("_name_or_path"), front_matter(folder).get("base_model")]
    flat = [one for value in said for one in (value if isinstance(value, list) else [value])]
    return list(dict.fromkeys(one for one in flat if isinstance(one, str) and one.strip()))


def _named(checkpoint: Checkpoint) -> Iterator[str]:
    """Yield where the files may be: Trainer's output folder around a checkpoint, then the bases that it names."""
    folder = checkpoint.folder
    if _STEP.fullmatch(folder.name):
        yield str(folder.parent)
    for name in base_names(folder):
        beside = folder.parent / name
        if Path(name).expanduser().resolve() != folder.resolve():
            yield str(beside) if not Path(name).is_absolute() and beside.is_dir() else name


def _taken(checkpoint: Checkpoint, donor: _Donor, missing: list[Part]) -> dict[str, Path]:
    """Return the files that a donor gives, by name.

    Raises:
        ModelError: it lacks them too, or is of another kind or vocabulary.
    """
    if learned := [part.title for part in missing if part.learned]:
        raise ModelError(
            f"the {learned[0]} of {donor.title} is not taken, because models of this family get a vocabulary of their "
            "own when they are fine-tuned"
        )
    own, other = _json(checkpoint.folder / "config.json"), _json(donor.folder / "config.json")
    if other and (own.get("model_type"), _sizes(own)) != (other.get("model_type"), _sizes(other)):
        raise ModelError(f"{donor.title} is another kind of model ({_kind(other)}, and this one {_kind(own)})")
    files: dict[str, Path] = {}
    for part in missing:
        found = next((one for one in part.files if all((donor.folder / name).is_file() for name in one)), None)
        if found is None:
            raise ModelError(f"{donor.title} has no {part.title} either")
        more = BESIDE_TOKENIZER if part.title == "tokenizer" else ()
        files |= {name: donor.folder / name for name in (*found, *more) if (donor.folder / name).is_file()}
    return files


def _put_together(checkpoint: Checkpoint, donor: _Donor, files: dict[str, Path]) -> Checkpoint:
    given = {name: sha256_file(path) for name, path in files.items()}

    def make(out: Path) -> None:
        for path in checkpoint.folder.iterdir():
            if path.is_file() and (path.suffix in (*BESIDE, ".safetensors") or path.name == "README.md"):
                shutil.copyfile(path, out / path.name)
        for name, path in files.items():
            shutil.copyfile(path, out / name)

    key = f"converted/{fingerprint([_VERSION, 'completed', checkpoint.digest, given])}"
    return made(checkpoint.id, checkpoint.revision, key, make, completed_from=donor.title)


def _sentence(checkpoint: Checkpoint, missing: list[Part], tried: list[str]) -> str:
    what = " and no ".join(f"{part.title} ({part.names})" for part in missing)
    why = (
        f"it cannot be taken from the model it was made from: {'; '.join(one.rstrip('.') for one in tried)}"
        if tried
        else "its config.json does not name the model it was made from"
    )
    return f"Model {checkpoint.id} has no {what}, and {why}. Copy those files from that model into {checkpoint.folder}."


def _sizes(config: Any) -> list[int]:
    """Return the sizes of the vocabularies that a config names, at any depth."""
    if not isinstance(config, dict):
        return []
    own = [config["vocab_size"]] if isinstance(config.get("vocab_size"), int) else []
    return own + [size for _, value in sorted(config.items()) for size in _sizes(value)]


def _kind(config: dict[str, Any]) -> str:
    return f"{config.get('model_type')} of {' and '.join(map(str, _sizes(config)))} tokens"


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
