"""Mistral's tokenizer, as a ``tekken.json`` describes it: tiktoken's byte pairs, and special tokens by name.

The same ids as Mistral's own ``mistral-common`` makes (``Tekkenizer``). That is not asked because it wants an older
NumPy (below 2.4, as of 1.13) than the rest of the speech libraries.
"""

import base64
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self

from acento.core.errors import ModelError

FILE = "tekken.json"
_FILLER = "<SPECIAL_{}>"


class Tekken:
    """Turns texts into ids and back. Special tokens have the first ids; no text is ever read as one of them."""

    def __init__(self, pieces: list[bytes], special: list[str], pattern: str) -> None:
        """Take byte sequences by rank, the names of special tokens by id, and how a text is cut before merging."""
        from tiktoken import Encoding

        self._special = {name: number for number, name in enumerate(special)}
        self._count = len(pieces)
        ranks = {piece: rank for rank, piece in enumerate(pieces)}
        self._pairs = Encoding("tekken", pat_str=pattern, mergeable_ranks=ranks, special_tokens={})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the ``tekken.json`` in a folder; raise ModelError where there is none, or it is damaged."""
        path = folder / FILE
        if not path.is_file():
            raise ModelError(f"Model {folder} lacks its tokenizer {FILE}; take it from the model it was made from.")
        try:
            return cls._read(json.loads(path.read_text(encoding="utf-8")))
        except (ValueError, KeyError, TypeError) as error:
            raise ModelError(f"The tokenizer {path} cannot be read ({error!r}); download the model again.") from error

    @classmethod
    def _read(cls, content: dict[str, Any]) -> Self:
        config = content["config"]
        named = sorted(content["special_tokens"], key=lambda token: token["rank"])
        count = config["default_num_special_tokens"]
        special = [token["token_str"] for token in named]
        special += [_FILLER.format(number) for number in range(len(special), count)]
        # the file lists more than the model knows: the rarest, which stand at the end, are left out
        entries = content["vocab"][: config["default_vocab_size"] - count]
        return cls([base64.b64decode(entry["token_bytes"]) for entry in entries], special, config["pattern"])

    def special(self, name: str) -> int:
        """Return the id of a special token; raise ModelError where there is none of that name."""
        if name not in self._special:
            raise ModelError(f"The model's {FILE} has no token {name}: it is of another kind of model.")
        return self._special[name]

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text, without start and end."""
        return [rank + len(self._special) for rank in self._pairs.encode_ordinary(text)]

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of ids, special tokens left out; bytes that are no UTF-8 become U+FFFD."""
        first = len(self._special)
        return str(self._pairs.decode([one - first for one in ids if first <= one < first + self._count]))
