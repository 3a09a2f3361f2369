"""Loads a Whisper on CTranslate2, in the precision and with the search that are asked for."""

import logging
import os
from pathlib import Path
from typing import Any

from acento.core.errors import ModelError
from acento.core.heap import keep_freed
from acento.families.whisper.ctranslate2.files import read_positions, read_writing
from acento.families.whisper.ctranslate2.recognizer import CTranslate2Whisper
from acento.families.whisper.ctranslate2.search import SearchingCTranslate2
from acento.families.whisper.generation import CONVERSION
from acento.families.whisper.prompt import read_prompt, with_context
from acento.families.whisper.recognizer import load_features
from acento.models.base import DecodeOptions
from acento.models.checkpoints.completed import json_object
from acento.models.checkpoints.pretrained import explained
from acento.models.checkpoints.taught import SOURCE_CONFIG

_INT8 = {"float32": "int8_float32", "float16": "int8_float16", "bfloat16": "int8_bfloat16", "int8": "int8_float32"}


def load(folder: Path, options: DecodeOptions) -> CTranslate2Whisper:
    """Load a Whisper from the folder that an export or anybody's converter wrote; see :meth:`Family.load`.

    The latter has ``model.bin``, ``config.json`` and a list of its tokens, and often nothing else. Mel bins and windows
    are the model's own, and what it is told and may write follows from its tokens.
    """
    if (folder / CONVERSION).is_file() and not (folder / SOURCE_CONFIG).is_file():
        raise ModelError(f"CTranslate2 model {folder} lacks {SOURCE_CONFIG}; export it again.")
    if options.device_type not in ("cpu", "cuda"):
        raise ModelError(f"CTranslate2 does not run on {options.device_type}; choose --device cpu.")
    with explained("CTranslate2", folder):
        tokenizer, generation = read_writing(folder)
        prompt = read_prompt(generation, options)
        model = _model(folder, options)
        source = _source(folder, model)
        prompt = with_context(prompt, tokenizer, options, source["max_target_positions"])
        extractor = load_features(folder, source["num_mel_bins"])
    if prompt.languages and prompt.language is None and not model.is_multilingual:
        # it goes by an empty token, which the vocabularies of OpenAI's multilingual models have
        raise ModelError(
            f"CTranslate2 cannot guess the language with {folder}: its vocabulary is none of OpenAI's multilingual "
            "models; name it with --language."
        )
    loaded = (model, source, extractor, tokenizer, generation, prompt, options.fit, options.words)
    return CTranslate2Whisper(*loaded) if options.greedy else SearchingCTranslate2(*loaded, options=options)


def _model(folder: Path, options: DecodeOptions) -> Any:
    """Return the loaded model."""
    import ctranslate2

    if options.device_type == "cpu":
        keep_freed()

    def opened(compute_type: str) -> Any:
        return ctranslate2.models.Whisper(
            str(folder),
            device=options.device_type,
            compute_type=compute_type,
            # workers share the weights: as many as the workers that may share this model
            inter_threads=max(1, (os.cpu_count() or 1) // options.threads) if options.device_type == "cpu" else 1,
            intra_threads=options.threads,
        )

    if (folder / CONVERSION).is_file():
        return opened(_compute_type(json_object(folder / CONVERSION)["quantization"], options))
    ctranslate2.set_log_level(logging.ERROR)  # that half precision is not for this processor is no matter
    model = opened("default")  # only the loaded model tells how its weights are held
    wanted = _compute_type(model.compute_type, options)
    return model if wanted == model.compute_type else opened(wanted)


def _source(folder: Path, model: Any) -> dict[str, Any]:
    """Return the sizes of the model; a foreign one's are in its weights, or else they are OpenAI's."""
    if (folder / SOURCE_CONFIG).is_file():
        return json_object(folder / SOURCE_CONFIG)
    sizes = {"num_mel_bins": model.n_mels, "max_source_positions": 1500, "max_target_positions": 448}
    return sizes | read_positions(folder / "model.bin")


def _compute_type(held: str, options: DecodeOptions) -> str:
    """Return what CTranslate2 computes in: the precision that was asked for, products in int8 where weights are so."""
    import ctranslate2

    wanted = _INT8[options.dtype] if "int8" in (held[:4], options.dtype) else options.dtype
    able = ctranslate2.get_supported_compute_types(options.device_type)
    if wanted not in able:
        raise ModelError(
            f"CTranslate2 cannot compute in {wanted} on this {options.device_type}; "
            f"it can in {', '.join(sorted(able))}."
        )
    return wanted
