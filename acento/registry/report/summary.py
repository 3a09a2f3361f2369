"""A run in a few lines of Markdown: where its report is, its best models, and what moved since the run before."""

from collections.abc import Sequence

from acento.scoring.boards.leaderboard import Leaderboard
from acento.scoring.comparing.run_comparison import RunComparison
from acento.scoring.counting.headline import RATE_NAMES

_GROUPS = 5


def run_summary(run: str, report: str, leaderboard: Leaderboard, before: Sequence[RunComparison] = ()) -> str:
    """Return the summary.

    Args:
        run: its id.
        report: where the report is, as Markdown: a link, or a path in backquotes.
        leaderboard: of the run.
        before: comparisons with the run before on the same clips, if there was one.
    """
    parts = [f"# Run {run}", f"Report: {report}", leaderboard.to_markdown()]
    parts += [f"Left out: {name}. {why}" for name, why in leaderboard.left_out.items()]
    for found in before:
        groups = [row for row in found.to_rows()[1:] if row["delta"]]
        moved = sorted(groups, key=lambda row: -abs(row["delta"]))[:_GROUPS]
        metric = RATE_NAMES[found.unit]
        parts += [
            f"## Since run {found.b.entry.run}: {found.a.entry.dataset}",
            found.sentence,
            "\n".join(f"- {row['by']} {row['group']}: {100 * row['delta']:+.1f} points of {metric}" for row in moved),
            "" if found.unchanged else f"`acento compare {run} {found.b.entry.run}` shows the clips and the words.",
        ]
    return "\n\n".join(part for part in parts if part)
