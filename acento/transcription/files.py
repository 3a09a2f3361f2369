"""The files of a batch: what has to be done of each that was found."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from acento.core.store import Store
from acento.data.recordings.inputs import Input
from acento.transcription.batch import LEDGER, Row, stems
from acento.transcription.planned import PlannedBatch

_DONE_BEFORE: Final = "It was done before, by the same model and with the same options."


def first_rows(store: Store, batch: PlannedBatch, inputs: Sequence[Input], known: Mapping[str, Row]) -> Iterator[Row]:
    """Yield the row of each file: it waits, or was done before with the same bytes, model and options."""
    new = {one.name: one.place for one in inputs if one.name not in known}
    called = stems(new, [LEDGER.partition(".")[0], *(row.stem for row in known.values())])
    for one in inputs:
        row = known.get(one.name)
        fresh = Row(file=one.name, stamp=one.stamp, work=batch.work, stem=called.get(one.name, ""))
        if row is not None:  # what was written of it before is this batch's to write over
            fresh = fresh.model_copy(update={"stem": row.stem, "outputs": row.outputs, "earlier": row.ours})
        if row is None or (row.stamp, row.work) != (one.stamp, batch.work) or not one.stamp:
            yield fresh
        elif row.state in ("done", "skipped") and _written(batch, row):
            yield row.model_copy(update={"state": "skipped", "reason": "done_before", "sentence": _DONE_BEFORE})
        elif row.recording is not None and store.find(row.recording) is not None:
            yield fresh.model_copy(update={"recording": row.recording, "seconds": row.seconds})
        else:
            yield fresh


def _written(batch: PlannedBatch, row: Row) -> bool:
    """Tell whether what was written of a file is still there."""
    return batch.folder is None or all((Path(batch.folder) / name).is_file() for name in row.outputs)
