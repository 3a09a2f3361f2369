"""Clips as a report shows them: what is known of each, its player, and each model's text aligned to the reference."""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from acento.registry.report.sound import Sound
from acento.scoring.comparing.confusions import rows_of
from acento.scoring.counting.alignment import AlignedToken, align
from acento.scoring.counting.headline import RATE_NAMES, Headline
from acento.scoring.score import SCORED
from acento.scoring.table import percent_text

TOKENS = 300
"""Words (or characters) of a text that are shown; the others are counted."""
MODELS = 6
"""Models whose texts are shown of a clip: the first of the leaderboard."""
_CHARACTERS = 600
"""Characters shown of a text as it was written."""


def shown_clips(
    ids: Sequence[str], tables: Mapping[str, pa.Table], unit: Headline, sounds: Mapping[str, Sound]
) -> list[dict[str, Any]]:
    """Return what the page shows of some clips; ``tables`` are the models' tables of utterances by label."""
    found = {label: rows_of(table, ids) for label, table in list(tables.items())[:MODELS]}
    clips = []
    for number, uid in enumerate(ids, 1):
        rows = {label: rows[uid] for label, rows in found.items() if uid in rows}
        if not rows:
            continue
        first = next(iter(rows.values()))
        about = [first["split"], first["speaker"] and f"speaker {first['speaker']}", first["accent"]]
        about += [f"{first['duration_s']:.1f} s"] if first["duration_s"] is not None else []
        clips.append(
            {
                "number": number,
                "id": uid,
                "about": ", ".join(one for one in about if one),
                "sound": sounds.get(uid),
                "reference": _cut(first["reference"] or ""),
                "texts": [_text(label, row, unit) for label, row in rows.items()],
            }
        )
    return clips


def _text(label: str, row: Mapping[str, Any], unit: Headline) -> dict[str, Any]:
    """Return a model's text beside the reference, or why it has none."""
    text: dict[str, Any] = {"label": label, "failed": row["error"], "written": _cut(row["hypothesis"] or "")}
    if row["status"] != SCORED:
        return text | {"tokens": [], "rest": 0, "rate": None}
    errors = sum(row[f"{unit}_{name}"] for name in ("substitutions", "insertions", "deletions"))
    length = sum(row[f"{unit}_{name}"] for name in ("substitutions", "deletions", "hits"))
    rate = f"{RATE_NAMES[unit]} {percent_text(errors / length, digits=0)} %" if length else "no reference word"
    aligned = align(row["normalized_reference"], row["normalized_hypothesis"], unit)
    tokens: list[AlignedToken] = aligned[:TOKENS]
    return text | {"tokens": tokens, "rest": len(aligned) - len(tokens), "rate": f"{rate}, {errors} of {length}"}


def _cut(text: str) -> str:
    return text if len(text) <= _CHARACTERS else f"{text[:_CHARACTERS]}… ({len(text):,} characters)"
