"""The sentences of the demo: short, grammatical Chilean Spanish, made from a seed, in five pools that never meet.

A hash of the sentence says to which pool it belongs, so that two pools share none, whatever the order in which they are
filled. Content words are reserved in the same way: some occur in no accented training clip, some in no accented test
clip. The base models' text has all of them.
"""

import hashlib
import random
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import islice
from typing import Final

from acento.data.demo.grammar import ADJECTIVES, HOW, NAMES, NOUNS, STATES, VERBS, WHEN, SpanishVerb, agree, plural

POOLS: Final = {"base": 60, "train": 70, "dev": 80, "test": 90, "neutral": 100}
"""The pools, and where the range of each ends, in percent of all sentences."""
WORDS_RANGE: Final = (4, 9)
MAX_CHARACTERS: Final = 50  # so that the slowest voice stays under five seconds

_PAST_ONLY: Final = frozenset({"ayer", "anoche", "hace dos meses", "hace tres años"})
_MANY: Final = ("los", "los", "los", "unos", "estos", "esos", "mis", "tus", "sus", "nuestros", "muchos", "otros",
                "tres", "cuatro", "dos", "seis", "ocho", "pocos", "todos los")  # fmt: skip
_ONE: Final = ("el", "el", "el", "un", "este", "ese", "mi", "tu", "su", "nuestro", "otro")
_FEMININE: Final = {"el": "la", "un": "una", "este": "esta", "ese": "esa", "nuestro": "nuestra", "otro": "otra",
                    "los": "las", "unos": "unas", "estos": "estas", "esos": "esas", "nuestros": "nuestras",
                    "muchos": "muchas", "otros": "otras", "pocos": "pocas", "todos los": "todas las"}  # fmt: skip
_BE: Final = {"he": ("está", "estaba", "quedó"), "they": ("están", "estaban", "quedaron")}
_HAVE: Final = {"he": "ha", "they": "han", "we": "hemos"}
_GO: Final = {"he": "va a", "they": "van a", "we": "vamos a"}
_THINGS: Final = ("food", "thing", "clothes", "animal", "text", "event")

Phrase = tuple[str, str]  # the words, and the person of the verb that goes with them


def pool_of(sentence: str) -> str:
    """The one pool that a sentence belongs to.

    >>> pool_of("los vecinos han comprado pescado") in POOLS
    True
    """
    point = _percent(f"pool:{sentence}")
    return next(pool for pool, end in POOLS.items() if point < end)


def reserved_for(lemma: str) -> str:
    """Which accented clips a content word is kept for: `train`, `test`, or `both`.

    >>> sorted({reserved_for(noun) for noun in NOUNS["food"][0]})
    ['both', 'test', 'train']
    """
    point = _percent(f"word:{lemma}")
    return "train" if point < 20 else "test" if point < 45 else "both"


def _percent(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4]) % 100


def _allowed(words: tuple[str, ...], pool: str) -> tuple[str, ...]:
    """The words a pool may use; the accented dev clips keep to the words of the accented train clips."""
    forbidden = {"train": "test", "dev": "test", "test": "train"}.get(pool)
    return tuple(word for word in words if reserved_for(word.partition(":")[0]) != forbidden)


