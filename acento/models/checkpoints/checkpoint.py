"""A checkpoint on disk: the family that it is of, the files that loading may read, and what names its content."""

import json
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel

from acento.core import plugins
from acento.core.errors import ModelError, StoreError
from acento.core.fingerprint import fingerprint
from acento.core.store.base import MARKER, Store
from acento.models.checkpoints.references import TRANSFORMERS
from acento.models.checkpoints.weights import NEMO_SUFFIX, is_pickled, kinds_in
from acento.models.families import FAMILIES, family_of
from acento.models.family import Family

_NOT_LOADED = frozenset({MARKER, "recipe.json", "history.jsonl", "curve.png"})
"""What may lie beside a checkpoint and says how it came to be: no text depends on it."""
_FILLED = ("tokenizer.json", "vocab.json", "preprocessor_config.json", "processor_config.json")
"""JSON objects that libraries replace by defaults where they are empty."""
_OBJECTS = (*_FILLED, "generation_config.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A model that can be loaded."""

    id: str
    """As the user named it."""
    revision: str | None
    """The hub's commit, or None for a folder."""
    folder: Path
    digest: str
    """Names the content: the hub's id and commit, or the bytes of every file of the folder."""
    family: Family
    full_only: bool = False
    """Whether short windows were tried with it and failed, so that by itself it decodes in its own window."""


class ModelSpec(BaseModel, frozen=True):
    """A model as a job names it: where to load it from, and what it must then be."""

    id: str
    revision: str | None
    digest: str
    family: str

    @classmethod
    def of(cls, checkpoint: Checkpoint) -> "ModelSpec":
        """Return the spec of a checkpoint that was resolved."""
        family = checkpoint.family.name
        return cls(id=checkpoint.id, revision=checkpoint.revision, digest=checkpoint.digest, family=family)


def checkpoint_files(name: str, folder: Path, reader: str | None = None) -> list[str]:
    """Return the names of the files that loading may read, after checking that the folder is a checkpoint."""
    family = family_in(name, folder, reader)
    return sorted(
        path.name
        for path in folder.iterdir()
        if path.is_file()
        and path.suffix != ".md"
        and not path.name.startswith(".")
        and path.name not in _NOT_LOADED
        and not is_pickled(path.name)
        and (path.suffix == family.archive if family.archive else path.suffix != NEMO_SUFFIX)
    )


def in_artifact(store: Store, name: str, key: str) -> Checkpoint:
    """Describe the checkpoint that is an artifact of the store, every byte verified; raise StoreError if it is gone."""
    artifact = store.find(key)
    if artifact is None:
        raise StoreError(f"{key} is not in the store {store.url}.")
    folder = store.local_folder(key)
    files = checkpoint_files(name, folder)
    digest = fingerprint({file: artifact.files[file].sha256 for file in files})
    return Checkpoint(name, None, folder, digest, family_in(name, folder))


def family_in(name: str, folder: Path, reader: str | None = None) -> Family:
    """Return the family, after checking that the files a model needs are there."""
    kinds = kinds_in(name, folder)
    chosen = FAMILIES.get(reader or "")
    archived = chosen is not None and chosen.archive is not None
    if len(kinds.rivals) > 1 and not (kinds.nemo and (archived or reader == TRANSFORMERS)):
        raise ModelError(
            f"Model folder {name} holds weights of more than one kind ({', '.join(kinds.rivals)}); keep one of them"
            + (f", or say which after a colon ({name}:nemo or {name}:{TRANSFORMERS})." if kinds.nemo else ".")
        )
    if kinds.nemo is not None and (archived or (reader is None and len(kinds.rivals) == 1)):
        return archived_family(folder / kinds.nemo)
    config = folder / "config.json"
    if not config.is_file():
        raise ModelError(f"Model folder {name} has no config.json; is it the folder that save_pretrained wrote?")
    try:
        loaded = json.loads(config.read_text(encoding="utf-8"))
        family = chosen or family_of(loaded, name)
    except (ValueError, AttributeError) as error:
        raise ModelError(f"The config.json of model {name} cannot be read ({error}).") from error
    if not any((folder / weights).is_file() for weights in family.weights):
        missing = family.weights[0] if family.weights else f"*{family.archive}"
        raise ModelError(f"Model {name} has no weights: its folder {folder} holds no {missing}; {family.repair}.")
    _check_objects(name, folder)
    return family


def archived_family(path: Path) -> Family:
    """Return the family of a model that is one file, after checking that the file is whole and harmless."""
    family = next((one for one in FAMILIES.values() if one.archive == path.suffix), None)
    if family is None:
        raise ModelError(f"Model {path} is a file; name the folder that holds its config.json and weights.")
    if family.inspect is not None:
        plugins.load(family.inspect)(path)
    return family


def _check_objects(name: str, folder: Path) -> None:
    """Check that the JSON files beside the weights are whole."""
    for path in (folder / file for file in _OBJECTS if (folder / file).is_file()):
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            wrong = "" if isinstance(found, dict) else "it is no JSON object"
            if found == {} and path.name in _FILLED:
                wrong = "it is empty"
        except ValueError as error:
            wrong = str(error)
        if wrong:
            raise ModelError(
                f"The {path.name} of model {name} cannot be read ({wrong}); copy it again from where the model is from."
            )
