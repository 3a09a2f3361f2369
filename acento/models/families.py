"""The model families that Acento knows, told apart by what a checkpoint's own config says of itself."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from acento.core import plugins
from acento.core.errors import ModelError
from acento.core.settings import settings
from acento.models.family import Family

OWN_CODE = "ctc-own-code"
"""The family of CTC models that bring code of their own."""

FAMILIES: dict[str, Family] = {
    family.name: family for module in plugins.FAMILIES for family in import_module(module).FAMILIES
}
"""By name, in the order in which they are asked whether a config is theirs."""


def family_of(config: Mapping[str, Any], name: str) -> Family:
    """Return the family that a ``config.json`` says the model belongs to; ``name`` is for the error only."""
    model_type = config.get("model_type")
    for family in FAMILIES.values():
        if model_type in family.model_types:
            return family
        if model_type is None and family.config_keys and family.config_keys <= config.keys():
            return family
    known = ", ".join(sorted(kind for family in FAMILIES.values() for kind in family.model_types))
    if "auto_map" in config:
        title = f"Model {name} (type {model_type!r})"
        if "AutoModelForCTC" not in config["auto_map"]:
            raise ModelError(
                f"{title} needs code of its own (auto_map in its config.json) for something else than CTC, which "
                f"Acento cannot run; it knows {known}."
            )
        if name not in settings().code_trusted:
            raise ModelError(
                f"{title} needs code of its own (auto_map in its config.json). If you trust its author, allow it with "
                f"ACENTO_TRUST_CODE={name}"
            )
        return FAMILIES[OWN_CODE]
    for family in FAMILIES.values():
        if family.accepts is not None and plugins.load(family.accepts)(config):
            return family
    raise ModelError(
        f"Model {name} has the type {model_type!r}, which Acento does not know; it knows {known}. "
        f"If it belongs to one of these families, say which after a colon ({name}:whisper)."
    )
