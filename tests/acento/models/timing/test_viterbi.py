"""Forced alignment: the path passes through the letters in their order, at the frames where it is likeliest."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acento.data.words import Word
from acento.models.timing.frames import runs, widened
from acento.models.timing.viterbi import ANYTHING, Scores, alphabet_letters, best_frames

BLANK = 0


def scores(*frames: int, tokens: int = 4) -> Scores:
    """Return frames at each of which one token is likely."""
    found = np.full((len(frames), tokens), np.log(0.01), np.float32)
    found[range(len(frames)), frames] = np.log(0.97)
    return found


def written(path: tuple[int, ...]) -> list[int]:
    return [run.id for run in runs(path, BLANK)]


@settings(max_examples=60)
@given(st.integers(1, 6), st.lists(st.integers(1, 2), max_size=4), st.randoms(use_true_random=False))
def test_the_path_is_the_likeliest_of_all_that_write_the_text(frames: int, ids: list[int], random: object) -> None:
    likely = np.log(np.random.default_rng(random.randrange(2**32)).dirichlet(np.ones(3), frames)).astype(np.float32)  # type: ignore[attr-defined]
    paths = [path for path in product(range(3), repeat=frames) if written(path) == ids]
    found = best_frames(likely, ids, BLANK)
    if not ids:
        assert found == ([], [], [])
        return
    if not paths:
        assert found is None
        return
    best = max(paths, key=lambda path: sum(likely[frame, number] for frame, number in enumerate(path)))
    assert found is not None
    assert [*zip(found[0], found[1], strict=True)] == [(run.first, run.end) for run in runs(best, BLANK)]


def test_letters_twice_need_a_blank_between_them() -> None:
    assert best_frames(scores(1, 1), [1, 1], BLANK) is None
    found = best_frames(scores(1, 0, 1), [1, 1], BLANK)
    assert found is not None
    assert found[:2] == ([0, 2], [1, 3])


def test_what_the_model_lacks_is_whatever_it_hears_there() -> None:
    found = best_frames(scores(1, 0, 3, 3, 0, 2), [1, ANYTHING, 2], BLANK)
    assert found is not None
    assert found[:2] == ([0, 2, 5], [1, 4, 6])
    assert found[2] == pytest.approx([np.log(0.97)] * 3)


def test_letters_are_found_in_either_case_and_signs_are_not_said() -> None:
    assert alphabet_letters("¿Añ9?", {"a": 5, "Ñ": 6}.get) == [5, 6, ANYTHING]
    assert alphabet_letters("...", {}.get) == []


def test_words_grow_into_the_gaps_between_them_and_never_over_a_neighbor() -> None:
    found = widened([Word("a", 0.0, 0.1), Word("b", 0.1, 0.2), Word("c", 1.0, 1.1)], 0.1)
    assert [(word.start, word.end) for word in found] == [
        (0.0, 0.1),
        (0.1, pytest.approx(0.25)),
        (pytest.approx(0.95), pytest.approx(1.15)),
    ]
    assert widened([], 0.1) == ()
