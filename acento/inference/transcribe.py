"""Executes a transcription job with the model that its runner keeps loaded."""

import os
import socket
import uuid
from contextlib import nullcontext
from datetime import UTC, datetime

from acento.inference.engine import Engine
from acento.inference.jobs import JobResult, Measurement, TranscribeJob
from acento.inference.plan import load_part
from acento.inference.predictions import FILE, attempt_key, attempts, overlaid, write_predictions
from acento.inference.reading import ClipReader
from acento.inference.runner import Runner, Worker
from acento.models.devices import device_name


def transcribe(runner: Runner, job: TranscribeJob, worker: Worker) -> JobResult:
    """Decode the clips that the job's earlier attempts left without a text, and publish them as one more attempt.

    Raises:
        ModelError: the model cannot be loaded, or is no longer the one that was planned.
        StoreError: the result cannot be written, or the plan or the data are gone.
    """
    store = runner.store
    part = load_part(store, job.plan, job.part)
    done = attempts(store, job.key)
    texts = {row.id for row in overlaid(store, done).values() if not row.failed}
    todo = [[clip for clip in batch if clip.id not in texts] for batch in part.batches]
    todo = [batch for batch in todo if batch]
    if not todo:
        return JobResult(key=job.key, part=job.part, clips=job.clips, seconds=job.seconds, cached=True, failed=0)
    recognizer, load_s, warm_up_s = runner.recognizer(job)
    worker.after_batch(0.0)
    engine = Engine(recognizer, batch_size=job.batch_size, language=job.options.language)
    with nullcontext() if recognizer.shareable else runner.decoding:
        decoded = engine.decode(todo, ClipReader(store), worker.after_batch)
    number = len(done) + 1
    measurement = Measurement(
        job=job.key,
        attempt=number,
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
    )
    note = f"measurements/{job.fingerprint}/{uuid.uuid4().hex}.json"
    store.create_exclusive(note, measurement.model_dump_json(indent=1).encode())
    failed = sum(prediction.failed for prediction in decoded.predictions)
    with store.publish(attempt_key(job.key, number)) as draft:
        write_predictions(draft.folder / FILE, decoded.predictions)
        draft.info |= {"measurement": note, "clips": len(decoded.predictions), "failed": failed}
    if not draft.published:
        store.remove(note)
    return JobResult(key=job.key, part=job.part, clips=job.clips, seconds=job.seconds, cached=False, failed=failed)
