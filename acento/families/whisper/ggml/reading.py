"""Read a file of whisper.cpp's back as the checkpoint that it was made of, with the weights as the file has them."""

import shutil
from pathlib import Path

from acento.core.errors import ModelError
from acento.families.whisper.ggml.layout import read_head, read_weights
from acento.families.whisper.ggml.writing import FILE, OUTPUT, weight_shapes
from acento.families.whisper.names import transformers_name
from acento.models.checkpoints.checkpoint import Checkpoint
from acento.models.checkpoints.pretrained import load_part
from acento.models.checkpoints.weights import small_files


def reread(checkpoint: Checkpoint, folder: Path, out: Path) -> None:
    """Write what an export of a checkpoint holds into an empty folder, as transformers' files.

    Args:
        checkpoint: what was exported; its small files are copied.
        folder: of the export.
        out: an empty folder.

    Raises:
        ModelError: the file is cut or damaged, lacks a weight of the model, or is none of whisper.cpp's.
    """
    import torch
    from safetensors.torch import save_file
    from transformers import WhisperConfig

    with (folder / FILE).open("rb") as file:
        header, _, _ = read_head(file)
        tensors = {}
        for name, values in read_weights(file):
            column = name.startswith("encoder.conv") and name.endswith(".bias")
            plain = values.reshape(-1) if column else values
            tensors[f"model.{transformers_name(name)}"] = torch.from_numpy(plain.copy())
    config = load_part("Whisper", WhisperConfig.from_pretrained, checkpoint.folder)
    expected = {name: shape for name, shape in weight_shapes(config).items() if name != OUTPUT}
    strange = {name for name, shape in expected.items() if name not in tensors or tuple(tensors[name].shape) != shape}
    strange |= tensors.keys() - expected.keys()
    if strange or header.vocabulary != config.vocab_size:
        what = min(strange, default="vocabulary")
        raise ModelError(
            f"GGML file {folder / FILE} is cut or damaged: its {what} is missing or not the model's; write it again."
        )
    for path in small_files(checkpoint.folder):
        shutil.copyfile(path, out / path.name)
    save_file(tensors, out / "model.safetensors", metadata={"format": "pt"})
