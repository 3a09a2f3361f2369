"""Which stretches of speech are one speaker's: agglomerative clustering of voices, in memory that does not grow.

The similarity of two clusters is the mean cosine over all pairs of what is in them (average linkage), each weighted by
its seconds. It needs only the weighted sum of a cluster's vectors, so many vectors are first merged to a few hundred
small clusters, block by block, without loss: the similarities of those are exact.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from acento.diarization.diarizer import Speakers
from acento.diarization.engines.embedded.vectors import unit

BLOCK = 1000
"""Vectors that are compared with each other: a matrix of 4 MB."""
_SHRINK = 8
"""A block is merged to an eighth of its size: with tens of speakers still several clusters for each."""

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Merge:
    """Two clusters, named by their lowest members, become one, named by ``kept``."""

    kept: int
    gone: int
    similarity: float


@dataclass(frozen=True, slots=True)
class Rules:
    """When two clusters are one speaker, and which clusters are none."""

    threshold: float
    """The least mean cosine at which two clusters are merged."""
    least_share: float = 0.02
    """Of all speech: who says less is taken for the likest other."""
    least_s: float = 0.8
    """Seconds of speech that are asked of a speaker also where that share is less."""
    most_s: float = 4.0
    """Seconds of speech with which somebody is a speaker, even where that share is more."""


@dataclass(frozen=True, slots=True)
class Division:
    """When one speaker of a window is taken for two people."""

    likeness: float
    """The mean cosine of the voices of two groups of stretches, below which they are two people's."""
    least_s: float = 2.0
    """Seconds that either of them says alone."""


def cluster(vectors: Array, seconds: Array, speakers: Speakers, rules: Rules) -> npt.NDArray[np.int64]:
    """Return the speaker of each vector, from 0, in the order in which they come first.

    Args:
        vectors: of unit length, (n, d).
        seconds: of speech behind each, (n,), positive.
        speakers: how many there are; where more are asked for than there are vectors, each vector is one.
        rules: how alike what is merged is.
    """
    if not len(vectors):
        return np.zeros(0, np.int64)
    sums, weights = vectors * seconds[:, None], np.asarray(seconds, float)
    small = np.arange(len(vectors))
    while len(sums) > BLOCK:
        merged = _shrunk(sums, weights)
        sums, weights, small = _summed(sums, merged), _summed(weights, merged), merged[small]
    merges = list(agglomerate(sums, weights))
    labels = _cut(merges, len(sums), _level(merges, weights, speakers, rules))
    labels = _without_small(sums, weights, labels, speakers, rules)[small]
    _, first, named = np.unique(labels, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[named]


def agglomerate(sums: Array, weights: Array, until: int = 1) -> Iterator[Merge]:
    """Yield the merges of the two likest clusters, until so many are left.

    Args:
        sums: weighted sums of the vectors of each cluster, (n, d).
        weights: the sums of their weights, (n,).
        until: how many clusters are to be left.
    """
    means = (sums / weights[:, None]).astype(np.float32)
    sums, weights = sums.copy(), weights.copy()
    similarity = means @ means.T
    np.fill_diagonal(similarity, -np.inf)
    likest, best = similarity.argmax(1), similarity.max(1)
    for _ in range(len(sums) - until):
        one = int(best.argmax())
        kept, gone = sorted((one, int(likest[one])))
        yield Merge(kept, gone, float(best[one]))
        sums[kept] += sums[gone]
        weights[kept] += weights[gone]
        means[kept], means[gone] = sums[kept] / weights[kept], 0
        row = means @ means[kept]
        row[kept] = -np.inf
        row[np.isneginf(similarity[kept])] = -np.inf
        similarity[kept], similarity[:, kept] = row, row
        similarity[gone], similarity[:, gone] = -np.inf, -np.inf
        stale = np.flatnonzero((likest == kept) | (likest == gone) | (row > best))
        stale = np.union1d(stale, [kept, gone])
        likest[stale], best[stale] = similarity[stale].argmax(1), similarity[stale].max(1)


def _shrunk(sums: Array, weights: Array) -> npt.NDArray[np.int64]:
    """Return the small cluster of each vector: in each block an eighth as many as it has vectors."""
    labels = np.zeros(len(sums), np.int64)
    count = 0
    bounds = np.linspace(0, len(sums), -(-len(sums) // BLOCK) + 1).astype(int).tolist()  # no short last block
    for start, end in pairwise(bounds):
        block, size = slice(start, end), end - start
        left = max(1, size // _SHRINK)
        labels[block] = count + _cut(list(agglomerate(sums[block], weights[block], left)), size, left)
        count += left
    return labels


def _summed(values: Array, labels: npt.NDArray[np.int64]) -> Array:
    """Return the sum of the values of each label."""
    total = np.zeros((labels.max() + 1, *values.shape[1:]))
    np.add.at(total, labels, values)
    return total


def _cut(merges: list[Merge], size: int, count: int) -> npt.NDArray[np.int64]:
    """Return the cluster of each of ``size`` vectors, from 0, when so many clusters are left."""
    root = np.arange(size)
    for merge in merges[: size - count]:
        root[merge.gone] = merge.kept
    for index in range(size):  # a cluster's name is its lowest member, so the one above is settled already
        root[index] = root[root[index]]
    return np.unique(root, return_inverse=True)[1]


def _least(weights: Array, rules: Rules) -> float:
    """Return the seconds of speech that make a speaker: more is asked of a long recording."""
    return min(max(rules.least_s, rules.least_share * float(weights.sum())), rules.most_s)


def _level(merges: list[Merge], weights: Array, speakers: Speakers, rules: Rules) -> int:
    """Return how many clusters are to be left: where the wanted number of them are speakers.

    Unlike pieces stay clusters of their own for long, so the number of clusters is not that of speakers.
    """
    size, least = len(weights), _least(weights, rules)
    held = weights.astype(float).copy()
    sizeable = {size: int((held >= least).sum())}
    for number, merge in enumerate(merges, 1):
        before = int(held[merge.kept] >= least) + int(held[merge.gone] >= least)
        held[merge.kept] += held[merge.gone]
        sizeable[size - number] = sizeable[size - number + 1] - before + int(held[merge.kept] >= least)
    level = size - sum(merge.similarity >= rules.threshold for merge in merges)
    found = max(1, sizeable[level])
    wanted = speakers.bounded(found)
    if wanted == found:
        return level
    return next((count for count in range(1, size + 1) if sizeable[count] == wanted), min(wanted, size))


def _without_small(
    sums: Array, weights: Array, labels: npt.NDArray[np.int64], speakers: Speakers, rules: Rules
) -> npt.NDArray[np.int64]:
    """Give what is in clusters that are no speakers to the likest speakers."""
    held, centers = _summed(weights, labels), unit(_summed(sums, labels))
    enough = int((held >= _least(weights, rules)).sum())
    kept = np.sort(np.argsort(-held, kind="stable")[: min(len(held), speakers.bounded(max(1, enough)))])
    nearest = kept[(sums @ centers[kept].T).argmax(1)]
    return np.where(np.isin(labels, kept), labels, nearest)
