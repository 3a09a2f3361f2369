"""What windows a model was taught: its ``config.json`` says it, under ``acento_window``, as a :class:`Fit`."""

import json
import logging
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from acento.core import plugins
from acento.models.checkpoints.checkpoint import Checkpoint
from acento.models.checkpoints.completed import json_object
from acento.models.windows import Fit, WindowChoice, check_cut

CONFIG_KEY: Final = "acento_window"
SOURCE_CONFIG: Final = "transformers_config.json"
"""The checkpoint's own ``config.json`` beside a model of CTranslate2, which has one of that name."""

_log = logging.getLogger(__name__)


def taught(folder: Path) -> Fit | None:
    """Return what windows the model in a folder was taught; None: its own only, or its config cannot be read.

    In a folder of CTranslate2 it is in the source's config.
    """
    said = _said(folder)
    try:
        return None if said is None else Fit.model_validate(said)
    except ValidationError:
        return None


def mark_taught(folder: Path, fit: Fit | None) -> None:
    """Say in a folder's ``config.json`` what windows its model was taught; None: its own only, so nothing is said.

    In a folder of CTranslate2 it is said in the source's config. A config that says this already is left as it is.
    """
    source = folder / SOURCE_CONFIG
    path = source if source.is_file() else folder / "config.json"
    config = json_object(path)
    wanted = None if fit is None else fit.model_dump()
    if config and config.get(CONFIG_KEY) != wanted:
        marked = {name: value for name, value in config.items() if name != CONFIG_KEY}
        marked |= {} if wanted is None else {CONFIG_KEY: wanted}
        path.write_text(json.dumps(marked, indent=2, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")


def resolve_fit(checkpoint: Checkpoint, choice: WindowChoice) -> Fit | None:
    """Return how short a model's windows are to be; None: its own, or as long as a clip in a family that fills none.

    It is found out once, where work is planned; who decodes obeys. ``auto`` is what the model was taught, unless it was
    proved that it does worse so. ``fit`` is that, or the usual short window, of which the log says that it was not
    taught: such a model runs away often.
    """
    if choice == "full" or checkpoint.family.window is None:
        return None
    known = taught(checkpoint.folder)
    if known is None and _said(checkpoint.folder) is not None:
        _log.warning(
            "What the config of %s says under %s is no window (margin_s and shortest_s are above 0 and at most 30 s): "
            "it is taken for a model that was not taught short ones.",
            checkpoint.id,
            CONFIG_KEY,
        )
    if choice == "auto":
        return None if checkpoint.full_only else known
    if known is None:
        _log.warning(
            "%s was not taught short windows: expect more errors, and texts that are decoded twice. "
            "acento finetune or acento shorten teaches them.",
            checkpoint.id,
        )
    return known or Fit()


def check_window(checkpoint: Checkpoint, cut_s: float | None) -> None:
    """See that recordings can be cut for a model into windows of so many seconds, where its config says what it hears.

    Raises:
        InputError: it hears less at once, or they are too short for words.
    """
    window = checkpoint.family.window
    check_cut(cut_s, None if window is None else plugins.load(window)(checkpoint.folder), checkpoint.id)


def _said(folder: Path) -> Any:
    configs = (json_object(folder / name) for name in (SOURCE_CONFIG, "config.json"))
    return next((one[CONFIG_KEY] for one in configs if one.get(CONFIG_KEY) is not None), None)
