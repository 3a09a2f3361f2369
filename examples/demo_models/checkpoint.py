"""How a shipped model is saved: weights in half precision, every file that its family has, whole or not at all."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def save(model: Any, parts: Sequence[Any], folder: Path, card: str) -> None:
    """Write a checkpoint folder, whole or not at all: weights in float16, which load as float32.

    `parts` are saved beside the weights, and `card` becomes its README.md.
    """
    import torch

    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    weights = {
        name: value.detach().to(torch.float16) if value.is_floating_point() else value
        for name, value in model.state_dict().items()
    }
    model.save_pretrained(partial, state_dict=weights)
    config = json.loads((partial / "config.json").read_text(encoding="utf-8"))
    config["dtype"] = "float32"  # what `from_pretrained` makes of the float16 weights
    (partial / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    for part in parts:
        part.save_pretrained(partial)
    (partial / "README.md").write_text(card, encoding="utf-8")
    (partial / "model.safetensors").chmod(0o644)  # safetensors leaves it to its owner alone
    shutil.rmtree(folder, ignore_errors=True)
    partial.replace(folder)


def write_card(folder: Path, card: str) -> None:
    """Replace the README.md of a checkpoint folder."""
    partial = folder / ".README.md.partial"
    partial.write_text(card, encoding="utf-8")
    partial.replace(folder / "README.md")
