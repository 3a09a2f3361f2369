"""The mark-keeping rule for any language: letters, marks and digits stay, what else there is parts words.

A language adds to it only what its own writing asks for: how it folds case, which marks are optional, which letters
are two encodings of one, and whether it writes spaces between words at all.
"""

import re
import unicodedata
from collections.abc import Callable
from functools import cache

import regex

from acento.core.errors import InputError
from acento.core.text import steps
from acento.core.text.language import Language, resolve_language
from acento.core.text.normalizer import Normalizer, Step

APOSTROPHES = "'’ʼʻ`´′＇׳"
"""What stands for an apostrophe inside words."""
_IN_WORD = re.compile(rf"(?<=[^\W\d_])[{APOSTROPHES}](?=[^\W\d_])")
_INSIDE = "\0"
"""Stands for an apostrophe inside a word while all others go."""
_ORPHANS = regex.compile(r"(?<![\p{L}\p{M}\p{N}'])\p{M}+")
_IGNORABLE = "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180e\u180f\u3164\uffa0"
_SPACES = re.compile(r"\s+")


class _Kept(dict[int, int | str | None]):
    """A table for ``str.translate``: what stays, what goes, and what parts words, by Unicode category."""

    def __missing__(self, code: int) -> int | str | None:
        char = chr(code)
        category = unicodedata.category(char)
        found: int | str | None = ord(" ")
        if _is_format(code):
            found = None
        elif category == "Nd":
            found = str(unicodedata.digit(char))
        elif category[0] in "LMN":
            found = code
        elif char == _INSIDE:
            found = "'"
        self[code] = found
        return found


_KEPT = _Kept()


def fold_case(text: str) -> str:
    """Fold case as Unicode does for all languages: ß and SS are ss, a final ς is σ.

    >>> fold_case("Straße ΟΔΟΣ οδός")
    'strasse οδοσ οδόσ'
    """
    return steps.compose(steps.compose(text.casefold()).casefold())


def fold_turkic_case(text: str) -> str:
    """Fold case with two letters i: I is the capital of ı, and İ that of i.

    >>> fold_turkic_case("IŞIK İSTANBUL")
    'ışık istanbul'
    """
    return fold_case(text.replace("I", "ı").replace("İ", "i"))


def fold_lithuanian_case(text: str) -> str:
    """Fold case, without the dot that Lithuanian keeps between i, į or j and an accent.

    >>> fold_lithuanian_case("i\\u0307\\u0301") == fold_lithuanian_case("Í")
    True
    """
    return steps.compose(re.sub("(?<=[ijį])\u0307+", "", fold_case(text)))


class _Format(dict[int, int | None]):
    """A table for ``str.translate`` that drops what is not seen."""

    def __missing__(self, code: int) -> int | None:
        self[code] = None if _is_format(code) else code
        return self[code]


def _is_format(code: int) -> bool:
    selectors = 0xFE00 <= code <= 0xFE0F or 0xE0100 <= code <= 0xE01EF
    return selectors or unicodedata.category(chr(code)) in ("Cf", "Me") or chr(code) in _IGNORABLE


_FORMAT = _Format()


def remove_format_characters(text: str) -> str:
    """Remove what is not seen: soft hyphens, joiners, zero-width spaces, directions.

    >>> remove_format_characters("ко\\u00adшка\\u200b")
    'кошка'
    """
    return text if text.isascii() else text.translate(_FORMAT)


def unify_apostrophes(text: str) -> str:
    """Write one apostrophe for the many that stand inside words.

    >>> unify_apostrophes("п’ять c´est")
    "п'ять c'est"
    """
    return text if text.isascii() else _IN_WORD.sub("'", text.replace("ŉ", "'n"))


def keep_letters_marks_digits(text: str) -> str:
    """Keep letters, marks, digits (as 0 to 9) and an apostrophe inside a word; the rest parts words.

    Marks that have no letter go.

    >>> keep_letters_marks_digits("हिन्दी, भाषा! ٣٫٥ п'ять")
    "हिन्दी  भाषा  3 5 п'ять"
    """
    inside = _IN_WORD.sub(_INSIDE, text.replace(_INSIDE, " "))
    return _ORPHANS.sub("", inside.translate(_KEPT))


_TASHKEEL = re.compile("[\u0640\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed\u08d3-\u08ff]")


def remove_tashkeel(text: str) -> str:
    """Remove the optional vowel marks of Arabic script and the tatweel that stretches words.

    >>> remove_tashkeel("العَرَبِيَّةُ جمـــيلة")
    'العربية جميلة'
    """
    return _TASHKEEL.sub("", text)


_PERSIAN = str.maketrans({"ي": "ی", "ى": "ی", "ك": "ک"})


def unify_yeh_and_kaf(text: str) -> str:
    """Write the Arabic yeh and kaf of other keyboards as Persian and Urdu write them.

    >>> unify_yeh_and_kaf("كتابي")
    'کتابی'
    """
    return text.translate(_PERSIAN)


_CHILLUS = {"ണ്\u200d": "ൺ", "ന്\u200d": "ൻ", "ര്\u200d": "ർ", "ല്\u200d": "ൽ", "ള്\u200d": "ൾ", "ക്\u200d": "ൿ"}


