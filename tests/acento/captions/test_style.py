"""Styles: what is usual in a language, and what makes no sense."""

import pytest
from pydantic import ValidationError

from acento.captions.style import CaptionStyle


@pytest.mark.parametrize(
    ("language", "length", "speed"),
    [
        ("es", 42, 17),
        ("en-GB", 42, 20),
        ("zh-TW", 32, 18),
        ("yue", 32, 18),
        ("ja", 32, 14),
        ("ko", 32, 24),
        (None, 42, 17),
    ],
)
def test_what_is_usual_in_a_language(language: str | None, length: int, speed: float) -> None:
    settled = CaptionStyle().in_language(language)
    assert (settled.line_length, settled.reading_speed) == (length, speed)


def test_what_is_chosen_stays() -> None:
    settled = CaptionStyle(line_length=20, reading_speed=13).in_language("ja")
    assert (settled.line_length, settled.reading_speed) == (20, 13)


def test_the_gap_is_counted_in_frames() -> None:
    assert CaptionStyle(frame_rate=25).gap_s == 0.08


@pytest.mark.parametrize(
    "wrong",
    [
        *({"line_length": 3}, {"lines": 0}, {"lines": 5}, {"reading_speed": 0}, {"min_s": 0}, {"gap_frames": -1}),
        *({"frame_rate": 0}, {"speakers": "loud"}, {"line_lenght": 30}, {"min_s": 5, "max_s": 4}),
    ],
)
def test_what_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        CaptionStyle(**wrong)  # type: ignore[arg-type]
