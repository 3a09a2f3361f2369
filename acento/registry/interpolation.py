"""Weights between a base model and one tuned from it: a smaller step keeps much of the gain and forgets less.

Wortsman et al., "Robust fine-tuning of zero-shot models" (WiSE-FT), CVPR 2022.
"""

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from acento.core.errors import InputError, ModelError
from acento.models.checkpoints.weights import BESIDE, NEMO_SUFFIX
from acento.scoring.counts import ErrorCounts

if TYPE_CHECKING:
    from torch import Tensor

RATIOS = (0.2, 0.4, 0.6, 0.8)
_WHOLE, _INDEX = "model.safetensors", "model.safetensors.index.json"


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

    Args:
        base: folder of the model that was tuned.
        tuned: folder of the model that came of it.
        ratio: from 0 (the base) to 1 (the tuned model).
        out: a folder, made if need be, that is neither of the two.

    Raises:
        InputError: the ratio is not from 0 to 1, or ``out`` is one of the two.
        ModelError: one has no weights, or the two have not the same tensors.
    """
    from safetensors.torch import save_file

    _check(ratio)
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
        raise ModelError(
            f"{tuned} was not tuned from {base}: {len(odd)} tensors differ in name or shape (such as {odd[0]}); only a "
            "model and its own base can be interpolated."
        )
    out.mkdir(parents=True, exist_ok=True)
    write_with_weights(source, {name: blend(old[name], new[name], ratio) for name in new}, out / source.name)


@dataclass(frozen=True, slots=True)
class Tried:
    """One ratio on the dev clips."""

    ratio: float
    dev: ErrorCounts
    guard: ErrorCounts | None
    allowed: bool
    """Whether the guard's dev clips are within the bound."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The ratio that dev speaks for, and what was tried."""

    ratio: float | None
    """None when the guard allows none."""
    tried: tuple[Tried, ...]
    sentence: str


def choose(
    ratios: Sequence[float],
    dev_score: Callable[[float], ErrorCounts],
    guard_score: Callable[[float], ErrorCounts] | None = None,
    *,
    bound: float = 0.02,
    tolerance: float = 0.0,
) -> Choice:
    """Choose the ratio with the lowest dev WER among those that the guard allows; of equals the one nearest the base.

    The test set has no say in it: the ratio that is chosen is tested once.

    Args:
        ratios: what to try.
        dev_score: word errors on the dev clips at a ratio.
        guard_score: word errors on the guard's own dev clips at a ratio; it is also asked for ratio 0, the base.
        bound: how much more than the base a ratio may err on the guard, a fraction of WER.
        tolerance: WER above the lowest, a fraction, that still counts as equal to it: with one standard error of the
            dev WER this is the one-standard-error rule (Breiman et al., "Classification and Regression Trees", 1984).

    Raises:
        InputError: there are no ratios, one is not from 0 to 1, or a score has no reference words.
    """
    if not ratios:
        raise InputError("There is no ratio to choose from; name some between 0 and 1.")
    for ratio in ratios:
        _check(ratio)
    limit = None if guard_score is None else _rate(guard_score(0.0), "the guard's dev clips") + bound
    tried = []
    for ratio in sorted(set(ratios)):
        dev = dev_score(ratio)
        _rate(dev, "the dev clips")
        guard = None if guard_score is None else guard_score(ratio)
        # rounded, so that a bound that is met to the last word is not missed by the last bit
        allowed = guard is None or limit is None or round(_rate(guard, "the guard's dev clips") - limit, 12) <= 0
        tried.append(Tried(ratio, dev, guard, allowed))
    allowed_ones = [one for one in tried if one.allowed]
    if not allowed_ones:
        return Choice(
            None,
            tuple(tried),
            f"No ratio of {', '.join(f'{one.ratio:g}' for one in tried)} keeps the guard's dev clips within "
            f"{100 * bound:.1f} points of the base; try smaller ones.",
        )
    lowest = min(_rate(one.dev, "the dev clips") for one in allowed_ones)
    best = next(one for one in allowed_ones if round(_rate(one.dev, "the dev clips") - lowest - tolerance, 12) <= 0)
    barred = len(tried) - len(allowed_ones)
    return Choice(
        best.ratio,
        tuple(tried),
        f"Ratio {best.ratio:g} was chosen on dev: WER {100 * _rate(best.dev, 'the dev clips'):.1f} %, "
        f"of {len(tried)} ratios" + (f", {barred} of them barred by the guard." if barred else "."),
    )


def _rate(counts: ErrorCounts, where: str) -> float:
    if counts.rate is None:
        raise InputError(f"No ratio can be chosen: {where} have no reference words that were scored.")
    return counts.rate


def _check(ratio: float) -> None:
    if not 0 <= ratio <= 1:
        raise InputError(f"Ratio {ratio:g} is not between the two models; give one from 0 (base) to 1 (tuned).")


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
    shared = sorted(set(old.files) & set(new.files))
    odd = [name for name in sorted(old.files.keys() - new.files) if _twin(name, shared, old) is None]
    sources = {name: name for name in shared}
    for name in sorted(new.files.keys() - old.files):
        twin = _twin(name, shared, new)
        if twin is None:
            odd.append(name)
        else:
            sources[name] = twin
    if odd:
        raise ModelError(
            f"{tuned} was not tuned from {base}: {len(odd)} tensors are in one of them only (such as {odd[0]}); "
            "only a model and its own base can be interpolated."
        )
    for name in shared:
        if old.shape(name) != new.shape(name):
            raise ModelError(
                f"{tuned} was not tuned from {base}: {name} has the shape {new.shape(name)} in one and "
                f"{old.shape(name)} in the other; only a model and its own base can be interpolated."
            )
    return sources


def _twin(name: str, shared: Sequence[str], weights: _Weights) -> str | None:
    """Return the tensor that ``name`` is a copy of, as a tied output layer is of the embedding; None if of none."""
    import torch

    alike = [other for other in shared if weights.shape(other) == weights.shape(name)]
    own = weights.read(name) if alike else None
    return next((other for other in alike if torch.equal(weights.read(other), own)), None)