def unify_chillus(text: str) -> str:
    """Write the old Malayalam sequences with a joiner as the chillu letters that they are."""
    for sequence, letter in _CHILLUS.items():
        text = text.replace(sequence, letter)
    return text


def unify_khanda_ta(text: str) -> str:
    """Write the old Bengali sequence with a joiner as the letter khanda ta."""
    return text.replace("ত্\u200d", "ৎ")


_GERSHAYIM = re.compile('(?<=[א-ת])[״"](?=[א-ת])')


def join_gershayim(text: str) -> str:
    """Write Hebrew acronyms without the mark before their last letter: צה״ל is one word.

    >>> join_gershayim('צה״ל צה"ל')
    'צהל צהל'
    """
    return _GERSHAYIM.sub("", text)


def remove_spaces(text: str) -> str:
    """Remove all spaces: the script has none between words, and characters are counted.

    >>> remove_spaces("今日 は 良い 天気")
    '今日は良い天気'
    """
    return _SPACES.sub("", text)


_CHINESE = ("zh", "yue", "cjy", "cpx", "hak", "hsn", "nan", "wuu", "lzh")
_WITHOUT_SPACES = frozenset({*_CHINESE, "ja", "th", "lo", "nod", "tts", "km", "my", "shn", "bo", "dz"})
_SPACED_SCRIPTS = frozenset({"Latn", "Cyrl", "Hang", "Arab"})
_TURKIC = frozenset({"tr", "az", "crh", "gag"})
_FIRST: dict[str, tuple[Callable[[str], str], ...]] = {
    **dict.fromkeys(("ar", "ps", "sd"), (remove_tashkeel,)),
    **dict.fromkeys(("fa", "ur"), (remove_tashkeel, unify_yeh_and_kaf)),
    "he": (join_gershayim,),
}
"""Steps that a language's writing asks for, before punctuation goes."""
_ARABIC = """
aao abh abv acm acq acw acx acy adf aeb aec afb ajp ajt apc apd ars ary arz auz avl ayh ayl ayn ayp pga shu ssh
"""
"""The spoken varieties that ISO 639-3 counts to Arabic; they are written by its rule."""
_WITH_JOINERS = {"ml": (unify_chillus,), **dict.fromkeys(("bn", "as"), (unify_khanda_ta,))}
"""Steps that read joiners, before these go."""
LANGUAGES = tuple(sorted({*_WITHOUT_SPACES, *_TURKIC, *_FIRST, *_WITH_JOINERS, "lt"}))
"""The codes of languages with a rule of their own; all others share ``unicode``."""


def spaceless(language: Language) -> bool:
    """Tell whether a language is written without spaces between words, so that its headline is CER.

    >>> [spaceless(resolve_language(one)) for one in ("ja", "cmn-Hans", "th", "ko", "nan-Latn")]
    [True, True, True, False, False]
    """
    return bool({*language.codes} & _WITHOUT_SPACES) and language.script not in _SPACED_SCRIPTS


def unicode_normalizer(language: str | None = None) -> Normalizer:
    """Return the mark-keeping preset with the rule of a language: ``unicode-tr``, or ``unicode`` where it has none.

    Raises:
        InputError: it is no known language.

    >>> unicode_normalizer("tr").identity, unicode_normalizer("hi").identity, unicode_normalizer("cmn").identity
    ('unicode-tr-1', 'unicode-1', 'unicode-zh-1')
    """
    if language is None:
        return _preset("", False)
    asked = resolve_language(language)
    without_spaces = spaceless(asked)
    rules = _WITHOUT_SPACES if without_spaces else set(LANGUAGES) - _WITHOUT_SPACES
    codes = ("ar",) if asked.base in _ARABIC.split() else asked.codes
    return _preset(next((code for code in reversed(codes) if code in rules), ""), without_spaces)


@cache
def _preset(code: str, without_spaces: bool) -> Normalizer:
    fold = fold_turkic_case if code in _TURKIC else fold_lithuanian_case if code == "lt" else fold_case
    rule = (
        *(
            *_WITH_JOINERS.get(code, ()),
            remove_format_characters,
            unify_apostrophes,
            steps.compose,
            steps.remove_markup,
            steps.remove_parentheses,
            fold,
            *_FIRST.get(code, ()),
        ),
        *(keep_letters_marks_digits, steps.compose, remove_spaces if without_spaces else steps.collapse_spaces),
    )
    return Normalizer(
        f"unicode-{code}" if code else "unicode",
        1,
        tuple(Step.of(one) for one in rule),
        language=code or None,
        characters=without_spaces,
        about=f"Letters, marks and digits stay, as {code} is written." if code else "Letters, marks and digits stay.",
    )


def unicode_by_name(name: str) -> Normalizer | None:
    """Return the preset of the name ``unicode``, ``unicode-tr`` or ``unicode-tr-1``; None where it is none of these."""
    family, _, rest = name.removesuffix("-1").partition("-")
    if family != "unicode" or "--" in name or name.endswith("-"):
        return None
    try:
        return unicode_normalizer(rest or None)
    except InputError:
        return None
