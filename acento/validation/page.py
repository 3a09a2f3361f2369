"""The data docs: one HTML page with the verdict, the clips at fault and histograms; it needs no network to be read."""

from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING

from acento.core.version import VERSION
from acento.data.utterance import SPLITS
from acento.validation.histogram import Bound, histogram
from acento.validation.verdict import ROWS, SUITE, CheckVerdict, Verdict, expected

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

STYLE = """
:root{--ink:#1b1f24;--soft:#5d6670;--line:#dde2e7;--paper:#fff;--panel:#f6f8fa;--ok:#1a7f4b;--warning:#a86500;
--error:#c22f2f;--train:#4573c4;--dev:#2d9687;--test:#8a5bb8}
@media (prefers-color-scheme:dark){:root{--ink:#e4e8ec;--soft:#98a2ad;--line:#333b44;--paper:#15191e;--panel:#1d232a;
--ok:#4cc38a;--warning:#e5a53c;--error:#f27272;--train:#7ea3e8;--dev:#5cc4b4;--test:#b68ee0}}
*{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main{max-width:1080px;margin:0 auto;padding:32px 24px 64px}h1{font-size:26px;margin:0 0 4px}
h2{font-size:18px;margin:40px 0 12px}h3{font-size:14px;margin:0 0 4px}p{margin:4px 0}a{color:inherit}
.soft,dt{color:var(--soft)}.badge{display:inline-block;padding:2px 10px;border-radius:999px;color:var(--paper);
font-size:14px;font-weight:600;vertical-align:4px;margin-left:8px}
.badge.ok{background:var(--ok)}.badge.error{background:var(--error)}
dl{display:flex;flex-wrap:wrap;gap:4px 28px;margin:16px 0 0}dl div{min-width:80px}dt{font-size:13px}
dd{margin:0;font-weight:600;font-variant-numeric:tabular-nums}
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:7px 12px 7px 0;border-bottom:1px solid var(--line);vertical-align:top}
th{font-size:13px;color:var(--soft);font-weight:600}td.number,th.number{text-align:right;white-space:nowrap;
font-variant-numeric:tabular-nums}.mark{font-weight:600;white-space:nowrap}.mark.ok{color:var(--ok)}
.mark.warning{color:var(--warning)}.mark.error{color:var(--error)}code{font:13px ui-monospace,monospace}
td code{color:var(--soft)}details{margin-top:4px}summary{cursor:pointer;color:var(--soft);font-size:13px}
.ids{display:flex;flex-wrap:wrap;gap:4px 6px;padding:6px 0 2px}.ids span{background:var(--panel);
border:1px solid var(--line);border-radius:4px;padding:0 6px;font:12px/20px ui-monospace,monospace;
overflow-wrap:anywhere}.ids b{font-weight:600;color:var(--soft)}
.charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(420px,100%),1fr));gap:20px}
figure{margin:0;padding:14px 16px 8px;border:1px solid var(--line);border-radius:8px}
svg{display:block;width:100%;height:auto;font:11px system-ui,sans-serif}svg text{fill:var(--soft)}
svg text.median{paint-order:stroke;stroke:var(--paper);stroke-width:4px}
svg text.split{fill:var(--ink);font-size:12px}svg line.base,svg line.tick{stroke:var(--line)}
svg line.median{stroke:var(--ink);stroke-width:1}.split-train rect{fill:var(--train)}.split-dev rect{fill:var(--dev)}
.split-test rect{fill:var(--test)}rect{fill:var(--soft)}svg line.error,svg line.warning{stroke-dasharray:4 3;
stroke-width:1.5}svg line.error{stroke:var(--error)}svg line.warning{stroke:var(--warning)}
.key{display:flex;flex-wrap:wrap;gap:18px;font-size:13px;color:var(--soft);margin-bottom:12px}
.key i{display:inline-block;width:18px;vertical-align:4px;margin-right:6px;border-top:2px solid var(--ink)}
.key i.error,.key i.warning{border-top-style:dashed}.key i.error{border-color:var(--error)}
.key i.warning{border-color:var(--warning)}footer{margin-top:48px;font-size:13px;color:var(--soft);
overflow-wrap:anywhere}
"""


