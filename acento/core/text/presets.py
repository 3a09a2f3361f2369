"""Normalizer presets: what is counted as the same word. A score names its preset and version, or it means nothing.

A preset's version is raised whenever its output changes for any text, and ``tests/acento/core/text/pairs`` pins it.
A new preset is a :class:`Normalizer` in a module of its own and one name in ``NORMALIZERS``.
"""

from contextlib import suppress

from acento.core.errors import InputError
from acento.core.text import steps
from acento.core.text.by_language import LANGUAGES, unicode_by_name, unicode_normalizer
from acento.core.text.english import ENGLISH, OPEN_ASR_LEADERBOARD, OPEN_ASR_LEADERBOARD_MULTILINGUAL
from acento.core.text.european import EUROPEAN
from acento.core.text.language import resolve_language
from acento.core.text.normalizer import Normalizer, Step

NONE = Normalizer("none", 1, (), about="The text as it is.")
"""The text as it is: case, punctuation and all are scored."""

_WHISPER = tuple(
    Step.of(one)
    for one in (steps.lowercase, steps.remove_markup, steps.remove_parentheses, steps.compose, steps.symbols_to_spaces)
)
_LOWERCASE, _COLLAPSE = Step.of(steps.lowercase), Step.of(steps.collapse_spaces)

BASIC = Normalizer("basic", 1, (*_WHISPER, _LOWERCASE, _COLLAPSE), about="Whisper's BasicTextNormalizer.")
"""The rule of OpenAI Whisper's ``BasicTextNormalizer``, with no space left at the ends.

Source: ``whisper/normalizers/basic.py`` of openai/whisper; the same rule is in transformers. Faithful also in its
fault: marks that Unicode does not compose (the vowel signs of Indic scripts, for one) become spaces and cut words in
pieces, so WER and CER under ``basic`` mean little there.
"""

CHILEAN_LEADERBOARD = Normalizer(
    "chilean-leaderboard",
    1,
    (*_WHISPER, _LOWERCASE, Step.of(steps.drop_other_characters), _COLLAPSE),
    about="Spanish on the Chilean Spanish ASR leaderboard.",
)
"""The rule of the Chilean Spanish ASR leaderboard: accents stay, ¿ and ¡ go, numbers are left as they are written.

Source: ``BasicMultilingualTextNormalizer(remove_diacritics=False)`` in aastroza/open_asr_leaderboard_cl. It differs
from ``basic`` in that soft hyphens, zero-width spaces and the like are dropped.
"""

UNICODE = unicode_normalizer()
"""The mark-keeping rule where no language is known."""

NORMALIZERS = {
    preset.name: preset
    for preset in (
        *(NONE, BASIC, CHILEAN_LEADERBOARD, ENGLISH, OPEN_ASR_LEADERBOARD, *OPEN_ASR_LEADERBOARD_MULTILINGUAL),
        *(*EUROPEAN, UNICODE),
    )
}
"""The presets by name, in their current version; ``unicode`` also has a variant for each of ``LANGUAGES``."""
_OWN = {preset.language: preset for preset in (ENGLISH, *reversed(EUROPEAN))}


def default_normalizer(language: str | None) -> Normalizer:
    """Return the preset that scores texts of a language where nobody names one.

    A language that is not known is scored as one without a rule of its own: letters, marks and digits stay.

    >>> [default_normalizer(one).name for one in ("es-CL", "eng", "Hindi", "tr", "ja", None)]
    ['spanish', 'english', 'unicode', 'unicode-tr', 'unicode-ja', 'unicode']
    """
    if language is None:
        return UNICODE
    with suppress(InputError):
        base = resolve_language(language).base
        return _OWN.get(base) or unicode_normalizer(language)
    return UNICODE


def normalizer_for(name: str | None, language: str | None) -> Normalizer:
    """Return the preset of a name, or, where none is given, the default of the language.

    The two names that stand for a preset of each language, ``unicode`` and ``open-asr-leaderboard-multilingual``, mean
    the one of this language.

    >>> normalizer_for("unicode", "tr").identity, normalizer_for("open-asr-leaderboard-multilingual", "es").identity
    ('unicode-tr-1', 'open-asr-leaderboard-es-1')

    Raises:
        InputError: there is no such preset, or not in that version.
    """
    if name is None:
        return default_normalizer(language)
    found = normalizer(name)
    if language is not None and name == found.name:
        with suppress(InputError):
            if found is UNICODE:
                return unicode_normalizer(language)
            if found in OPEN_ASR_LEADERBOARD_MULTILINGUAL and found.language is None:
                return normalizer(f"open-asr-leaderboard-{resolve_language(language).base}")
    return found


def normalize(text: str, preset: str | None = None, *, language: str | None = None) -> str:
    """Return a text as a preset makes it comparable, or as the default of a language does.

    >>> from acento.scoring import normalize
    >>> normalize("¡Son las 15:30, po!", "spanish"), normalize("IŞIK", language="tr")
    ('son las quince treinta po', 'ışık')

    Raises:
        InputError: there is no such preset, or the language is not known.
    """
    if language is not None:
        resolve_language(language)
    return normalizer_for(preset, language)(text)


def normalizer(name: str) -> Normalizer:
    """Return the preset of a name (``basic``, ``unicode-tr``) or of a name and version (``basic-1``).

    Raises:
        InputError: there is no such preset, or not in that version.
    """
    for preset in NORMALIZERS.values():
        if name in (preset.name, preset.identity):
            return preset
    if found := unicode_by_name(name):
        return found
    known = ", ".join(preset.identity for preset in NORMALIZERS.values())
    raise InputError(
        f"There is no normalizer {name!r}; there is: {known}, and unicode-XX for a language ({_VARIANTS})."
    )


_VARIANTS = ", ".join(LANGUAGES)
