"""Licenses of a base model and of a data set, as their own cards name them; nothing is asked of a network."""

from pathlib import Path

from acento.core.errors import AcentoError
from acento.core.store import Store
from acento.data.dataset import load_card
from acento.models.checkpoints.card_facts import front_matter
from acento.models.checkpoints.resolver import resolve
from acento.models.spec import ModelSpec


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
    return _of_hub(card.source)


def named(folder: Path) -> str | None:
    """Return the license in the front matter of a folder's ``README.md``."""
    facts = front_matter(folder)
    said = facts.get("license_name") if facts.get("license") == "other" else facts.get("license")
    several = said if isinstance(said, list) else [said]
    return ", ".join(one for one in several if isinstance(one, str) and one) or None


def _of_hub(source: str) -> str | None:
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    name = source.removeprefix("hf://datasets/").partition("@")[0]
    if name.count("/") != 1:
        return None
    try:
        found = try_to_load_from_cache(name, "README.md", repo_type="dataset")
    except HFValidationError:
        return None
    return named(Path(found).parent) if isinstance(found, str) else None
