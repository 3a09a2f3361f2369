"""How far the times of words are from those that are known, over the words that were heard right."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from rapidfuzz.distance import Levenshtein

from acento.data.words import Word


@dataclass(frozen=True, slots=True)
class TimeErrors:
    """Signed errors in seconds of words that were heard right; those of several recordings add."""

    starts: tuple[float, ...] = ()
    ends: tuple[float, ...] = ()
    words: int = 0
    """Of the references, heard right or not."""

    def __add__(self, other: "TimeErrors") -> "TimeErrors":
        return TimeErrors(self.starts + other.starts, self.ends + other.ends, self.words + other.words)

    @property
    def median_s(self) -> float | None:
        """The median of how far starts and ends are off; None: no word was heard right."""
        return self.quantile(0.5)

    def quantile(self, share: float) -> float | None:
        """Return within how many seconds so large a share of starts and ends is.

        >>> TimeErrors((0.1, -0.3), (0.2, 0.4), 2).quantile(0.5)
        0.2
        """
        errors = sorted(map(abs, self.starts + self.ends))
        return errors[min(len(errors) - 1, int(share * len(errors) - 1e-9))] if errors else None

    @property
    def shift_s(self) -> float | None:
        """The median of the signed errors: above 0, words are found too late."""
        return median(self.starts + self.ends) if self.starts else None


def time_errors(known: Sequence[Word], heard: Sequence[Word]) -> TimeErrors:
    """Return the errors of the times of words that two lists have in common, in an alignment with the fewest edits.

    Words are compared without punctuation and case.

    >>> known = [Word("sí", 0.0, 0.3), Word("pues", 0.3, 0.7)]
    >>> time_errors(known, [Word("Pues,", 0.4, 0.6)])
    TimeErrors(starts=(0.10000000000000003,), ends=(-0.09999999999999998,), words=2)
    """
    pairs = [(known[one], heard[other]) for one, other in _common([*map(_key, known)], [*map(_key, heard)])]
    return TimeErrors(
        tuple(found.start - said.start for said, found in pairs),
        tuple(found.end - said.end for said, found in pairs),
        len(known),
    )


def _common(known: Sequence[str], heard: Sequence[str]) -> Iterator[tuple[int, int]]:
    for step in Levenshtein.opcodes(known, heard):
        if step.tag == "equal":
            yield from zip(range(step.src_start, step.src_end), range(step.dest_start, step.dest_end), strict=True)


def _key(word: Word) -> str:
    return "".join(character for character in word.text.casefold() if character.isalnum())
