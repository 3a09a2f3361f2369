"""What is one word and what is two, in language after language: reference, hypothesis, errors of how many units."""

import pytest

from acento.core.text import default_normalizer
from acento.scoring import count_characters, count_words

WORDS = [
    ("hi", "हिन्दी भाषा", "हिन्दि भाषा", 1, 2),
    ("hi", "की", "कि", 1, 1),
    ("ar", "اَلْعَرَبِيَّةُ لُغَةٌ جَمِيلَةٌ", "العربية لغة جميلة", 0, 3),
    ("tr", "IŞIK İSTANBUL", "ışık istanbul", 0, 2),
    ("de", "Straße", "STRASSE", 0, 1),
    ("en", "I don't know, it's 20 colours", "I do not know, it is twenty colors", 0, 8),
    ("es", "3,5", "tres coma cinco", 0, 3),
    ("es", "1.234.567", "un millón doscientos treinta y cuatro mil quinientos sesenta y siete", 0, 11),
    ("es", "1 234 567", "1.234.567", 0, 11),
    ("es", "1º", "primero", 0, 1),
    ("el", "ΟΔΌΣ", "οδός", 0, 1),
    ("fa", "می\u200cخواهم كتاب", "میخواهم کتاب", 0, 2),
    ("uk", "п’ять", "п'ять", 0, 1),
    ("sv", "21 %", "tjugoett procent", 0, 2),
    ("nl", "3,14 km", "drie komma veertien kilometer", 0, 4),
    ("de", "1.234,5", "tausendzweihundertvierunddreißig Komma fünf", 0, 3),
    ("fr", "L’homme a 80 ans, 1er", "l'homme a quatre-vingts ans premier", 0, 7),
    ("pt", "16 e 3,5%", "dezasseis e três vírgula cinco por cento", 0, 7),
    ("it", "il 2º, 21", "il secondo ventuno", 0, 3),
]
CHARACTERS = [
    ("zh", "今天天气很好我们去公园", "今天天汽很好我们去公园", 1, 11),
    ("ja", "今日は良い天気です", "今日 は 良い 天気 です", 0, 9),
    ("th", "สวัสดีครับ", "สวัสดี ครับ", 0, 10),
]


@pytest.mark.parametrize(("language", "reference", "hypothesis", "errors", "length"), WORDS)
def test_words(language: str, reference: str, hypothesis: str, errors: int, length: int) -> None:
    rule = default_normalizer(language)
    assert not rule.characters
    counts = count_words(rule(reference), rule(hypothesis))
    assert (counts.errors, counts.reference_length) == (errors, length)


@pytest.mark.parametrize(("language", "reference", "hypothesis", "errors", "length"), CHARACTERS)
def test_characters_are_the_headline_where_no_spaces_are_written(
    language: str, reference: str, hypothesis: str, errors: int, length: int
) -> None:
    rule = default_normalizer(language)
    assert rule.characters
    counts = count_characters(rule(reference), rule(hypothesis))
    assert (counts.errors, counts.reference_length) == (errors, length)


def test_a_thai_phrase_is_one_token_with_its_marks() -> None:
    assert default_normalizer("th")("สวัสดีครับ") == "สวัสดีครับ"
    assert default_normalizer(None)("สวัสดีครับ") == "สวัสดีครับ"


@pytest.mark.parametrize("words", ["por que / porqué / por qué / porque", "si no / sino", "papá / papa", "año / ano"])
def test_spanish_words_that_differ_by_an_accent_or_a_space_stay_apart(words: str) -> None:
    normalized = [default_normalizer("es")(word) for word in words.split("/")]
    assert len(set(normalized)) == len(normalized)
