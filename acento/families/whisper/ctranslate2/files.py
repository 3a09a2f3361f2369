"""What the files of a CTranslate2 Whisper say: with what it writes, and the lengths that it was made for."""

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from acento.core.errors import ModelError
from acento.families.whisper.generation import FILE, START, derived_values, language_tokens, listed_tokens
from acento.models.checkpoints.completed import json_object
from acento.models.checkpoints.self_check import check_pretrained, check_tokenizer

_VERSIONS = range(4, 7)
"""Of the format; in these a variable has a type and a count of bytes."""
_POSITIONS = {
    "encoder/position_encodings/encodings": "max_source_positions",
    "decoder/position_encodings/encodings": "max_target_positions",
}


class VocabularyReader:
    """Reads ids by a model's own list of tokens, which are bytes in the letters of GPT-2; it cannot write texts."""

    def __init__(self, tokens: Sequence[str]) -> None:
        """Take the tokens by id."""
        from tokenizers import decoders

        self._tokens = list(tokens)
        self._ids = {token: number for number, token in enumerate(tokens)}
        self._bytes = decoders.ByteLevel()

    def get_vocab(self) -> dict[str, int]:
        """Return ids by token."""
        return self._ids

    def convert_tokens_to_ids(self, token: str) -> int:
        """Return the id of a token."""
        return self._ids[token]

    def convert_ids_to_tokens(self, ids: Sequence[int]) -> list[str]:
        """Return the tokens of ids."""
        return [self._tokens[number] for number in ids]

    def decode(self, ids: Sequence[int], *, skip_special_tokens: bool = True) -> str:  # noqa: ARG002
        """Return the text of ids; special tokens are no text."""
        pieces = [self._tokens[number] for number in ids]
        text: str = self._bytes.decode([one for one in pieces if not (one.startswith("<|") and one.endswith("|>"))])
        return text


def read_writing(folder: Path) -> tuple[Any, Any]:
    """Load a model's tokenizer, or what reads its list of tokens, and its generation config.

    Raises:
        ModelError: there is no list of tokens, or the tokenizer does not belong to it.
    """
    from transformers import GenerationConfig
    from transformers.models.whisper.tokenization_whisper import WhisperTokenizer

    tokens = listed_tokens(folder)
    if not tokens:
        raise ModelError(
            f"CTranslate2 model {folder} has no list of tokens (vocabulary.json or vocabulary.txt), or an empty one; "
            "copy it from where the model is from, or convert the model again."
        )
    if START not in tokens:
        raise ModelError(
            f"The list of tokens of CTranslate2 model {folder} is cut, or no Whisper's: it has no {START}; copy it "
            "again from where the model is from."
        )
    tokenizer: Any
    if any((folder / name).is_file() for name in ("tokenizer.json", "vocab.json")):
        tokenizer = WhisperTokenizer.from_pretrained(folder, local_files_only=True)
        known: dict[str, int] = tokenizer.get_vocab()
        check_pretrained(folder, len(tokens), tokenizer)
        places = {token: known[token] for token in (START, *language_tokens(known)) if token in known}
        strange = [token for token, number in places.items() if tokens[number : number + 1] != [token]]
        if strange:
            raise ModelError(
                f"The tokenizer of CTranslate2 model {folder} does not belong to it: its list of tokens has another "
                f"one at the place of {strange[0]!r}; take both from the same model."
            )
    else:
        tokenizer = VocabularyReader(tokens)
        check_tokenizer(folder, len(tokens), tokenizer.decode)
    if (folder / FILE).is_file():
        return tokenizer, GenerationConfig.from_pretrained(folder, local_files_only=True)
    values = derived_values(tokenizer.get_vocab(), len(tokens))
    if suppressed := json_object(folder / "config.json").get("suppress_ids"):
        values["suppress_tokens"] = suppressed
    return tokenizer, GenerationConfig.from_dict(values)


def read_positions(path: Path) -> dict[str, int]:
    """Return ``max_source_positions`` and ``max_target_positions``, those of them that the file says.

    The file is a version, the name and revision of a specification, and for each variable its name, its dimensions, its
    type and its bytes; texts are ended by a zero, numbers little-endian. The bytes are skipped.
    """
    found: dict[str, int] = {}
    with path.open("rb") as file:

        def number(kind: str) -> int:
            (value,) = struct.unpack(f"<{kind}", file.read(struct.calcsize(f"<{kind}")))
            return int(value)

        def text() -> str:
            return file.read(number("H")).rstrip(b"\0").decode()

        try:
            if number("I") not in _VERSIONS:
                return {}
            text()
            number("I")
            for _ in range(number("I")):
                name = text()
                shape = [number("I") for _ in range(number("B"))]
                number("B")
                size = number("I")
                file.seek(size, 1)
                if name in _POSITIONS and shape:
                    found[_POSITIONS[name]] = shape[0]
        except (struct.error, UnicodeDecodeError):
            return {}  # loading says what is wrong with it
    return found
