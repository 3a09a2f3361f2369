"""What a normalizer is: a named, versioned list of small steps from text to text."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Step:
    """A function from text to text, with a name and a sentence on what it does."""

    name: str
    """Such as ``remove-markup``."""
    about: str
    """One sentence, as the table of ``--explain`` prints it."""
    apply: Callable[[str], str]

    @classmethod
    def of(cls, function: Callable[[str], str]) -> Self:
        """Make a step of a documented function: its name, and the first line of its docstring.

        >>> def shout(text: str) -> str:
        ...     '''Put everything in upper case.'''
        ...     return text.upper()
        >>> Step.of(shout).name, Step.of(shout).about, Step.of(shout)("po")
        ('shout', 'Put everything in upper case.', 'PO')
        """
        about = (function.__doc__ or "").strip().splitlines()[0]
        return cls(function.__name__.strip("_").replace("_", "-"), about, function)

    def __call__(self, text: str) -> str:
        """Return the text after this step."""
        return self.apply(text)


@dataclass(frozen=True, slots=True)
class Normalizer:
    """A named, versioned list of steps; calling it applies them one after another.

    >>> from acento.core.text import normalizer
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
    about: str = ""
    """One line on what it is for, as lists of presets show it."""

    @property
    def identity(self) -> str:
        """Name and version in one word, such as ``chilean-leaderboard-1``: what stands beside a score."""
        return f"{self.name}-{self.version}"

    def __call__(self, text: str) -> str:
        """Return the normalized text."""
        for step in self.steps:
            text = step(text)
        return text

    def explain(self, text: str) -> list[tuple[str, str]]:
        """Return the name of each step and the text after it.

        >>> from acento.core.text import normalizer
        >>> normalizer("basic").explain("¡Sí, po!")[-3:]
        [('symbols-to-spaces', ' sí  po '), ('lowercase', ' sí  po '), ('collapse-spaces', 'sí po')]
        """
        after = []
        for step in self.steps:
            text = step(text)
            after.append((step.name, text))
        return after
