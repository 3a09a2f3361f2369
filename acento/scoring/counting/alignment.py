"""A reference and a hypothesis word by word (or character by character): what was hit, replaced, left out, put in."""

from dataclasses import dataclass
from typing import Literal

from rapidfuzz.distance import Levenshtein

from acento.scoring.counting.headline import Headline

EditKind = Literal["hit", "substitution", "deletion", "insertion"]


@dataclass(frozen=True, slots=True)
class AlignedToken:
    """A word (or character) of the reference beside that of the hypothesis; "" where one of them has none."""

    reference: str
    hypothesis: str

    @property
    def kind(self) -> EditKind:
        """Which edit it is; a hit is none."""
        if self.reference == self.hypothesis:
            return "hit"
        return "substitution" if self.reference and self.hypothesis else "deletion" if self.reference else "insertion"


def align(reference: str, hypothesis: str, unit: Headline = "word") -> list[AlignedToken]:
    """Align two normalized texts with the fewest edits: the very alignment that is counted for the headline.

    Characters are those of a script without spaces: a space is none.

    >>> [(one.reference, one.hypothesis) for one in align("el perro ladra", "un perro ladra fuerte")]
    [('el', 'un'), ('perro', 'perro'), ('ladra', 'ladra'), ('', 'fuerte')]
    >>> [one.kind for one in align("casa", "cas", "character")]
    ['hit', 'hit', 'hit', 'deletion']
    """
    said, written = (tokens(text, unit) for text in (reference, hypothesis))
    found: list[AlignedToken] = []
    for step in Levenshtein.opcodes(said, written):
        left, right = said[step.src_start : step.src_end], written[step.dest_start : step.dest_end]
        # a block holds equally many of both, or of one of them none
        length = max(len(left), len(right))
        left, right = left or [""] * length, right or [""] * length
        found += [AlignedToken(one, other) for one, other in zip(left, right, strict=True)]
    return found


def tokens(text: str, unit: Headline = "word") -> list[str]:
    """Return the words, or the characters without spaces, that a normalized text is scored by."""
    return text.split() if unit == "word" else list("".join(text.split()))


def marked(reference: str, hypothesis: str, unit: Headline = "word", limit: int = 60) -> str:
    """Return both texts as one line, their differences in brackets; of a longer one the first ``limit`` tokens.

    >>> marked("el perro ladra mucho", "el gato ladra")
    'el [perro→gato] ladra [-mucho]'
    >>> marked("天气", "天气气", "character")
    '天气[+气]'
    """
    shown = {"hit": "{0}", "substitution": "[{0}→{1}]", "deletion": "[-{0}]", "insertion": "[+{1}]"}
    aligned = align(reference, hypothesis, unit)
    words = [shown[one.kind].format(one.reference, one.hypothesis) for one in aligned[:limit]]
    return (" " if unit == "word" else "").join(words) + (f" … ({len(aligned):,})" if len(aligned) > limit else "")
