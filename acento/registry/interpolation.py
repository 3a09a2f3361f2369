"""Weights between a base model and one tuned from it: a smaller step keeps much of the gain and forgets less.

Wortsman et al., "Robust fine-tuning of zero-shot models" (WiSE-FT), CVPR 2022.
"""

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from acento.core.errors import InputError, ModelError
from acento.core.fingerprint import fingerprint
from acento.core.progress import report
from acento.core.store import Store
from acento.data.dataset import load_card
from acento.inference.benchmark import SCORING_VERSION
from acento.models.base import DecodeOptions
from acento.models.checkpoints.checkpoint import Checkpoint, in_artifact
from acento.models.checkpoints.resolver import resolve
from acento.models.checkpoints.weights import BESIDE, NEMO_SUFFIX, SAFETENSORS
from acento.registry.model_version import RECIPE, ModelVersion
from acento.registry.publishing import publish_model
from acento.registry.windows import used_fit
from acento.scoring.counting.counts import ErrorCounts
from acento.training.data.prepare import prepare
from acento.training.data.prepared import load_prepared
from acento.training.loop.evaluate import DevScore, evaluate
from acento.training.planning import load_labeler

if TYPE_CHECKING:
    from torch import Tensor

RATIOS = (0.3, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.8, 0.9)
"""What a smaller step tries on dev."""
_SCORES = "scores.json"
_TABLE = TypeAdapter(list[tuple[float, DevScore]])
_WHOLE, _INDEX = SAFETENSORS


def blend(base: "Tensor", tuned: "Tensor", ratio: float) -> "Tensor":
    """Return base + ratio * (tuned - base), computed in float32, in the wider of the two types.

    At 0 and at 1, and where nothing was learned, the values are the base's and the tuned ones to the bit. Whole numbers
    (a counter of batches) are no weights: they are the tuned ones, but at 0.
    """
    import torch

    wider = torch.promote_types(base.dtype, tuned.dtype)
    if ratio == 0 or ratio == 1 or not wider.is_floating_point or torch.equal(base, tuned):
        return (tuned if ratio else base).to(wider)
    start = base.to(torch.float32)
    return (start + ratio * (tuned.to(torch.float32) - start)).to(wider)


def interpolate(base: Path, tuned: Path, ratio: float, out: Path) -> None:
    """Write a checkpoint between two: its files and shards are those of the tuned one, but for the weights' values.

    One shard is held in memory at a time. A copy of a tied tensor that only one of the two has kept is no difference.
    The ratio goes from 0 (the base) to 1 (the tuned model); ``out`` is made if need be, and is neither of the two.

    Raises:
        InputError: the ratio is not from 0 to 1, or ``out`` is one of the two.
        ModelError: one has no weights, or the two have not the same tensors.
    """
    from safetensors.torch import save_file

    if not 0 <= ratio <= 1:
        raise InputError(f"Ratio {ratio:g} is not between the two models; give one from 0 (base) to 1 (tuned).")
    if tuned.is_dir() and any(tuned.glob(f"*{NEMO_SUFFIX}")):
        _interpolate_archives(base, tuned, ratio, out)
        return
    if out.resolve() in (base.resolve(), tuned.resolve()):
        raise InputError(f"The interpolated model cannot be written over {out}; name another folder.")
    with _opened(base) as old, _opened(tuned) as new:
        sources = _sources(old, new, base, tuned)
        out.mkdir(parents=True, exist_ok=True)
        for name in sorted(set(new.files.values())):
            own = sorted(tensor for tensor, file in new.files.items() if file == name)
            tensors = {one: blend(old.read(sources[one]), new.read(one), ratio).contiguous() for one in own}
            save_file(tensors, out / name, metadata={"format": "pt"})
    for path in sorted(tuned.iterdir()):
        if path.is_file() and path.suffix in BESIDE and not path.name.startswith((".", "_")):
            shutil.copyfile(path, out / path.name)


