"""The data docs: one HTML page with the verdict, the clips at fault and histograms; it needs no network to be read."""

from typing import TYPE_CHECKING

from acento.core.templates import render
from acento.core.version import VERSION
from acento.data.utterance import SPLITS
from acento.validation.histogram import Bound, Histogram, histogram
from acento.validation.verdict import ROWS, SUITE, ValidationVerdict, expected

if TYPE_CHECKING:
    import pandas as pd

SHOWN = {
    "duration_s": "Duration, s",
    "characters_per_second": "Characters per second",
    "rms_dbfs": "Level, dBFS",
    "peak_dbfs": "Loudest sample, dBFS",
    "snr_db": "Signal-to-noise ratio (estimated), dB",
    "silence_share": "Share of silence",
    "clipping_share": "Share of clipped samples",
    "words": "Words",
}
"""The measures that are drawn, and what they are called."""


def page(verdict: ValidationVerdict, frame: "pd.DataFrame") -> str:
    """Return the page of a verdict on the clips of a frame: HTML, with style and drawings inside."""
    facts = {
        "clips": f"{verdict.clips:,}",
        "hours": f"{verdict.seconds / 3600:.2f}",
        **{split: f"{count:,}" for split, count in verdict.splits.items()},
        "checks": len(verdict.checks),
        "errors": len(verdict.errors),
        "warnings": len(verdict.warnings),
        **({"for model": verdict.model} if verdict.model else {}),
    }
    charts = [_chart(column, label, verdict, frame) for column, label in SHOWN.items()]
    return render(
        "validation/templates/verdict.html",
        verdict=verdict,
        facts=facts.items(),
        checks=sorted(verdict.checks, key=lambda check: ("ERROR", "warning", "ok").index(check.mark)),
        charts=[chart for chart in charts if chart is not None],
        expected=expected,
        rows_file=ROWS,
        suite_file=SUITE,
        version=VERSION,
    )


def _chart(column: str, label: str, verdict: ValidationVerdict, frame: "pd.DataFrame") -> Histogram | None:
    """Return the histogram of one measure with the bounds that the suite sets it."""
    splits = [*SPLITS, *sorted(set(frame["split"].dropna()) - set(SPLITS))]
    values = {
        s: frame.loc[frame["split"] == s, column].to_numpy(dtype="float64", na_value=float("nan")) for s in splits
    }
    bounds = [
        Bound(float(value), check.severity)
        for check in verdict.checks
        if check.arguments.get("column") == column
        for name in ("min_value", "max_value")
        if isinstance(value := check.arguments.get(name), int | float)
    ]
    return histogram(values, bounds, label)
