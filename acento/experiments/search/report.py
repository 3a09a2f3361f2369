"""Pictures of a search: how it went, and what mattered."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from acento.experiments.search.outcome import SearchOutcome

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BLUE, GRAY, RED, INK = "#1f5fa8", "#9aa0a6", "#b3261e", "#333333"


def draw_history(outcome: SearchOutcome, path: Path) -> Path:
    """Draw each trial's dev WER by its number, and the best so far; trials without a WER are marked below the axis."""
    figure, axes = _page(7.5, 4.2)
    finished = [(row.number, row.dev_wer) for row in outcome.trials if row.state == "finished"]
    early = [(row.number, row.dev_wer) for row in outcome.trials if row.state != "finished" and row.dev_wer is not None]
    failed = [row.number for row in outcome.trials if row.state == "failed" and row.dev_wer is None]
    shown = [wer for _, wer in [*finished, *early] if wer is not None]
    if finished:
        axes.scatter(*zip(*finished, strict=True), s=34, color=BLUE, zorder=3, label="finished")
        best, steps = float("inf"), []
        for number, wer in finished:
            best = min(best, wer if wer is not None else best)
            steps.append((number, best))
        steps.append((outcome.trials[-1].number, best))
        axes.step(*zip(*steps, strict=True), where="post", color=BLUE, linewidth=1.2, zorder=2, label="best so far")
    if early:
        axes.scatter(
            *zip(*early, strict=True), s=34, marker="x", color=GRAY, zorder=3, label="ended early (last evaluation)"
        )
    if failed:
        axes.scatter(
            failed,
            [0.02] * len(failed),
            s=34,
            marker="v",
            color=RED,
            zorder=3,
            transform=axes.get_xaxis_transform(),
            label="failed",
        )
    if outcome.best_trial is not None and outcome.best_dev_wer is not None:
        axes.annotate(
            f"trial {outcome.best_trial}: {outcome.best_dev_wer:.1%}",
            (outcome.best_trial, outcome.best_dev_wer),
            xytext=(0, -14),
            textcoords="offset points",
            ha="right" if outcome.best_trial > len(outcome.trials) / 2 else "left",
            fontsize=9,
            color=INK,
        )
    low, high = min(shown), max(shown)
    margin = (high - low) * 0.15 or 0.01
    axes.set_ylim(max(0.0, low - 1.4 * margin), high + margin)
    axes.set_xlim(-0.5, max(row.number for row in outcome.trials) + 0.5)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}" if high - low > 0.05 else f"{value:.1%}")
    axes.set(title=f"Search {outcome.name}", xlabel="trial", ylabel="dev WER")
    figure.legend(frameon=False, fontsize=9, loc="outside lower center", ncols=4)
    return _save(figure, path)


def draw_importance(outcome: SearchOutcome, path: Path) -> Path:
    """Draw the importance of each parameter as bars.

    Raises:
        ValueError: too few trials for any.
    """
    if outcome.importance is None:
        raise ValueError("no importance is known")
    names, shares = list(outcome.importance), list(outcome.importance.values())
    figure, axes = _page(7.5, 1.4 + 0.34 * len(names))
    bars = axes.barh(names, shares, color=BLUE, height=0.6)
    axes.bar_label(bars, [f"{share:.0%}" for share in shares], padding=4, fontsize=9, color=INK)
    axes.invert_yaxis()
    axes.set_xlim(0, max(shares) * 1.12)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    done = sum(row.state == "finished" for row in outcome.trials)
    axes.set(title=f"What mattered in search {outcome.name} ({done} finished trials)", xlabel="share of the importance")
    axes.grid(False, axis="y")
    return _save(figure, path)


def _page(width: float, height: float) -> tuple["Figure", Any]:
    """Return an empty picture of a size in inches; no state of matplotlib's is shared, so any thread may draw."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#e6e6e6", linewidth=0.8)
    axes.set_axisbelow(True)
    return figure, axes


def _save(figure: "Figure", path: Path) -> Path:
    """Write a picture as PNG; the file appears whole."""
    draft = path.with_name(f".{path.name}.part")
    figure.savefig(draft, format="png", dpi=130)
    return draft.replace(path)
