"""The benchmarks' sides take turns, and are compared round by round on the same clips."""

from collections.abc import Callable

import numpy as np
import pytest

from benchmarks.decoding_sides import Clips, Heard, Timed, in_turns, ratio, word_errors


def recorded(name: str, calls: list[tuple[str, int]]) -> Callable[[Clips], Heard]:
    def side(clips: Clips) -> Heard:
        calls.append((name, len(clips)))
        return Heard(dict.fromkeys(clips, name))

    return side


def test_sides_warm_up_and_then_take_turns_forward_and_backward() -> None:
    calls: list[tuple[str, int]] = []
    clips = {f"clip{number}": np.zeros(16000, np.float32) for number in range(5)}
    found = in_turns({name: recorded(name, calls) for name in "ab"}, clips, rounds=2)
    assert calls == [("a", 2), ("b", 2), ("a", 5), ("b", 5), ("b", 5), ("a", 5)]
    assert [len(one.wall) for one in found.values()] == [2, 2]
    assert found["a"].audio_s == 5
    assert set(found["b"].heard.texts.values()) == {"b"}


def test_a_ratio_is_the_median_of_rounds_not_of_sides() -> None:
    ours, theirs = Timed(60.0, wall=[1, 10, 2]), Timed(60.0, wall=[4, 20, 4])
    assert ratio(ours, theirs) == 2
    assert (ours.rtfx, theirs.rtfx) == (30, 15)


def test_word_errors_are_in_the_order_of_the_references_and_a_clip_without_a_text_lacks_every_word() -> None:
    errors, words = word_errors({"b": "een twee drie", "a": "vier"}, Heard({"a": "Vier!", "b": None}))
    assert (errors, words) == ([3, 0], [3, 1])
    with pytest.raises(KeyError):
        word_errors({"c": "vijf"}, Heard({}))
