"""Loads a Whisper on transformers, in the precision and with the search that are asked for."""

from pathlib import Path

from transformers import WhisperConfig
from transformers.models.whisper.modeling_whisper import WhisperForConditionalGeneration

from acento.families.whisper.int8 import in_int8
from acento.families.whisper.prompt import read_prompt, with_context
from acento.families.whisper.recognizer import WhisperRecognizer, load_features, load_writing
from acento.families.whisper.search_recognizer import SearchingWhisper
from acento.models.base import DecodeOptions
from acento.models.checkpoints.pretrained import load_part, load_pretrained


def load(folder: Path, options: DecodeOptions) -> WhisperRecognizer:
    """Load a Whisper checkpoint from the files that ``save_pretrained`` writes; see :meth:`Family.load`."""
    config = load_part("Whisper", WhisperConfig.from_pretrained, folder)
    tokenizer, generation = load_writing(folder, config)
    # what the model cannot be told is said before its weights are loaded
    with_context(read_prompt(generation, options), tokenizer, options, config.max_target_positions)
    if options.dtype == "int8":
        as_float = options.model_copy(update={"dtype": "float32"})
        model = in_int8(load_pretrained("Whisper", WhisperForConditionalGeneration, folder, as_float))
    else:
        model = load_pretrained("Whisper", WhisperForConditionalGeneration, folder, options)
    model.generation_config = generation
    features = load_features(folder, model.config.num_mel_bins)
    kind = WhisperRecognizer if options.greedy else SearchingWhisper
    return kind(model, features, tokenizer, options)
