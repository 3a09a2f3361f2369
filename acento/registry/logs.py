"""Where TensorBoard finds how the models of a registry learned."""

from pathlib import Path

from acento.core.errors import InputError
from acento.core.store import LocalStore, Store
from acento.registry.model_version import ModelVersion
from acento.registry.versions import find_version, read_history, versions
from acento.training.tensorboard import log_root, run_log, write_events


def log_folder(store: Store, model: str | None) -> Path:
    """Return the folder to point TensorBoard at: of every training, or of the one that made a model.

    Raises:
        InputError: nothing has been trained yet.
        ModelError: there is no such model.
    """
    if model is None:
        every = log_root(store)
        if not isinstance(store, LocalStore):
            for version in versions(store):  # trained elsewhere, perhaps
                _from_history(store, version)
        if not every.is_dir():
            raise InputError(
                f"No training has left a log in {store.url} yet: acento finetune --dataset … --base-model …"
            )
        return every
    return _from_history(store, find_version(store, model))


def _from_history(store: Store, version: ModelVersion) -> Path:
    """Return the folder of a model's training, filled from its history where nothing was written live."""
    folder = run_log(store, version.name, version.about.job)
    if not any(folder.glob("events.*")):
        write_events(read_history(store, version), folder)
    return folder
