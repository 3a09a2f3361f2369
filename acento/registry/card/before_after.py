"""A tuned model beside its base in one small table: how much each errs on the test set, and how fast, by window."""

from acento.core.store import Store
from acento.models.checkpoints.resolver import resolve
from acento.registry.gate.evidence import Selection
from acento.registry.gate.judging import find_score
from acento.registry.gate.windows import WindowVerdict
from acento.registry.model_version import ModelVersion
from acento.scoring.counting.headline import rate_title
from acento.scoring.entry import Entry
from acento.scoring.score import headline_rate
from acento.scoring.table import NO_VALUE, TextTable, rtfx_text

_FULL = "full"


def before_and_after(
    store: Store, version: ModelVersion, run: str, test: Selection, windows: WindowVerdict | None = None
) -> TextTable:
    """Return rates and RTFx of a version's base and of the version, with 95 % intervals.

    Args:
        store: where the runs are.
        version: the tuned model.
        run: the run in which it and its base were measured, as each is used.
        test: the test set.
        windows: what the window gate said; the version then has a row for each kind of windows.
    """
    tuned = resolve(version.id).digest
    measured = [(version.about.base["id"], run, version.about.base["digest"])]
    runs = (run,) if windows is None or not windows.runs else windows.runs
    measured += [(version.id, one, tuned) for one in runs]
    rows, rates = [], dict[str, None]()
    for name, where, digest in measured:
        if (found := find_score(store, where, digest, test)) is None:
            continue
        entry, clips = found
        rates[f"{rate_title(entry.score.headline, entry.score.normalizer)} %"] = None
        rows.append((name, entry.window or _FULL, headline_rate(clips).text(bounds=1), _rtfx(entry)))
    columns = ("model", "window", ", ".join(rates), "RTFx")
    return TextTable(f"Before and after on {test}", columns, tuple(rows), text=frozenset({"model", "window"}))


def _rtfx(entry: Entry) -> str:
    """Return how fast a whole split was decoded, with the interval over batches."""
    speed = entry.speed
    if speed is None:
        return NO_VALUE
    ends = "" if speed.low is None or speed.high is None else f" [{rtfx_text(speed.low)}, {rtfx_text(speed.high)}]"
    return rtfx_text(speed.rtfx) + ends
