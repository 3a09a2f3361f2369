"""What tokens add to a text: bytes of letters that several share, and tokenizers that change what they read."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from acento.models.timing.pieces import byte_letters, sentence_pieces, texts_of


@given(st.text(max_size=20))
def test_bytes_one_by_one_make_the_text(text: str) -> None:
    data = text.encode()
    pieces = texts_of(list(data), [bytes([byte]) for byte in data], lambda ids: bytes(ids).decode(errors="replace"))
    assert "".join(pieces) == text
    assert len(pieces) == len(data)


def test_a_letter_belongs_to_the_token_of_its_last_byte() -> None:
    assert texts_of([1, 2, 3], byte_letters(["Ã", "±", "o"]), lambda _: "ño") == ["", "ñ", "o"]


def test_a_special_token_is_no_text() -> None:
    assert byte_letters(["<|endoftext|>", "Ġa"])[1] == b" a"
    assert sentence_pieces(["", "▁a"]) == [b"", b" a"]


def test_where_the_tokenizer_mends_spaces_the_pieces_are_those_of_its_text() -> None:
    tokens = ["no", " ,", " sí", " !"]

    def read(ids: Sequence[int]) -> str:
        return "".join(tokens[one] for one in ids).replace(" ,", ",").replace(" !", "!")

    assert texts_of(range(4), [one.encode() for one in tokens], read) == ["no", ",", " sí", "!"]


def test_nothing_has_no_pieces() -> None:
    assert texts_of([], [], lambda _: "") == []
