"""The words of the demo, from ``vocabulary.yaml`` beside this file, and their agreement, plurals and verb forms.

Everything is regular but what is listed; forms follow the Nueva gramática de la lengua española (RAE, 2009),
with the third persons for *ustedes*, as in Chile.
"""

from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final

import yaml

Words = tuple[str, ...]

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


def _words(text: str) -> Words:
    """Split a list of words, and refuse a word written twice.

    >>> _words("tren leche")
    ('tren', 'leche')
    """
    words = tuple(text.split())
    if len(set(words)) != len(words):
        raise ValueError(f"a word stands twice in: {text[:60]}")
    return words


def _by_class(lists: dict[str, str]) -> dict[str, Words]:
    return {kind: _words(text) for kind, text in lists.items()}


_ALL: Final[dict[str, Any]] = yaml.safe_load((files(__package__) / "vocabulary.yaml").read_text(encoding="utf-8"))
NAMES: Final = _words(_ALL["names"])
NOUNS: Final = {kind: (_words(two["masculine"]), _words(two["feminine"])) for kind, two in _ALL["nouns"].items()}
"""For each class its masculine and its feminine nouns."""
VERBS: Final = _by_class(_ALL["verbs"])
"""For each class of objects the verbs that take it."""
ADJECTIVES: Final = _by_class(_ALL["adjectives"])
"""For each class its adjectives in the masculine singular; those in -o agree in gender, all agree in number."""
STATES: Final = {**ADJECTIVES, **_by_class(_ALL["states"])}
"""What follows a form of *estar* or *quedar*, for each class."""
WHEN: Final = tuple(_ALL["when"].split(" | "))
HOW: Final = tuple(_ALL["how"].split(" | "))
"""When, and how: what may end a sentence."""


def plural(word: str) -> str:
    """The plural of a noun or an adjective.

    >>> [plural(w) for w in ("casa", "red", "voz", "canción", "calcetín", "café", "gris", "once", "maní")]
    ['casas', 'redes', 'voces', 'canciones', 'calcetines', 'cafés', 'grises', 'onces', 'maníes']
    """
    if word == "paraguas":
        return word
    if word.endswith("z"):
        return word[:-1] + "ces"
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
class SpanishVerb:
    """A verb by its infinitive, its stressed present stem, and its stem in the weak preterite and gerund."""

    infinitive: str
    stem: str
    weak: str

    @classmethod
    def parse(cls, entry: str) -> "SpanishVerb":
        """Read an entry of the vocabulary.

        >>> SpanishVerb.parse("pedir:pid:pid").preterite("he"), SpanishVerb.parse("lavar").present("we")
        ('pidió', 'lavamos')
        """
        infinitive, stem, weak = (entry + "::").split(":")[:3]
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

        >>> SpanishVerb.parse("cerrar:cierr").participle, SpanishVerb.parse("escribir").participle
        ('cerrado', 'escrito')
        """
        return _PARTICIPLES.get(self.infinitive, self.root + ("ado" if self._first else "ido"))

    @property
    def gerund(self) -> str:
        """The gerund: *cantando*, *durmiendo*."""
        return self.root + "ando" if self._first else self.weak + "iendo"
