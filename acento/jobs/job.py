"""What a compute backend is asked to do: a small spec in, an artifact out, safe to run twice and safe to kill."""

from typing import TypeAlias

from acento.diarization.job import DiarizeJob, DiarizeResult
from acento.inference.jobs import JobResult, TranscribeJob
from acento.training.job import FinetuneJob, FinetuneResult

Job: TypeAlias = TranscribeJob | DiarizeJob | FinetuneJob
Result: TypeAlias = JobResult | DiarizeResult | FinetuneResult
