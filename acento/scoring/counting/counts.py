"""Error counts: frozen values that add, and from which a rate is taken at the very end: rates are never averaged."""

from collections.abc import Sequence
from dataclasses import dataclass

from rapidfuzz.distance import Levenshtein


@dataclass(frozen=True, slots=True)
class ErrorCounts:
    """Substitutions, insertions, deletions and hits of one alignment, or of many added together.

    >>> count_words("el perro ladra", "el gato") + count_words("sí", "sí po")
    ErrorCounts(substitutions=1, insertions=1, deletions=1, hits=2)
    >>> sum([count_words("a b", "a"), count_words("c d", "c d")], ErrorCounts()).rate
    0.25
    """

    substitutions: int = 0
    insertions: int = 0
    deletions: int = 0
    hits: int = 0

    @property
    def reference_length(self) -> int:
        """Words (or characters) of the reference."""
        return self.hits + self.substitutions + self.deletions

    @property
    def errors(self) -> int:
        """Edits that turn the reference into the hypothesis."""
        return self.substitutions + self.insertions + self.deletions

    @property
    def rate(self) -> float | None:
        """Errors over the reference's length, a fraction that may pass 1; None when the reference is empty.

        An utterance whose reference is empty has no rate of its own, but its insertions count in the sum over a corpus.

        >>> count_words("", "hola").rate is None
        True
        >>> (count_words("", "hola") + count_words("uno dos", "uno dos")).rate
        0.5
        """
        return self.errors / self.reference_length if self.reference_length else None

    def __add__(self, other: "ErrorCounts") -> "ErrorCounts":
        return ErrorCounts(
            self.substitutions + other.substitutions,
            self.insertions + other.insertions,
            self.deletions + other.deletions,
            self.hits + other.hits,
        )


def count_words(reference: str, hypothesis: str) -> ErrorCounts:
    """Count word errors; words are what white space of any kind parts.

    The alignment is rapidfuzz's, as in jiwer: where several have the fewest edits, S, D and I are those jiwer reports.
    """
    return _count(reference.split(), hypothesis.split())


def count_characters(reference: str, hypothesis: str, *, spaces: bool = True) -> ErrorCounts:
    """Count character errors; as in jiwer, spaces between words are characters as any other, those at the ends are not.

    Without ``spaces`` none of them counts: in a script that does not part words they are only a matter of style.

    >>> count_characters("es po", "espo ").rate
    0.2
    >>> count_characters("今日は良い天気", "今日 は 良い 天気", spaces=False).errors
    0
    """
    if not spaces:
        reference, hypothesis = ("".join(text.split()) for text in (reference, hypothesis))
    return _count(reference.strip(), hypothesis.strip())


def _count(reference: Sequence[object], hypothesis: Sequence[object]) -> ErrorCounts:
    if reference == hypothesis:
        return ErrorCounts(hits=len(reference))
    edits = [kind for kind, _, _ in Levenshtein.editops(reference, hypothesis).as_list()]
    substitutions = edits.count("replace")
    # every edit that is no substitution makes the hypothesis a unit longer or shorter
    insertions = (len(edits) - substitutions + len(hypothesis) - len(reference)) // 2
    deletions = len(edits) - substitutions - insertions
    return ErrorCounts(substitutions, insertions, deletions, len(reference) - substitutions - deletions)
