"""The data docs: one HTML page with the verdict, the clips at fault and histograms; it needs no network to be read."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from acento.core import VERSION
from acento.core.templates import render
from acento.data.utterance import SPLITS
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
_BINS = 40


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


def _chart(column: str, label: str, verdict: ValidationVerdict, frame: "pd.DataFrame") -> dict[str, Any] | None:
    """Return what ``histogram.svg`` draws of one measure, a row for each split; None if there is no value.

    All rows share one scale, which leaves out the furthest 0.2 % on either side: they are counted in the outermost
    bins. Values on it where a check of the suite begins to fail are drawn as lines.
    """
    splits = [*SPLITS, *sorted(set(frame["split"].dropna()) - set(SPLITS))]
    finite: dict[str, NDArray[np.float64]] = {}
    for split in splits:
        values = frame.loc[frame["split"] == split, column].to_numpy(dtype="float64", na_value=float("nan"))
        if len(kept := values[np.isfinite(values)]):
            finite[split] = kept
    if not finite:
        return None
    low, high = (float(value) for value in np.percentile(np.concatenate(list(finite.values())), (0.2, 99.8)))
    if high - low < 1e-9:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, _BINS + 1)
    return {
        "label": label,
        "low": low,
        "high": high,
        "rows": [
            {
                "split": split,
                "counts": np.histogram(np.clip(found, low, high), edges)[0].tolist(),
                "clips": len(found),
                "median": float(np.median(found)),
            }
            for split, found in finite.items()
        ],
        "bounds": [
            {"value": float(value), "severity": check.severity}
            for check in verdict.checks
            if check.arguments.get("column") == column
            for name in ("min_value", "max_value")
            if isinstance(value := check.arguments.get(name), int | float) and low < value < high
        ],
        "ticks": _ticks(low, high),
        "at": lambda value: min(1.0, max(0.0, (value - low) / (high - low))),
    }


def _ticks(low: float, high: float) -> list[float]:
    """Return about five round numbers between two ends.

    >>> _ticks(0.3, 9.7)
    [2.0, 4.0, 6.0, 8.0]
    """
    rough = (high - low) / 5
    power = 10.0 ** np.floor(np.log10(rough))
    size = next(step * power for step in (1, 2, 5, 10) if step * power >= rough)
    first = int(np.ceil(low / size))
    return [round(float(n * size), 10) for n in range(first, int(np.floor(high / size)) + 1)]
