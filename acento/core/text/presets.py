"""Normalizer presets: what is counted as the same word. A score names its preset and version, or it means nothing.

A preset's version is raised whenever its output changes for any text, and ``tests/acento/text/pairs`` pins it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import acento.core.text.steps as steps
from acento.core.errors import InputError

Step = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Normalizer:
    """A named, versioned list of steps; calling it applies them one after another.

    >>> normalizer("chilean-leaderboard")("¿Cachái, po? [risas]")
    'cachái po'
    """

    name: str
    version: int
    steps: tuple[Step, ...]
    language: str | None = None
    """The language that it is for (ISO 639-1 where there is such a code); None: any."""
    characters: bool = False
    """Whether the headline of its scores is CER: the script has no spaces between words."""
    drop_empty_references: bool = False
    """Whether clips with no reference left after normalizing are not scored at all."""

    @property
    def identity(self) -> str:
        """Name and version in one word, such as ``chilean-leaderboard-1``: what stands beside a score."""
        return f"{self.name}-{self.version}"

    def __call__(self, text: str) -> str:
        """Return the normalized text."""
        for step in self.steps:
            text = step(text)
        return text


NONE = Normalizer("none", 1, ())
"""The text as it is: case, punctuation and all are scored."""

_WHISPER = (steps.lowercase, steps.remove_markup, steps.remove_parentheses, steps.compose, steps.symbols_to_spaces)

BASIC = Normalizer("basic", 1, (*_WHISPER, steps.lowercase, steps.collapse_spaces))
"""The rule of OpenAI Whisper's ``BasicTextNormalizer``, with no space left at the ends.

Source: ``whisper/normalizers/basic.py`` of openai/whisper; the same rule is in transformers. Faithful also in its
fault: marks that Unicode does not compose (the vowel signs of Indic scripts, for one) become spaces and cut words in
pieces, so WER and CER under ``basic`` mean little there.
"""

CHILEAN_LEADERBOARD = Normalizer(
    "chilean-leaderboard", 1, (*_WHISPER, steps.lowercase, steps.drop_other_characters, steps.collapse_spaces)
)
"""The rule of the Chilean Spanish ASR leaderboard: accents stay, ¿ and ¡ go, numbers are left as they are written.

Source: ``BasicMultilingualTextNormalizer(remove_diacritics=False)`` in aastroza/open_asr_leaderboard_cl. It differs
from ``basic`` in that soft hyphens, zero-width spaces and the like are dropped.
"""

NORMALIZERS = {preset.name: preset for preset in (NONE, BASIC, CHILEAN_LEADERBOARD)}
"""The presets by name, in their current version."""


def default_normalizer(language: str | None) -> Normalizer:  # noqa: ARG001
    """Return the preset that scores texts of a language where nobody names one."""
    return CHILEAN_LEADERBOARD


def normalizer_for(name: str | None, language: str | None) -> Normalizer:
    """Return the preset of a name, or, where none is given, the default of the language.

    Raises:
        InputError: there is no such preset, or not in that version.
    """
    return default_normalizer(language) if name is None else normalizer(name)


def normalizer(name: str) -> Normalizer:
    """Return the preset of a name (``basic``) or of a name and version (``basic-1``).

    Raises:
        InputError: there is no such preset, or not in that version.
    """
    for preset in NORMALIZERS.values():
        if name in (preset.name, preset.identity):
            return preset
    known = ", ".join(preset.identity for preset in NORMALIZERS.values())
    raise InputError(f"There is no normalizer {name!r}; there is: {known}.")
