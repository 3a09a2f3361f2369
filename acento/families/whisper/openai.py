"""OpenAI's own Whisper checkpoints (``.pt``), made into transformers' files once; only their tensors are read."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from acento.core.errors import AcentoError, ModelError
from acento.core.fingerprint import sha256_file
from acento.families.whisper.generation import ENGLISH_VOCABULARY, FILE, derived_values
from acento.families.whisper.names import transformers_name
from acento.models.checkpoints.checkpoint import Checkpoint
from acento.models.checkpoints.converted import stored_checkpoint
from acento.models.checkpoints.places import find_small_files
from acento.models.checkpoints.weights import save_as
from acento.models.family import BESIDE_TOKENIZER, WORDS

_VERSION = 1
"""Raised by hand whenever the same file would be converted to another checkpoint."""
_SIZES = {384: "tiny", 512: "base", 768: "small", 1024: "medium", 1280: "large"}


def from_file(name: str, path: Path) -> Checkpoint:
    """Return an OpenAI checkpoint as transformers reads it, kept in the store.

    Its tokenizer is taken from beside the file, or from OpenAI's model of that size on the hub.

    Raises:
        ModelError: the file is none of OpenAI's, is damaged, or no tokenizer is to be had.
    """
    dims, state = _read(name, path)
    donor = _donor(name, path, dims)
    found = next(one for one in WORDS.files if all((donor / file).is_file() for file in one))
    files = [donor / file for file in (*found, *BESIDE_TOKENIZER, FILE) if (donor / file).is_file()]
    given = {file.name: sha256_file(file) for file in files}

    def make(out: Path) -> None:
        for file in files:
            shutil.copyfile(file, out / file.name)
        _write(dims, state, out)

    return stored_checkpoint(name, None, [_VERSION, "openai", sha256_file(path), given], make)


def _read(name: str, path: Path) -> tuple[dict[str, int], Mapping[str, Any]]:
    """Return the sizes and the tensors of a checkpoint; nothing else in it is unpickled."""
    import torch

    try:
        held = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        dims = {str(key): int(value) for key, value in held["dims"].items()}
        state = held["model_state_dict"]
        if not {"n_mels", "n_vocab", "n_audio_state", "n_text_layer"} <= dims.keys():
            raise KeyError("dims")
    except Exception as error:
        raise ModelError(
            f"Model {name} is no checkpoint of openai-whisper (dims and model_state_dict as tensors), or is damaged; "
            "name the folder that holds its config.json and weights."
        ) from error
    return dims, state


def _donor(name: str, path: Path, dims: Mapping[str, int]) -> Path:
    """Return a folder with the tokenizer."""
    if WORDS.is_in(path.parent):
        return path.parent
    hub = _hub_name(dims)
    try:
        folder = find_small_files(hub)
        if WORDS.is_in(folder):
            return folder
        reason = f"{hub} has none"
    except AcentoError as error:
        reason = str(error).rstrip(".")
    raise ModelError(
        f"Model {name} has no tokenizer, and that of {hub} is not to be had ({reason}); put tokenizer.json and "
        f"tokenizer_config.json of {hub} beside {path}."
    )


def _hub_name(dims: Mapping[str, int]) -> str:
    """Return OpenAI's model on the hub that has these sizes.

    >>> _hub_name({"n_audio_state": 512, "n_vocab": 51865, "n_mels": 80, "n_text_layer": 6})
    'openai/whisper-base'
    >>> _hub_name({"n_audio_state": 384, "n_vocab": 51864, "n_mels": 80, "n_text_layer": 4})
    'openai/whisper-tiny.en'
    """
    size = _SIZES.get(dims["n_audio_state"], "large")
    if dims["n_vocab"] == ENGLISH_VOCABULARY:
        return f"openai/whisper-{size}.en"
    if dims["n_vocab"] > ENGLISH_VOCABULARY + 1:  # Cantonese came with the third
        return "openai/whisper-large-v3-turbo" if dims["n_text_layer"] == 4 else "openai/whisper-large-v3"
    return f"openai/whisper-{size}" + ("-v2" if size == "large" else "")


def _write(dims: Mapping[str, int], state: Mapping[str, Any], out: Path) -> None:
    """Write config and weights, in the precision that they have."""
    import torch
    from transformers import WhisperConfig, WhisperForConditionalGeneration
    from transformers.models.whisper.tokenization_whisper import WhisperTokenizer

    known = WhisperTokenizer.from_pretrained(out, local_files_only=True).get_vocab()
    ids = derived_values(known, dims["n_vocab"])
    if missing := sorted({"eos_token_id", "decoder_start_token_id"} - ids.keys()):
        raise ModelError(
            f"The tokenizer beside this openai-whisper checkpoint is no Whisper's: it has no {missing[0]}."
        )
    config = WhisperConfig(
        vocab_size=dims["n_vocab"],
        num_mel_bins=dims["n_mels"],
        d_model=dims["n_audio_state"],
        encoder_layers=dims["n_audio_layer"],
        encoder_attention_heads=dims["n_audio_head"],
        encoder_ffn_dim=4 * dims["n_audio_state"],
        decoder_layers=dims["n_text_layer"],
        decoder_attention_heads=dims["n_text_head"],
        decoder_ffn_dim=4 * dims["n_text_state"],
        max_source_positions=dims["n_audio_ctx"],
        max_target_positions=dims["n_text_ctx"],
        **{name: ids[name] for name in ("bos_token_id", "eos_token_id", "pad_token_id", "decoder_start_token_id")},
    )
    tensors = {f"model.{transformers_name(key)}": value for key, value in state.items()}
    with torch.device("meta"):
        model = WhisperForConditionalGeneration(config)
    wanted = {key for key in model.state_dict() if key != "proj_out.weight"}  # tied to the embedding
    if wanted != tensors.keys():
        odd = min(wanted ^ tensors.keys())
        raise ModelError(f"The weights of this openai-whisper checkpoint do not belong to its dims, such as {odd}.")
    kinds = {str(one.dtype).removeprefix("torch.") for one in tensors.values() if one.is_floating_point()}
    dtype = kinds.pop() if len(kinds) == 1 else "float32"
    held = (out / FILE).read_bytes() if (out / FILE).is_file() else None
    save_as(model, {key: value.contiguous() for key, value in tensors.items()}, out, dtype)
    (out / FILE).unlink()  # of transformers' defaults; what is right follows from the vocabulary, or was there
    if held is not None:
        (out / FILE).write_bytes(held)
