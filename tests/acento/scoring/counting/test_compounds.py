"""Words written apart or together are no errors under the Open ASR leaderboard's presets, as its scorer counts them."""

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acento.core.text import Normalizer
from acento.scoring.counting.compounds import joined, merged
from acento.scoring.counting.counted import count_texts
from acento.scoring.counting.counts import ErrorCounts, count_words

BOARD = Normalizer("open-asr-leaderboard", 1, ())
GERMAN = Normalizer("open-asr-leaderboard-de", 1, ())
WORDS = st.lists(st.sampled_from(["a", "b", "ab", "ba", "aba", "aab", "c", "bc"]), max_size=7)


def fewest_errors(said: list[str], heard: list[str]) -> int:
    """Return the edit distance where several words may match one that is written as they are together."""

    @cache
    def cost(i: int, j: int) -> int:
        if i == 0 or j == 0:
            return i + j
        ways = [cost(i - 1, j) + 1, cost(i, j - 1) + 1, cost(i - 1, j - 1) + (said[i - 1] != heard[j - 1])]
        ways += [cost(i - k, j - 1) for k in range(2, i + 1) if "".join(said[i - k : i]) == heard[j - 1]]
        ways += [cost(i - 1, j - k) for k in range(2, j + 1) if "".join(heard[j - k : j]) == said[i - 1]]
        return min(ways)

    return cost(len(said), len(heard))


@given(WORDS, WORDS)
def test_no_alignment_has_fewer_errors(said: list[str], heard: list[str]) -> None:
    found = merged(said, heard)
    words = found[1] if found else count_words(" ".join(said), " ".join(heard))
    assert words.errors == fewest_errors(said, heard)
    assert words.reference_length == len(said)


@pytest.mark.parametrize(
    ("said", "heard", "words"),
    [
        ("the white paper", "the whitepaper", ErrorCounts(hits=3)),
        ("the whitepaper", "the white paper", ErrorCounts(hits=2)),
        ("the white paper is here", "the whitepaper was here", ErrorCounts(substitutions=1, hits=4)),
        ("a b", "c", ErrorCounts(substitutions=1, deletions=1)),
        ("", "c", ErrorCounts(insertions=1)),
    ],
)
def test_only_the_boards_presets_forgive_white_space(said: str, heard: str, words: ErrorCounts) -> None:
    assert count_texts(said, heard, BOARD).words == words
    usual = Normalizer("basic", 1, ())
    assert count_texts(said, heard, usual).words == count_words(said, heard)
    assert count_texts(said, heard, usual).reference == said


def test_other_languages_join_stretches_on_both_sides() -> None:
    assert joined(["der", "tag", "es", "licht"], ["der", "tages", "licht"])[0] == ["der", "tages", "licht"]
    assert count_texts("ab c d x", "a bcd y", GERMAN).words.errors == 4  # the whole stretch differs
    assert count_texts("ab c d x", "a bcd x", GERMAN).words == ErrorCounts(hits=2)
