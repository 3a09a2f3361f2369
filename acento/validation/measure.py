"""Measure every clip of a staged version, one data part after another, each part only once for all versions.

The measures of a part are an artifact of their own, named by the part and by the version of this code. So data that is
appended costs only its own measuring, and a run that was killed goes on where it was.
"""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from acento.core.fingerprint import fingerprint
from acento.core.progress import report
from acento.core.settings import settings
from acento.core.store import Store
from acento.core.store.upkeep.usage import Group, Live
from acento.data.dataset import CLIPS, Card, DataPart, all_cards
from acento.data.text_measures import measure_wording
from acento.data.utterance import META_COLUMNS, SCHEMA
from acento.models.devices import cores
from acento.validation.levels import measure_levels

MEASURE_VERSION = 1
"""Raised by hand whenever the same clip may be measured otherwise."""
MEASURES = "measures.parquet"

_STRINGS, _WHOLE = ("audio_error", "prompt", "script"), ("sample_rate", "channels", "characters", "letters", "words")
_LEVELS = ("seconds", "rms_dbfs", "peak_dbfs", "clipping_share", "silence_share", "speech_dbfs", "noise_dbfs", "snr_db")
_NUMBERS = (*_LEVELS, "start_db", "end_db", "characters_per_second", "script_share")
MEASURES_SCHEMA = pa.schema(
    [("id", pa.string()), ("wrong_columns", pa.string())]
    + [(name, pa.int64()) for name in _WHOLE]
    + [(name, pa.float64()) for name in _NUMBERS]
    + [(name, pa.string()) for name in _STRINGS]
)
"""The columns of a part's measures, row for row those of the part; see ``Levels`` and ``Wording`` for their meaning.

``wrong_columns`` names the columns that the part lacks, or has in another type; it is the same in every row.
"""


def measures_key(part: str) -> str:
    """Return the store key of a data part's measures."""
    return f"measures/{fingerprint([MEASURE_VERSION, part])}"


def mark_live(store: Store, _: Mapping[str, Group], live: Live) -> None:
    """Tell the garbage collector which measures are of a data set's parts."""
    live.keys |= {measures_key(part.key) for card in all_cards(store) for part in card.parts}


def measure(store: Store, card: Card, *, workers: int | None = None) -> int:
    """Measure every part of a version that is not measured yet, and return how many there were.

    ``workers`` are threads (decoding and arithmetic leave the interpreter's lock); by default the setting
    ``ACENTO_WORKERS``, or one for each core; 0 means one part after another in this thread.

    Raises:
        StoreError: a part is gone or damaged, or the store cannot be written.
    """
    todo = [part for part in card.parts if store.find(measures_key(part.key), verify=True) is None]
    if not todo:
        return 0
    step, total, done = f"measure {card.title}", card.clips, card.clips - sum(part.clips for part in todo)
    report(step, done, total, "clips")
    for part in _each(store, todo, settings().workers if workers is None else workers):
        done += part.clips
        report(step, done, total, "clips")
    return len(todo)


def measure_part(store: Store, part: str) -> None:
    """Measure the clips of one data part, holding a row group's audio at a time, and publish what was found."""
    with store.publish(measures_key(part)) as draft, pq.ParquetFile(store.local_path(part, CLIPS)) as file:
        wrong = wrong_columns(file.schema_arrow)
        columns = [
            name for name in ("id", "audio", "text", "language", "duration_s") if name in file.schema_arrow.names
        ]
        with pq.ParquetWriter(draft.folder / MEASURES, MEASURES_SCHEMA, compression="zstd") as writer:
            for group in range(file.num_row_groups):
                table = file.read_row_group(group, columns=columns, use_threads=False)
                rows = [_measured(row, wrong) for row in table.to_pylist()]
                writer.write_table(pa.Table.from_pylist(rows, MEASURES_SCHEMA))


def wrong_columns(schema: pa.Schema) -> str:
    """Return the columns of ``SCHEMA`` that a part lacks or has in another type, with commas between; empty if none."""
    return ", ".join(
        name for name in SCHEMA.names if name not in schema.names or schema.field(name).type != SCHEMA.field(name).type
    )


def read_measured(store: Store, card: Card) -> Iterator[pa.Table]:
    """Yield for each part its facts and measures side by side, audio left out; columns that it lacks are null."""
    for part in card.parts:
        with pq.ParquetFile(store.local_path(part.key, CLIPS)) as file:
            wrong = wrong_columns(file.schema_arrow).split(", ")
            table = file.read(columns=[name for name in META_COLUMNS if name not in wrong], use_threads=False)
        measures = pq.read_table(store.local_path(measures_key(part.key), MEASURES), use_threads=False)
        nulls = {name: pa.nulls(len(measures), SCHEMA.field(name).type) for name in META_COLUMNS if name in wrong}
        facts = {name: nulls[name] if name in nulls else table[name] for name in META_COLUMNS}
        yield pa.table(facts | {name: measures[name] for name in MEASURES_SCHEMA.names[1:]})


def _measured(row: dict[str, Any], wrong: str) -> dict[str, Any]:
    audio = row.get("audio")
    levels = measure_levels(audio.get("bytes") if isinstance(audio, dict) else None)
    wording = measure_wording(row.get("text"), row.get("language"), row.get("duration_s"))
    return {"id": row.get("id"), "wrong_columns": wrong, **asdict(levels), **asdict(wording)}


def _each(store: Store, parts: list[DataPart], workers: int | None) -> Iterator[DataPart]:
    def measured(part: DataPart) -> DataPart:
        measure_part(store, part.key)
        return part

    if workers == 0:
        yield from map(measured, parts)
        return
    with ThreadPoolExecutor(min(workers or cores(), len(parts)), thread_name_prefix="measuring") as pool:
        yield from pool.map(measured, parts)  # what has not begun is canceled if one fails
