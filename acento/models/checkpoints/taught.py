"""What windows a model was taught: its ``config.json`` says it, under ``acento_window``, as a :class:`Fit`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from acento.models.checkpoints.completed import json_object
from acento.models.windows import Fit

CONFIG_KEY: Final = "acento_window"
SOURCE_CONFIG: Final = "transformers_config.json"
"""The checkpoint's own ``config.json`` beside a model of CTranslate2, which has one of that name."""


def taught(folder: Path) -> Fit | None:
    """Return what windows the model in a folder was taught; None: its own only, or its config cannot be read.

    In a folder of CTranslate2 it is in the source's config.
    """
    configs = (json_object(folder / name) for name in (SOURCE_CONFIG, "config.json"))
    said = next((one[CONFIG_KEY] for one in configs if CONFIG_KEY in one), None)
    if not isinstance(said, Mapping):
        return None
    try:
        return Fit.model_validate(dict[str, Any](said))
    except ValidationError:
        return None
