"""Hand exports out: those of the registry, copied with their card, and those of models that are in no registry."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from acento.core.errors import DamagedError, InputError
from acento.core.store import Store
from acento.families.whisper.ggml.flags import forget_windows
from acento.models.checkpoints.checkpoint import Checkpoint
from acento.models.checkpoints.converted import convert, reread
from acento.models.checkpoints.references import UNREAD, Format, Quantization, check_format
from acento.models.checkpoints.resolver import resolve
from acento.models.checkpoints.taught import mark_taught
from acento.registry.card.report import card_path
from acento.registry.export.exporting import ExportedModel
from acento.registry.export.notes import notes_on
from acento.registry.model_version import CARD, ModelVersion
from acento.registry.windows import full_only
from acento.scoring.table import percent_text

_LIBRARIES: Final = {"ctranslate2": "ctranslate2", "ggml": "whisper.cpp"}
"""What runs a format, as a model card names it."""


def hand_out(store: Store, version: ModelVersion, exported: ExportedModel, folder: Path) -> Path:
    """Copy an export, with the version's newest model card, into a folder that is new or empty; return its path.

    The folder appears whole or not at all.

    Raises:
        InputError: something is in the folder already, or it cannot be written.
        DamagedError: the export is not what was published.
    """
    artifact = store.find(exported.key)
    if artifact is None:
        raise DamagedError(f"{exported.id} in {store.url} is damaged or was removed; export it again.")
    with _whole(folder) as (copy, final):
        for name in sorted(artifact.files):
            shutil.copyfile(store.local_path(exported.key, name), copy / name)
        if full_only(store, version):  # others know nothing of the window gate
            mark_taught(copy, None)
            forget_windows(copy)
        card = Path(card_path(store, version)).read_text(encoding="utf-8")
        if exported.format in _LIBRARIES:
            card = card.replace("library_name: transformers", f"library_name: {_LIBRARIES[exported.format]}", 1)
        (copy / CARD).write_text(f"{card.rstrip()}\n\n## This export\n\n{_about(exported)}\n", encoding="utf-8")
    return final


def export_checkpoint(
    checkpoint: Checkpoint, format: str, quantization: str | None, folder: Path
) -> tuple[Path, Format, Quantization, tuple[str, ...]]:
    """Write a model that is in no registry in another format into a folder that is new or empty.

    There are no dev clips to score it on, so it is only loaded, or read back. The folder appears whole or not at all.

    Returns:
        The folder's path, the format, how it holds weights, and sentences on what was checked and how to run it.

    Raises:
        InputError: there is no such format, something is in the folder already, or it cannot be written.
        ModelError: the model cannot be converted.
    """
    name, held = check_format(format, quantization)
    notes = notes_on(checkpoint, name, scored=False)
    with _whole(folder) as (made, final):
        convert(checkpoint, made, name, held)
        with tempfile.TemporaryDirectory(prefix="acento-export-") as scratch:
            resolve(str(made) if name not in UNREAD else str(reread(checkpoint, made, Path(scratch))))
        (made / CARD).write_text("\n\n".join([f"{checkpoint.id} in {name}, {held}.", *notes]) + "\n", encoding="utf-8")
    return final, name, held, notes


@contextmanager
def _whole(folder: Path) -> Iterator[tuple[Path, Path]]:
    """Give a scratch folder that is the named one when the block ends, and nothing when it raises; and its path then.

    Raises:
        InputError: something is in the folder already, or it cannot be written.
    """
    folder = folder.expanduser().absolute()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} is there and not empty; name a new folder.")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as scratch:
            copy = Path(scratch) / folder.name
            copy.mkdir()
            yield copy, folder
            copy.rename(folder)
    except OSError as error:
        raise InputError(f"The export cannot be written to {folder} ({error.strerror or error}).") from error


def _about(exported: ExportedModel) -> str:
    return (
        f"The weights are held in {exported.quantization}, in the format {exported.format}. On the dev clips the WER "
        f"of this export is {percent_text(exported.wer)} %, that of the model it was made from "
        f"{percent_text(exported.wer_before)} %, both decoded alike."
        + "".join(f"\n\n{note}" for note in exported.notes)
    )
