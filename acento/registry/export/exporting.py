"""Export a version: convert it, score it again on dev, keep it in the store if its WER stayed."""

import tempfile
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from acento.core.errors import InputError
from acento.core.store import Store
from acento.models.checkpoints.checkpoint import Checkpoint
from acento.models.checkpoints.converted import convert, reread
from acento.models.checkpoints.references import UNREAD, Format, Quantization, check_format
from acento.models.checkpoints.resolver import resolve
from acento.registry.export.dev_wer import BOUND, DevErrors, Scorer, WerShift
from acento.registry.export.notes import notes_on
from acento.registry.model_version import ModelVersion, export_key
from acento.registry.windows import version_checkpoint


@dataclass(frozen=True, slots=True)
class ExportedModel:
    """An export in the store."""

    id: str
    """What a benchmark calls it: ``registry:NAME@VERSION:FORMAT-QUANTIZATION``."""
    key: str
    format: Format
    quantization: Quantization
    size: int
    """Bytes of all its files."""
    wer_before: float
    """Of the version itself on dev, a fraction."""
    wer: float
    """Of the export on the same clips."""
    sentence: str
    """What the dev clips say of the difference."""
    cached: bool
    """It was there already."""
    notes: tuple[str, ...]
    """Sentences: what was checked and what was not, and what windows the model was taught, so how to run it."""


def export_model(
    store: Store, version: ModelVersion, format: str, quantization: str | None, score: Scorer, bound: float = BOUND
) -> ExportedModel:
    """Return a version in another format, made once, or refuse it where its dev WER moved.

    ``score`` is asked about the version and about the export; a file that no engine here runs (``ggml``) is read back,
    and its weights are scored. ``bound`` is how far the dev WER may move, up or down, a fraction: the export is refused
    where the whole interval of the difference lies beyond it, as a word more or less on a few clips is no difference.
    Without a quantization weights are held as the format does it first.

    Raises:
        InputError: there is no such format, or the bound is below 0.
        ModelError: the model cannot be converted, or its dev WER moved beyond the bound; nothing is kept then.
        DamagedError: the version is not whole.
    """
    if bound < 0:
        raise InputError(f"An export's WER cannot stay within {bound}; give a bound of 0 or more.")
    name, held = check_format(format, quantization)
    key = export_key(version, f"{name}-{held}")
    original = version_checkpoint(store, version, version.id, version.key)
    cached = store.find(key, verify=True) is not None
    if not cached:
        before = score(original)
        with store.publish(key) as draft:
            convert(original, draft.folder, name, held)
            made = WerShift.between(before, _score_export(original, draft.folder, name, score))
            if made is None:
                raise InputError(f"{version.id} cannot be scored: the dev clips have no reference words.")
            made.check(f"{version.title} ({name} in {held})", bound)
            draft.info |= asdict(made) | {"made_from": original.digest}
    artifact = store.find(key)
    if artifact is None:
        raise store.missing(key)
    known = {field.name: artifact.info[field.name] for field in fields(WerShift) if field.name in artifact.info}
    difference = known["wer"] - known["wer_before"]
    shift = WerShift(**({"low": difference, "high": difference, "clips": None} | known))
    exported = ExportedModel(
        id=f"{version.id}:{name}-{held}",
        key=key,
        format=name,
        quantization=held,
        size=sum(entry.size for entry in artifact.files.values()),
        wer_before=shift.wer_before,
        wer=shift.wer,
        sentence=shift.sentence(bound),
        cached=cached,
        notes=notes_on(original, name, scored=True),
    )
    shift.check(f"{version.title} ({exported.id})", bound)
    return exported


def _score_export(original: Checkpoint, folder: Path, format: Format, score: Scorer) -> DevErrors:
    if format not in UNREAD:
        return score(resolve(str(folder)))
    with tempfile.TemporaryDirectory(prefix="acento-export-") as scratch:
        reread(original, folder, Path(scratch))
        return score(resolve(scratch))
