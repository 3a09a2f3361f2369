"""A tokenizer of word pieces as SentencePiece makes them, small, that can write any lower-case Spanish text."""

from collections.abc import Sequence
from typing import Any

LETTERS = "abcdefghijklmnopqrstuvwxyzñáéíóúü"
_SPACE = "▁"
_PAIRS = ("de", "en", "es", "er", "ar", "os", "as", "la", "el", "qu", "on", "ra", "do", "ci", "st", "te", "an", "al")


def make_pieces(first: Sequence[str], special: Sequence[str], *, byte_fallback: bool) -> Any:
    """Return a ``tokenizers.Tokenizer``: the given tokens first, then bytes if asked for, letters and pairs of them.

    Args:
        first: tokens with the lowest ids.
        special: those of them that are never part of a text.
        byte_fallback: whether what has no piece is written byte by byte, as Llama's tokenizer does it.
    """
    from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers

    tokens = [*first]
    if byte_fallback:
        tokens += [f"<0x{byte:02X}>" for byte in range(256)]
    tokens += [_SPACE, *LETTERS, *_PAIRS, *(_SPACE + letter for letter in LETTERS)]
    merges = [(pair[0], pair[1]) for pair in _PAIRS] + [(_SPACE, letter) for letter in LETTERS]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(vocabulary, merges, unk_token="<unk>", byte_fallback=byte_fallback, fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend(_SPACE), normalizers.Replace(" ", _SPACE)])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace(_SPACE, " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    return tokenizer
