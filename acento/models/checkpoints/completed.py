"""Checkpoints that lack a tokenizer or a feature extractor, completed from the base model that they name.

A training leaves such folders (``checkpoint-500``): weights and a config, and what never changed is elsewhere.
"""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from acento.core.errors import AcentoError, ModelError
from acento.core.fingerprint import sha256_file
from acento.models.checkpoints.checkpoint import Checkpoint
from acento.models.checkpoints.converted import stored_checkpoint
from acento.models.checkpoints.places import find_small_files, may_be_fetched
from acento.models.checkpoints.weights import small_files
from acento.models.family import BESIDE_TOKENIZER, ModelPart, missing_parts

_VERSION = 1
_STEP = re.compile(r"checkpoint-\d+")
"""How transformers' Trainer names the folders that it leaves, inside of its output folder."""


def completed(checkpoint: Checkpoint) -> Checkpoint:
    """Return a checkpoint with what it lacks taken from its base; raise ModelError if that cannot be had."""
    missing = missing_parts(checkpoint.family.parts, checkpoint.folder)
    if not missing:
        return checkpoint
    base, files = _found(checkpoint, missing)

    def make(out: Path) -> None:
        weights = (path for path in checkpoint.folder.glob("*.safetensors") if path.is_file())
        for path in [*small_files(checkpoint.folder), *weights, *files.values()]:
            shutil.copyfile(path, out / path.name)

    given = {name: sha256_file(path) for name, path in files.items()}
    made_of = [_VERSION, "completed", checkpoint.digest, given]
    return stored_checkpoint(checkpoint.id, checkpoint.revision, made_of, make, completed_from=base)


def check_parts(checkpoint: Checkpoint) -> None:
    """Raise ModelError if no folder has what a checkpoint lacks; a base that may be elsewhere is not asked for."""
    missing = missing_parts(checkpoint.family.parts, checkpoint.folder)
    if missing and all(Path(name).expanduser().is_dir() or not may_be_fetched(name) for name in _named(checkpoint)):
        _found(checkpoint, missing)


def _found(checkpoint: Checkpoint, missing: list[ModelPart]) -> tuple[str, dict[str, Path]]:
    """Return the first model that has what lacks, and its files by name."""
    tried: list[str] = []
    for name in _named(checkpoint):
        if not Path(name).expanduser().is_dir() and not may_be_fetched(name):
            tried.append(f"there is no folder {name}")
            continue
        try:
            return name, _taken(checkpoint, name, find_small_files(name), missing)
        except AcentoError as error:
            tried.append(str(error).rstrip("."))
    what = " and no ".join(f"{part.title} ({part.names})" for part in missing)
    why = "its config.json does not name the model it was made from"
    if tried:
        why = f"it cannot be taken from the model it was made from: {'; '.join(tried)}"
    raise ModelError(
        f"Model {checkpoint.id} has no {what}, and {why}. Copy those files from that model into {checkpoint.folder}."
    )


def front_matter(folder: Path) -> dict[str, Any]:
    """Return the YAML at the top of a folder's ``README.md``; empty where there is none that can be read."""
    import yaml

    try:
        text = (folder / "README.md").read_text(encoding="utf-8")
        found = yaml.safe_load(text[3:].partition("\n---")[0]) if text.startswith("---") else None
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    return found if isinstance(found, dict) else {}


def _named(checkpoint: Checkpoint) -> Iterator[str]:
    """Yield where files may be: Trainer's output folder around a checkpoint, then the bases it names, surest first."""
    folder = checkpoint.folder
    if _STEP.fullmatch(folder.name):
        yield str(folder.parent)
    config, adapter = json_object(folder / "config.json"), json_object(folder / "adapter_config.json")
    card = front_matter(folder)
    bases = [adapter.get("base_model_name_or_path"), config.get("_name_or_path"), card.get("base_model")]
    flat = [one for value in bases for one in (value if isinstance(value, list) else [value])]
    for name in dict.fromkeys(one for one in flat if isinstance(one, str) and one.strip()):
        beside = folder.parent / name
        if Path(name).expanduser().resolve() != folder.resolve():
            yield str(beside) if not Path(name).is_absolute() and beside.is_dir() else name


def _taken(checkpoint: Checkpoint, base: str, folder: Path, missing: list[ModelPart]) -> dict[str, Path]:
    """Return the files that a base in a folder gives, by name; raise ModelError if it lacks them or does not fit."""
    if learned := [part.title for part in missing if part.learned]:
        raise ModelError(
            f"the {learned[0]} of {base} is not taken, because models of this family get a vocabulary of their "
            "own when they are fine-tuned"
        )
    own, other = json_object(checkpoint.folder / "config.json"), json_object(folder / "config.json")
    if other and (own.get("model_type"), _sizes(own)) != (other.get("model_type"), _sizes(other)):
        raise ModelError(f"{base} is another kind of model ({_kind(other)}, and this one {_kind(own)})")
    files: dict[str, Path] = {}
    for part in missing:
        found = next((one for one in part.files if all((folder / name).is_file() for name in one)), None)
        if found is None:
            raise ModelError(f"{base} has no {part.title} either")
        more = BESIDE_TOKENIZER if part.title == "tokenizer" else ()
        files |= {name: folder / name for name in (*found, *more) if (folder / name).is_file()}
    return files


def _sizes(config: Any) -> list[int]:
    """Return the sizes of the vocabularies that a config names, at any depth."""
    if not isinstance(config, dict):
        return []
    own = [config["vocab_size"]] if isinstance(config.get("vocab_size"), int) else []
    return own + [size for _, value in sorted(config.items()) for size in _sizes(value)]


def _kind(config: dict[str, Any]) -> str:
    return f"{config.get('model_type')} of {' and '.join(map(str, _sizes(config)))} tokens"


def json_object(path: Path) -> dict[str, Any]:
    """Return a JSON object; empty where there is none that can be read."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