def _interpolate_archives(base: Path, tuned: Path, ratio: float, out: Path) -> None:
    """Write a NeMo model between two: the archive of the tuned one, but for the weights' values."""
    from acento.families.nemo.archive import find
    from acento.families.nemo.weights import weights_of, write_with_weights

    source = find(tuned)
    old, new = weights_of(find(base)), weights_of(source)
    odd = sorted(old.keys() ^ new.keys()) or sorted(name for name in new if old[name].shape != new[name].shape)
    if odd:
        raise _unrelated(base, tuned, f"{len(odd)} tensors differ in name or shape (such as {odd[0]})")
    out.mkdir(parents=True, exist_ok=True)
    write_with_weights(source, {name: blend(old[name], new[name], ratio) for name in new}, out / source.name)


def choose(scores: Mapping[float, ErrorCounts], tolerance: float = 0.0, rate: str = "WER") -> tuple[float, str]:
    """Return the ratio with the lowest dev WER, of equals the one nearest the base, and a sentence about it.

    WER above the lowest by at most ``tolerance``, a fraction, counts as equal to it: with one standard error of the dev
    WER this is the one-standard-error rule (Breiman et al., "Classification and Regression Trees", 1984).

    ``rate`` is what the rates are, such as ``WER (spanish-1)``.

    Raises:
        InputError: there are no ratios, or a score has no reference words.
    """
    if not scores:
        raise InputError("There is no ratio to choose from; name some between 0 and 1.")
    rates = {ratio: counts.rate for ratio, counts in sorted(scores.items()) if counts.rate is not None}
    if len(rates) < len(scores):
        raise InputError("No ratio can be chosen: the dev clips have no reference words that were scored.")
    lowest = min(rates.values())
    # rounded, so that a tolerance that is met to the last word is not missed by the last bit
    best = next(ratio for ratio, rate in rates.items() if round(rate - lowest - tolerance, 12) <= 0)
    return best, f"Ratio {best:g} was chosen on dev: {rate} {100 * rates[best]:.1f} %, of {len(rates)} ratios."


@dataclass(frozen=True, slots=True)
class _Weights:
    """The tensors of a checkpoint folder, read one at a time."""

    files: Mapping[str, str]
    """The file of each tensor."""
    handles: Mapping[str, Any]

    def read(self, name: str) -> "Tensor":
        return self.handles[self.files[name]].get_tensor(name)

    def shape(self, name: str) -> list[int]:
        return list(self.handles[self.files[name]].get_slice(name).get_shape())


@contextmanager
def _opened(folder: Path) -> Iterator[_Weights]:
    from safetensors import SafetensorError, safe_open

    with ExitStack() as stack:
        try:
            names = [_WHOLE]
            if (folder / _INDEX).is_file():
                index = json.loads((folder / _INDEX).read_text(encoding="utf-8"))
                names = sorted(set(index["weight_map"].values()))
            handles = {name: stack.enter_context(safe_open(folder / name, framework="pt")) for name in names}
            files = {tensor: name for name in names for tensor in list(handles[name].keys())}
        except (OSError, ValueError, KeyError, SafetensorError) as error:
            raise ModelError(f"The weights in {folder} cannot be read ({error}); is it a whole checkpoint?") from error
        yield _Weights(files, handles)


def _sources(old: _Weights, new: _Weights, base: Path, tuned: Path) -> dict[str, str]:
    """Return for each tensor of the tuned model the base's tensor that it came from."""
    shared = sorted(old.files.keys() & new.files)
    sources = {name: name for name in shared}
    odd = [name for name in sorted(old.files.keys() - new.files) if _twin(name, shared, old) is None]
    for name in sorted(new.files.keys() - old.files):
        if (twin := _twin(name, shared, new)) is None:
            odd.append(name)
        else:
            sources[name] = twin
    if odd:
        raise _unrelated(base, tuned, f"{len(odd)} tensors are in one of them only (such as {odd[0]})")
    for name in shared:
        if old.shape(name) != new.shape(name):
            shapes = f"the shape {new.shape(name)} in one and {old.shape(name)} in the other"
            raise _unrelated(base, tuned, f"{name} has {shapes}")
    return sources


def _twin(name: str, shared: Sequence[str], weights: _Weights) -> str | None:
    """Return the tensor that ``name`` is a copy of, as a tied output layer is of the embedding; None if of none."""
    import torch

    alike = [other for other in shared if weights.shape(other) == weights.shape(name)]
    return next((other for other in alike if torch.equal(weights.read(other), weights.read(name))), None)


