"""Spanish morphology and syntax, as much of it as the demo's sentences need: agreement, plurals, verb forms.

Everything is regular but what is listed; forms follow the Nueva gramática de la lengua española (RAE, 2009),
with the third persons for *ustedes*, as in Chile.
"""

from dataclasses import dataclass
from typing import Final, Self

_ACUTE: Final = str.maketrans("áéíóú", "aeiou")
# participles that are not regular
_PARTICIPLES: Final = {
    "abrir": "abierto",
    "escribir": "escrito",
    "romper": "roto",
    "volver": "vuelto",
    "imprimir": "impreso",
    "devolver": "devuelto",
}
PERSONS: Final = ("he", "they", "we")


def plural(word: str) -> str:
    """The plural of a noun or an adjective.

    >>> [plural(w) for w in ("casa", "red", "voz", "canción", "calcetín", "café", "gris", "once", "maní")]
    ['casas', 'redes', 'voces', 'canciones', 'calcetines', 'cafés', 'grises', 'onces', 'maníes']
    """
    if word == "paraguas":
        return word
    if word.endswith("z"):
        return word[:-1] + "ces"
    if word[-1] in "íú":
        return word + "es"
    if word[-1] in "aeiouáéó":
        return word + "s"
    if word[-1] in "ns" and word[-2] in "áéíóú":
        return word[:-2] + word[-2].translate(_ACUTE) + word[-1] + "es"
    return word + "es"


def agree(adjective: str, feminine: bool, many: bool) -> str:
    """An adjective or participle in the gender and number of its noun.

    >>> agree("cansado", True, True), agree("grande", True, True), agree("azul", False, True)
    ('cansadas', 'grandes', 'azules')
    """
    if feminine and adjective.endswith("o"):
        adjective = adjective[:-1] + "a"
    return plural(adjective) if many else adjective


@dataclass(frozen=True, slots=True)
class Verb:
    """A verb by its infinitive, its stressed present stem, and its stem in the weak preterite and gerund."""

    infinitive: str
    stem: str
    weak: str

    @classmethod
    def parse(cls, entry: str) -> Self:
        """Read an entry of the vocabulary.

        >>> Verb.parse("pedir:pid:pid").preterite("he"), Verb.parse("lavar").present("we")
        ('pidió', 'lavamos')
        """
        infinitive, _, rest = entry.partition(":")
        stem, _, weak = rest.partition(":")
        return cls(infinitive, stem or infinitive[:-2], weak or infinitive[:-2])

    @property
    def root(self) -> str:
        """The infinitive without its ending."""
        return self.infinitive[:-2]

    @property
    def _first(self) -> bool:
        return self.infinitive.endswith("ar")

    def present(self, person: str) -> str:
        """The present: *canta*, *cantan*, *cantamos*."""
        if person == "we":
            return self.root + {"a": "amos", "e": "emos", "i": "imos"}[self.infinitive[-2]]
        return self.stem + ("a" if self._first else "e") + ("n" if person == "they" else "")

    def preterite(self, person: str) -> str:
        """The simple past: *cantó*, *cantaron*, *cantamos*."""
        if person == "we":
            return self.root + ("amos" if self._first else "imos")
        if self._first:
            return self.root + ("ó" if person == "he" else "aron")
        return self.weak + ("ió" if person == "he" else "ieron")

    def imperfect(self, person: str) -> str:
        """The imperfect: *cantaba*, *comían*, *cantábamos*."""
        if person == "we":
            return self.root + ("ábamos" if self._first else "íamos")
        return self.root + ("aba" if self._first else "ía") + ("n" if person == "they" else "")

    @property
    def participle(self) -> str:
        """The past participle, masculine singular.

        >>> Verb.parse("cerrar:cierr").participle, Verb.parse("escribir").participle
        ('cerrado', 'escrito')
        """
        return _PARTICIPLES.get(self.infinitive, self.root + ("ado" if self._first else "ido"))

    @property
    def gerund(self) -> str:
        """The gerund: *cantando*, *durmiendo*."""
        return self.root + "ando" if self._first else self.weak + "iendo"
