"""The tokenizer and the prompts of a ``.nemo`` file, read without NeMo: ids for texts, and what Canary is told."""

import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from acento.core.errors import DataError, ModelError
from acento.families.nemo.archive import PROMPTS, ArchiveFacts, describe, find, read_file, section
from acento.models.base import DecodeOptions
from acento.models.checkpoints.self_check import check_tokenizer
from acento.models.timing.pieces import sentence_pieces

_END = "<|endoftext|>"
_NEW_SLOTS = "<|emo:undefined|>{source}{target}<|pnc|><|noitn|><|notimestamp|><|nodiarize|>"
_PROMPTS = {
    "canary": "<|startoftranscript|>{source}{task}{target}<|pnc|>",
    "canary2": "<|startofcontext|><|startoftranscript|>" + _NEW_SLOTS,
}
"""What NeMo's prompt formatters of these names make where text is to be punctuated, and has no context before it."""


class Tokens(ABC):
    """Turns a text into ids as the model's own tokenizer does."""

    files: dict[str, str]
    """SHA-256 of what the ids depend on, by name."""
    size: int
    """One more than the largest id."""

    @abstractmethod
    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of ids; those of other tokenizers of the same model are no text."""

    @abstractmethod
    def encode(self, text: str) -> list[int] | None:
        """Return the ids of a text; None where a part of it has none."""

    @abstractmethod
    def pieces(self, ids: Sequence[int]) -> list[bytes]:
        """Return the bytes that each id stands for; those of signs and of other tokenizers are none."""

    def write(self, text: str) -> list[int]:
        """Return the ids of a text as the model can write it.

        Where it has no capitals they become small, and a sign that it lacks becomes a space: that is how it was
        trained. A letter or a digit that it lacks is an error, because the model would learn to leave it out.

        Raises:
            DataError: the text has letters or digits that the model cannot write; names them.
        """
        text = unicodedata.normalize("NFC", " ".join(text.replace("<|", " ").split()))
        ids = self.encode(text)
        if ids is not None:
            return ids
        written = {char: self._written(char) for char in dict.fromkeys(text)}
        lacking = [char for char, found in written.items() if found is None]
        ids = None if lacking else self.encode(" ".join("".join(written[char] or "" for char in text).split()))
        if ids is None:
            raise DataError(f"The model's tokenizer cannot write {', '.join(lacking) or 'this text'}: {text!r}.")
        return ids

    def _written(self, char: str) -> str | None:
        """Return what stands for a character; None where nothing may."""
        if char == " ":
            return char
        for form in (char, char.lower()):
            if self.encode(form) is not None:
                return form
        return None if unicodedata.category(char)[0] in "LMN" else " "


class LetterTokens(Tokens):
    """A vocabulary of single characters, as ``EncDecCTCModel`` has it in its config."""

    def __init__(self, labels: Sequence[str]) -> None:
        """Take the characters in the order of their ids."""
        self._labels = list(labels)
        self._ids = {label: number for number, label in enumerate(labels)}
        self.size = len(labels)
        self.files = {"labels": sha256("\0".join(labels).encode()).hexdigest()}

    def decode(self, ids: Sequence[int]) -> str:
        """See :meth:`Tokens.decode`."""
        texts = (self._labels[number] for number in ids)
        return "".join(text for text in texts if len(text) == 1)  # a longer one is a sign, which no text is written as

    def pieces(self, ids: Sequence[int]) -> list[bytes]:
        """See :meth:`Tokens.pieces`."""
        texts = (self._labels[number] for number in ids)
        return [text.encode() if len(text) == 1 else b"" for text in texts]

    def encode(self, text: str) -> list[int] | None:
        """See :meth:`Tokens.encode`."""
        ids = [self._ids.get(char) for char in text]
        return None if None in ids else [number for number in ids if number is not None]


class PieceTokens(Tokens):
    """A SentencePiece model; in an aggregate tokenizer its ids begin after those of the ones before it."""

    def __init__(self, name: str, data: bytes, offset: int = 0) -> None:
        """Take the bytes of a ``tokenizer.model``; raise ModelError where they are none."""
        import sentencepiece

        self.files, self.offset = {name: sha256(data).hexdigest()}, offset
        self.processor = sentencepiece.SentencePieceProcessor()
        try:
            self.processor.LoadFromSerializedProto(data)
        except RuntimeError as error:
            raise ModelError(f"The tokenizer {name} cannot be loaded: it is no SentencePiece model.") from error
        self.size = offset + int(self.processor.get_piece_size())

    def decode(self, ids: Sequence[int]) -> str:
        """See :meth:`Tokens.decode`."""
        return str(self.processor.decode([number - self.offset for number in ids if number >= self.offset]))

    def pieces(self, ids: Sequence[int]) -> list[bytes]:
        """See :meth:`Tokens.pieces`."""
        processor, found = self.processor, []
        for number in (number - self.offset for number in ids):
            own = 0 <= number < self.size - self.offset
            sign = not own or processor.is_control(number) or processor.is_unknown(number)
            found.append("" if sign else processor.id_to_piece(number))
        return sentence_pieces(found)

    def encode(self, text: str) -> list[int] | None:
        """See :meth:`Tokens.encode`."""
        ids = self.processor.encode(text)
        return None if self.processor.unk_id() in ids else [number + self.offset for number in ids]

    def find(self, piece: str) -> int | None:
        """Return the id of one piece; None where there is no such piece."""
        number = self.processor.piece_to_id(piece)
        return None if number == self.processor.unk_id() else number + self.offset


@dataclass(frozen=True, slots=True)
class Writing:
    """How a model writes one language: its tokens, and for Canary what stands before and after them."""

    tokens: Tokens
    prompt: tuple[int, ...] = ()
    """Ids that the decoder is given first; empty: it takes no prompt."""
    end: tuple[int, ...] = ()
    """The id after the text; empty: the model does not write when it ends."""


def read_writing(folder: Path, options: DecodeOptions) -> Writing:
    """Read the tokenizer of a ``.nemo`` file, and what it is to be told for a language and a task.

    Raises:
        ModelError: the archive is refused, it lacks the language or the task, or has a kind of tokenizer without a
            SentencePiece model.
    """
    path = find(folder)
    facts, config = describe(path)
    if facts.kind == "multitask":
        writing = _prompted(path, facts, config, options)
    elif options.task == "transcribe":
        writing = Writing(_tokens(path, config, _chosen(facts, options.language)))
    else:
        raise ModelError(f"This model ({facts.kind}) writes the language it hears and knows no task {options.task!r}.")
    tokens = writing.tokens
    check_tokenizer(folder, tokens.size, tokens.decode, lambda text: tokens.encode(text) or ())
    return writing


def _prompted(path: Path, facts: ArchiveFacts, config: dict[str, Any], options: DecodeOptions) -> Writing:
    """Return how a Canary writes; its prompts are tokens of a tokenizer of their own, or of the only one."""
    template = _PROMPTS.get(str(config.get("prompt_format")))
    if template is None:
        raise ModelError(
            f"NeMo model {path} has prompts of format {config.get('prompt_format')!r}; "
            f"Acento knows {', '.join(_PROMPTS)}."
        )
    if options.language is None:
        raise ModelError(
            "This model must be told which language it hears: give --language"
            + (f"; it knows {', '.join(facts.languages)}." if facts.languages else ".")
        )
    source = _chosen(facts, options.language) or options.language
    target = source
    if options.task == "translate":
        target = _chosen(facts, "en") or "en"
    tokens, special = _tokens(path, config, target), _tokens(path, config, PROMPTS)
    if not isinstance(special, PieceTokens):
        raise ModelError(f"NeMo model {path} has no tokenizer for its prompts; get it anew.")
    end = special.find(_END)
    for name in (source, target):
        if special.find(f"<|{name}|>") is None:
            known = sorted(_spoken(special)) if not facts.languages else facts.languages
            raise ModelError(f"This model does not know language {name!r}; it knows {', '.join(known)}.")
    task = "<|transcribe|>" if options.task == "transcribe" else "<|translate|>"
    prompt = template.format(source=f"<|{source}|>", target=f"<|{target}|>", task=task)
    ids = _special(special, prompt) if facts.languages else special.encode(prompt)
    if ids is None or end is None:
        raise ModelError(f"NeMo model {path} has no tokens for its own prompt {prompt}; get it anew.")
    return Writing(tokens, tuple(ids), (end,))


def _special(tokens: PieceTokens, prompt: str) -> list[int] | None:
    """Return the ids of special tokens in a row, each looked up, as NeMo does where they have their own tokenizer."""
    ids = [tokens.find(f"<{part}") for part in prompt.split("<")[1:]]
    return None if None in ids else [number for number in ids if number is not None]


def _spoken(tokens: PieceTokens) -> list[str]:
    """Return the languages that have a token, by their ISO 639-1 codes."""
    pieces = [tokens.processor.id_to_piece(number) for number in range(tokens.processor.get_piece_size())]
    names = [piece[2:-2] for piece in pieces if piece.startswith("<|") and piece.endswith("|>")]
    return [name for name in names if len(name.partition("-")[0]) == 2 and name[:2].islower()]


def _chosen(facts: ArchiveFacts, language: str | None) -> str | None:
    """Return which of the model's languages was meant; None: it has one tokenizer for all.

    Raises:
        ModelError: it has tokenizers for some languages, and none for this one, or none is named.
    """
    if not facts.languages:
        return None
    for alike in (str.lower, lambda name: name.lower().partition("-")[0]):
        for name in facts.languages:
            if language is not None and alike(name) == alike(language):
                return name
    raise ModelError(f"This model does not know language {language!r}; it knows {', '.join(facts.languages)}.")


def _tokens(path: Path, config: dict[str, Any], part: str | None) -> Tokens:
    """Return the tokenizer, or one part of it where it is made of several."""
    tokenizer = config.get("tokenizer")
    if not isinstance(tokenizer, dict):
        return LetterTokens(_labels(path, config))
    parts = tokenizer.get("langs")
    if not isinstance(parts, dict):
        return _pieces(path, tokenizer)
    offset = 0
    for name, one in parts.items():
        tokens = _pieces(path, one, offset)
        if str(name) == part:
            return tokens
        offset = tokens.size
    raise ModelError(f"NeMo model {path} has no tokenizer for {part!r}; it has {', '.join(map(str, parts))}.")


def _pieces(path: Path, part: Any, offset: int = 0) -> PieceTokens:
    kind = part.get("type") if isinstance(part, dict) else None
    name = part.get("model_path") if isinstance(part, dict) else None
    if kind != "bpe" or not isinstance(name, str):
        raise ModelError(
            f"NeMo model {path} has a tokenizer of type {kind!r}; Acento knows bpe (SentencePiece) and characters."
        )
    name = name.removeprefix("nemo:")
    return PieceTokens(name, read_file(path, name), offset)


def _labels(path: Path, config: dict[str, Any]) -> list[str]:
    """Return the characters of a model without a tokenizer; a transducer has them at the top of its config."""
    labels = config.get("labels") or section(config, "decoder").get("vocabulary")
    if not isinstance(labels, list) or not labels or not all(isinstance(label, str) for label in labels):
        raise ModelError(f"NeMo model {path} has neither a tokenizer nor a vocabulary in its config; get it anew.")
    return labels
