"""What a CTranslate2 Whisper writes with: its tokenizer, or what reads its tokens, and its generation config."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from acento.core.errors import ModelError
from acento.families.whisper.generation import FILE, START, derived_values, language_tokens, listed_tokens
from acento.models.checkpoints.self_check import check_pretrained, check_tokenizer


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

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of ids; special tokens are no text."""
        pieces = [self._tokens[number] for number in ids]
        text: str = self._bytes.decode([one for one in pieces if not (one.startswith("<|") and one.endswith("|>"))])
        return text

    def batch_decode(self, rows: Sequence[Sequence[int]], *, skip_special_tokens: bool) -> list[str]:  # noqa: ARG002
        """Return the texts of rows of ids, as transformers' tokenizers do."""
        return [self.decode(row) for row in rows]


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
        told = {token: known[token] for token in (START, *language_tokens(known)) if token in known}
        strange = [token for token, number in told.items() if tokens[number : number + 1] != [token]]
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
    said = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    if said.get("suppress_ids"):
        values["suppress_tokens"] = said["suppress_ids"]
    return tokenizer, GenerationConfig.from_dict(values)
