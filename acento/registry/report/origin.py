"""Where the numbers of a report come from: provenance, time, what failed, and what was rejected at staging."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from acento.core.errors import AcentoError
from acento.core.store import Store
from acento.data.dataset import load_card
from acento.data.facts import rejected_inputs
from acento.registry.report.charts import stacked
from acento.scoring.entry import Cost, Entry
from acento.scoring.score import FAILED
from acento.scoring.table import NO_VALUE, TextTable, rtfx_text

REASONS = 15
"""Reasons that are listed, of failures and of rejected inputs."""

Origin = Mapping[str, Any]
"""What ``run.json`` says of a result; empty where the texts were not made by a run of ours."""

_STAGES = {"read": "read_s", "features": "features_s", "model": "model_s", "text": "text_s"}


def time_section(rows: Sequence[tuple[str, Entry, Origin]]) -> dict[str, Any] | None:
    """Return the seconds of each model's stages, drawn and as a table; None where nothing was measured."""
    measured = [
        (label, entry, origin["measured"])
        for label, entry, origin in rows
        if origin.get("measured", {}).get("attempts")
    ]
    if not measured:
        return None
    labels = [label for label, *_ in measured]
    parts = {name: [float(clock[key]) for *_, clock in measured] for name, key in _STAGES.items()}
    cells = []
    for label, entry, clock in measured:
        seconds = [clock[key] for key in (*_STAGES.values(), "decode_wall_s", "read_wait_s", "load_s", "warm_up_s")]
        rtfx = NO_VALUE if entry.speed is None else rtfx_text(entry.speed.rtfx)
        cells.append((label, *(f"{one:.2f}" for one in seconds), rtfx))
    columns = (
        "model",
        *(f"{stage} s" for stage in (*_STAGES, "decoding", "wait for audio", "load", "warm-up")),
        "RTFx",
    )
    note = (
        "Summed over workers and attempts. Reading and features run ahead of the model, so that the stages may add up "
        "to more than the decoding, which is wall time. RTFx is audio over decoding less the wait."
    )
    return {
        "charts": [("Seconds by stage", stacked("Seconds by stage", "seconds", labels, parts))],
        "table": TextTable("", columns, tuple(cells), notes=(note,), text=frozenset({"model"})),
    }


def failures(rows: Sequence[tuple[str, pa.Table]]) -> TextTable | None:
    """Return why clips have no text, by model and reason; None where none failed."""
    cells = []
    for label, table in rows:
        failed = table.filter(pc.equal(table["status"], FAILED)).select(["id", "error"]).to_pylist()
        first = {row["error"]: row["id"] for row in reversed(failed)}
        reasons = Counter(row["error"] for row in failed).most_common()
        cells += [(label, reason, f"{count:,}", first[reason]) for reason, count in reasons[:REASONS]]
        if rest := reasons[REASONS:]:
            cells.append((label, f"{len(rest)} other reasons", f"{sum(count for _, count in rest):,}", rest[0][0]))
    if not cells:
        return None
    return TextTable(
        "", ("model", "reason", "clips", "such as"), tuple(cells), text=frozenset({"model", "reason", "such as"})
    )


def rejected(store: Store, dataset: str) -> dict[str, Any]:
    """Return what staging left out of a data set (``NAME@VERSION``), by reason, or a sentence that says why not."""
    try:
        card = load_card(store, dataset)
        found = rejected_inputs(store, card, 1)
    except AcentoError as error:
        return {"table": None, "sentence": f"Not known. {error}"}
    if not found:
        return {"table": None, "sentence": f"Staging left nothing out of {card.title}."}
    cells = [(one.reason, f"{one.count:,}", *one.examples[0]) for one in found[:REASONS]]
    rest = sum(one.count for one in found[REASONS:])
    notes: tuple[str, ...] = (f"{card.rejected:,} inputs of {card.clips + card.rejected:,} were left out.",)
    notes += (f"{rest:,} of them for other reasons.",) if rest else ()
    columns = ("reason", "inputs", "such as", "because")
    return {"table": TextTable("", columns, tuple(cells), notes, frozenset({"reason", "such as", "because"}))}


def provenance(rows: Sequence[tuple[str, Entry, Origin]]) -> TextTable:
    """Return what each model's number was made of and made on, a column for each model."""
    facts: dict[str, list[str]] = {}
    for number, (_, entry, origin) in enumerate(rows):
        for name, value in _facts(entry, origin).items():
            shown = NO_VALUE if value is None or value == "" else str(value)
            facts.setdefault(name, [NO_VALUE] * len(rows))[number] = shown
    cells = tuple((name, *values) for name, values in facts.items() if set(values) != {NO_VALUE})
    columns = ("what", *(label for label, *_ in rows))
    return TextTable("", columns, cells, text=frozenset(columns))


def _facts(entry: Entry, origin: Origin) -> dict[str, Any]:
    decoding, clock, data = (origin.get(name) or {} for name in ("decoding", "measured", "dataset"))
    on_gpu, files = clock.get("gpu_s"), origin.get("files") or {}
    alike = {} if entry.conditions is None else entry.conditions.model_dump()
    decoding, devices, backends = {**alike, **decoding}, clock.get("devices", ()), clock.get("backends", ())
    return {
        "model": entry.model,
        "revision": entry.revision,
        "content of the model": entry.model_hash,
        "family": (origin.get("model") or {}).get("family"),
        "data set": f"{entry.dataset}, {entry.split}" + (f", at most {entry.limit} clips" if entry.limit else ""),
        "content of the data": entry.dataset_fingerprint,
        "validation": data.get("validation"),
        "normalizer": entry.score.normalizer,
        "intervals": f"{entry.score.level:.0%}, {entry.score.resamples:,} resamples, seed {entry.score.seed}",
        "device": ", ".join(devices) or decoding.get("device") or decoding.get("device_type"),
        "dtype": decoding.get("dtype"),
        "threads": decoding.get("threads"),
        "batch size": decoding.get("batch_size"),
        "language": decoding.get("language") or origin.get("language"),
        "backend": ", ".join(backends) or decoding.get("backend"),
        "workers": ", ".join(map(str, clock.get("placements", ()))) or decoding.get("placements"),
        "window": entry.window,
        "decoding": entry.decoding,
        "windows": clock.get("windows"),
        "decoded again in the whole window": clock.get("runaways") or None,
        "attempts": clock.get("attempts"),
        "GPU seconds": None if on_gpu is None else f"{on_gpu:.1f}",
        "cost": None if entry.cost is None else _cost(entry.cost),
        **{name: f"{file['path']} ({file['format']}, {file['sha256']})" for name, file in files.items()},
        "scored from the texts of": origin.get("scored_from"),
        "measured": clock.get("first"),
        "score": origin.get("score"),
        "digest of the texts": origin.get("texts_sha256"),
        "scored": f"{entry.when:%Y-%m-%d %H:%M} UTC",
    }


def _cost(cost: Cost) -> str:
    return (
        f"${cost.dollars:.4f}, ${cost.per_audio_hour:.4f} an hour of audio: "
        f"{cost.device_type} at ${cost.usd_per_hour:.2f} an hour, {cost.source}"
    )
