"""What a compute backend is asked to do: a small spec in, an artifact out, safe to run twice and safe to kill."""

import os
import socket
import threading
import uuid
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import CancelledError
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import perf_counter
from typing import Literal, TypeAlias, overload

from pydantic import BaseModel, ConfigDict

from acento.core.errors import DamagedError
from acento.core.fingerprint import fingerprint
from acento.core.progress import Progress, report
from acento.core.store import Store
from acento.inference.clock import Timings
from acento.inference.engine import Engine
from acento.inference.plan import load_part
from acento.inference.predictions import FILE, attempt_key, attempts, overlaid, write_predictions
from acento.inference.reading import ClipReader
from acento.models.base import DecodeOptions, Recognizer
from acento.models.checkpoints.resolver import resolve
from acento.models.devices import device_name
from acento.models.family import FAMILIES
from acento.models.spec import ModelSpec
from acento.training.job import FinetuneJob, FinetuneResult
from acento.training.loop.state import Row


class TranscribeJob(BaseModel):
    """Decode one part of a plan with one model."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["transcribe"] = "transcribe"
    plan: str
    part: int
    part_digest: str
    batch_size: int
    clips: int
    seconds: float
    model: ModelSpec
    options: DecodeOptions

    @property
    def title(self) -> str:
        """What a person calls it."""
        return f"part {self.part}"

    @property
    def fingerprint(self) -> str:
        """Name what is computed: the clips in their batches, the model's bytes, the options, the decoding code."""
        return self.fingerprint_at(FAMILIES[self.model.family].decoding_version)

    def fingerprint_at(self, decoding_version: int) -> str:
        """Name what was computed when the family's decoding code had another version."""
        return fingerprint(
            {
                "kind": self.kind,
                "part": self.part_digest,
                "batch_size": self.batch_size,
                "model": self.model.digest,
                "family": self.model.family,
                "decoding": decoding_version,
                "options": self.options.model_dump(),
            }
        )

    @property
    def key(self) -> str:
        """The store's folder of this job."""
        return f"jobs/{self.fingerprint}"


class JobResult(BaseModel):
    """What executing a job came to."""

    model_config = ConfigDict(frozen=True)

    key: str
    part: int
    clips: int
    seconds: float
    cached: bool
    """Nothing was decoded: every clip had its text already."""
    failed: int
    """Clips that have no text after this."""


Job: TypeAlias = TranscribeJob | FinetuneJob
Result: TypeAlias = JobResult | FinetuneResult


class Measurement(BaseModel):
    """What the clock said when an attempt was computed: never cached, never part of a result."""

    model_config = ConfigDict(frozen=True)

    job: str
    attempt: int
    when: str
    device: str
    options: DecodeOptions
    batch_size: int
    placements: int
    backend: str
    placement: str = ""
    """Which of them did it; what was measured before placements had names does not say."""
    host: str = ""
    pid: int = 0
    timings: Timings
    load_s: float
    """Loading the model, if this job was the first to need it; else 0."""
    warm_up_s: float
    windows: int
    splits: list[tuple[int, int]]


def state(store: Store, job: TranscribeJob) -> JobResult | None:
    """Return the result of a job that is done, without importing the model's framework; None if it is to be run."""
    done = attempts(store, job.key)
    if not done:
        return None
    failed = sum(row.failed for row in overlaid(store, done).values())
    return JobResult(key=job.key, part=job.part, clips=job.clips, seconds=job.seconds, cached=True, failed=failed)


def measurements(store: Store, job: str) -> list[Measurement]:
    """Return what the clock said of each whole attempt of a job, oldest first."""
    found = []
    for key in attempts(store, job):
        artifact = store.find(key)
        data = None if artifact is None else store.read_file(artifact.info["measurement"])
        if data is not None:
            found.append(Measurement.model_validate_json(data))
    return found


def _nothing(_: object) -> None:
    """Listen to nobody."""


def _go_on() -> str | None:
    """Stop nothing."""
    return None


@dataclass(frozen=True, slots=True)
class Placement:
    """The thread or process that executes jobs: who hears of its progress, and what measurements say of it."""

    backend: str = "inline"
    count: int = 1
    """How many placements share the work."""
    heard: Callable[[float], None] = _nothing
    """Is told audio seconds as they are decoded."""
    noted: Callable[[Row], None] = _nothing
    """Is told each new row of a training's history."""
    stop: Callable[[], str | None] = _go_on
    """Asked between a training's steps: a reason ends it with a checkpoint."""
    cancelled: threading.Event = field(default_factory=threading.Event)
    """Once it is set, a job ends after the batch it is at, and nothing of it is kept."""
    name: str = ""
    """Which placement this is, where they have names."""

    def stopped(self) -> str | None:
        """Say why a training is to end at its next step, with a checkpoint; None: it goes on."""
        return "stopped" if self.cancelled.is_set() else self.stop()

    def after_batch(self, seconds: float) -> None:
        """Say how far decoding is, and end it if it was called off."""
        self.heard(seconds)
        if self.cancelled.is_set():
            raise CancelledError


