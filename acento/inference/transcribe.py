"""Executes a transcription job with the model that its runner keeps loaded.

Its clips are read by row from Parquet parts, or by their times from recordings.
"""

import os
import socket
import uuid
from contextlib import nullcontext
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from acento.core.audio.recording import decode_flac
from acento.core.errors import DamagedError
from acento.core.store import Store
from acento.data.dataset import CLIPS
from acento.data.recordings.recording import RecordingReader
from acento.inference.engine import Engine
from acento.inference.jobs import JobResult, Measurement, TranscribeJob
from acento.inference.plan import PlannedClip, load_part
from acento.inference.predictions import FILE, attempt_key, attempts, overlaid, write_predictions
from acento.inference.runner import Runner, Worker
from acento.models.base import Audio
from acento.models.devices import device_name

_OPEN = 32
"""Parquet files kept open."""
_GROUPS = 8
"""Row groups kept in memory: clips of similar length often lie together."""


def transcribe(runner: Runner, job: TranscribeJob, worker: Worker) -> JobResult:
    """Decode the clips that the job's earlier attempts left without a text, and publish them as one more attempt.

    A repeat decodes every clip that has a text once more and leaves nothing but its measurement.

    Raises:
        ModelError: the model cannot be loaded, or is no longer the one that was planned.
        StoreError: the result cannot be written, or the plan or the data are gone.
    """
    store = runner.store
    part = load_part(store, job.plan, job.part)
    done = attempts(store, job.key)
    texts = {row.id: row.text for row in overlaid(store, done).values() if not row.failed}
    again = bool(job.repeat)
    if again and store.read_file(job.note) is not None:
        return job.result(cached=True, failed=0)
    rest = ([clip for clip in batch if (clip.id in texts) == again] for batch in part.batches)
    todo = [batch for batch in rest if batch]
    if not todo:
        return job.result(cached=True, failed=0)
    recognizer, load_s, warm_up_s = runner.recognizer(job)
    worker.after_batch(0.0)
    options = job.options
    engine = Engine(recognizer, batch_size=job.batch_size, language=options.language, cut_s=options.cut_s)
    with nullcontext() if recognizer.shareable else runner.decoding:
        decoded = engine.decode(todo, ClipReader(store), worker.after_batch)
    number = len(done) + 1
    measurement = Measurement(
        job=job.key,
        attempt=len(done) if again else number,
        when=datetime.now(UTC).isoformat(timespec="seconds"),
        device=device_name(job.options.device_type),
        options=job.options,
        batch_size=job.batch_size,
        placements=worker.count,
        backend=worker.backend,
        placement=worker.name,
        host=socket.gethostname(),
        pid=os.getpid(),
        timings=decoded.timings,
        load_s=load_s,
        warm_up_s=warm_up_s,
        windows=decoded.windows,
        splits=decoded.splits,
        runaways=decoded.runaways,
        repeat=job.repeat,
        changed=sum(row.text != texts[row.id] for row in decoded.predictions) if again else None,
    )
    if again:
        store.create_exclusive(job.note, measurement.model_dump_json(indent=1).encode())
        return job.result(cached=False, failed=0)
    note = f"measurements/{job.fingerprint}/{uuid.uuid4().hex}.json"
    store.create_exclusive(note, measurement.model_dump_json(indent=1).encode())
    failed = sum(prediction.failed for prediction in decoded.predictions)
    with store.publish(attempt_key(job.key, number)) as draft:
        write_predictions(draft.folder / FILE, decoded.predictions)
        draft.info |= {"measurement": note, "clips": len(decoded.predictions), "failed": failed}
    if not draft.published:
        store.remove(note)
    return job.result(cached=False, failed=failed)


class ClipReader:
    """Returns the samples of planned clips; one thread at a time."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._open = lru_cache(_OPEN)(self._file)
        self._rows = lru_cache(_GROUPS)(self._group)
        self._recordings = RecordingReader(store)

    def __call__(self, clip: PlannedClip) -> Audio:
        """Return float32 samples, mono, 16 kHz.

        Raises:
            DamagedError: the data part, or the recording, is not what it was when the plan was made.
        """
        if clip.start_s is not None:
            return np.concatenate(
                [self._recordings.read(clip.data_part, clip.row, start, end) for start, end in clip.heard]
            )
        file = self._open(clip.data_part)
        group, first = 0, 0
        while clip.row >= first + file.metadata.row_group(group).num_rows:
            first += file.metadata.row_group(group).num_rows
            group += 1
        row = self._rows(clip.data_part, group)[clip.row - first]
        if row["id"] != clip.id:
            raise DamagedError(f"{clip.data_part} holds {row['id']!r} where {clip.id!r} was planned; stage it again.")
        return decode_flac(row["audio"]["bytes"])

    def _file(self, key: str) -> Any:
        """Return a Parquet file, its checksum verified when it is opened."""
        return pq.ParquetFile(self._store.local_path(key, CLIPS))

    def _group(self, key: str, number: int) -> list[dict[str, Any]]:
        return self._open(key).read_row_group(number, columns=["id", "audio"]).to_pylist()
