"""Write a model in another format: a version of the registry, scored again on its dev clips, or any other model."""

from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from acento.api.session import session
from acento.core.arguments import Named, checked, name_of
from acento.core.errors import InputError
from acento.core.store import Store
from acento.models.checkpoints.references import REGISTRY, Format, Quantization, check_format, is_name
from acento.models.checkpoints.resolver import resolve
from acento.registry.export.dev_wer import dev_scorer
from acento.registry.export.exporting import ExportedModel, export_model
from acento.registry.export.handing import export_checkpoint, hand_out
from acento.registry.versions import find_version, model_names


@dataclass(frozen=True, slots=True)
class Exported:
    """An export, and where it is."""

    model: str
    """What it was made from, as a command line names it."""
    format: Format
    quantization: Quantization
    folder: Path
    size: int
    """Bytes of the files in the folder."""
    notes: tuple[str, ...]
    """Sentences: what was checked and what was not, and how to run it."""
    scored: ExportedModel | None
    """Of a version of the registry: the export in the store, and its WER on dev."""
    rate_title: str | None
    """What that rate is, such as ``WER (spanish-1)``."""


def export(
    model: Named,
    to: str | PathLike[str] | None = None,
    *,
    format: str = "safetensors",
    quantization: str | None = None,
    bound: float = 0.5,
) -> Exported:
    """Write a model in another format: ``safetensors``, ``ctranslate2`` or ``ggml``, whisper.cpp's.

    A version of the registry is scored again on the dev clips of its training, is kept in the store, and is refused
    where its WER moved. Any other model is written into the folder ``to``.

    >>> done = export("demo:whisper-mini", "half", quantization="float16")
    >>> done.folder.name, done.format, done.scored
    ('half', 'safetensors', None)

    Args:
        model: ``NAME`` or ``NAME@VERSION`` of the registry, a folder, a file, or a Hugging Face id.
        to: a folder, new or empty; None: a version of the registry is only kept in the store.
        format: how the files are laid out.
        quantization: what the weights are held in; None: the format's first choice (float32, int8, float16).
        bound: points of WER by which an export may differ on dev.

    Raises:
        InputError: there is no such model, format or quantization, the folder is taken, or the WER moved.
    """
    folder = None if to is None else Path(to)
    with session("export") as store:
        return run_export(store, name_of(model), format, quantization, folder, checked("bound", float, bound))


def run_export(
    store: Store, model: str, format: str, quantization: str | None, to: Path | None, bound: float
) -> Exported:
    """Write what a person names in another format; see :func:`export`."""
    check_format(format, quantization)
    if not _is_registered(store, model):
        if to is None:
            raise InputError(
                f"{model} is in no registry, so that its export is kept nowhere: add a folder, as --to DIR."
            )
        checkpoint = resolve(model)
        folder, name, held, notes = export_checkpoint(checkpoint, format, quantization, to)
        size = sum(path.stat().st_size for path in folder.iterdir())
        return Exported(checkpoint.id, name, held, folder, size, notes, None, None)
    version = find_version(store, model)
    done = export_model(store, version, format, quantization, dev_scorer(store, version), bound / 100)
    folder = store.local_folder(done.key) if to is None else hand_out(store, version, done, to)
    title = version.about.rate_title
    return Exported(version.id, done.format, done.quantization, folder, done.size, done.notes, done, title)


def _is_registered(store: Store, model: str) -> bool:
    """Tell whether a name is the registry's: it says so, or it is there, or it can be nothing else."""
    name = model.removeprefix(REGISTRY).partition("@")[0]
    return model.startswith(REGISTRY) or name in model_names(store) or (is_name(name) and not Path(model).exists())
