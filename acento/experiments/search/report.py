"""The files of a search: its trials, its best recipe, and pictures of how it went and what mattered."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import yaml

from acento.core.figure import BLUE, GRAY, RED, new_figure, save_figure
from acento.experiments.search.outcome import SearchOutcome

_INK = "#333333"


def write_outcome(outcome: SearchOutcome, folder: Path) -> list[Path]:
    """Write ``trials.csv``, ``best.yaml`` (a recipe file), ``history.png`` and ``importance.png``, as far as there are.

    Returns:
        The files, in this order.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = [folder / "trials.csv"]
    written[0].write_text(outcome.to_csv(), encoding="utf-8")
    if outcome.best is not None:
        path = folder / "best.yaml"
        body = yaml.safe_dump(outcome.best.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
        path.write_text(f"# trial {outcome.best_trial} of search {outcome.name}\n{body}", encoding="utf-8")
        written.append(path)
    if any(row.dev_wer is not None for row in outcome.trials):
        written.append(draw_history(outcome, folder / "history.png"))
    if outcome.importance is not None:
        written.append(draw_importance(outcome, outcome.importance, folder / "importance.png"))
    return written


def draw_history(outcome: SearchOutcome, path: Path) -> Path:
    """Draw each trial's dev WER by its number, and the best so far; trials without a WER are marked below the axis."""
    figure, axes = new_figure(7.5, 4.2)
    known = [(row.number, row.dev_wer, row.state == "finished") for row in outcome.trials if row.dev_wer is not None]
    finished = [(number, wer) for number, wer, done in known if done]
    early = [(number, wer) for number, wer, done in known if not done]
    failed = [row.number for row in outcome.trials if row.state == "failed" and row.dev_wer is None]
    if finished:
        numbers, wers = zip(*finished, strict=True)
        axes.scatter(numbers, wers, s=34, color=BLUE, zorder=3, label="finished")
        best = np.minimum.accumulate(wers)
        axes.step(
            [*numbers, outcome.trials[-1].number],
            [*best, best[-1]],
            where="post",
            color=BLUE,
            linewidth=1.2,
            zorder=2,
            label="best so far",
        )
    if early:
        label = "ended early (last evaluation)"
        axes.scatter(*zip(*early, strict=True), s=34, marker="x", color=GRAY, zorder=3, label=label)
    if failed:
        below = {"transform": axes.get_xaxis_transform(), "label": "failed"}
        axes.scatter(failed, [0.02] * len(failed), s=34, marker="v", color=RED, zorder=3, **below)
    if outcome.best_trial is not None and outcome.best_dev_wer is not None:
        axes.annotate(
            f"trial {outcome.best_trial}: {outcome.best_dev_wer:.1%}",
            (outcome.best_trial, outcome.best_dev_wer),
            xytext=(0, -14),
            textcoords="offset points",
            ha="right" if outcome.best_trial > len(outcome.trials) / 2 else "left",
            fontsize=9,
            color=_INK,
        )
    low, high = min(wer for _, wer, _ in known), max(wer for _, wer, _ in known)
    margin = (high - low) * 0.15 or 0.01
    axes.set_ylim(max(0.0, low - 1.4 * margin), high + margin)
    axes.set_xlim(-0.5, max(row.number for row in outcome.trials) + 0.5)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}" if high - low > 0.05 else f"{value:.1%}")
    axes.set(title=f"Search {outcome.name}", xlabel="trial", ylabel="dev WER")
    figure.legend(frameon=False, fontsize=9, loc="outside lower center", ncols=4)
    return save_figure(figure, path)


def draw_importance(outcome: SearchOutcome, importance: Mapping[str, float], path: Path) -> Path:
    """Draw the importance of each parameter as bars."""
    names, shares = list(importance), list(importance.values())
    figure, axes = new_figure(7.5, 1.4 + 0.34 * len(names))
    bars = axes.barh(names, shares, color=BLUE, height=0.6)
    axes.bar_label(bars, [f"{share:.0%}" for share in shares], padding=4, fontsize=9, color=_INK)
    axes.invert_yaxis()
    axes.set_xlim(0, max(shares) * 1.12)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    done = sum(row.state == "finished" for row in outcome.trials)
    axes.set(title=f"What mattered in search {outcome.name} ({done} finished trials)", xlabel="share of the importance")
    axes.grid(False, axis="y")
    return save_figure(figure, path)
