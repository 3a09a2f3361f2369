"""What one clip's reference text says of it: its length, how fast it is spoken, and the script it is written in."""

import unicodedata
from collections import Counter
from dataclasses import dataclass
from functools import cache

from acento.data.splits import prompt_of

_SCRIPTS = {
    "LATIN": "af az bs ca cs cy da de en eo es et eu fi fil fo fr fy ga gd gl ha haw hr ht hu id ig is it jv jw la lb "
    "ln lt lv mg mi ms mt nb nl nn no oc pl pt qu rm ro rw sk sl sn so sq st su sv sw tk tl tn to tr uz vi wo xh yo zu "
    "arn ay gn sr",
    "CYRILLIC": "ba be bg ce cv kk ky mk mn ru sah sr tg tt uk uz",
    "ARABIC": "ar arz ckb fa ks ps sd ug ur",
    "DEVANAGARI": "bho hi kok mai mr ne sa",
    "CJK": "zh yue wuu ja ko",
    **{"GREEK": "el", "HEBREW": "he iw yi", "BENGALI": "as bn", "GURMUKHI": "pa", "GUJARATI": "gu", "ORIYA": "or"},
    **{"TAMIL": "ta", "TELUGU": "te", "KANNADA": "kn", "MALAYALAM": "ml", "SINHALA": "si", "THAI": "th", "LAO": "lo"},
    **{"TIBETAN": "bo dz", "MYANMAR": "my", "GEORGIAN": "ka", "ARMENIAN": "hy", "ETHIOPIC": "am ti", "KHMER": "km"},
    **{"HANGUL": "ko", "HIRAGANA": "ja", "KATAKANA": "ja"},
}
"""The languages that are written in each script, as Unicode's names of letters call it."""
_SUBTAGS = {"latn": "LATIN", "cyrl": "CYRILLIC", "arab": "ARABIC", "deva": "DEVANAGARI", "grek": "GREEK"}
"""Scripts as a language tag names them (ISO 15924), such as ``sr-Latn``."""
_NO_SCRIPT = {"FEMININE", "MASCULINE", "MODIFIER", "MICRO", "SCRIPT", "IDEOGRAPHIC"}


@dataclass(frozen=True, slots=True)
class Wording:
    """What was measured of one reference; zeros for a clip that has none."""

    characters: int
    """Of the text, each run of white space counted as one."""
    letters: int
    """Letters and digits; 0 means that nothing is said."""
    words: int
    characters_per_second: float | None
    """None where nothing is said."""
    prompt: str
    """The text without case, punctuation and spacing: the same for two readings of one sentence."""
    script: str | None
    """The script of most letters, such as ``LATIN``; None if there are no letters."""
    script_share: float | None
    """Share of letters in a script of the clip's language; None where the language or its script is not known."""


def measure_wording(text: str | None, language: str | None, duration_s: float | None) -> Wording:
    """Measure a reference.

    >>> found = measure_wording("¿Cómo  estás?", "es-CL", 1.0)
    >>> found.characters, found.letters, found.words, found.prompt, found.script_share
    (12, 9, 2, 'cómo estás', 1.0)
    """
    plain = " ".join((text or "").split())
    letters = sum(c.isalnum() for c in plain)
    prompt = prompt_of(plain) if letters else ""
    found = Counter(script for c in unicodedata.normalize("NFKC", plain) if c.isalpha() and (script := script_of(c)))
    wanted = scripts_of(language)
    total = sum(found.values())
    return Wording(
        characters=len(plain),
        letters=letters,
        words=len(prompt.split()),
        characters_per_second=round(len(plain) / duration_s, 3) if letters and duration_s else None,
        prompt=prompt,
        script=max(sorted(found), key=found.__getitem__) if found else None,
        script_share=round(sum(found[s] for s in wanted) / total, 4) if wanted and total else None,
    )


@cache
def scripts_of(language: str | None) -> frozenset[str]:
    """Return the scripts that a language is written in, by its tag; empty where that is not known.

    >>> sorted(scripts_of("sr-Latn")), sorted(scripts_of("ja")), scripts_of("xx")
    (['LATIN'], ['CJK', 'HIRAGANA', 'KATAKANA'], frozenset())
    """
    base, *subtags = (language or "").replace("_", "-").lower().split("-")
    named = {_SUBTAGS[subtag] for subtag in subtags if subtag in _SUBTAGS}
    return frozenset(named or {script for script, codes in _SCRIPTS.items() if base in codes.split()})


@cache
def script_of(letter: str) -> str | None:
    """Return the script of a letter as Unicode's name of it begins; None for one that belongs to no script.

    >>> script_of("ñ"), script_of("ж"), script_of("語"), script_of("º")
    ('LATIN', 'CYRILLIC', 'CJK', None)
    """
    word = unicodedata.name(letter, "").replace("-", " ").partition(" ")[0]  # "ー" is KATAKANA-HIRAGANA
    return word if word and word not in _NO_SCRIPT else None
