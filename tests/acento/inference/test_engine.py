"""The decode engine: order, failures, memory, and what the clock counts."""

import threading
import time

import numpy as np
import pytest
from fake_recognizer import FakeRecognizer, noise, planned

from acento.core.errors import DamagedError
from acento.inference.engine import Engine
from acento.inference.plan import PlannedClip


def clips(*samples: int) -> list[PlannedClip]:
    return [PlannedClip(f"clip{i}", n / 16000, f"sha{i}", "parts/x", n) for i, n in enumerate(samples)]


def read(clip: PlannedClip) -> np.ndarray:
    return noise(clip.row)


def test_texts_come_back_in_the_order_of_the_plan() -> None:
    batches = [clips(500, 400), clips(300, 200, 100)]
    decoded = Engine(FakeRecognizer(), batch_size=4).decode(batches, read)
    assert [row.text for row in decoded.predictions] == ["n500", "n400", "n300", "n200", "n100"]
    assert [row.id for row in decoded.predictions] == ["clip0", "clip1", "clip0", "clip1", "clip2"]


def test_a_batch_too_large_for_memory_is_halved_and_the_halving_is_recorded() -> None:
    recognizer = FakeRecognizer(fits=2)
    decoded = Engine(recognizer, batch_size=8).decode([clips(*range(100, 107))], read)
    assert [row.text for row in decoded.predictions] == [f"n{n}" for n in range(100, 107)]
    assert decoded.splits == [(7, 4), (4, 2), (3, 2)]


def test_one_clip_too_large_for_memory_fails_alone() -> None:
    recognizer = FakeRecognizer()
    recognizer.infer = lambda features, real=recognizer.infer: (  # type: ignore[method-assign]
        (_ for _ in ()).throw(MemoryError("big")) if max(map(len, features)) > 900 else real(features)
    )
    rows = Engine(recognizer, batch_size=4).decode([clips(1000, 100, 200)], read).predictions
    assert [(row.text, row.error) for row in rows] == [(None, "out_of_memory"), ("n100", None), ("n200", None)]


def test_a_clip_that_the_model_cannot_hear_fails_alone_with_its_reason() -> None:
    recognizer = FakeRecognizer(refuse=lambda window: len(window) == 200)
    rows = Engine(recognizer, batch_size=3).decode([clips(100, 200, 300)], read).predictions
    assert [(row.text, row.error) for row in rows] == [("n100", None), (None, "model_error"), ("n300", None)]
    assert rows[1].detail == "ValueError: cannot hear this"


def test_a_clip_that_cannot_be_read_fails_alone() -> None:
    def broken(clip: PlannedClip) -> np.ndarray:
        if clip.id == "clip1":
            raise DamagedError("clip1 is damaged.")
        return read(clip)

    rows = Engine(FakeRecognizer(), batch_size=3).decode([clips(100, 200, 300)], broken).predictions
    assert [(row.text, row.error, row.detail) for row in rows] == [
        ("n100", None, None),
        (None, "audio_unreadable", "clip1 is damaged."),
        ("n300", None, None),
    ]


def test_a_model_that_can_decode_nothing_at_all_raises_what_it_raised() -> None:
    with pytest.raises(ValueError, match="cannot hear this"):
        Engine(FakeRecognizer(refuse=lambda _: True), batch_size=2).decode([clips(1, 2), clips(3)], read)


def test_an_error_that_is_no_failure_of_one_clip_ends_the_decoding() -> None:
    def bug(clip: PlannedClip) -> np.ndarray:
        raise KeyError(clip.id)

    with pytest.raises(KeyError):
        Engine(FakeRecognizer(), batch_size=2).decode([clips(1, 2)], bug)


def test_long_audio_is_heard_window_by_window_with_times_and_nothing_lost() -> None:
    recognizer = FakeRecognizer(window_s=1.0)
    decoded = Engine(recognizer, batch_size=2).decode([clips(16000 * 3, 8000)], read)
    long, short = decoded.predictions
    assert sum(int(segment.text[1:]) for segment in long.segments) == 16000 * 3
    assert long.segments[0].start == 0
    assert long.segments[-1].end == 3.0
    assert all(a.end == b.start for a, b in zip(long.segments, long.segments[1:], strict=False))
    assert long.text == " ".join(segment.text for segment in long.segments)
    assert short.segments == ()
    assert max(recognizer.batches) <= 2


def test_windows_are_joined_without_spaces_in_a_language_written_without() -> None:
    decoded = Engine(FakeRecognizer(window_s=1.0), batch_size=2, language="ja").decode([clips(16000 * 2 + 10)], read)
    assert " " not in (decoded.predictions[0].text or " ")


def rtfx(recognizer: FakeRecognizer, read_s: float = 0.0) -> float:
    def slow(_: PlannedClip) -> np.ndarray:
        time.sleep(read_s)
        return noise(16000)

    timings = Engine(recognizer, batch_size=1).decode(planned(12), slow).timings
    return timings.audio_s / timings.inference_s


@pytest.mark.slow
def test_slow_reading_does_not_move_rtfx_and_slow_features_lower_it() -> None:
    plain = rtfx(FakeRecognizer(infer_s=0.03))
    slow_reading = rtfx(FakeRecognizer(infer_s=0.03), read_s=0.1)
    slow_features = rtfx(FakeRecognizer(infer_s=0.03, prepare_s=0.1))
    assert slow_reading > plain / 3, "reading takes three times as long as all else and is not counted"
    assert slow_features < plain / 2


def test_audio_is_read_and_features_are_made_while_the_model_is_at_work() -> None:
    recognizer, second = FakeRecognizer(), threading.Event()
    made: list[int] = []

    def prepare(windows: list[np.ndarray]) -> list[np.ndarray]:
        made.append(len(windows))
        if len(made) == 2:
            second.set()
        return list(windows)

    def infer(features: list[np.ndarray]) -> list[int]:
        assert second.wait(timeout=30), "the second batch's features were not made during the first's inference"
        return [len(window) for window in features]

    recognizer.prepare, recognizer.infer = prepare, infer  # type: ignore[assignment,method-assign]
    assert len(Engine(recognizer, batch_size=1).decode(planned(3), lambda _: noise(160)).predictions) == 3


def test_the_shares_of_the_batches_add_up_to_the_inference_time() -> None:
    decoded = Engine(FakeRecognizer(infer_s=0.002), batch_size=1).decode(planned(5), lambda _: noise(1600))
    timings = decoded.timings
    assert sum(seconds for _, seconds in timings.batches) == pytest.approx(timings.inference_s)
    assert sum(audio for audio, _ in timings.batches) == pytest.approx(timings.audio_s) == pytest.approx(0.5)


def test_it_can_be_called_off_between_batches() -> None:
    class CalledOffError(Exception):
        pass

    def stop(_: float) -> None:
        raise CalledOffError

    recognizer = FakeRecognizer()
    with pytest.raises(CalledOffError):
        Engine(recognizer, batch_size=1).decode(planned(50), lambda _: noise(160), stop)
    assert len(recognizer.batches) == 1
