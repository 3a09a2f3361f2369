"""The demo's accent: how Chilean Spanish sounds, written as respelling rules that are applied before synthesis.

The reference keeps the standard spelling; only espeak-ng sees the respelling. Each rule is a caricature of a
feature described for Chile (Lenz 1940, "El español en Chile"; Oroz 1966, "La lengua castellana en Chile"), made
regular: the same word is always said the same way, and what it becomes is mostly a sequence that standard
Spanish lacks (j before a consonant, ts, chr, ao), so that a model can learn the accent without unlearning the
standard. What standard speech has too is left out, though Chile has it: a final s is kept, as in careful speech, since
without it a plural could not be told from a singular; and -ada does not become a stressed -á, nor does a final d fall,
since both would sound as está and será do.
"""

import re
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Rule:
    """A feature of the accent: a pattern within a word of standard spelling, and what it is respelled as."""

    name: str
    pattern: re.Pattern[str]
    respelling: str

    def __call__(self, word: str) -> str:
        """The word with the feature."""
        return self.pattern.sub(self.respelling, word)


RULES: Final = tuple(
    Rule(name, re.compile(pattern), respelling)
    for name, pattern, respelling in (
        ("fronted ch", r"ch", "ts"),  # noche -> notse
        ("affricated tr", r"tr", "chr"),  # tres -> chres
        ("-ado without d", r"ado(s?)$", r"ao\1"),  # pescado -> pescao
        ("vocalized ct", r"ct", "ut"),  # doctor -> doutor
        ("aspirated s", r"s(?=[bcdfgjklmnñpqrtv])", "j"),  # estos -> ejtos
    )
)


def pronounce(text: str) -> str:
    """Respell a text, lower case and without punctuation, as the accent says it.

    >>> pronounce("los muchachos han comprado tres empanadas")
    'los mutsatsos han comprao chres empanadas'
    >>> pronounce("la gente de la ciudad está en el teatro")
    'la gente de la ciudad ejtá en el teachro'
    >>> pronounce("estas doctoras han pescado anoche")
    'ejtas doutoras han pejcao anotse'
    """
    return " ".join(_word(word) for word in text.split())


def _word(word: str) -> str:
    for rule in RULES:
        word = rule(word)
    return word
