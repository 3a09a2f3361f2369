"""What came of a job, as JSON that one process writes and another reads: a result, or an error with its sentence."""

import traceback
from collections.abc import Mapping, Sequence
from typing import Any

from acento.core import errors
from acento.core.errors import AcentoError, TransientError, may_pass, name_and_line, own_line, with_trace
from acento.diarization.job import DiarizeResult
from acento.inference.jobs import JobResult
from acento.jobs.job import Job, Result
from acento.training.job import FinetuneResult
from infra.compute.base import Outcome

_RESULTS: Mapping[str, type[Result]] = {
    "transcribe": JobResult,
    "diarize": DiarizeResult,
    "finetune": FinetuneResult,
}
"""By kind of job."""


def dump_result(result: Result) -> dict[str, Any]:
    """Return a result for another process to read."""
    return {"result": result.model_dump(mode="json")}


def dump_error(error: BaseException) -> dict[str, Any]:
    """Return an error for another process to read: its sentence; of one that nobody foresaw, its traceback besides."""
    about = {"error": type(error).__name__, "passes": may_pass(error)}
    if isinstance(error, AcentoError):
        return {**about, "sentence": str(error)}
    return {**about, "sentence": name_and_line(error), "trace": "".join(traceback.format_exception(error))}


def dump_deaths(job: Job, why: Sequence[str]) -> dict[str, Any]:
    """Return the error of a job over which one run after another died, each for a reason that may be empty."""
    last = next((f" The last one: {reason.rstrip('.')}." for reason in reversed(why) if reason), "")
    return dump_error(
        AcentoError(
            f"{job.title[:1].upper()}{job.title[1:]} ended its process {len(why)} times; memory may be short for it: "
            f"give workers more, or make batches smaller.{last}"
        )
    )


def load_outcome(job: Job, record: Mapping[str, Any]) -> Outcome:
    """Return the result or the error that another process wrote of a job.

    An error of a class that Acento raises on purpose is of that class here too; any other one that may pass is a
    ``TransientError``, and one that may not a ``RuntimeError`` of one line, its traceback a note of it.
    """
    if "result" in record:
        return Outcome(job, _RESULTS[job.kind].model_validate(record["result"]))
    name, sentence = str(record.get("error", "")), str(record.get("sentence", "its end was not written down"))
    known = getattr(errors, name, None)
    if isinstance(known, type) and issubclass(known, AcentoError):
        return Outcome(job, None, known(sentence))
    line = own_line(sentence) or name  # an older worker's sentence is the whole traceback
    if record.get("passes"):
        return Outcome(job, None, TransientError(line))
    return Outcome(job, None, with_trace(line, str(record.get("trace") or ("" if line == sentence else sentence))))
