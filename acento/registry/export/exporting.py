"""Export a version: convert it, score it again on dev, keep it in the store if its WER stayed, hand out a copy."""

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from acento.core.errors import DamagedError, InputError, ModelError, StoreError
from acento.core.store import Store
from acento.models.checkpoints.checkpoint import Checkpoint, in_artifact
from acento.models.checkpoints.converted import convert
from acento.models.checkpoints.formats import Format, Quantization, check_format
from acento.models.checkpoints.resolver import resolve
from acento.registry.card.card import exported_card
from acento.registry.card.report import card_path
from acento.registry.model_version import CARD, ModelVersion, export_key
from acento.scoring.bootstrap import paired
from acento.scoring.table import interval_text, percent_text, points_text

BOUND = 0.005
"""How far the dev WER may move, a fraction: half a point."""


@dataclass(frozen=True, slots=True)
class DevErrors:
    """Word errors on the dev clips that have a reference: one number for each, in the order of their ids."""

    errors: tuple[int, ...]
    words: tuple[int, ...]
    """Of the reference."""

    @property
    def wer(self) -> float | None:
        """The word error rate, a fraction; None where there are no words."""
        return sum(self.errors) / sum(self.words) if sum(self.words) else None


DevScore = Callable[[Checkpoint], DevErrors]
"""Word errors of a checkpoint on the dev clips, always decoded the same way."""


@dataclass(frozen=True, slots=True)
class Moved:
    """How far an export's dev WER is from that of its version, fractions."""

    before: float
    after: float
    low: float
    """The 95 % interval of the difference, paired, drawn over clips; the difference itself where there is none."""
    high: float
    clips: int | None
    """None for an export of before intervals were kept."""

    @property
    def interval(self) -> str:
        """The interval as a sentence has it, in points."""
        return interval_text(self.low, self.high, 2, sign="+").strip()

    def exceeds(self, bound: float) -> bool:
        """Tell whether the whole interval lies beyond the bound, up or down."""
        # rounded, so that a bound that is met to the last word is not missed by the last bit
        return round(self.low - bound, 12) > 0 or round(-self.high - bound, 12) > 0

    def told(self, bound: float) -> bool:
        """Tell whether the clips suffice to say that the WER stayed within the bound."""
        return round(max(self.high, -self.low) - bound, 12) <= 0


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


def export_model(
    store: Store, version: ModelVersion, format: str, quantization: str | None, score: DevScore, bound: float = BOUND
) -> ExportedModel:
    """Return a version in another format, made once, or refuse it where its dev WER moved.

    Args:
        store: where the version is, and the export will be.
        version: what to export.
        format: ``safetensors`` or ``ctranslate2``.
        quantization: how weights are held; None: as the format does it first.
        score: decodes and scores dev; asked about the version and about the export.
        bound: how far the dev WER may move, up or down, a fraction. The export is refused where the whole interval of
            the difference lies beyond it: a word more or less on a few clips is no difference.

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
    info = artifact.info
    moved = Moved(
        info["wer_before"],
        info["wer"],
        info.get("low", info["wer"] - info["wer_before"]),
        info.get("high", info["wer"] - info["wer_before"]),
        info.get("clips"),
    )
    exported = ExportedModel(
        id=f"{version.id}:{name}-{held}",
        key=key,
        format=name,
        quantization=held,
        size=sum(entry.size for entry in artifact.files.values()),
        wer_before=moved.before,
        wer=moved.after,
        sentence=_sentence(moved, bound),
        cached=cached,
    )
    _see_within(version, exported.id, moved, bound)
    return exported


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
    store: Store, version: ModelVersion, key: str, name: Format, held: Quantization, score: DevScore, bound: float
) -> None:
    """Convert, score, and publish what did not move."""
    original = in_artifact(store, version.id, version.key)
    before = score(original)
    if before.wer is None:
        raise InputError(f"{version.id} cannot be scored: the dev clips have no reference words.")
    with store.publish(key) as draft:
        convert(original, draft.folder, name, held)
        moved = _compared(before, score(resolve(str(draft.folder))))
        _see_within(version, f"{name} in {held}", moved, bound)
        draft.info |= {"wer_before": moved.before, "wer": moved.after, "made_from": original.digest}
        draft.info |= {"low": moved.low, "high": moved.high, "clips": moved.clips}


def _compared(before: DevErrors, after: DevErrors) -> Moved:
    """Return how far the WER moved: clips are drawn in pairs, as the two models are one but for rounding."""
    found = paired(after.errors, before.words, before.errors)
    if found is None or before.wer is None or after.wer is None:
        raise InputError("The dev clips have no reference words.")
    if found.low is None or found.high is None:  # of one clip: a word more or less says nothing
        word = 1 / sum(before.words)
        return Moved(before.wer, after.wer, found.delta - word, found.delta + word, 1)
    return Moved(before.wer, after.wer, found.low, found.high, len(before.words))


def _sentence(moved: Moved, bound: float) -> str:
    """Return what the dev clips say of the difference."""
    if moved.clips is None:
        return "The export was judged by its dev WER alone, before intervals were kept."
    said = f"On {moved.clips} dev clips the difference is within {moved.interval} points (95 %)"
    if moved.told(bound):
        return f"{said}, and no more than the {100 * bound:.2f} allowed."
    return f"{said}: so few clips cannot tell whether it is more than the {100 * bound:.2f} allowed."


def _see_within(version: ModelVersion, what: str, moved: Moved, bound: float) -> None:
    if moved.exceeds(bound):
        before, after = moved.before, moved.after
        raise ModelError(
            f"The export of {version.title} ({what}) is refused: on dev its WER is {percent_text(after)} %, the "
            f"model's own {percent_text(before)} %, which is {points_text(after - before, digits=2)} points, with a "
            f"95 % interval of {moved.interval}, all of it more than the {100 * bound:.2f} allowed; choose a finer "
            "quantization, or allow more with --bound."
        )
