"""Values of a recipe as they are written on a command line: ``learning_rate=1e-4``, ``augmentation.noise=0.5``."""

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from acento.core.errors import InputError
from acento.training.augment.options import Augmentation
from acento.training.recipe import as_number


def settle(values: Mapping[str, Any], settings: Sequence[str]) -> dict[str, Any]:
    """Return a recipe's values with those of ``NAME=VALUE`` settings put in; a later one wins.

    >>> settle({"epochs": 3}, ["epochs=5", "augmentation.noise=0.5", "lora_sites=[q_proj]"])
    {'epochs': 5, 'augmentation': {'noise': 0.5}, 'lora_sites': ['q_proj']}

    Raises:
        InputError: a setting has no such form.
    """
    settled: dict[str, Any] = dict(values)
    for setting in settings:
        name, equals, text = setting.partition("=")
        place, dot, inner = name.strip().partition(".")
        if not equals or not place or (dot and (place != "augmentation" or not inner)):
            raise InputError(
                f"--set {setting!r} sets nothing; write NAME=VALUE, such as epochs=20 or augmentation.noise=0.5."
            )
        value = _value(setting, text)
        if not dot:
            settled[place] = value
            continue
        inside = settled.get(place) or {}
        settled[place] = (inside.model_dump() if isinstance(inside, Augmentation) else dict(inside)) | {inner: value}
    return settled


def _value(setting: str, text: str) -> Any:
    """Read a value as YAML does, and numbers such as ``1e-5`` too, which YAML 1.1 takes for text."""
    try:
        return as_number(yaml.safe_load(text))
    except yaml.YAMLError as error:
        raise InputError(f"--set {setting!r} cannot be read; quote what has brackets or colons in it.") from error
