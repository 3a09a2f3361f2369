"""Find model versions in a store: by name, version, the beginning of a version, or an alias."""

import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from acento.core.arguments import Named, name_of
from acento.core.errors import DamagedError, ModelError
from acento.core.settings import settings
from acento.core.store import Artifact, Store, open_store
from acento.models.checkpoints.checkpoint import Checkpoint
from acento.models.checkpoints.references import REGISTRY, UNREAD, check_name, is_name
from acento.registry.aliases import aliases, pointed_at
from acento.registry.model_version import HISTORY, LATEST, ModelAbout, ModelVersion, export_key, reads_as_version
from acento.registry.windows import version_checkpoint

_SHOWN = 8


def model_names(store: Store) -> list[str]:
    """Return the names of all models in the registry, sorted."""
    return sorted({key.split("/")[1] for key in store.list("models")})


def versions(store: Store, name: str | None = None) -> list[ModelVersion]:
    """Return every whole version (of one model), the oldest first."""
    if name is not None:
        check_name(name)
    keys = (key for key in store.list("models" if name is None else f"models/{name}") if _is_model(key))
    found = [_version(store, artifact) for key in keys if (artifact := store.find(key)) is not None]
    return sorted(found, key=lambda one: (one.about.created, one.name, one.version))


def find_version(store: Store, reference: str) -> ModelVersion:
    """Return the version that ``NAME`` (its latest), ``NAME@VERSION``, ``NAME@START`` or ``NAME@ALIAS`` names.

    ``registry:`` may stand before it.

    Raises:
        ModelError: there is no such model, version or alias, or several versions begin so.
        DamagedError: it is there and not whole.
    """
    name, _, wanted = reference.removeprefix(REGISTRY).partition("@")
    known = versions(store, name) if is_name(name) else []
    if wanted and is_name(name):
        wanted = pointed_at(store, name, wanted) or wanted
    if wanted and is_name(name) and reads_as_version(wanted):
        for key in store.list(f"models/{name}"):
            version = key.split("/")[2]
            if _is_model(key) and version.startswith(wanted) and store.find(key) is None:
                raise DamagedError(
                    f"Model {name}@{version} in {store.url} is damaged or its removal was interrupted; train it again."
                )
    if not known:
        names = ", ".join(model_names(store)[:_SHOWN]) or "none yet: acento finetune"
        raise ModelError(f"There is no model {name!r} in the registry of {store.url} (there is: {names}).")
    if wanted in ("", LATEST):
        return known[-1]
    matching = [one for one in known if one.version.startswith(wanted)]
    if len(matching) == 1:
        return matching[0]
    shown = ", ".join(one.version for one in known[-_SHOWN:])
    if matching:
        raise ModelError(f"{len(matching)} versions of model {name} begin with {wanted!r} ({shown}); write more of it.")
    called = ", ".join(aliases(store, name)) or "none"
    raise ModelError(f"Model {name} has no version or alias {wanted!r} (versions: {shown}; aliases: {called}).")


def registered_keys(store: Store, model: str) -> tuple[str, ...]:
    """Return the keys of ``registry:NAME@VERSION``, and behind another colon of its export; none of another model.

    Raises:
        ModelError: there is no such model, version or alias.
        DamagedError: it is there and not whole.
    """
    if not model.startswith(REGISTRY):
        return ()
    reference, _, export = model.removeprefix(REGISTRY).partition(":")
    version = find_version(store, reference)
    return (version.key, export_key(version, export)) if export else (version.key,)


def load_version(reference: Named) -> ModelVersion:
    """Return a version of the registry in the store of the settings; see :func:`find_version`."""
    return find_version(open_store(settings().store), name_of(reference))


def checkpoint(name: str) -> Checkpoint:
    """Describe what ``registry:NAME@VERSION`` names, or, after another colon, an export of it (``:ctranslate2-int8``).

    Its id names the version, whatever alias was asked for.

    Raises:
        ModelError: there is no such model, version, alias or export.
        DamagedError: its files are not those that were published.
    """
    store = open_store(settings().store)
    reference, _, export = name.removeprefix(REGISTRY).partition(":")
    version = find_version(store, reference)
    if not export:
        return version_checkpoint(store, version, version.id, version.key)
    key = export_key(version, export)
    if export.partition("-")[0] in UNREAD:
        raise ModelError(f"No engine of Acento runs {name}: it is for another program; name {version.id} itself.")
    if store.find(key) is None:
        there = ", ".join(one.rpartition("/")[2] for one in store.list(f"{version.folder_key}/exports")) or "none"
        raise ModelError(
            f"Model {version.title} has no whole export {export!r} (there is: {there}): acento models export."
        )
    return version_checkpoint(store, version, f"{version.id}:{export}", key)


def read_beside(store: Store, version: ModelVersion, name: str) -> bytes | None:
    """Return a file that a training left beside the weights, such as ``CURVE``; None where it left none."""
    artifact = store.find(version.key)
    return None if artifact is None or name not in artifact.files else store.read_bytes(version.key, name)


def read_history(store: Store, version: ModelVersion) -> list[Mapping[str, Any]]:
    """Return how a version learned, a row for each step and each evaluation; empty if its training left none."""
    return history_rows(read_beside(store, version, HISTORY) or b"")


def history_rows(data: bytes) -> list[Mapping[str, Any]]:
    """Return the rows of a history, of its bytes."""
    return [json.loads(line) for line in data.splitlines() if line.strip()]


def _is_model(key: str) -> bool:
    """Tell whether an artifact below ``models/`` is a version's files, and no report or export."""
    parts = key.split("/")
    return len(parts) == 4 and parts[3] == "model" and reads_as_version(parts[2])


def _version(store: Store, artifact: Artifact) -> ModelVersion:
    _, name, version, _ = artifact.key.split("/")
    try:
        about = ModelAbout.model_validate(dict(artifact.info))
    except ValidationError as error:
        raise DamagedError(
            f"What {artifact.key} says of itself cannot be read ({error.errors()[0]['msg']})."
        ) from error
    return ModelVersion(name, version, artifact.key, about, store)
