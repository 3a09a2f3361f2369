"""From a checkpoint to one in another format, with all that it takes to load it there."""

import json
import shutil
from pathlib import Path

from acento.core.errors import ModelError, first_line
from acento.core.extras import require
from acento.families.whisper.generation import CONVERSION
from acento.models.checkpoints.checkpoint import Checkpoint, checkpoint_files
from acento.models.checkpoints.references import Format, Quantization
from acento.models.checkpoints.taught import SOURCE_CONFIG

_WEIGHTS = (".safetensors", ".safetensors.index.json", ".bin", ".bin.index.json", ".pt", ".pth")
"""Of the model, and of the optimizer that a training left beside it."""


def convert(checkpoint: Checkpoint, folder: Path, name: Format, quantization: Quantization) -> None:
    """Write a checkpoint into an empty folder in another format; raise ModelError where it cannot be converted."""
    if name == "ctranslate2":
        _to_ctranslate2(checkpoint, folder, quantization)
    elif name == "ggml":
        from acento.families.whisper.ggml.writing import write_ggml

        write_ggml(checkpoint, folder, quantization)
    else:
        _to_safetensors(checkpoint, folder, quantization)


def _to_ctranslate2(checkpoint: Checkpoint, folder: Path, quantization: Quantization) -> None:
    require("ctranslate2", "A conversion to CTranslate2")
    from ctranslate2.converters import TransformersConverter
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    try:
        # force: the folder is there, and empty
        TransformersConverter(str(checkpoint.folder)).convert(str(folder), quantization=quantization, force=True)
    except (ValueError, RuntimeError, KeyError, AttributeError) as error:
        raise ModelError(f"{checkpoint.id} cannot be converted to CTranslate2: {first_line(error)}") from error
    _copy_all_but_weights(checkpoint, folder)
    shutil.copyfile(checkpoint.folder / "config.json", folder / SOURCE_CONFIG)
    facts = {"quantization": quantization, "made_from": checkpoint.digest}
    (folder / CONVERSION).write_text(json.dumps(facts, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _to_safetensors(checkpoint: Checkpoint, folder: Path, quantization: Quantization) -> None:
    """Copy a checkpoint, a shard at a time, its weights in another precision."""
    import torch
    from safetensors.torch import load_file, save_file

    dtype = getattr(torch, quantization)
    for path in sorted(checkpoint.folder.glob("*.safetensors")):
        tensors = {
            name: (one.to(dtype) if one.is_floating_point() else one).contiguous()
            for name, one in load_file(path).items()
        }
        save_file(tensors, folder / path.name, metadata={"format": "pt"})
    for path in checkpoint.folder.glob("*.safetensors.index.json"):
        shutil.copyfile(path, folder / path.name)
    _copy_all_but_weights(checkpoint, folder)
    config = json.loads((checkpoint.folder / "config.json").read_text(encoding="utf-8"))
    text = json.dumps(config | {"dtype": quantization}, indent=2, sort_keys=True, ensure_ascii=False)
    (folder / "config.json").write_text(text + "\n", encoding="utf-8")


def _copy_all_but_weights(checkpoint: Checkpoint, folder: Path) -> None:
    """Copy tokenizer, feature extractor and generation config."""
    for name in checkpoint_files(checkpoint.id, checkpoint.folder):
        if name != "config.json" and not name.endswith(_WEIGHTS):
            shutil.copyfile(checkpoint.folder / name, folder / name)
