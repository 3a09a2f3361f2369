"""Benchmark models on data sets: plan, transcribe, score, publish."""

from typing import Annotated, Literal

from prefect import flow
from prefect.runtime import flow_run
from pydantic import Field

import flows.rooms  # noqa: F401  (before tasks: it says so when those are a stranger's)
from acento.core.errors import AcentoError, StoreError, may_pass, name_and_line
from acento.core.settings import ComputeName
from acento.registry.runs import BenchmarkRequest
from tasks.plan import plan_run
from tasks.policy import take
from tasks.score import PublishedRun, publish_run, score
from tasks.transcribe import shared_compute, transcribe


def _request() -> BenchmarkRequest:
    """Return what this flow run was asked for: its parameters, but for the run's own name."""
    return BenchmarkRequest.model_validate({k: v for k, v in flow_run.parameters.items() if k != "job_id"})


def _title() -> str:
    """Return the name of this flow run: what it measures, and the run's own name if it was given one."""
    job_id = flow_run.parameters.get("job_id")
    return f"benchmark {_request().title}" + (f" ({job_id})" if job_id else "")


Positive = Annotated[int, Field(ge=1)]


@flow(name="benchmark", flow_run_name=_title, persist_result=False)
def benchmark(
    models: Annotated[list[str], Field(min_length=1)],
    datasets: Annotated[list[str], Field(min_length=1)],
    split: str = "test",
    num_requests: Positive | None = None,
    gpu_batch_size: Positive | None = None,
    job_id: str | None = None,
    limit: Positive | None = None,
    language: str | None = None,
    normalizer: str = "chilean-leaderboard",
    device: Literal["auto", "cpu", "cuda", "mps"] | None = None,
    dtype: Literal["float32", "bfloat16", "float16"] | None = None,
    threads: Positive | None = None,
    compute: ComputeName | None = None,
    engine: Literal["transformers", "ctranslate2"] | None = None,
    quantization: Literal["int8", "int8_float16", "float16", "float32"] | None = None,
    allow_invalid: bool = False,
) -> PublishedRun:
    """Transcribe a split of each data set with each model, score the texts, and publish a leaderboard.

    Args:
        models: folders, Hugging Face ids (``owner/name@revision``), or shipped models (``demo:whisper-mini``).
        datasets: names of staged data sets, ``NAME`` or ``NAME@VERSION``.
        split: train, dev, test, or all: every clip of the data set together.
        num_requests: placements that share the work; one on a GPU, one for each core on the CPU.
        gpu_batch_size: clips in a batch; what suits the model and the device.
        job_id: the run's name; made from the time where none is given.
        limit: only the first clips by id.
        language: what the models are told, such as ``es``; the data set's own.
        normalizer: how texts are made comparable: none, basic or chilean-leaderboard.
        device: cpu, cuda or mps; the best there is.
        dtype: float32 on the CPU, bfloat16 or float16 on a GPU.
        threads: CPU threads of each placement.
        compute: the backend that carries placements out.
        engine: what runs the Whispers, unless a model's name says it (``openai/whisper-tiny:ctranslate2-int8``).
        quantization: how CTranslate2 holds weights; int8.
        allow_invalid: also use a data set that failed its last validation; the run then says so.
    """
    planned = take(plan_run, _request(), job_id)
    left_out, scored = dict(planned.left_out), []
    with shared_compute():
        for transcription in planned.transcriptions:
            try:
                transcribed = take(transcribe, transcription, planned.placements, planned.compute)
            except Exception as error:
                # what may pass, and a store that fails, end the run: the same command goes on from there
                if len(planned.transcriptions) == 1 or may_pass(error) or isinstance(error, StoreError):
                    raise
                left_out[transcription.title] = str(error) if isinstance(error, AcentoError) else name_and_line(error)
                failure = error
            else:
                scored.append((transcription, take(score, transcription, transcribed, normalizer)))
    if not scored:
        raise failure
    return take(publish_run, planned.run, scored, left_out)
