"""What a Whisper is told before it writes: language, task, and what is held to have been said before."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from acento.core.errors import ModelError
from acento.models.base import DecodeOptions

_BEFORE: Final = "<|startofprev|>"


@dataclass(frozen=True, slots=True)
class Prompt:
    """Token ids that tell Whisper what to write; ``language`` is None where the model is to guess it."""

    start: int
    language: int | None
    rest: tuple[int, ...]
    languages: tuple[int, ...]
    """The languages to guess from; empty for an English-only model."""
    before: tuple[int, ...] = ()
    """What is held to have been said before, after the token that says so; empty: nothing is."""

    def ids(self, language: int | None) -> list[int]:
        """Return the whole prompt with a language's token in it; None: it has no place for one."""
        return [*self.before, *self.opening(language)]

    def opening(self, language: int | None) -> list[int]:
        """Return the prompt without what is held to have been said before."""
        return [self.start, *([] if language is None else [language]), *self.rest]


def read_prompt(generation: Any, options: DecodeOptions) -> Prompt:
    """Read the prompt's tokens off the generation config, as transformers' own ``generate`` does.

    Raises:
        ModelError: the model does not know the language or the task.
    """
    start = generation.decoder_start_token_id
    ending = getattr(generation, "no_timestamps_token_id", None)
    last = () if ending is None else (ending,)
    known = getattr(generation, "lang_to_id", None)
    if not known or getattr(generation, "is_multilingual", True) is False:
        if options.language not in (None, "en"):
            raise ModelError(
                f"This model is English-only and cannot be told language {options.language!r}; "
                "take the multilingual model of the same size."
            )
        if options.task != "transcribe":
            raise ModelError(
                f"This model is English-only and knows no task {options.task!r}; "
                "take the multilingual model of the same size."
            )
        return Prompt(start, None, last, ())
    language = None
    if options.language is not None:
        language = known.get(f"<|{options.language}|>")
        if language is None:
            names = ", ".join(sorted(token.strip("<|>") for token in known))
            raise ModelError(f"This model does not know language {options.language!r}; it knows {names}.")
    tasks = getattr(generation, "task_to_id", None) or {}
    if options.task not in tasks:
        raise ModelError(
            f"This model does not know task {options.task!r}; it knows {', '.join(sorted(tasks)) or 'none'}."
        )
    return Prompt(start, language, (tasks[options.task], *last), tuple(known.values()))


def with_context(prompt: Prompt, tokenizer: Any, options: DecodeOptions, positions: int) -> Prompt:
    """Return a prompt with the hotwords and the prompt text of the options, as faster-whisper puts them.

    The hotwords come first; of the prompt text the end is kept. Together they take half of the decoder's positions.

    Args:
        prompt: without them.
        tokenizer: what encodes them; one that only reads ids cannot.
        options: with them.
        positions: how many the decoder has.

    Raises:
        ModelError: the hotwords alone take more, or the model has no token or no tokenizer for it.
    """
    if not options.prompt and not options.hotwords:
        return prompt
    vocabulary: Mapping[str, int] = tokenizer.get_vocab()
    if _BEFORE not in vocabulary or not callable(tokenizer):
        lacks = f"its vocabulary lacks {_BEFORE}" if callable(tokenizer) else "it has no tokenizer.json"
        raise ModelError(
            f"This Whisper takes no prompt and no hotwords, as {lacks}: leave them out, or take its tokenizer's files "
            "from the model that it was made from."
        )

    def ids(text: str) -> list[int]:
        found: list[int] = tokenizer(" " + text.strip(), add_special_tokens=False).input_ids if text.strip() else []
        return found

    room = positions // 2 - 1
    hotwords = ids(", ".join(options.hotwords))
    if len(hotwords) > room:
        raise ModelError(
            f"The hotwords are {len(hotwords)} tokens of this model, and it takes {room}: leave some of the "
            f"{len(options.hotwords)} out."
        )
    said = ids(options.prompt or "")[-(room - len(hotwords)) :] if room > len(hotwords) else []
    context = (*hotwords, *said)
    return replace(prompt, before=(vocabulary[_BEFORE], *context)) if context else prompt
