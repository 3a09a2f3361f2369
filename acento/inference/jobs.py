"""The transcription of one part of a plan as a job, its result, and the measurements of it."""

from typing import Literal

from pydantic import BaseModel

from acento.core.fingerprint import fingerprint
from acento.core.store import Store
from acento.inference.clock import Timings
from acento.inference.plan import Plan
from acento.inference.predictions import attempts, overlaid
from acento.models.base import DecodeOptions
from acento.models.checkpoints.checkpoint import ModelSpec
from acento.models.families import FAMILIES


class TranscribeJob(BaseModel, frozen=True):
    """Decode one part of a plan with one model."""

    kind: Literal["transcribe"] = "transcribe"
    plan: str
    part: int
    part_digest: str
    batch_size: int
    clips: int
    seconds: float
    model: ModelSpec
    options: DecodeOptions
    repeat: str = ""
    """Not empty: the part is decoded once more, only for the clock, and this names the measurement."""

    @property
    def title(self) -> str:
        """What a person calls it."""
        return f"part {self.part}"

    @property
    def note(self) -> str:
        """The store's key of the measurement of a repeat."""
        return f"measurements/{self.fingerprint}/repeat-{self.repeat}.json"

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

    def result(self, *, cached: bool, failed: int) -> "JobResult":
        """Return the result of executing this job."""
        return JobResult(
            key=self.key, part=self.part, clips=self.clips, seconds=self.seconds, cached=cached, failed=failed
        )


def jobs_of(plan: Plan, model: ModelSpec, options: DecodeOptions) -> list[TranscribeJob]:
    """Return one job for each part of a plan."""
    return [
        TranscribeJob(
            plan=plan.key,
            part=part.index,
            part_digest=part.digest,
            batch_size=plan.batch_size,
            clips=part.clips,
            seconds=part.seconds,
            model=model,
            options=options,
        )
        for part in plan.parts
    ]


class JobResult(BaseModel, frozen=True):
    """The result of executing a job."""

    key: str
    part: int
    clips: int
    seconds: float
    cached: bool
    """Nothing was decoded: every clip had its text already."""
    failed: int
    """Clips that have no text after this."""


class Measurement(BaseModel, frozen=True):
    """The times of one attempt: never cached, never part of a result."""

    job: str
    attempt: int
    when: str
    device: str
    options: DecodeOptions
    batch_size: int
    placements: int
    backend: str
    placement: str = ""
    """Which of them did it; what was measured before workers had names does not say."""
    host: str = ""
    pid: int = 0
    timings: Timings
    load_s: float
    """Loading the model, if this job was the first to need it; else 0."""
    warm_up_s: float
    windows: int
    splits: list[tuple[int, int]]
    runaways: int = 0
    """Windows whose text at a short context had no end or repeated itself, and that were decoded at the whole one."""
    repeat: str = ""
    """The name of the repeat that was measured; empty for the decoding whose texts were kept."""
    changed: int | None = None
    """Of a repeat: clips whose text was another one than the stored one."""


def state(store: Store, job: TranscribeJob) -> JobResult | None:
    """Return the result of a job that is done, without importing the model's framework; None if it is to be run."""
    done = attempts(store, job.key)
    if not done or (job.repeat and store.read_file(job.note) is None):
        return None
    return job.result(cached=True, failed=sum(row.failed for row in overlaid(store, done).values()))


def measurements(store: Store, job: str) -> list[Measurement]:
    """Return the measurement of each whole attempt of a job, oldest first."""
    found = []
    for key in attempts(store, job):
        artifact = store.find(key)
        data = None if artifact is None else store.read_file(artifact.info["measurement"])
        if data is not None:
            found.append(Measurement.model_validate_json(data))
    return found


def repeated(store: Store, job: TranscribeJob) -> Measurement | None:
    """Return the measurement of a repeat, or None if it was not made."""
    data = store.read_file(job.note)
    return None if data is None else Measurement.model_validate_json(data)
