"""The flow ``validate``: judge a staged data set by a suite; it fails when the data set does."""

from dataclasses import dataclass

from acento.requests import ValidateRequest
from acento.validation.doctor.examination import Examined
from acento.validation.verdict import InvalidDataError, ValidationVerdict, failure
from flows.runtime.request_flow import flow_of
from tasks.benchmark import transcribe
from tasks.compute import shared_compute
from tasks.data import find_outliers, plan_doctor, validate_dataset
from tasks.policy import run_task


@dataclass(frozen=True, slots=True)
class Examination:
    """A verdict, whether it was there before, and the doctor's findings if it was asked for."""

    verdict: ValidationVerdict
    cached: bool
    doctor: Examined | None


class InvalidExaminedError(InvalidDataError):
    """A data set did not pass, and the doctor saw it too: ``doctor`` is what it found."""

    def __init__(self, sentence: str, key: str, doctor: Examined) -> None:
        """Keep the sentence, the verdict's key and the doctor's findings."""
        super().__init__(sentence, key)
        self.doctor = doctor

    def __reduce__(self) -> tuple[type["InvalidExaminedError"], tuple[str, str, Examined]]:  # type: ignore[override]
        """Let it be pickled with all three."""
        return InvalidExaminedError, (str(self), self.key, self.doctor)


@flow_of(ValidateRequest, "validate")
def validate(request: ValidateRequest) -> Examination:
    """Judge a staged data set by a suite; errors fail this flow and say which clips are at fault, warnings are shown.

    The doctor transcribes every clip with a base model, also of a set that fails, to find and rank the outliers.
    """
    planned = run_task(plan_doctor, request.dataset, request.doctor, request.language) if request.doctor else None
    # one version, whatever is staged meanwhile
    named = planned.transcriptions[0].dataset if planned else request.dataset
    validated = run_task(validate_dataset, request.model_copy(update={"dataset": named}))
    found = None
    if planned is not None:
        with shared_compute():
            for transcription in planned.transcriptions:
                run_task(transcribe, transcription, planned.workers, planned.compute)
        found = run_task(find_outliers, named, planned.transcriptions)
    verdict = validated.verdict
    if verdict.passed:
        return Examination(verdict, validated.cached, found)
    if found is None:
        raise InvalidDataError(failure(verdict), verdict.key)
    raise InvalidExaminedError(failure(verdict), verdict.key, found)