class _Writer:
    """Makes the sentences of one pool from its own seeded random numbers."""

    def __init__(self, pool: str) -> None:
        self.random = random.Random(f"{pool}:0")
        self.names = _allowed(NAMES, pool)
        self.nouns = {k: (_allowed(m, pool), _allowed(f, pool)) for k, (m, f) in NOUNS.items()}
        self.verbs = {k: tuple(map(SpanishVerb.parse, _allowed(v, pool))) for k, v in VERBS.items()}
        self.adjectives = {k: _allowed(v, pool) for k, v in ADJECTIVES.items()}
        self.states = {k: _allowed(v, pool) for k, v in STATES.items()}
        self.when = _allowed(WHEN, pool)
        self.how = _allowed(HOW, pool)

    def noun(self, kind: str, many: bool | None = None) -> tuple[str, bool, bool]:
        """A noun with its gender and number: (word, feminine, many)."""
        masculine, feminine = self.nouns[kind]
        pick = self.random.choice(masculine + feminine)
        is_feminine = pick in feminine and (pick not in masculine or self.random.random() < 0.5)
        is_many = self.random.random() < 0.5 if many is None else many
        return (plural(pick) if is_many else pick), is_feminine, is_many

    def phrase(self, kind: str, adjective: float = 0.3) -> Phrase:
        """A noun phrase: *los abuelos cansados*."""
        noun, feminine, many = self.noun(kind)
        determiner = self.random.choice(_MANY if many else _ONE)
        words = [_FEMININE.get(determiner, determiner) if feminine else determiner, noun]
        if self.random.random() < adjective:
            words.append(agree(self.random.choice(self.adjectives[kind]), feminine, many))
        return " ".join(words), "they" if many else "he"

    def subject(self) -> Phrase:
        """Who does it: a person, a name, two names, or *nosotros*, which Spanish leaves out."""
        roll = self.random.random()
        if roll < 0.6:
            return self.phrase("person", adjective=0.15)
        if roll < 0.78:
            return self.random.choice(self.names), "he"
        if roll < 0.88:
            first, second = self.random.sample(self.names, 2)
            return f"{first} {'e' if second.startswith('i') else 'y'} {second}", "they"
        return ("nosotros" if self.random.random() < 0.4 else ""), "we"

    def verb(self, verb: SpanishVerb, person: str, past: bool = False) -> str:
        """A finite form: simple, perfect, going-to, or continuous."""
        forms: list[Callable[[], str]] = [
            lambda: verb.preterite(person),
            lambda: verb.preterite(person) if person == "we" else verb.imperfect(person),
            lambda: f"{_HAVE[person]} {verb.participle}",
            lambda: f"{_HAVE[person]} {verb.participle}",
        ]
        if not past:
            forms += [lambda: verb.present(person), lambda: f"{_GO[person]} {verb.infinitive}"]
        return self.random.choice(forms)()

    def tail(self, chance: float = 0.5) -> str:
        """Perhaps a word on when or how."""
        roll = self.random.random()
        if roll < chance * 0.6:
            return self.random.choice(self.when)
        return self.random.choice(self.how) if roll < chance else ""

    def transitive(self) -> str:
        """*las vecinas han comprado pescado fresco ayer*."""
        kind = self.random.choice(_THINGS)
        (who, person), (what, _) = self.subject(), self.phrase(kind)
        when = self.tail()
        verb = self.verb(self.random.choice(self.verbs[kind]), person, past=when in _PAST_ONLY)
        return f"{who} {verb} {what} {when}"

    def to_person(self) -> str:
        """*carlos saludó a los maestros en la plaza*."""
        (who, person), (whom, _) = self.subject(), self.phrase("person")
        to = whom.replace("el ", "al ", 1) if whom.startswith("el ") else f"a {whom}"
        verb = self.verb(self.random.choice(self.verbs["person"]), person)
        where = f"en {self.phrase('place', 0.2)[0]}" if self.random.random() < 0.4 else ""
        return f"{who} {verb} {to} {where}"

    def motion(self) -> str:
        """*los niños corrieron por la playa*."""
        (who, person), (where, _) = self.subject(), self.phrase("place", 0.4)
        way = self.random.choice(("por", "hasta", "hacia", "desde", "cerca de", "lejos de"))
        when = self.tail(0.4)
        verb = self.verb(self.random.choice(self.verbs["place"]), person, past=when in _PAST_ONLY)
        path = f"{way} {where}".replace("de el ", "del ")
        return f"{who} {verb} {path} {when}"

    def intransitive(self) -> str:
        """*mis primos están descansando en el patio*."""
        (who, person), (where, _) = self.subject(), self.phrase("place", 0.3)
        verb = self.random.choice(self.verbs["none"])
        estar = {"he": "está", "they": "están", "we": "estamos"}[person]
        said = f"{estar} {verb.gerund}" if self.random.random() < 0.4 else self.verb(verb, person)
        return f"{who} {said} en {where} {self.tail(0.4)}"

    def state(self) -> str:
        """*las puertas de la casa están cerradas*."""
        kind = self.random.choice((*_THINGS, "person", "place"))
        noun, feminine, many = self.noun(kind)
        determiner = self.random.choice(_MANY if many else _ONE)
        owner = ""
        if kind not in ("person", "event") and self.random.random() < 0.45:
            determiner = "los" if many else "el"
            owner = f"de {self.phrase('person' if kind != 'place' else 'place', 0.0)[0]}".replace("de el ", "del ")
        determiner = _FEMININE.get(determiner, determiner) if feminine else determiner
        be = self.random.choice(_BE["they" if many else "he"])
        state = agree(self.random.choice(self.states[kind]), feminine, many)
        passing = ADJECTIVES.get(kind) != STATES[kind]
        degree = self.random.choice(("", "ya", "todavía") if passing else ("", "muy", "más", "demasiado"))
        return f"{determiner} {noun} {owner} {be} {degree} {state} {self.tail(0.35)}"

    def existence(self) -> str:
        """*hay muchas gallinas en el patio de los vecinos*."""
        noun, feminine, _ = self.noun(self.random.choice(("food", "thing", "animal", "clothes", "person")), True)
        count = self.random.choice(("muchos", "pocos", "tres", "cuatro", "ocho", "dos", "otros", "demasiados", "unos"))
        if feminine and count.endswith("os") and count != "dos":
            count = f"{count[:-2]}as"
        there = self.random.choice(("hay", "había", "quedan", "quedaban"))
        return f"{there} {count} {noun} en {self.phrase('place', 0.4)[0]} {self.tail(0.2)}"

    def sentence(self) -> str:
        """One sentence; may be outside the bounds."""
        kinds = (self.transitive, self.transitive, self.to_person, self.motion, self.intransitive, self.state,
                 self.state, self.existence)  # fmt: skip
        return " ".join(self.random.choice(kinds)().split())


def generate(pool: str) -> Iterator[str]:
    """The sentences of a pool, none twice, without end; lower case, no punctuation, standard spelling.

    >>> [pool_of(text) for text in islice(generate("test"), 3)]
    ['test', 'test', 'test']
    """
    writer, seen = _Writer(pool), set[str]()
    low, high = WORDS_RANGE
    while True:
        text = writer.sentence()
        fits = low <= len(text.split()) <= high and len(text) <= MAX_CHARACTERS
        if fits and pool_of(text) == pool and text not in seen:
            seen.add(text)
            yield text


@cache
def sentences(pool: str, count: int) -> tuple[str, ...]:
    """The first `count` sentences of a pool."""
    return tuple(islice(generate(pool), count))


def vocabulary(texts: Iterable[str]) -> frozenset[str]:
    """The word types of some texts.

    >>> sorted(vocabulary(["los niños", "los gatos"]))
    ['gatos', 'los', 'niños']
    """
    return frozenset(word for text in texts for word in text.split())


def base_sentences(count: int, cover: frozenset[str] = frozenset()) -> tuple[str, ...]:
    """The first `count` sentences of the base pool, and behind them what else it takes to cover some words."""
    further = generate("base")
    texts = list(islice(further, count))
    missing = set(cover - vocabulary(texts))
    while missing:
        text = next(further)
        if not missing.isdisjoint(words := text.split()):
            texts.append(text)
            missing.difference_update(words)
    return tuple(texts)