def _unrelated(base: Path, tuned: Path, why: str) -> ModelError:
    return ModelError(f"{tuned} was not tuned from {base}: {why}; only a model and its own base can be interpolated.")


def smaller_step(store: Store, version: ModelVersion, below: float = 1.0) -> tuple[ModelVersion | None, str]:
    """Publish the version between a model and its base that dev speaks for; return it with a sentence on the choice.

    Dev is all that chooses: the smallest ratio whose dev WER is within one standard error of the lowest one, as what
    lies nearer to the base has forgotten less (Wortsman et al. 2022; the rule of one standard error: Breiman et al.
    1984). The test split is not looked at. Where the ratio ``below`` was refused (1 is the tuned model itself) the next
    smaller one is taken, as long as dev says that it is better than the base; else the version is None.

    Raises:
        ModelError: the base is gone, or is not what the version was tuned from.
        DataError: the data set is gone.
    """
    about = version.about
    base = resolve(about.base["id"], about.base["revision"])
    tuned = in_artifact(store, version.id, version.key)
    scores = _scores(store, version, base, tuned)
    lowest = min(scores.values(), key=lambda one: one.counts.rate or 0.0)
    # the standard error of a dev WER, from the half width of its 95 % interval
    error = 0.0 if lowest.low is None or lowest.high is None else (lowest.high - lowest.low) / (2 * 1.96)
    ratio, sentence = choose({ratio: score.counts for ratio, score in scores.items()}, error, about.rate_title)
    if ratio >= below:
        smaller = [one for one in RATIOS if one < below]
        if not smaller:
            return None, f"No step smaller than {below:g} is left to try. {sentence}"
        ratio = smaller[-1]
        sentence = (
            f"The step of {below:g} was refused; the next smaller one is {ratio:g}, "
            f"dev {about.rate_title} {scores[ratio].wer:.1%}."
        )
    if about.dev_wer_before is not None and scores[ratio].wer >= about.dev_wer_before:
        return None, f"A step of {ratio:g} is no better on dev than the base ({about.dev_wer_before:.1%})."

    recipe = about.recipe | {"interpolate": ratio}

    def fill(folder: Path) -> None:
        interpolate(base.folder, tuned.folder, ratio, folder)
        (folder / RECIPE).write_text(json.dumps(recipe, indent=1, sort_keys=True) + "\n", encoding="utf-8")

    facts = {
        "recipe": recipe,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "dev_wer": scores[ratio].wer,
        "parent": version.version,
    }
    return publish_model(store, about.model_copy(update=facts), fill), sentence


def _scores(store: Store, version: ModelVersion, base: Checkpoint, tuned: Checkpoint) -> dict[float, DevScore]:
    """Return what dev says of each ratio; it is asked once, and the answer kept beside the version."""
    about = version.about
    labeler = load_labeler(base.family, base.folder, about.language)
    card = load_card(store, about.dataset)
    prepared = prepare(store, card, "dev", labeler.needs, labeler.labels, lambda _done, _total: None)
    normalizer = about.dev_normalizer
    threads = int(about.provenance.get("threads", 1))
    options = DecodeOptions(language=about.language, threads=threads, fit=used_fit(store, version))
    asked = [base.digest, prepared.key, normalizer, options.model_dump(mode="json"), RATIOS, SCORING_VERSION]
    key = f"{version.folder_key}/steps/{fingerprint(asked)}"
    if store.find(key) is None:
        dev, found = load_prepared(store, prepared.key), []
        for number, ratio in enumerate((*RATIOS, 1.0), 1):
            with tempfile.TemporaryDirectory(prefix="acento-between-") as folder:
                interpolate(base.folder, tuned.folder, ratio, Path(folder))
                with closing(base.family.load(Path(folder), options)) as recognizer:
                    size = base.family.batch_size[options.device_type]
                    score = evaluate(recognizer, dev, normalizer=normalizer, batch_size=size, language=options.language)
            found.append((ratio, score))
            report("try smaller steps", number, len(RATIOS) + 1, "ratios")
        with store.publish(key) as draft:
            (draft.folder / _SCORES).write_bytes(_TABLE.dump_json(found))
    return dict(_TABLE.validate_json(store.read_bytes(key, _SCORES)))