class Runner:
    """Executes jobs one after another in this process, keeping the model of transcriptions loaded between them.

    Several threads may execute jobs of one Runner at a time: they share the loaded model.
    """

    def __init__(self, store: Store, *, keep: int = 1) -> None:
        """Take the store of plans, data and results; ``keep`` models stay loaded."""
        self._store, self._keep = store, keep
        self._loaded: OrderedDict[str, tuple[Recognizer, float, float]] = OrderedDict()
        self._lock = threading.Lock()
        self._decoding = threading.Lock()

    @overload
    def execute(self, job: TranscribeJob, placement: Placement | None = None) -> JobResult: ...

    @overload
    def execute(self, job: FinetuneJob, placement: Placement | None = None) -> FinetuneResult: ...

    @overload
    def execute(self, job: Job, placement: Placement | None = None) -> Result: ...

    def execute(self, job: Job, placement: Placement | None = None) -> Result:
        """Do what a job asks; what of it is in the store already is not done again.

        A transcription decodes what the job's earlier attempts left without a text, and publishes it as one more
        attempt. A training goes on from its last checkpoint.

        Raises:
            ModelError: the model cannot be loaded, or is no longer the one that was planned.
            StoreError: the result cannot be written, or the plan or the data are gone.
        """
        placement = placement or Placement()
        if job.kind == "finetune":
            return self._finetune(job, placement)
        return self._transcribe(job, placement)

    def _finetune(self, job: FinetuneJob, placement: Placement) -> FinetuneResult:
        """Train, alone on the device: models that are loaded for decoding make room first."""
        from acento.training.finetune import finetune
        from acento.training.logs import live_log

        def heard(progress: Progress) -> None:
            report(progress.step, progress.done, progress.total, progress.unit, progress.note)

        self.close()
        with self._decoding, live_log(self._store, job) as log:

            def noted(row: Row) -> None:
                log(row)
                placement.noted(row)

            return finetune(self._store, job, minutes=job.minutes, stop=placement.stopped, heard=heard, noted=noted)

    def _transcribe(self, job: TranscribeJob, placement: Placement) -> JobResult:
        part = load_part(self._store, job.plan, job.part)
        done = attempts(self._store, job.key)
        texts = {row.id for row in overlaid(self._store, done).values() if not row.failed}
        todo = [[clip for clip in batch if clip.id not in texts] for batch in part.batches]
        todo = [batch for batch in todo if batch]
        if not todo:
            return JobResult(key=job.key, part=job.part, clips=job.clips, seconds=job.seconds, cached=True, failed=0)
        recognizer, load_s, warm_up_s = self._recognizer(job)
        placement.after_batch(0.0)
        engine = Engine(recognizer, batch_size=job.batch_size, language=job.options.language)
        with nullcontext() if recognizer.shareable else self._decoding:
            decoded = engine.decode(todo, ClipReader(self._store), placement.after_batch)
        number = len(done) + 1
        measurement = Measurement(
            job=job.key,
            attempt=number,
            when=datetime.now(UTC).isoformat(timespec="seconds"),
            device=device_name(job.options.device_type),
            options=job.options,
            batch_size=job.batch_size,
            placements=placement.count,
            backend=placement.backend,
            placement=placement.name,
            host=socket.gethostname(),
            pid=os.getpid(),
            timings=decoded.timings,
            load_s=load_s,
            warm_up_s=warm_up_s,
            windows=decoded.windows,
            splits=decoded.splits,
        )
        note = f"measurements/{job.fingerprint}/{uuid.uuid4().hex}.json"
        self._store.create_exclusive(note, measurement.model_dump_json(indent=1).encode())
        failed = sum(prediction.failed for prediction in decoded.predictions)
        with self._store.publish(attempt_key(job.key, number)) as draft:
            write_predictions(draft.folder / FILE, decoded.predictions)
            draft.info |= {"measurement": note, "clips": len(decoded.predictions), "failed": failed}
        if not draft.published:
            self._store.remove(note)
        return JobResult(key=job.key, part=job.part, clips=job.clips, seconds=job.seconds, cached=False, failed=failed)

    def close(self) -> None:
        """Free every loaded model."""
        with self._lock:
            while self._loaded:
                self._loaded.popitem()[1][0].close()

    def _recognizer(self, job: TranscribeJob) -> tuple[Recognizer, float, float]:
        """Return the loaded model, with the seconds that loading and warm-up took if this call did it."""
        name = fingerprint({"model": job.model.digest, "options": job.options.model_dump()})
        with self._lock:
            if name in self._loaded:
                self._loaded.move_to_end(name)
                return self._loaded[name][0], 0.0, 0.0
            while len(self._loaded) >= self._keep:
                self._loaded.popitem(last=False)[1][0].close()
            started = perf_counter()
            checkpoint = resolve(job.model.id, job.model.revision)
            if checkpoint.digest != job.model.digest:
                raise DamagedError(f"Model {job.model.id} has changed since the benchmark began; start it again.")
            recognizer = checkpoint.family.load(checkpoint.folder, job.options)
            loaded = perf_counter()
            recognizer.warm_up(job.batch_size)
            self._loaded[name] = (recognizer, loaded - started, perf_counter() - loaded)
            return self._loaded[name]
