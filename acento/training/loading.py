"""Loads the training side of a model family."""

from collections.abc import Callable
from pathlib import Path

from acento.core import plugins
from acento.core.errors import ModelError
from acento.models.base import DeviceType
from acento.models.families import FAMILIES
from acento.models.family import Family
from acento.models.trainable import Labeler, Trainable
from acento.training.recipe import Recipe

Trainer = Callable[[Path, str | None, Recipe, DeviceType], Trainable]
LabelerLoader = Callable[[Path, str | None], Labeler]


def load_trainable(
    family: Family, folder: Path, language: str | None, recipe: Recipe, device_type: DeviceType
) -> Trainable:
    """Load the checkpoint in a folder so that it learns as the recipe says.

    Raises:
        ModelError: the family cannot be fine-tuned, or the checkpoint cannot do what the recipe asks.
    """
    load: Trainer = plugins.load(_tunable(family, family.trainer))
    return load(folder, language, recipe, device_type)


def load_labeler(family: Family, folder: Path, language: str | None) -> Labeler:
    """Load what turns texts into the labels of the checkpoint in a folder.

    Raises:
        ModelError: the family cannot be fine-tuned, or the model does not know the language.
    """
    load: LabelerLoader = plugins.load(_tunable(family, family.labeler))
    return load(folder, language)


def _tunable(family: Family, target: str | None) -> str:
    """Return what was named to load, if anything was."""
    if target is None:
        names = ", ".join(one.name for one in FAMILIES.values() if one.trainer) or "none"
        raise ModelError(f"Models of the family {family.name!r} cannot be fine-tuned yet; these can: {names}.")
    family.require()
    return target
