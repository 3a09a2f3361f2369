"""The learning curve shows what the history says."""

from pathlib import Path
from typing import Any

import pytest

from acento.training.loop.curve import draw, learning_curve, smoothed
from acento.training.loop.state import Row


def history(steps: int = 40) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for step in range(1, steps + 1):
        rows.append({"step": step, "epoch": step / 10, "loss": 2.0 / step, "learning_rate": 1e-4, "seconds": 0.1})
        if step % 10 == 0:
            wer = abs(step - 30) / 100 + 0.1
            rows.append({"step": step, "dev_wer": wer, "dev_low": wer - 0.05, "dev_high": wer + 0.06, "clips": 25})
    return rows


def lines(rows: list[Row], axes: int, **options: Any) -> dict[str, Any]:
    figure = learning_curve(rows, **options)
    return {line.get_label(): line for line in figure.axes[axes].get_lines()}


@pytest.mark.slow
def test_it_is_a_png_and_the_same_one_for_the_same_history(tmp_path: Path) -> None:
    draw(history(), tmp_path / "one.png", title="demo")
    draw(history(), tmp_path / "two.png", title="demo")
    draw(history()[:-1], tmp_path / "other.png", title="demo")
    one = (tmp_path / "one.png").read_bytes()
    assert one.startswith(b"\x89PNG")
    assert one == (tmp_path / "two.png").read_bytes()
    assert one != (tmp_path / "other.png").read_bytes()


def test_the_lowest_wer_is_marked_in_percent() -> None:
    best = lines(history(), 1)["best: 10.0 % at step 30"]
    assert best.get_xdata() == [30]
    assert best.get_ydata() == [pytest.approx(10.0)]


def test_of_equal_wers_the_first_is_marked() -> None:
    rows = [{"step": step, "dev_wer": 0.25} for step in (5, 10)]
    assert "best: 25.0 % at step 5" in lines(rows, 1)


def test_the_band_is_the_interval() -> None:
    band = learning_curve(history()).axes[1].collections[0]
    heights = {round(float(y), 3) for x, y in band.get_paths()[0].vertices if x == 20}
    assert heights == {15.0, 26.0}


def test_evaluations_without_an_interval_have_no_band() -> None:
    assert not learning_curve([{"step": 1, "dev_wer": 0.5}]).axes[1].collections


@pytest.mark.parametrize(("options", "wer"), [({"base_wer": 0.487}, 48.7), ({}, 60.0)])
def test_the_base_is_a_dashed_line_given_or_as_evaluated_at_step_0(options: dict[str, float], wer: float) -> None:
    rows = [{"step": 0, "dev_wer": 0.6}, *history()]
    line = lines(rows, 1, **options)[f"base: {wer:.1f} %"]
    assert line.get_linestyle() == "--"
    assert list(line.get_ydata()) == pytest.approx([wer, wer])


def test_each_loss_and_their_mean_are_drawn() -> None:
    drawn = lines(history(), 0)
    raw = [2.0 / step for step in range(1, 41)]
    assert list(drawn["each step"].get_ydata()) == raw
    assert list(drawn["mean of 2 steps"].get_ydata()) == pytest.approx(smoothed(raw, 2))


def test_a_loss_that_is_not_a_number_is_shown_where_it_was() -> None:
    rows = [*history(5), {"step": 6, "loss": float("nan")}, {"step": 7, "loss": float("nan")}]
    assert set(lines(rows, 0)["not a number from step 6"].get_xdata()) == {6}


def test_axes_name_what_they_show_with_its_unit() -> None:
    above, below = learning_curve(history()).axes
    assert above.get_ylabel() == "training loss (nats per token)"
    assert below.get_ylabel() == "WER on dev (%)"
    assert below.get_xlabel() == "step"


@pytest.mark.parametrize("rows", [[], [{"step": 1, "loss": 2.0}], [{"step": 0, "dev_wer": 0.5}]])
def test_a_history_that_has_hardly_begun_can_be_drawn(rows: list[Row], tmp_path: Path) -> None:
    draw(rows, tmp_path / "curve.png")
    assert (tmp_path / "curve.png").stat().st_size > 1000
