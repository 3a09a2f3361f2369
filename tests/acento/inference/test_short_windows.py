"""The engine with a recognizer that encodes short windows: contexts, splits, runaways."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from fake_recognizer import FakeRecognizer, noise
from hypothesis import given
from hypothesis import strategies as st

from acento.core.errors import InputError
from acento.inference.engine import Decoded, Engine
from acento.inference.plan import PlannedClip
from acento.models.base import Audio, Transcript
from acento.models.windows import GRID_S, Fit

USUAL = Fit()
LOOP = "sí po sí po sí po sí po"


class Short(FakeRecognizer):
    """Writes each window's samples and the context that it was heard in; what ``loops`` names repeats itself there."""

    def __init__(self, fit: Fit | None = USUAL, loops: Callable[[int], bool] = lambda _: False, **told: object) -> None:
        super().__init__(window_s=30.0, **told)  # type: ignore[arg-type]
        self.fit, self.loops = fit, loops
        self.contexts: list[int | None] = []

    def prepare_in(self, windows: Sequence[Audio], context: int | None) -> list[tuple[Audio, int | None]]:  # type: ignore[override]
        return [(window, context) for window in windows]

    def infer(self, features: list[tuple[Audio, int | None]]) -> list[tuple[int, int | None]]:  # type: ignore[override]
        self.contexts.append(features[0][1])
        super().infer([window for window, _ in features])
        return [(len(window), context) for window, context in features]

    def finish(self, tokens: list[tuple[int, int | None]]) -> list[Transcript]:  # type: ignore[override]
        return [
            Transcript(LOOP if context is not None and self.loops(samples) else f"{samples} in {context}")
            for samples, context in tokens
        ]


def decode(recognizer: Short, *samples: int, batch_size: int = 4, **told: object) -> Decoded:
    clips = [PlannedClip(f"clip{n}", n / 16000, "", "", n) for n in samples]
    return Engine(recognizer, batch_size=batch_size, **told).decode([clips], lambda clip: noise(clip.row))  # type: ignore[arg-type]


def texts(decoded: Decoded) -> list[str | None]:
    return [row.text for row in decoded.predictions]


def test_a_batch_is_encoded_as_long_as_its_longest_clip_and_a_margin() -> None:
    assert texts(decode(Short(), 8000, 24000)) == ["8000 in 40000", "24000 in 40000"]
    assert texts(decode(Short(), 8000, 24000, batch_size=1)) == ["8000 in 24000", "24000 in 40000"]


def test_without_short_windows_nothing_is_told_of_contexts() -> None:
    recognizer = Short(None, loops=lambda _: True)
    decoded = decode(recognizer, 8000, 24000)
    assert texts(decoded) == ["8000 in None", "24000 in None"]
    assert decoded.runaways == 0


def test_the_halves_of_a_batch_that_was_too_large_keep_its_context() -> None:
    halved = decode(Short(fits=1), 8000, 24000, 4000)
    assert texts(halved) == texts(decode(Short(), 8000, 24000, 4000))
    assert halved.splits == [(3, 2), (2, 1)]


def test_what_is_left_of_a_batch_in_which_a_clip_failed_keeps_its_context() -> None:
    decoded = decode(Short(refuse=lambda window: len(window) == 24000), 8000, 24000, 4000)
    assert texts(decoded) == ["8000 in 40000", None, "4000 in 40000"]


def test_runaways_are_decoded_again_in_the_whole_window_and_together() -> None:
    recognizer = Short(loops=lambda samples: samples < 10_000)
    decoded = decode(recognizer, 4000, 24000, 8000, 6000)
    assert texts(decoded) == ["4000 in None", "24000 in 40000", "8000 in None", "6000 in None"]
    assert decoded.runaways == 3
    assert recognizer.contexts == [40000, None]
    assert recognizer.batches == [4, 3]


def test_what_runs_away_in_the_whole_window_too_is_left_as_it_is() -> None:
    class Always(Short):
        def finish(self, tokens: list[tuple[int, int | None]]) -> list[Transcript]:  # type: ignore[override]
            return [Transcript(LOOP, ended=False) for _ in tokens]

    decoded = decode(Always(), 4000)
    assert (texts(decoded), decoded.runaways) == ([LOOP], 1)


def test_a_window_that_leaves_no_room_for_a_margin_is_a_whole_one_and_never_decoded_twice() -> None:
    recognizer = Short(loops=lambda _: True)
    assert texts(decode(recognizer, 16000 * 30)) == ["480000 in None"]
    assert recognizer.contexts == [None]


def test_windows_of_a_long_recording_share_batches_by_length_and_its_text_is_in_order() -> None:
    recognizer = Short()
    decoded = decode(recognizer, 16000 * 25, 16000 * 2, 16000 * 12, cut_s=10.0)
    long, short, other = decoded.predictions
    assert sum(int((one.text or "").split()[0]) for one in (*long.segments, *other.segments)) == 16000 * 37
    for cut in (long, other):
        starts = [segment.start for segment in cut.segments]
        assert starts == sorted(starts)
        assert cut.segments[0].start == 0
        assert all(a.end == b.start for a, b in zip(cut.segments, cut.segments[1:], strict=False))
        assert max(segment.end - segment.start for segment in cut.segments) <= 10.0
    assert short.text == f"32000 in {recognizer.contexts[-1]}"
    assert decoded.windows == sum(recognizer.batches)
    assert all(size == 4 for size in recognizer.batches[:-1]), "windows of several recordings fill a batch"
    assert recognizer.contexts == sorted(recognizer.contexts, key=lambda one: -(one or 0))


@pytest.mark.parametrize(("cut_s", "sentence"), [(31.0, "hears 30 s at once.*at most 30 s"), (0.2, "at least 1 s")])
def test_windows_that_the_model_cannot_hear_or_that_cut_words_are_refused(cut_s: float, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        Engine(Short(), batch_size=2, cut_s=cut_s)


@given(
    samples=st.lists(st.integers(1, 30 * 16000), min_size=1, max_size=8),
    margin=st.floats(0.01, 30),
    shortest=st.floats(0.01, 30),
)
def test_a_context_holds_the_longest_clip_and_is_on_the_grid_or_there_is_none(
    samples: list[int], margin: float, shortest: float
) -> None:
    recognizer = Short(Fit(margin_s=margin, shortest_s=shortest))
    context = recognizer.context([_silent(count) for count in samples])
    if context is None:
        assert max(max(samples) / 16000 + margin, shortest) > 30.0 - GRID_S
        return
    assert context >= max(samples)
    assert context >= shortest * 16000 - 1
    assert context < 30 * 16000
    assert context % int(GRID_S * 16000) == 0


def _silent(samples: int) -> Audio:
    return np.broadcast_to(np.float32(0), (samples,))
