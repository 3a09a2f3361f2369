"""Scores in files: utterances are scored and written in batches, so that memory does not grow with their texts."""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Unpack

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from acento.core.text import Normalizer
from acento.scoring.batches import BATCH, batches, without_texts
from acento.scoring.counting.headline import described
from acento.scoring.score import SCHEMA, UtteranceResult, check_rows, score_batches, sorted_by_id, summarize
from acento.scoring.statistics.bootstrap import Draws

UTTERANCES, SCORE = "utterances.parquet", "score.json"
GROUP = 16
"""Batches in a row group of a file."""
SORTED = 2
"""Row groups that are sorted in memory at a time, where results do not come in the order of their ids."""


def write_score(
    folder: Path, results: Iterable[UtteranceResult], normalizer: Normalizer, **draws: Unpack[Draws]
) -> None:
    """Score results that come one by one; write ``utterances.parquet``, sorted by id, and ``score.json``.

    Both are what ``score_utterances`` and ``summarize`` make. Of each utterance only the id and the counts are held.

    Raises:
        InputError: as ``score_utterances``.
    """
    write_utterances(folder / UTTERANCES, results, normalizer)
    with pq.ParquetFile(folder / UTTERANCES) as utterances:
        score = summarize(utterances, normalizer, **draws)
    (folder / SCORE).write_text(score.model_dump_json(indent=1), encoding="utf-8")


def write_utterances(path: Path, results: Iterable[UtteranceResult], normalizer: Normalizer) -> None:
    """Write a row for each result (``acento.scoring.score.SCHEMA``), sorted by id.

    Raises:
        InputError: as ``score_utterances``.
    """
    schema, held = described(SCHEMA, normalizer), []
    scored = score_batches(results, normalizer)
    with pq.ParquetWriter(path, schema) as writer:
        while rows := list(islice(scored, GROUP)):
            table = sorted_by_id(pa.Table.from_batches(rows, schema))
            held.append(without_texts(table).select(["id", "hypothesis", "error"]))
            writer.write_table(table)
        if not held:
            writer.write_table(schema.empty_table())
            return
    as_they_came = pa.concat_tables(held)
    in_order = sorted_by_id(as_they_came)
    check_rows(in_order)
    if in_order is not as_they_came:
        _sort(path, in_order["id"])


def _sort(path: Path, ids: pa.ChunkedArray) -> None:
    """Sort the rows of a file by id; ``ids`` are these, sorted. The file is read once for each part that is sorted."""
    unsorted = path.rename(path.with_suffix(".unsorted"))
    with pq.ParquetFile(unsorted) as file, pq.ParquetWriter(path, file.schema_arrow) as writer:
        for start in range(0, len(ids), SORTED * GROUP * BATCH):
            part = ids[start : start + SORTED * GROUP * BATCH]
            rows = pa.Table.from_batches(_between(file, part[0], part[-1]), file.schema_arrow)
            writer.write_table(rows.sort_by("id"), row_group_size=GROUP * BATCH)
    unsorted.unlink()


def _between(file: pq.ParquetFile, first: pa.Scalar, last: pa.Scalar) -> Iterator[pa.RecordBatch]:
    for batch in batches(file, file.schema_arrow.names):
        ids = batch["id"]
        yield batch.filter(pc.and_(pc.greater_equal(ids, first), pc.less_equal(ids, last)))
