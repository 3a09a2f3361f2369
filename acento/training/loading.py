"""Loads the training side of a model family."""

from pathlib import Path

from acento.core import plugins
from acento.core.errors import ModelError
from acento.models.base import DeviceType
from acento.models.families import FAMILIES
from acento.models.family import Family
from acento.models.trainable import Labeler, Trainable
from acento.training.recipe import Recipe


def load_trainable(
    family: Family, folder: Path, language: str | None, recipe: Recipe, device_type: DeviceType
) -> Trainable:
    """Load the checkpoint in a folder so that it learns as the recipe says.

    Raises:
        ModelError: the family cannot be fine-tuned, or the checkpoint cannot do what the recipe asks.
    """
    trainable: Trainable = plugins.load(_named(family, family.trainer))(folder, language, recipe, device_type)
    return trainable


def load_labeler(family: Family, folder: Path, language: str | None) -> Labeler:
    """Load what turns texts into the labels of the checkpoint in a folder.

    Raises:
        ModelError: the family cannot be fine-tuned, or the model does not know the language.
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
