"""From a staged data set, a base model and a recipe to a job; what cannot be trained is refused at once."""

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from acento.core import plugins
from acento.core.errors import DataError, InputError, ModelError
from acento.core.store import Store
from acento.core.text import normalizer_for
from acento.data.dataset import Card, language_of
from acento.models.base import DecodeOptions, DeviceType, Recognizer
from acento.models.checkpoints.checkpoint import Checkpoint, ModelSpec
from acento.models.checkpoints.references import check_name
from acento.models.families import FAMILIES
from acento.models.family import Family
from acento.models.languages import language_code
from acento.models.trainable import Labeler, Needs, Trainable
from acento.training.data.prepare import PreparedRef, prepare
from acento.training.data.teacher import TeacherTexts
from acento.training.job import FinetuneJob
from acento.training.recipe import Recipe, recipe_for
from acento.training.windows import check_fitting, settle_window


def plan_finetune(
    store: Store,
    card: Card,
    checkpoint: Checkpoint,
    recipe: Recipe,
    *,
    name: str,
    options: DecodeOptions,
    language: str | None = None,
    texts: Mapping[str, TeacherTexts] | None = None,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
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
        texts: by split, what a teacher wrote, where that is to be learned in place of the clips' own texts.
        on_progress: called with the clips prepared and all clips, for each split.

    Raises:
        DataError: there is no train or no dev split, or nothing in it can be learned from.
        ModelError: the base's family cannot be fine-tuned, or does not know the language.
        InputError: a multilingual model is not told the language, the name cannot be one, or the family cannot learn
            as the recipe says.
    """
    check_name(name)
    check_recipe(checkpoint.family, recipe)
    check_splits(card)
    language = language_code(checkpoint, language or language_of(store, card, ["train"]))
    labeler = load_labeler(checkpoint.family, checkpoint.folder, language)
    train, dev = (
        prepare(store, card, split, labeler.needs, labeler.labels, on_progress, (texts or {}).get(split))
        for split in ("train", "dev")
    )
    return job_of(card, checkpoint, recipe, name, options, language, train, dev)


def job_of(
    card: Card,
    checkpoint: Checkpoint,
    recipe: Recipe,
    name: str,
    options: DecodeOptions,
    language: str | None,
    train: PreparedRef,
    dev: PreparedRef,
) -> FinetuneJob:
    """Return the job of what was planned and prepared."""
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


def check_splits(card: Card) -> None:
    """See that a data set has clips to learn from, and clips to choose by.

    Raises:
        DataError: it lacks one of the two splits.
    """
    purposes = {
        "train": "to learn from",
        "dev": "to choose the best checkpoint by (the test split must stay unseen)",
    }
    for split, purpose in purposes.items():
        if not card.splits.get(split):
            have = ", ".join(f"{known} ({clips})" for known, clips in card.splits.items() if clips) or "none"
            raise DataError(
                f"Data set {card.title} has no {split} split {purpose}; it has {have}. Stage it again with shares "
                "for train, dev and test, or with a column that says each clip's split."
            )


def recipe_of_model(
    checkpoint: Checkpoint,
    clips: int,
    device_type: DeviceType,
    overrides: Mapping[str, object],
    language: str | None = None,
    lengths: Callable[[], Iterable[float]] = tuple,
) -> Recipe:
    """Return the recipe for a model and so many training clips: its family's defaults, and what was asked for.

    ``language`` is what is spoken in the data; it decides the normalizer where none is asked for, or one that has a
    variant for each language. The recipe has the variant's own name. ``lengths`` returns the seconds of each training
    clip; they are asked for where they decide the window.

    Raises:
        InputError: a value is out of its range, or the family cannot learn so.
    """
    family = checkpoint.family
    overrides = {**overrides, "window": settle_window(checkpoint, overrides.get("window"), lengths)}
    asked = overrides.get("normalizer")
    if asked is None or isinstance(asked, str):
        overrides = {**overrides, "normalizer": normalizer_for(asked, language).name}
    recipe = recipe_for(
        clips,
        device_type,
        overrides,
        strategy=family.strategies[0],
        width=model_width(checkpoint),
        learning_rate=family.learning_rate,
    )
    check_recipe(family, recipe)
    return recipe


def check_recipe(family: Family, recipe: Recipe) -> None:
    """See that a family can learn as a recipe says.

    Raises:
        InputError: it has no such strategy, no spectrogram that could be masked or warped, or no window that could be
            shorter.
    """
    if recipe.strategy not in family.strategies:
        raise InputError(
            f"Models of the family {family.name!r} cannot learn with strategy {recipe.strategy!r}; they can with "
            f"{', '.join(family.strategies)}."
        )
    if recipe.augmentation.changes_features and not family.spectrogram:
        raise InputError(
            f"Models of the family {family.name!r} hear samples and no spectrogram: augmentation's time_masks, "
            "frequency_masks and warp must be 0; noise, speed, pitch, gain and reverb work."
        )
    check_fitting(family, recipe.window, recipe.keep_full)
    if recipe.objective == "distill" and recipe.window == "full":
        raise InputError(
            "objective=distill learns in fitted windows what the model does in its full one, and this training has "
            "full windows only: ask for window=fit."
        )


def model_width(checkpoint: Checkpoint) -> int | None:
    """Return a model's width, by which :func:`recipe_for` chooses the learning rate, or None."""
    path = checkpoint.folder / "config.json"
    config = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return next((config[key] for key in ("d_model", "hidden_size") if isinstance(config.get(key), int)), None)


def load_trainable(
    family: Family, folder: Path, language: str | None, recipe: Recipe, device_type: DeviceType
) -> Trainable:
    """Load the checkpoint in a folder, in float32, whatever it is kept in, and freeze what the recipe says.

    Raises:
        ModelError: the family cannot be fine-tuned, or the checkpoint cannot do what the recipe asks.
        InputError: the family has no window that could be fitted.
    """
    import torch

    check_fitting(family, recipe.window, recipe.keep_full)
    trainer: Callable[[Recognizer, Needs, Path, Recipe], Trainable] = plugins.load(_named(family, family.trainer))
    needs = load_labeler(family, folder, language).needs
    options = DecodeOptions(
        language=language, device_type=device_type, dtype="float32", threads=torch.get_num_threads()
    )
    torch.manual_seed(recipe.seed)  # adapters begin at random
    return trainer(family.load(folder, options), needs, folder, recipe)


def load_labeler(family: Family, folder: Path, language: str | None) -> Labeler:
    """Load what turns texts into the labels of the checkpoint in a folder.

    Raises:
        ModelError: the family cannot be fine-tuned, a file is damaged, or the model does not know the language.
        InputError: the model knows several languages and none is given.
    """
    labeler: Labeler = plugins.load(_named(family, family.labeler))(folder, language)
    return labeler


def _named(family: Family, target: str | None) -> str:
    """Return the name of what loads a side of a family, if it has one."""
    if target is None:
        names = ", ".join(one.name for one in FAMILIES.values() if one.trainer) or "none"
        raise ModelError(f"Models of the family {family.name!r} cannot be fine-tuned yet; these can: {names}.")
    family.require()
    return target
