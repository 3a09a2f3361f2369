"""The registry as a source of models: ``registry:NAME@VERSION``, and after another colon an export of it."""

from acento.core.errors import ModelError
from acento.core.settings import settings
from acento.core.store import open_store
from acento.models.checkpoints.checkpoint import Checkpoint, in_artifact
from acento.models.checkpoints.references import REGISTRY
from acento.registry.model_version import export_key
from acento.registry.versions import find_version


def checkpoint(name: str) -> Checkpoint:
    """Describe a version of the registry, or an export of it (``:ctranslate2-int8``).

    Its id names the version, whatever alias was asked for.

    Raises:
        ModelError: there is no such model, version, alias or export.
        DamagedError: its files are not those that were published.
    """
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
