"""Publish a model version: its files, what is known of it, and its model card."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from acento.core.fingerprint import fingerprint, sha256_file
from acento.core.store import Store
from acento.core.store.base import MARKER
from acento.models.checkpoints.checkpoint import checkpoint_files
from acento.models.checkpoints.references import check_name
from acento.registry.card.card import model_card
from acento.registry.card.learned import rows
from acento.registry.model_version import CARD, CURVE, HISTORY, RECIPE, ModelAbout, ModelVersion, model_key
from acento.registry.versions import find_version

_DIGITS = 12


class _Moved(Exception):  # noqa: N818 - no error: how a draft is left without becoming an artifact
    """The draft's files have gone into the artifact that bears their name."""


def publish_model(store: Store, about: ModelAbout, fill: Callable[[Path], None]) -> ModelVersion:
    """Publish a model version; the same files from the same data are the version that is there already.

    Args:
        store: where models are.
        about: where it comes from.
        fill: writes the checkpoint's files (and ``RECIPE``, ``HISTORY``, ``CURVE``) into an empty folder.

    Raises:
        InputError: the name cannot be a model's.
        ModelError: what was written is no checkpoint of a known family.
        StoreError: the store cannot be written.
    """
    check_name(about.name)
    folder = f"models/{about.name}"
    version = ""
    # the name is not known before the files are: they are written into a draft of the store, where there is room for
    # them and where what a kill leaves is swept away, and then renamed into that of the version
    with suppress(_Moved), store.publish(f"{folder}/unnamed/model") as written:
        fill(written.folder)
        checked = checkpoint_files(about.name, written.folder)
        recipe = [RECIPE] if (written.folder / RECIPE).is_file() else []
        counted = {name: sha256_file(written.folder / name) for name in [*checked, *recipe]}
        version = fingerprint({"files": counted, "data": about.dataset_fingerprint})[:_DIGITS]
        key = model_key(about.name, version)
        with store.publish(key) as draft:
            for path in written.folder.iterdir():
                if path.name != MARKER:  # of an artifact that the files were copied from
                    path.rename(draft.folder / path.name)
            history = draft.folder / HISTORY
            named = ModelVersion(about.name, version, key, about)
            card = model_card(
                named, rows(history.read_bytes()) if history.is_file() else [], curve=(draft.folder / CURVE).is_file()
            )
            (draft.folder / CARD).write_text(card, encoding="utf-8")
            draft.info |= about.model_dump(mode="json")
        raise _Moved
    return find_version(store, f"{about.name}@{version}")
