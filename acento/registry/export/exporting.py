"""Export a version: convert it, score it again on dev, keep it in the store if its WER stayed, hand out a copy."""

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from acento.errors import DamagedError, InputError, ModelError, StoreError
from acento.models.checkpoint import Checkpoint, in_artifact, resolve
from acento.models.conversion import convert
from acento.models.formats import Format, Quantization, check_format
from acento.registry.card import exported_card
from acento.registry.report import card_path
from acento.registry.versions import CARD, ModelVersion
from acento.scoring.counts import ErrorCounts
from acento.store import Store

BOUND = 0.005
"""How far the dev WER may move, a fraction: half a point."""

DevScore = Callable[[Checkpoint], ErrorCounts]
"""Word errors of a checkpoint on the dev clips, always decoded the same way."""


@dataclass(frozen=True, slots=True)
class Exported:
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
    cached: bool
    """It was there already."""


def export_model(
    store: Store,
    version: ModelVersion,
    format: str,
    quantization: str | None,
    score: DevScore,
    bound: float = BOUND,
) -> Exported:
    """Return a version in another format, made once, or refuse it where its dev WER moved.

    Args:
        store: where the version is, and the export will be.
        version: what to export.
        format: ``safetensors`` or ``ctranslate2``.
        quantization: how weights are held; None: as the format does it first.
        score: decodes and scores dev; asked about the version and about the export.
        bound: how far the dev WER may move, up or down, a fraction.

    Raises:
        InputError: there is no such format, or the bound is below 0.
        ModelError: the model cannot be converted, or its dev WER moved beyond the bound; nothing is kept then.
        DamagedError: the version is not whole.
    """
    if bound < 0:
        raise InputError(f"An export's WER cannot stay within {bound}; give a bound of 0 or more.")
    name, held = check_format(format, quantization)
    key = export_key(version, f"{name}-{held}")
    artifact = store.find(key, verify=True)
    cached = artifact is not None
    if artifact is None:
        _make(store, version, key, name, held, score, bound)
        artifact = store.find(key)
        if artifact is None:
            raise StoreError(f"{key} is not in the store {store.url}; was it removed just now?")
    exported = Exported(
        id=f"{version.id}:{name}-{held}",
        key=key,
        format=name,
        quantization=held,
        size=sum(entry.size for entry in artifact.files.values()),
        wer_before=artifact.info["wer_before"],
        wer=artifact.info["wer"],
        cached=cached,
    )
    _see_within(version, exported.id, exported.wer_before, exported.wer, bound)
    return exported


def export_key(version: ModelVersion, name: str) -> str:
    """Return the store key of an export, such as ``ctranslate2-int8``."""
    return f"{version.folder_key}/exports/{name}"


def hand_out(store: Store, version: ModelVersion, exported: Exported, folder: Path) -> Path:
    """Copy an export, with the version's newest model card, into a folder that is new or empty; return its path.

    The folder appears whole or not at all.

    Raises:
        InputError: something is in the folder already, or it cannot be written.
        DamagedError: the export is not what was published.
    """
    artifact = store.find(exported.key)
    if artifact is None:
        raise DamagedError(f"{exported.id} in {store.url} is damaged or was removed; export it again.")
    folder = folder.expanduser().absolute()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} is there and not empty; name a new folder.")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as scratch:
            copy = Path(scratch) / folder.name
            copy.mkdir()
            for name in sorted(artifact.files):
                shutil.copyfile(store.local_path(exported.key, name), copy / name)
            card = exported_card(
                Path(card_path(store, version)).read_text(encoding="utf-8"),
                exported.format,
                exported.quantization,
                exported.wer_before,
                exported.wer,
            )
            (copy / CARD).write_text(card, encoding="utf-8")
            copy.rename(folder)
    except OSError as error:
        raise InputError(f"The export cannot be written to {folder} ({error.strerror or error}).") from error
    return folder


def _make(
    store: Store,
    version: ModelVersion,
    key: str,
    name: Format,
    held: Quantization,
    score: DevScore,
    bound: float,
) -> None:
    """Convert, score, and publish what did not move."""
    original = in_artifact(store, version.id, version.key)
    before = _rate(score(original), version.id)
    with store.publish(key) as draft:
        convert(original, draft.folder, name, held)
        after = _rate(score(resolve(str(draft.folder))), f"the {name} export")
        _see_within(version, f"{name} in {held}", before, after, bound)
        draft.info |= {"wer_before": before, "wer": after, "made_from": original.digest}


def _rate(counts: ErrorCounts, what: str) -> float:
    if counts.rate is None:
        raise InputError(f"{what} cannot be scored: the dev clips have no reference words.")
    return counts.rate


def _see_within(version: ModelVersion, what: str, before: float, after: float, bound: float) -> None:
    # rounded, so that a bound that is met to the last word is not missed by the last bit
    if round(abs(after - before) - bound, 12) > 0:
        raise ModelError(
            f"The export of {version.title} ({what}) is refused: on dev its WER is {100 * after:.2f} %, the model's "
            f"own {100 * before:.2f} %, which is {100 * (after - before):+.2f} points and more than the "
            f"{100 * bound:.2f} allowed; choose a finer quantization, or allow more with --bound."
        )
