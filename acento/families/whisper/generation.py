"""What a Whisper is told and may write: from its generation config, or where that lacks, from its vocabulary.

A generation config that is not there makes no model English-only: the languages are tokens of its vocabulary, and the
other values follow from it as OpenAI's do.
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from acento.core.errors import ModelError
from acento.models.checkpoints.completed import json_object
from acento.models.checkpoints.taught import SOURCE_CONFIG

FILE = "generation_config.json"
CONVERSION = "conversion.json"
"""How the weights are held, under ``quantization``; and what made them so."""
ENGLISH_VOCABULARY = 51864
"""Tokens of OpenAI's English-only models, whose tokenizer lists the languages too; multilingual ones have more."""
_TEXT_TOKENS = 50257
"""Ids below it are text in every Whisper of OpenAI's."""
_LANGUAGE = re.compile(r"<\|([a-z]{2,3})\|>")
START = "<|startoftranscript|>"
_END, _NO_TIMES = "<|endoftext|>", "<|notimestamps|>"
_TASKS = ("transcribe", "translate")
_NEVER = ("startoftranscript", "translate", "transcribe", "startoflm", "startofprev", "nospeech", "nocaptions")
"""Tokens that OpenAI's models are never let write."""
_SPACE = "Ġ"
_OPENAI_POSITIONS, _POSITIONS_PER_S = 1500, 50
"""Of the encoder: those of OpenAI's models, and how many of them are a second."""


def window_s(folder: Path) -> float:
    """Return the seconds of a Whisper's window, by its config; of CTranslate2 by the source's, else OpenAI's 30 s."""
    configs = (json_object(folder / name) for name in (SOURCE_CONFIG, "config.json"))
    found = (config.get("max_source_positions") for config in configs)
    return next((one for one in found if isinstance(one, int)), _OPENAI_POSITIONS) / _POSITIONS_PER_S


def read_generation(folder: Path, config: Any, tokenizer: Any) -> Any:
    """Return a Whisper's generation config, with what its file lacks taken from the vocabulary.

    Args:
        folder: the checkpoint.
        config: its ``WhisperConfig``.
        tokenizer: its tokenizer.
    """
    from transformers import GenerationConfig

    values = {"max_length": config.max_target_positions}
    if (folder / FILE).is_file():
        generation = GenerationConfig.from_pretrained(folder, local_files_only=True)
        if getattr(generation, "lang_to_id", None) or getattr(generation, "is_multilingual", True) is False:
            return generation
        values = {name: value for name, value in generation.to_dict().items() if value is not None}
    return GenerationConfig.from_dict(derived_values(tokenizer.get_vocab(), config.vocab_size) | values)


def derived_values(known: Mapping[str, int], size: int) -> dict[str, Any]:
    """Return the values of a generation config that follow from a vocabulary.

    Args:
        known: ids by token, special tokens among them.
        size: ids that the model writes.

    >>> values = derived_values({"a": 0, "<|endoftext|>": 1, "<|startoftranscript|>": 2, "<|es|>": 3}, 4)
    >>> values["is_multilingual"], values["lang_to_id"], values["suppress_tokens"], values["begin_suppress_tokens"]
    (True, {'<|es|>': 3}, [2, 3], [1])
    """
    languages = {} if size == ENGLISH_VOCABULARY else language_tokens(known)
    end = known.get(_END)
    values: dict[str, Any] = {
        "bos_token_id": end,
        "eos_token_id": end,
        "pad_token_id": end,
        "decoder_start_token_id": known.get(START),
        "no_timestamps_token_id": known.get(_NO_TIMES),
        "is_multilingual": bool(languages),
        "suppress_tokens": _suppressed(known, size),
        "begin_suppress_tokens": [known[token] for token in (_SPACE, _END) if token in known],
    }
    if languages:
        values["lang_to_id"] = languages
        values["task_to_id"] = {task: known[f"<|{task}|>"] for task in _TASKS if f"<|{task}|>" in known}
    return {name: value for name, value in values.items() if value is not None}


