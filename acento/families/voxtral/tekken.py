"""Mistral's tokenizer, as a ``tekken.json`` describes it: byte-level pairs merged by rank, and special tokens by name.

The same ids as Mistral's own ``mistral-common`` makes (``Tekkenizer``, over ``tiktoken``). That is not asked because it
wants an older NumPy (below 2.4, as of 1.13) than the rest of the speech libraries.
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
        from tokenizers import Regex, pre_tokenizers

        self._pieces, self._special = pieces, {name: number for number, name in enumerate(special)}
        self._ranks = {piece: rank for rank, piece in enumerate(pieces)}
        self._cut = pre_tokenizers.Split(Regex(pattern), behavior="isolated")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the ``tekken.json`` in a folder.

        Raises:
            ModelError: there is none, or it is damaged.
        """
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
        """Return the id of a special token.

        Raises:
            ModelError: there is none of that name.
        """
        if name not in self._special:
            raise ModelError(f"The model's {FILE} has no token {name}: it is of another kind of model.")
        return self._special[name]

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text, without start and end."""
        return [
            rank + len(self._special)
            for word, _ in self._cut.pre_tokenize_str(text)
            for rank in self._merged(word.encode())
        ]

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of ids, special tokens left out; bytes that are no UTF-8 become U+FFFD."""
        first = len(self._special)
        known = range(first, first + len(self._pieces))
        return b"".join(self._pieces[one - first] for one in ids if one in known).decode(errors="replace")

    def _merged(self, word: bytes) -> list[int]:
        """Return the ranks of a word's pieces: of all neighbors, those whose union has the lowest rank merge first."""
        if word in self._ranks:
            return [self._ranks[word]]
        pieces = [word[at : at + 1] for at in range(len(word))]
        while True:
            unions = (
                (self._ranks[pieces[at] + pieces[at + 1]], at)
                for at in range(len(pieces) - 1)
                if pieces[at] + pieces[at + 1] in self._ranks
            )
            lowest = min(unions, default=None)
            if lowest is None:
                return [self._ranks[piece] for piece in pieces]
            at = lowest[1]
            pieces[at : at + 2] = [pieces[at] + pieces[at + 1]]
