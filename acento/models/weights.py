"""What kinds of weights a folder holds, and which of them are read: never a pickle, unless its model is trusted."""

from dataclasses import dataclass
from pathlib import Path

from acento.errors import ModelError

SAFETENSORS = ("model.safetensors", "model.safetensors.index.json")
PICKLED = ("pytorch_model.bin", "pytorch_model.bin.index.json")
CTRANSLATE2 = ("model.bin",)
NEMO_SUFFIX = ".nemo"
BESIDE = (".json", ".txt", ".model", ".jinja")
"""Suffixes of a checkpoint's files besides its weights."""


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


def kinds_in(name: str, folder: Path) -> Kinds:
    """Look which weights are in a folder.

    Raises:
        ModelError: there are several NeMo models in it.
    """
    archives = sorted(path.name for path in folder.glob(f"*{NEMO_SUFFIX}") if path.is_file())
    if len(archives) > 1:
        raise ModelError(f"Model folder {name} holds several models ({', '.join(archives)}); name the file itself.")
    return Kinds(
        safetensors=_first(folder, SAFETENSORS),
        ctranslate2=_first(folder, CTRANSLATE2),
        nemo=archives[0] if archives else None,
        pickled=_first(folder, PICKLED),
    )


def is_pickled(file: str) -> bool:
    """Tell whether a file of a transformers checkpoint is pickled weights, or their index."""
    return file.startswith("pytorch_model") and file.endswith((".bin", ".bin.index.json"))


def without_pickles(folder: Path, out: Path) -> None:
    """Write pickled weights as safetensors, a shard at a time; only tensors are unpickled, no code is run.

    Raises:
        ModelError: a shard is damaged, or holds something else than tensors.
    """
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
            reason = str(error).strip().splitlines() or [type(error).__name__]
            raise ModelError(f"The pickled weights {path} cannot be read ({reason[0]}).") from error
        name = SAFETENSORS[0] if len(shards) == 1 else f"model-{number:05d}-of-{len(shards):05d}.safetensors"
        save_file(tensors, out / name, metadata={"format": "pt"})
        weights |= dict.fromkeys(tensors, name)
    if len(shards) > 1:
        import json

        index = {"metadata": {}, "weight_map": dict(sorted(weights.items()))}
        (out / SAFETENSORS[1]).write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")


def _first(folder: Path, names: tuple[str, ...]) -> str | None:
    return next((name for name in names if (folder / name).is_file()), None)
