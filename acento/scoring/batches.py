"""A table of utterances, in memory or in a Parquet file, read in batches: few of its texts are held at a time."""

from collections.abc import Iterator, Sequence
from typing import TypeAlias

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

Utterances: TypeAlias = pa.Table | pq.ParquetFile
"""A table of utterances (``acento.scoring.score.SCHEMA``), or a file that ``write_utterances`` wrote."""
BATCH = 4096
"""Utterances that are held as Python's objects at a time."""
_TEXTS = ("reference", "hypothesis", "error")
_LEFT_OUT = ("normalized_reference", "normalized_hypothesis")


def batches(utterances: Utterances, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Yield some columns of a table, in batches, in the order of its rows."""
    if isinstance(utterances, pa.Table):
        yield from utterances.select(columns).to_batches(max_chunksize=BATCH)
    else:
        yield from utterances.iter_batches(BATCH, columns=columns)


def without_texts(utterances: Utterances) -> pa.Table:
    """Return the table with True instead of each text that is there: all that sums need, in a few bytes a row."""
    schema = utterances.schema if isinstance(utterances, pa.Table) else utterances.schema_arrow
    names = [name for name in schema.names if name not in _LEFT_OUT]
    kinds = [(name, pa.bool_() if name in _TEXTS else schema.field(name).type) for name in names]
    light = pa.schema(kinds, metadata=schema.metadata)
    return pa.Table.from_batches([_marked(batch, light) for batch in batches(utterances, names)], light)


def _marked(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    columns = [
        pc.if_else(pc.is_valid(batch[name]), True, pa.scalar(None, pa.bool_())) if name in _TEXTS else batch[name]
        for name in schema.names
    ]
    return pa.record_batch(columns, schema=schema)
