"""From a staged data set, a base model and a recipe to a job: what cannot be trained is said before a GPU is asked."""

import json
from collections.abc import Callable

from acento.data.dataset import Card, language_of
from acento.errors import DataError
from acento.models.base import DecodeOptions
from acento.models.checkpoint import Checkpoint
from acento.models.spec import ModelSpec
from acento.registry.versions import check_name
from acento.store import Store
from acento.training.job import FinetuneJob
from acento.training.prepare import PreparedRef, prepare
from acento.training.recipe import Recipe

_MISSING = {
    "train": "to learn from",
    "dev": "to choose the best checkpoint by (the test split must stay unseen)",
}


def plan_finetune(
    store: Store,
    card: Card,
    checkpoint: Checkpoint,
    recipe: Recipe,
    *,
    name: str,
    options: DecodeOptions,
    language: str | None = None,
    heard: Callable[[int, int], None] = lambda _done, _total: None,
) -> FinetuneJob:
    """Prepare train and dev, unless the store has them already, and return the job; loads no weights.

    Args:
        store: where the data set is, and the prepared splits will be.
        card: the data set.
        checkpoint: the base model.
        recipe: how it learns.
        name: the tuned model's name in the registry.
        options: device and threads; language and dtype are set here.
        language: ISO 639-1; by default the one that all training clips have.
        heard: called with the clips prepared and all clips, for each split.

    Raises:
        DataError: there is no train or no dev split, or nothing in it can be learned from.
        ModelError: the base's family cannot be fine-tuned, or does not know the language.
        InputError: a multilingual model is not told the language, or the name cannot be one.
    """
    check_name(name)
    for split, purpose in _MISSING.items():
        if not card.splits.get(split):
            have = ", ".join(f"{known} ({clips})" for known, clips in card.splits.items() if clips) or "none"
            raise DataError(
                f"Data set {card.title} has no {split} split {purpose}; it has {have}. Stage it again with shares "
                "for train, dev and test, or with a column that says each clip's split."
            )
    language = language or language_of(store, card, ["train"])
    labeler = checkpoint.family.load_labeler(checkpoint.folder, language)
    train, dev = (prepare(store, card, split, labeler.needs, labeler.labels, heard) for split in ("train", "dev"))
    return _job(card, checkpoint, recipe, name, options, language, train, dev)


def model_width(checkpoint: Checkpoint) -> int | None:
    """Return a model's ``d_model``, by which :func:`recipe_for` chooses the learning rate, or None."""
    width = json.loads((checkpoint.folder / "config.json").read_text(encoding="utf-8")).get("d_model")
    return width if isinstance(width, int) else None


def _job(
    card: Card,
    checkpoint: Checkpoint,
    recipe: Recipe,
    name: str,
    options: DecodeOptions,
    language: str | None,
    train: PreparedRef,
    dev: PreparedRef,
) -> FinetuneJob:
    return FinetuneJob(
        name=name,
        base=ModelSpec.of(checkpoint),
        dataset=f"{card.name}@{card.version}",
        dataset_fingerprint=card.fingerprint,
        train=train.key,
        dev=dev.key,
        train_clips=train.clips,
        dev_clips=dev.clips,
        left_out=train.left_out + dev.left_out,
        language=language,
        recipe=recipe,
        options=options.model_copy(update={"language": language, "dtype": "float32"}),
    )