def page(verdict: Verdict, frame: "pd.DataFrame") -> str:
    """Return the page of a verdict on the clips of a frame: HTML, with style and drawings inside."""
    body = f"""{_head(verdict)}
<h2>Checks</h2>
<div class="wide"><table>
<tr><th>result</th><th>check</th><th>what should be so</th>
<th class="number">clips</th><th class="number">share</th></tr>
{"".join(_check(check) for check in _worst_first(verdict.checks))}
</table></div>
{_after_checks(verdict)}
<h2>Histograms</h2>
<div class="key"><span><i></i>median</span><span><i class="error"></i>beyond it an error</span>
<span><i class="warning"></i>beyond it a warning</span></div>
<div class="charts">
{"".join(_chart(column, label, verdict, frame) for column, label in SHOWN.items())}
</div>
{_foot(verdict)}"""
    return document(f"{verdict.title}: {'passed' if verdict.passed else 'failed'}", body)


def document(title: str, body: str, *, style: str = "", policy: str = "") -> str:
    """Return a whole HTML page that loads nothing.

    Args:
        title: plain text.
        body: HTML, put into ``main``.
        style: CSS behind that of all pages.
        policy: what its Content Security Policy allows beside inline style, such as ``media-src data:``.
    """
    allowed = "; ".join(["default-src 'none'", "style-src 'unsafe-inline'", *([policy] if policy else [])])
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{allowed}">
<title>{escape(title)}</title>
<style>{STYLE}{style}</style>
</head>
<body>
<main>
{body}
</main>
</body>
</html>
"""


def _head(verdict: Verdict) -> str:
    color, outcome = ("ok", "passed") if verdict.passed else ("error", "failed")
    facts = [
        ("clips", f"{verdict.clips:,}"),
        ("hours", f"{verdict.seconds / 3600:.2f}"),
        *((split, f"{count:,}") for split, count in verdict.splits.items()),
        ("checks", len(verdict.checks)),
        ("errors", len(verdict.errors)),
        ("warnings", len(verdict.warnings)),
        *([("for model", verdict.model)] if verdict.model else []),
    ]
    cells = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(str(value))}</dd></div>" for name, value in facts)
    return (
        f'<h1>{escape(verdict.title)}<span class="badge {color}">{outcome}</span></h1>'
        f'<p class="soft">Validated by the suite <i>{escape(verdict.suite)}</i>.</p>\n<dl>{cells}</dl>'
    )


def _check(check: CheckVerdict) -> str:
    """Return a row of the table, with the clips at fault to unfold."""
    more = ""
    if not check.ok and check.examples:
        spans = "".join(
            f"<span>{escape(uid)}{f' <b>{escape(value)}</b>' if value and value != uid else ''}</span>"
            for uid, value in zip(check.examples, check.values, strict=True)
        )
        rest = check.unexpected - len(check.examples)
        beyond = f" and {rest:,} more in {ROWS}" if rest else ""
        opened = " open" if check.severity == "error" else ""
        more = f'<details{opened}><summary>which clips</summary><div class="ids">{spans}{beyond}</div></details>'
    says = check.sentence if not check.ok and not check.examples else check.says
    share = "" if check.share is None or not check.unexpected else f"{check.share:.2%}"
    return (
        f'<tr><td class="mark {check.mark.lower()}">{check.mark}</td><td>{escape(check.name)}</td>'
        f"<td>{escape(says)}<br><code>{escape(expected(check.expect, check.arguments))}</code>{more}</td>"
        f'<td class="number">{f"{check.unexpected:,}" if check.unexpected else ""}</td>'
        f'<td class="number">{share}</td></tr>\n'
    )


def _after_checks(verdict: Verdict) -> str:
    lines = [f'<a href="{ROWS}">{ROWS}</a> names every clip at fault; <a href="{SUITE}">{SUITE}</a> is the suite.']
    if verdict.left_out:
        lines.append(f"Not made, because no model was named that has such limits: {', '.join(verdict.left_out)}.")
    return "".join(f'<p class="soft">{line}</p>' for line in lines)


def _chart(column: str, label: str, verdict: Verdict, frame: "pd.DataFrame") -> str:
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
    drawn = histogram(values, bounds, label)
    return f"<figure><h3>{escape(label)}</h3>{drawn}</figure>\n" if drawn else ""


def _worst_first(checks: Iterable[CheckVerdict]) -> list[CheckVerdict]:
    return sorted(checks, key=lambda check: ("ERROR", "warning", "ok").index(check.mark))


def _foot(verdict: Verdict) -> str:
    return (
        "<footer>Levels: 0 dBFS is a full-scale square wave. Signal-to-noise ratio: power of 20 ms frames at the 95th "
        "percentile, less the 15th, over the 15th; too low for clips without a pause. Histograms count the furthest "
        f"0.2 % in the outermost bins.<br>Data {escape(verdict.dataset_fingerprint)}, suite "
        f"{escape(verdict.suite_digest)}, Acento {escape(VERSION)}.</footer>"
    )
