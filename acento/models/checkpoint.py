"""From what a user names (a folder, a hub id, a shipped model, one of the registry) to a checkpoint on disk.

Its identity is its content: the bytes of every file that loading may read.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from acento.errors import ModelError, StoreError
from acento.fingerprint import fingerprint, sha256_file
from acento.hub import hub_error, hub_token
from acento.models.families import Family, family_of
from acento.store.base import MARKER, Store

SHIPPED = "demo:"
"""Prefix of the models that come with Acento, such as ``demo:whisper-mini``."""
REGISTRY = "registry:"
"""Prefix of the models that were tuned here, such as ``registry:mini-santiago@production``."""

_SHIPPED_FOLDER = Path(__file__).parent.parent / "assets" / "models"
_HUB_FILES = ["*.json", "*.txt", "*.safetensors", "*.model", "*.jinja"]
_NOT_LOADED = frozenset({MARKER, "recipe.json", "history.jsonl", "curve.png"})
"""What may lie beside a checkpoint and says how it came to be: no text depends on it."""


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


def resolve(name: str, revision: str | None = None) -> Checkpoint:
    """Find a model by folder, ``demo:NAME``, ``registry:NAME@VERSION``, or hub id (with ``@REVISION`` or ``revision``).

    A model of the hub is downloaded if need be; one of the registry is looked for in the store of the settings.

    Raises:
        ModelError: there is no such model or revision, access to it is refused, or it lacks weights or a config.
        DamagedError: it is a version of the registry whose files are not those that were published.
        TransientError: the hub does not answer and no copy is here.
    """
    if name.startswith(SHIPPED):
        folder = _SHIPPED_FOLDER / name.removeprefix(SHIPPED)
        if not name.removeprefix(SHIPPED) or not folder.is_dir():
            raise ModelError(f"There is no shipped model {name!r}; there is {', '.join(shipped()) or 'none'}.")
        return _in_folder(name, folder)
    if name.startswith(REGISTRY):
        return _in_registry(name)
    path = Path(name).expanduser()
    if path.is_dir():
        return _in_folder(name, path)
    if path.exists():
        raise ModelError(f"Model {name} is a file; name the folder that holds its config.json and weights.")
    base, _, tag = name.partition("@")
    if not _looks_like_hub_id(base):
        raise ModelError(
            f"There is no model folder {name}; name a folder, a Hugging Face id such as openai/whisper-small, "
            f"or a shipped model ({', '.join(shipped())})."
        )
    return _from_hub(base, revision or tag or None)


def shipped() -> list[str]:
    """Return the names of the models that come with Acento."""
    if not _SHIPPED_FOLDER.is_dir():
        return []
    return sorted(SHIPPED + path.name for path in _SHIPPED_FOLDER.iterdir() if (path / "config.json").is_file())


def _looks_like_hub_id(name: str) -> bool:
    """Tell whether a name is of the form ``owner/model``."""
    parts = name.split("/")
    return len(parts) == 2 and all(part and not part.startswith((".", "~")) for part in parts)


def checkpoint_files(name: str, folder: Path) -> list[str]:
    """Return the names of the files of a folder that loading may read, after seeing that it is a checkpoint.

    Raises:
        ModelError: it is none of a known family; ``name`` is what the sentence calls it.
    """
    _check(name, folder)
    return sorted(
        path.name
        for path in folder.iterdir()
        if path.is_file() and path.suffix != ".md" and not path.name.startswith(".") and path.name not in _NOT_LOADED
    )


def _in_folder(name: str, folder: Path) -> Checkpoint:
    """Describe the checkpoint in a folder; its digest covers the bytes of every file that loading may read."""
    files = checkpoint_files(name, folder)
    digest = fingerprint({file: sha256_file(folder / file) for file in files})
    return Checkpoint(name, None, folder.absolute(), digest, _check(name, folder))


def _in_registry(name: str) -> Checkpoint:
    """Describe a version of the registry, or after another colon an export of it (``:ctranslate2-int8``).

    Its id names the version, whatever alias was asked for.
    """
    from acento.registry.export.exporting import export_key
    from acento.registry.versions import find_version
    from acento.settings import settings
    from acento.store import open_store

    store = open_store(settings().store)
    reference, _, export = name.removeprefix(REGISTRY).partition(":")
    version = find_version(store, reference)
    if not export:
        return in_artifact(store, version.id, version.key)
    key = export_key(version, export)
    if store.find(key) is None:
        there = ", ".join(one.rpartition("/")[2] for one in store.list(f"{version.folder_key}/exports")) or "none"
        raise ModelError(
            f"Model {version.title} has no whole export {export!r} (there is: {there}): acento models export."
        )
    return in_artifact(store, f"{version.id}:{export}", key)


def in_artifact(store: Store, name: str, key: str) -> Checkpoint:
    """Describe the checkpoint that is an artifact of the store, every byte of it verified.

    Raises:
        StoreError: there is no such artifact, or its bytes are not those that were published.
    """
    artifact = store.find(key)
    if artifact is None:
        raise StoreError(f"{key} is not in the store {store.url}.")
    folder = {store.local_path(key, file).parent for file in artifact.files}.pop()
    files = checkpoint_files(name, folder)
    digest = fingerprint({file: artifact.files[file].sha256 for file in files})
    return Checkpoint(name, None, folder, digest, _check(name, folder))


def _check(name: str, folder: Path) -> Family:
    """Return the family, after seeing that the files a model needs are there."""
    config = folder / "config.json"
    if not config.is_file():
        raise ModelError(f"Model folder {name} has no config.json; is it the folder that save_pretrained wrote?")
    try:
        family = family_of(json.loads(config.read_text(encoding="utf-8")), name)
    except (ValueError, AttributeError) as error:
        raise ModelError(f"The config.json of model {name} cannot be read ({error}).") from error
    if not any((folder / weights).is_file() for weights in family.weights):
        raise ModelError(
            f"Model {name} has no weights: its folder {folder} holds no {family.weights[0]}; {family.mending}."
        )
    return family


def _from_hub(name: str, revision: str | None) -> Checkpoint:
    """Download a hub model's files (or find them in the hub's cache) and describe them."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.utils import HFValidationError, httpx

    try:
        folder = Path(snapshot_download(name, revision=revision, allow_patterns=_HUB_FILES, token=hub_token()))
    except (HFValidationError, httpx.HTTPError, OSError) as error:
        raise hub_error(error, "model", name, revision, ModelError) from error
    commit = folder.name
    family = _check(name, folder)
    return Checkpoint(name, commit, folder, fingerprint({"hub": name, "commit": commit}), family)
