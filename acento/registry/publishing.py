"""Publish a model version: its files, what is known of it, the licenses that bind it, and its model card."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from acento.core.errors import AcentoError
from acento.core.fingerprint import fingerprint, sha256_file
from acento.core.store import Store
from acento.core.store.base import MARKER
from acento.data.dataset import load_card
from acento.models.checkpoints.checkpoint import ModelSpec, checkpoint_files
from acento.models.checkpoints.completed import front_matter
from acento.models.checkpoints.references import check_name
from acento.models.checkpoints.resolver import resolve
from acento.models.checkpoints.taught import taught
from acento.registry.card.card import model_card
from acento.registry.model_version import CARD, CURVE, HISTORY, RECIPE, ModelAbout, ModelVersion
from acento.registry.versions import find_version, history_rows

_DIGITS = 12


class _Moved(Exception):  # noqa: N818 - no error: how a draft is left without becoming an artifact
    """The draft's files have gone into the artifact that bears their name."""


def publish_model(store: Store, about: ModelAbout, fill: Callable[[Path], None]) -> ModelVersion:
    """Publish a model version; the same files from the same data are the version that is there already.

    ``fill`` writes the checkpoint's files (and ``RECIPE``, ``HISTORY``, ``CURVE``) into an empty folder.

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
        key = f"{folder}/{version}/model"
        with store.publish(key) as draft:
            for path in written.folder.iterdir():
                if path.name != MARKER:  # of an artifact that the files were copied from
                    path.rename(draft.folder / path.name)
            history = draft.folder / HISTORY
            named = ModelVersion(about.name, version, key, about)
            card = model_card(
                named,
                history_rows(history.read_bytes()) if history.is_file() else [],
                curve=(draft.folder / CURVE).is_file(),
                fit=taught(draft.folder),
            )
            (draft.folder / CARD).write_text(card, encoding="utf-8")
            draft.info |= about.model_dump(mode="json")
        raise _Moved
    return find_version(store, f"{about.name}@{version}")


def base_license(base: ModelSpec) -> str | None:
    """Return the license that a base's model card names; None where it names none, or there is no card."""
    try:
        folder = resolve(base.id, base.revision).folder
    except AcentoError:
        return None
    return named(folder if folder.is_dir() else folder.parent)


def data_license(store: Store, dataset: str) -> str | None:
    """Return the license of a data set: as it was staged with, or as the card of its source names it.

    The card of a data set of the Hugging Face hub is looked for among the files that were downloaded.
    """
    try:
        card = load_card(store, dataset)
    except AcentoError:
        return None
    said = card.options.get("license")
    if isinstance(said, str) and said:
        return said
    folder = Path(card.source).expanduser()
    if folder.is_dir():
        return named(folder)
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    name = card.source.removeprefix("hf://datasets/").partition("@")[0]
    try:
        found = try_to_load_from_cache(name, "README.md", repo_type="dataset") if name.count("/") == 1 else None
    except HFValidationError:
        return None
    return named(Path(found).parent) if isinstance(found, str) else None


def named(folder: Path) -> str | None:
    """Return the license in the front matter of a folder's ``README.md``."""
    facts = front_matter(folder)
    said = facts.get("license_name") if facts.get("license") == "other" else facts.get("license")
    several = said if isinstance(said, list) else [said]
    return ", ".join(one for one in several if isinstance(one, str) and one) or None
