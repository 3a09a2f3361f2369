"""Clusters of voices: planted speakers are found, in any order of what was heard, in bounded memory."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acento.diarization.diarizer import Speakers
from acento.diarization.engines.embedded import clustering
from acento.diarization.engines.embedded.clustering import Rules, agglomerate, cluster
from acento.diarization.engines.embedded.vectors import unit

RULES = Rules(threshold=0.4, least_s=3, most_s=3)
ANY = Speakers()


def planted(speakers: int, each: int, seed: int, noise: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    """Return voices around directions that have little in common, mixed, and whose each is."""
    random = np.random.default_rng(seed)
    centers = np.linalg.qr(random.standard_normal((64, speakers)))[0].T
    who = random.permutation(np.repeat(np.arange(speakers), each))
    return unit(centers[who] + noise * unit(random.standard_normal((len(who), 64)))), who


def same(one: np.ndarray, other: np.ndarray) -> bool:
    """Tell whether two labelings are one, but for the names."""
    pairs = set(zip(one.tolist(), other.tolist(), strict=True))
    return len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})


@settings(max_examples=20, deadline=None)
@given(speakers=st.integers(1, 15), seed=st.integers(0, 1000))
def test_planted_speakers_are_found(speakers: int, seed: int) -> None:
    vectors, who = planted(speakers, 12, seed)
    assert same(cluster(vectors, np.ones(len(vectors)), ANY, RULES), who)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), order=st.integers(0, 1000))
def test_the_order_of_what_was_heard_does_not_matter(seed: int, order: int) -> None:
    vectors, _ = planted(5, 10, seed, noise=1.0)
    seconds = np.random.default_rng(seed).uniform(0.5, 5, len(vectors))
    shuffled = np.random.default_rng(order).permutation(len(vectors))
    labels = cluster(vectors, seconds, ANY, RULES)
    assert same(cluster(vectors[shuffled], seconds[shuffled], ANY, RULES), labels[shuffled])


def test_speakers_are_numbered_in_the_order_in_which_they_come() -> None:
    vectors, _ = planted(4, 10, 0)
    labels = cluster(vectors, np.ones(40), ANY, RULES)
    assert list(dict.fromkeys(labels.tolist())) == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("speakers", "found"),
    [
        (Speakers(count=3), 3),
        (Speakers(count=7), 7),
        (Speakers(count=1), 1),
        (Speakers(least=6), 6),
        (Speakers(most=2), 2),
        (Speakers(least=2, most=9), 5),
    ],
)
def test_a_given_number_of_speakers_is_kept(speakers: Speakers, found: int) -> None:
    vectors, _ = planted(5, 20, 3)
    assert len(set(cluster(vectors, np.ones(100), speakers, RULES).tolist())) == found


def test_of_two_given_speakers_none_is_a_stray_noise() -> None:
    vectors, who = planted(3, 20, 5)
    kept = (who != 2) | (np.cumsum(who == 2) == 1)  # one stretch of the third
    labels = cluster(vectors[kept], np.ones(kept.sum()), Speakers(count=2), RULES)
    sizes = np.bincount(labels)
    assert len(sizes) == 2
    assert sizes.min() >= 20


def test_who_hardly_speaks_is_taken_for_the_likest_other() -> None:
    vectors, who = planted(3, 20, 7)
    seconds = np.where(who == 2, 0.05, 1.0)
    assert len(set(cluster(vectors, seconds, ANY, RULES).tolist())) == 2


def test_more_speakers_than_were_heard_are_as_many_as_were_heard() -> None:
    vectors, _ = planted(2, 1, 1)
    assert len(set(cluster(vectors, np.ones(2), Speakers(count=5), RULES).tolist())) == 2


def test_one_voice_and_none() -> None:
    assert cluster(np.zeros((0, 8)), np.zeros(0), ANY, RULES).tolist() == []
    assert cluster(unit(np.ones((1, 8))), np.ones(1), Speakers(least=2), RULES).tolist() == [0]


def test_merges_are_those_of_average_linkage() -> None:
    from scipy.cluster.hierarchy import average
    from scipy.spatial.distance import pdist

    vectors, _ = planted(4, 12, 11, noise=2.0)
    ours = [1 - merge.similarity for merge in agglomerate(vectors, np.ones(len(vectors)))]
    assert np.allclose(ours, average(pdist(vectors, "cosine"))[:, 2], atol=1e-5)


def test_the_last_voices_of_a_long_recording_stay_apart() -> None:
    vectors, who = planted(4, clustering.BLOCK // 4 + 1, 2)
    assert len(set(who[-4:])) > 1
    assert same(cluster(vectors, np.ones(len(vectors)), ANY, RULES), who)


@pytest.mark.slow
def test_hours_of_voices_take_little_memory_and_small_clusters_lose_nothing() -> None:
    vectors, who = planted(12, 1667, 0)
    vectors = vectors.astype(np.float32)
    tracemalloc.start()
    try:
        labels = cluster(vectors, np.ones(len(vectors)), ANY, RULES)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert same(labels, who)
    assert peak < 100 * 2**20, f"{peak / 2**20:.0f} MB"
    assert len(vectors) > 20 * clustering.BLOCK
