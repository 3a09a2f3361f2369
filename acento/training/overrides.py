"""What a person writes of a recipe: a YAML file, and settings such as ``epochs=20`` or ``augmentation.noise=0.5``."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from acento.core.errors import InputError


def read_recipe(file: Path) -> dict[str, Any]:
    """Return the values of a recipe's YAML file.

    Raises:
        InputError: it cannot be read, or is no mapping.
    """
    try:
        values = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"Recipe {file} cannot be read ({str(error).splitlines()[0]}).") from error
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise InputError(f"Recipe {file} is not a mapping; write lines such as 'learning_rate: 1.0e-5'.")
    return {str(key): _as_number(value) for key, value in values.items()}


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
        try:
            value = _as_number(yaml.safe_load(text))
        except yaml.YAMLError as error:
            raise InputError(f"--set {setting!r} cannot be read; quote what has brackets or colons in it.") from error
        settled[place] = (settled.get(place) or {}) | {inner: value} if dot else value
    return settled


def _as_number(value: Any) -> Any:
    """Return a float where YAML 1.1 reads ``1e-5`` as text, else the value as it is."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value
