"""A folder that passes for a checkpoint of a Whisper, made without torch; nothing can load it."""

import json
from pathlib import Path


def hollow_whisper(folder: Path, window: object = None) -> Path:
    """Write such a folder, whose config says what windows it was taught, and return it."""
    folder.mkdir()
    config = {"model_type": "whisper"} | ({} if window is None else {"acento_window": window})
    (folder / "config.json").write_text(json.dumps(config))
    for name in ("tokenizer.json", "preprocessor_config.json", "generation_config.json"):
        (folder / name).write_text('{"a": 1}')
    (folder / "model.safetensors").write_bytes(b"weights!")
    return folder
