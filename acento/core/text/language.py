"""Languages as people name them: codes of two or three letters, tags with a region, English and native names."""

from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from functools import cache

from acento.core.errors import InputError

_NO_LANGUAGE = frozenset({"und", "mul", "mis", "zxx"})
"""Codes that name none: undetermined, several, uncoded, no words (ISO 639-3)."""
_OTHER_CODES = {"nb": ("no",), "no": ("nb",), "fil": ("tl",), "jv": ("jw",), "he": ("iw",), "id": ("in",)}
"""What models call the same written language, beside its macrolanguage: Whisper says ``no``, ``tl`` and ``jw``."""


@dataclass(frozen=True, slots=True)
class Language:
    """A language, and the script and region that its name gives."""

    base: str
    """ISO 639-1 where it has such a code, else ISO 639-3: ``es``, ``nb``, ``cmn``; what a model is told."""
    script: str | None = None
    """ISO 15924, such as ``Hans``."""
    region: str | None = None
    """ISO 3166-1 or UN M.49, such as ``CL`` or ``419``."""

    def __str__(self) -> str:
        """Return the BCP 47 tag.

        >>> str(Language("es", region="CL")), str(Language("sr", "Latn"))
        ('es-CL', 'sr-Latn')
        """
        return "-".join(part for part in (self.base, self.script, self.region) if part)

    @property
    def codes(self) -> tuple[str, ...]:
        """The base codes by which a model may know the language, the most exact first.

        Nynorsk and Cantonese are written otherwise than Bokmål and Mandarin, so they stand for themselves.

        >>> Language("cmn").codes, Language("nb").codes, Language("yue").codes, Language("es").codes
        (('cmn', 'zh'), ('nb', 'no'), ('yue',), ('es',))
        """
        import langcodes

        macro = langcodes.Language.make(self.base).prefer_macrolanguage().language
        return tuple(dict.fromkeys([self.base, *_OTHER_CODES.get(self.base, ()), macro or self.base]))


@cache
def resolve_language(text: str) -> Language:
    """Return the language that a code, a tag or a name means.

    Raises:
        InputError: it names no language that is known.

    >>> str(resolve_language("spa")), str(resolve_language("Spanish")), str(resolve_language("es_cl"))
    ('es', 'es', 'es-CL')
    >>> str(resolve_language("cmn-Hans")), str(resolve_language("zho")), str(resolve_language("nb-NO"))
    ('cmn-Hans', 'zh', 'nb-NO')
    >>> resolve_language("Brazilian Portuguese")
    Language(base='pt', script=None, region='BR')
    >>> resolve_language("xx")
    Traceback (most recent call last):
    ...
    acento.core.errors.InputError: 'xx' is no known language: give a code (es, spa), a tag (es-CL) or a name (Spanish).
    """
    import langcodes

    asked = text.strip()
    try:
        found = langcodes.Language.get(asked)
    except ValueError:  # langcodes.LanguageTagError: no tag, so it may be a name
        found = langcodes.Language.make()
        with suppress(LookupError):
            found = langcodes.find(asked)
    if not found.language or found.language in _NO_LANGUAGE or not found.is_valid():
        raise InputError(f"{text!r} is no known language: give a code (es, spa), a tag (es-CL) or a name (Spanish).")
    if found.language == "fil" and asked.lower().startswith(("tl", "tgl")):  # one language, and a code is kept
        return Language("tl", found.script, found.territory)
    return Language(found.language, found.script, found.territory)


def same_language(one: str, other: str) -> bool:
    """Tell whether two names mean one language, whatever their regions, scripts and kinds of code.

    >>> same_language("es-CL", "spa"), same_language("nb-NO", "no"), same_language("yue", "zh")
    (True, True, False)
    """
    return bool(set(resolve_language(one).codes) & set(resolve_language(other).codes))


def code_among(known: Collection[str], language: str) -> str | None:
    """Return the code by which one of some known codes means a language; None where none does.

    >>> code_among({"en", "no", "zh"}, "nb-NO"), code_among({"en", "zh"}, "cmn-Hans"), code_among({"en"}, "es")
    ('no', 'zh', None)
    """
    if language in known:
        return language
    return next((code for code in resolve_language(language).codes if code in known), None)
