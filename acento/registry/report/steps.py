"""What each step of a board's normalizer takes away from the error rate of its models."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from acento.core.errors import InputError
from acento.core.text import normalizer
from acento.registry.report.charts import intervals
from acento.scoring.counting.headline import RATE_NAMES, headline_of
from acento.scoring.step_effects import StepEffect, step_effects
from acento.scoring.table import TextTable, counted, percent_text, points_text


def steps_section(identity: str, rows: Sequence[tuple[str, pa.Table]]) -> dict[str, Any] | None:
    """Return the rate before the normalizer and after each step, drawn and as a table.

    None where the normalizer has no steps, or this version does not have it any more.
    """
    try:
        rule = normalizer(identity)
    except InputError:
        return None
    if not rule.steps:
        return None
    effects = {label: step_effects(table, rule) for label, table in rows}
    first = next(iter(effects.values()))
    moving = [number for number in range(1, len(first)) if any(found[number].change for found in effects.values())]
    metric = RATE_NAMES[headline_of(rule)]
    if not moving:
        return {"charts": [], "table": None, "sentence": f"No step of {identity} changes the {metric} of these texts."}
    shown = [0, *moving]
    title = f"{metric} after each step"
    series = {
        label: [None if (rate := found[number].rate) is None else (100 * rate, None, None) for number in shown]
        for label, found in effects.items()
    }
    cells = tuple(
        (
            first[number].step,
            *(_cell(found[number]) for found in effects.values()),
            first[number].about.replace("`", ""),
        )
        for number in shown
    )
    columns = ("step", *effects, "what it does")
    rest = len(rule.steps) - len(moving)
    notes = [f"{metric} in percent, and by how many points the step moved it: how much is writing, not hearing."]
    notes += [f"{counted(rest, 'other step')} of {identity} move nothing here."] if rest else []
    if first[0].clips < max(len(table) for _, table in rows):
        notes.append(f"On a sample of {first[0].clips:,} clips.")
    return {
        "charts": [(title, intervals(title, f"{metric} %", [first[number].step for number in shown], series))],
        "table": TextTable("", columns, cells, tuple(notes), frozenset({"step", "what it does"})),
        "sentence": "",
    }


def _cell(effect: StepEffect) -> str:
    moved = f" ({points_text(effect.change, digits=2)})" if effect.change else ""
    return f"{percent_text(effect.rate)}{moved}"