def language_tokens(known: Mapping[str, int]) -> dict[str, int]:
    """Return the ids of a vocabulary's languages, in their order.

    >>> language_tokens({"<|yue|>": 9, "<|es|>": 4, "<|translate|>": 5, "es": 1})
    {'<|es|>': 4, '<|yue|>': 9}
    """
    return dict(
        sorted(((token, known[token]) for token in known if _LANGUAGE.fullmatch(token)), key=lambda one: one[1])
    )


def no_speech_token(known: Mapping[str, int]) -> int | None:
    """Return the token that says that nobody speaks; its name has changed between releases of OpenAI's.

    >>> no_speech_token({"<|nocaptions|>": 50362})
    50362
    """
    return next((known[token] for token in ("<|nospeech|>", "<|nocaptions|>") if token in known), None)


def is_derived(folder: Path) -> bool:
    """Tell whether what a Whisper is told or may write follows from its vocabulary, as no file says it."""
    generation = json_object(folder / FILE)
    if generation.get("lang_to_id") or generation.get("is_multilingual") is False:
        return False
    return not generation or known_languages(folder) != frozenset({"en"})


def known_languages(folder: Path) -> frozenset[str] | None:
    """Return the codes of the languages that a Whisper can be told, by its small files; None where they do not say.

    An English-only model cannot be told any other. No library is loaded for it.
    """
    generation = json_object(folder / FILE)
    if names := generation.get("lang_to_id"):
        return frozenset(token.strip("<|>") for token in names)
    size = (json_object(folder / SOURCE_CONFIG) or json_object(folder / "config.json")).get("vocab_size")
    added = json_object(folder / "tokenizer.json").get("added_tokens", [])
    tokens = (
        listed_tokens(folder) or [token["content"] for token in added] or [*json_object(folder / "added_tokens.json")]
    )
    english = generation.get("is_multilingual") is False or ENGLISH_VOCABULARY in (size, len(tokens))
    languages = language_tokens(dict.fromkeys(tokens, 0))
    if english or (START in tokens and not languages):
        return frozenset({"en"})
    return frozenset(token.strip("<|>") for token in languages) or None


def listed_tokens(folder: Path) -> list[str]:
    """Return the tokens of a CTranslate2 model by id, or none; raise ModelError where its list of them is damaged."""
    if (folder / "vocabulary.json").is_file():
        try:
            found = json.loads((folder / "vocabulary.json").read_text(encoding="utf-8"))
        except ValueError as error:
            raise ModelError(
                f"The vocabulary.json of CTranslate2 model {folder} cannot be read ({error}); copy it again from where "
                "the model is from."
            ) from error
        return [str(token) for token in found] if isinstance(found, list) else []
    if (folder / "vocabulary.txt").is_file():
        return (folder / "vocabulary.txt").read_text(encoding="utf-8").removesuffix("\n").split("\n")
    return []


def _suppressed(known: Mapping[str, int], size: int) -> Sequence[int]:
    """Return the tokens that are never written: signs that are not spoken, and special tokens but the end."""
    from transformers.models.whisper.configuration_whisper import NON_SPEECH_TOKENS, NON_SPEECH_TOKENS_MULTI

    if size < ENGLISH_VOCABULARY:  # not OpenAI's: nothing is known of its signs
        special = [token for token in known if token.startswith("<|") and token.endswith("|>")]
        return sorted(known[token] for token in special if token != _END)
    signs = NON_SPEECH_TOKENS if size == ENGLISH_VOCABULARY else NON_SPEECH_TOKENS_MULTI
    special = [f"<|{name}|>" for name in _NEVER if f"<|{name}|>" in known]
    return sorted({*(one for one in signs if one < _TEXT_TOKENS), *(known[token] for token in special)})
