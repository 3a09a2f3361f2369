"""What kinds of weights a folder holds, and which of them are read: never a pickle, unless its model is trusted."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from acento.core.errors import ModelError, first_line

if TYPE_CHECKING:
    from torch import Tensor

SAFETENSORS = ("model.safetensors", "model.safetensors.index.json")
PICKLED = ("pytorch_model.bin", "pytorch_model.bin.index.json")
CTRANSLATE2 = ("model.bin",)
NEMO_SUFFIX = ".nemo"
ADAPTER = ("adapter_config.json", "adapter_model.safetensors")
"""What PEFT's ``save_pretrained`` writes."""
BESIDE = (".json", ".txt", ".model", ".jinja")
"""Suffixes of a checkpoint's files besides its weights."""
_DTYPES = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}


@dataclass(frozen=True, slots=True)
class Kinds:
    """The weights in a folder, each kind by the file that shows it; None where there is none."""

    safetensors: str | None
    ctranslate2: str | None
    nemo: str | None
    pickled: str | None

    @property
    def rivals(self) -> list[str]:
        """Files of the kinds that are read as different models; a pickle beside safetensors is the same one."""
        return [file for file in (self.safetensors, self.ctranslate2, self.nemo) if file is not None]

    @property
    def only_pickled(self) -> bool:
        """Whether there are no weights but pickled ones."""
        return self.pickled is not None and not self.rivals


def kinds_in(name: str, folder: Path) -> Kinds:
    """Return which weights are in a folder; raise ModelError if there are several NeMo models in it."""
    archives = sorted(path.name for path in folder.glob(f"*{NEMO_SUFFIX}") if path.is_file())
    if len(archives) > 1:
        raise ModelError(f"Model folder {name} holds several models ({', '.join(archives)}); name the file itself.")
    return Kinds(
        safetensors=_first(folder, SAFETENSORS),
        ctranslate2=_first(folder, CTRANSLATE2),
        nemo=archives[0] if archives else None,
        pickled=_first(folder, PICKLED),
    )


def small_files(folder: Path) -> list[Path]:
    """Return a checkpoint's files besides its weights, its model card among them."""
    named = (path for path in folder.iterdir() if path.suffix in BESIDE or path.name == "README.md")
    return [path for path in named if path.is_file() and not is_pickled(path.name)]


def is_adapter(folder: Path) -> bool:
    """Tell whether a folder holds an adapter of PEFT's, and no model of its own."""
    return (folder / ADAPTER[0]).is_file() and not (folder / "config.json").is_file()


def is_pickled(file: str) -> bool:
    """Tell whether a file of a transformers checkpoint is pickled weights, or their index."""
    return file.startswith("pytorch_model") and file.endswith((".bin", ".bin.index.json"))


def stored_dtype(folder: Path) -> str:
    """Return what most weights of a checkpoint are kept in: ``float32``, ``float16`` or ``bfloat16``."""
    from safetensors import SafetensorError, safe_open

    sizes: Counter[str] = Counter()
    try:
        for path in folder.glob("*.safetensors"):
            with safe_open(path, framework="np") as file:
                for name in file.keys():  # noqa: SIM118 - no mapping
                    part = file.get_slice(name)
                    sizes[_DTYPES.get(part.get_dtype(), "float32")] += prod(part.get_shape())
    except (OSError, SafetensorError) as error:
        raise ModelError(f"The weights in {folder} cannot be read ({error}); is it a whole checkpoint?") from error
    return max(sizes, key=sizes.__getitem__, default="float32")


def save_as(model: Any, state: "Mapping[str, Tensor]", folder: Path, dtype: str) -> "dict[str, Tensor]":
    """Save a transformers model, which is not changed, with other weights, each in a precision; return what was saved.

    ``state`` are the weights by name, ``dtype`` is ``float32``, ``float16`` or ``bfloat16``.
    """
    import torch

    kind = getattr(torch, dtype)
    cast: dict[tuple[int, torch.Size], Tensor] = {}  # tied tensors share memory, and are saved once if they still do
    held = {
        name: cast.setdefault((tensor.data_ptr(), tensor.shape), tensor.to(kind))
        if tensor.is_floating_point() and tensor.dtype != kind
        else tensor
        for name, tensor in state.items()
    }
    model.save_pretrained(folder, state_dict=held)
    path = folder / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    if config.get("dtype") not in (None, dtype):  # transformers writes what the model computes in
        text = json.dumps(config | {"dtype": dtype}, indent=2, sort_keys=True, ensure_ascii=False)
        path.write_text(text + "\n", encoding="utf-8")
    return held


def without_pickles(folder: Path, out: Path) -> None:
    """Write pickled weights as safetensors, a shard at a time; only tensors are unpickled, no code is run."""
    import torch
    from safetensors.torch import save_file

    shards = sorted(path for path in folder.glob("pytorch_model*.bin") if path.is_file())
    weights: dict[str, str] = {}
    for number, path in enumerate(shards, 1):
        try:
            held = torch.load(path, map_location="cpu", weights_only=True)
            # tied tensors share memory, which safetensors does not keep
            tensors = {name: tensor.clone().contiguous() for name, tensor in held.items()}
        except Exception as error:
            raise ModelError(f"The pickled weights {path} cannot be read ({first_line(error)}).") from error
        name = SAFETENSORS[0] if len(shards) == 1 else f"model-{number:05d}-of-{len(shards):05d}.safetensors"
        save_file(tensors, out / name, metadata={"format": "pt"})
        weights |= dict.fromkeys(tensors, name)
    if len(shards) > 1:
        index = {"metadata": {}, "weight_map": dict(sorted(weights.items()))}
        (out / SAFETENSORS[1]).write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")


def _first(folder: Path, names: tuple[str, ...]) -> str | None:
    return next((name for name in names if (folder / name).is_file()), None)
