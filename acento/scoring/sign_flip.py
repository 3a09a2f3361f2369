"""The sign-flip test of two models on the same clips, exact at any number of clips.

If two models are equally good, it is as likely that one errs more on a clip as that the other does, by whatever number
of words: every sign of every difference could as well be the other (Fisher, "The Design of Experiments", 1935, 21). The
p-value is the share of all 2^n choices of signs whose sum lies at least as far from 0 as the one found. The differences
are whole numbers, so that the distribution of the sum is had without listing the choices: its characteristic function
is a product over the differences, and a Fourier transform gives the rest. Nothing is drawn, so that no p-value
is only known to be below what the resamples end at.
"""

from collections.abc import Sequence

import numpy as np

from acento.scoring.bootstrap import Numbers, sums_by_unit


def sign_flip_p(errors_a: Numbers, errors_b: Numbers, groups: Sequence[str | None] | None = None) -> float:
    """Return the two-sided p-value of equal error rates.

    Args:
        errors_a: word errors of each clip by one model, whole numbers.
        errors_b: those of the other, on the same clips.
        groups: a name for each clip: the sign of a whole group is flipped then, a clip without a name being its own.

    >>> round(sign_flip_p([0, 0, 0, 0, 1, 1], [2, 1, 3, 1, 1, 1]), 6)
    0.125
    """
    excess = np.asarray(errors_a, dtype=np.float64) - np.asarray(errors_b, dtype=np.float64)
    if groups is not None:
        excess = sums_by_unit(excess[:, None], groups)[:, 0]
    found = np.rint(excess[excess != 0]).astype(np.int64)
    total, reach = int(np.abs(found).sum()), abs(int(found.sum()))
    if not reach:
        return 1.0
    # of the sum of those differences whose sign is kept, each with probability 1/2: from 0 to total
    points = np.arange((total + 1) // 2 + 1, dtype=np.int64)
    spectrum = np.ones(len(points), dtype=np.complex128)
    for size, times in zip(*np.unique(np.abs(found), return_counts=True), strict=True):
        turned = np.exp(-2j * np.pi * ((points * size) % (total + 1)) / (total + 1))
        spectrum *= ((1 + turned) / 2) ** int(times)
    chances = np.fft.irfft(spectrum, total + 1)
    tail = 2 * float(chances[: (total - reach) // 2 + 1].sum())
    return float(min(1.0, max(tail, 2.0 ** (1 - min(len(found), 1000)))))
