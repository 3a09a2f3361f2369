"""Lists of texts scored and compared, without a data set or a model."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from reprlib import repr as short

from acento.core.errors import InputError
from acento.core.text import normalizer as find_normalizer
from acento.scoring.counting.counts import ErrorCounts
from acento.scoring.counting.headline import counter
from acento.scoring.statistics.bootstrap import LEVEL, Interval, PairedDifference, interval, paired


@dataclass(frozen=True, slots=True)
class TextScore:
    """The errors of some texts, and how well their rate is known."""

    counts: ErrorCounts
    """Of all texts together."""
    interval: Interval | None
    """Of the rate; None with fewer than two texts or groups."""
    by_text: tuple[ErrorCounts, ...]
    """Of each text, in the order given."""

    @property
    def rate(self) -> float | None:
        """Errors over the references' length, a fraction; None where all references are empty."""
        return self.counts.rate


def score_texts(
    references: Sequence[str],
    hypotheses: Sequence[str],
    *,
    normalizer: str = "none",
    characters: bool | None = None,
    groups: Sequence[str | None] | None = None,
    level: float = LEVEL,
) -> TextScore:
    """Count the errors of hypotheses against their references.

    >>> score = score_texts(["¡Hola, mundo!", "sí po"], ["hola mundo", "sí"], normalizer="basic")
    >>> score.rate, round(score.interval.low, 2), round(score.interval.high, 2)  # two texts tell next to nothing
    (0.25, 0.01, 1.31)
    >>> score_texts(["es po"], ["espo"], characters=True).rate
    0.2
    >>> score_texts(["今日は良い天気です"], ["今日は 良い 天気 です"], normalizer="unicode-ja").rate
    0.0

    Args:
        references: what was said.
        hypotheses: what a model wrote, in the same order; "" where it wrote nothing.
        normalizer: how both are made comparable, such as none, basic or spanish.
        characters: count characters instead of words; None: where the normalizer is of a script without spaces.
        groups: a name for each text, such as its speaker; whole groups are drawn for the interval then.
        level: of the interval.

    Raises:
        InputError: the lists differ in length, they hold something else than texts, or there is no such normalizer.
    """
    counts = _counts(references, hypotheses, normalizer, characters)
    errors, lengths = [one.errors for one in counts], [one.reference_length for one in counts]
    return TextScore(sum(counts, ErrorCounts()), interval(errors, lengths, groups=groups, level=level), tuple(counts))


def compare_texts(
    references: Sequence[str],
    hypotheses_a: Sequence[str],
    hypotheses_b: Sequence[str],
    *,
    normalizer: str = "none",
    characters: bool | None = None,
    groups: Sequence[str | None] | None = None,
    level: float = LEVEL,
) -> PairedDifference | None:
    """Tell how much more system A errs than system B on the same texts; None where no reference has a word.

    >>> found = compare_texts(["a b", "c d", "e f"], ["a b", "c d", "e x"], ["a x", "c x", "e x"])
    >>> round(found.delta, 3), found.low < found.delta < found.high
    (-0.333, True)

    The arguments are those of :func:`score_texts`.
    """
    a, b = (_counts(references, texts, normalizer, characters) for texts in (hypotheses_a, hypotheses_b))
    lengths = [one.reference_length for one in a]
    return paired([one.errors for one in a], lengths, [one.errors for one in b], groups=groups, level=level)


def _counts(
    references: Sequence[str], hypotheses: Sequence[str], normalizer: str, characters: bool | None
) -> list[ErrorCounts]:
    references, hypotheses = _texts("references", references), _texts("hypotheses", hypotheses)
    if len(references) != len(hypotheses):
        raise InputError(f"There are {len(references)} references and {len(hypotheses)} hypotheses: give one for each.")
    rule = find_normalizer(normalizer)
    count = counter(rule, None if characters is None else "character" if characters else "word")
    return [count(rule(one), rule(other)) for one, other in zip(references, hypotheses, strict=True)]


def _texts(name: str, given: object) -> list[str]:
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise InputError(f"{name} must be a list of texts; got {short(given)}.")
    texts = list(given)
    for text in texts:
        if not isinstance(text, str):
            raise InputError(f"{name} must hold texts; got {short(text)}.")
    return texts
