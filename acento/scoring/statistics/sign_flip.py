"""The sign-flip test: may two systems that are alike differ this much by chance?

If they are alike, it is as likely that one errs more on a clip (or on a speaker's clips) as that the other does: every
sign of every difference could as well be the other (Fisher, "The Design of Experiments", 1935, 21). The p-value is the
share of all 2^n choices of signs whose sum lies at least as far from 0 as the one found. Up to 20 differences all
choices are listed. Of more, where they are whole numbers, the distribution of the sum is had from its characteristic
function, a product over the differences, by a Fourier transform. Else signs are drawn at random (Dwass, Annals of
Mathematical Statistics 28(1), 1957), and p is only known to be below what the draws end at where none is as extreme.
"""

import numpy as np
import numpy.typing as npt

_LISTED = 20
"""Up to this many differences, a million choices of signs, all are listed."""
_TRANSFORMED = 1 << 22
"""Up to this sum of sizes the distribution is computed; it takes 32 MB."""
_SMALLEST = 1e-12
"""What a Fourier transform in double precision can tell from 0."""
_CELLS = 1 << 22

Floats = npt.NDArray[np.float64]


def sign_flip_test(differences: Floats, resamples: int, rng: np.random.Generator) -> tuple[float, bool]:
    """Return the two-sided p-value of the sum of differences, and whether it is only known to be at most that.

    >>> sign_flip_test(np.array([1, 2, 1, 0, 3, 1, 1.0]), 2000, np.random.default_rng(0))  # six, all one way: 2 / 2⁶
    (0.03125, False)
    >>> sign_flip_test(np.full(100, 0.5), 2000, np.random.default_rng(0))  # no whole numbers: signs are drawn
    (0.0004997501249375312, True)
    """
    found = np.sort(differences[differences != 0])
    if not len(found):
        return 1.0, False
    seen = abs(float(found.sum())) * (1 - 1e-9)  # equal sums of fractions may differ in their last bits
    if len(found) <= _LISTED:
        return float(np.count_nonzero(np.abs(_all_sums(found)) >= seen) / 2 ** len(found)), False
    if float(np.abs(found).sum()) <= _TRANSFORMED and np.array_equal(found, np.rint(found)):
        p_value = _whole(found.astype(np.int64))
        return max(p_value, _SMALLEST), p_value < _SMALLEST
    as_extreme = sum(int(np.count_nonzero(np.abs(sums) >= seen)) for sums in _random_sums(found, resamples, rng))
    # one added above and below the line: a p-value from finitely many draws is never 0 (Davison & Hinkley 1997, 4.2)
    return (as_extreme + 1) / (resamples + 1), as_extreme == 0


def _all_sums(values: Floats) -> Floats:
    """Return the sums under all choices of signs."""
    sums = np.zeros(1)
    for value in values:
        sums = np.concatenate([sums + value, sums - value])
    return sums


def _whole(values: npt.NDArray[np.int64]) -> float:
    """Return the two-sided p-value of whole numbers."""
    total, reach = int(np.abs(values).sum()), abs(int(values.sum()))
    if not reach:
        return 1.0
    # of the sum of those differences whose sign is kept, each with probability 1/2: from 0 to total
    points = np.arange((total + 1) // 2 + 1, dtype=np.int64)
    spectrum = np.ones(len(points), dtype=np.complex128)
    for size, times in zip(*np.unique(np.abs(values), return_counts=True), strict=True):
        turned = np.exp(-2j * np.pi * ((points * size) % (total + 1)) / (total + 1))
        spectrum *= ((1 + turned) / 2) ** int(times)
    chances = np.fft.irfft(spectrum, total + 1)
    return min(1.0, 2 * float(chances[: (total - reach) // 2 + 1].sum()))


def _random_sums(values: Floats, resamples: int, rng: np.random.Generator) -> list[Floats]:
    """Return the sums under random signs, in chunks; of equal sizes the number of those flipped is binomial."""
    sizes, counts = np.unique(np.abs(values), return_counts=True)
    chunk = max(1, _CELLS // len(sizes))
    parts = (min(chunk, resamples - start) for start in range(0, resamples, chunk))
    return [(2 * rng.binomial(counts, 0.5, size=(part, len(sizes))) - counts) @ sizes for part in parts]
