"""The flow ``validate``: judge a staged data set by a suite; it fails when the data set does."""

import flows.rooms  # noqa: F401  (first of the rooms: it refuses a stranger's `tasks`)
from acento.core.settings import settings
from acento.core.store import open_store
from acento.requests import ValidateRequest
from acento.validation.verdict import InvalidDataError, failure, load_verdict
from flows.requested import flow_of
from tasks.doctor import DoctorReference, find_outliers, plan_doctor
from tasks.policy import take
from tasks.transcribe import shared_compute, transcribe
from tasks.validate import VerdictReference, validate_dataset


class Examination(VerdictReference):
    """Where a verdict is, and where the doctor's findings are if it was asked for."""

    doctor: DoctorReference | None = None


class InvalidExaminedError(InvalidDataError):
    """A data set did not pass, and the doctor saw it too: ``doctor`` is where its findings are."""

    def __init__(self, sentence: str, key: str, doctor: DoctorReference) -> None:
        """Keep the sentence, the verdict's key and the doctor's findings."""
        super().__init__(sentence, key)
        self.doctor = doctor

    def __reduce__(self) -> tuple[type["InvalidExaminedError"], tuple[str, str, DoctorReference]]:  # type: ignore[override]
        """Let it be pickled with all three."""
        return InvalidExaminedError, (str(self), self.key, self.doctor)


@flow_of(ValidateRequest, "validate", title=lambda request: f"validate {request.dataset}")
def validate(request: ValidateRequest) -> Examination:
    """Judge a staged data set by a suite; errors fail this flow and say which clips are at fault, warnings are shown.

    The doctor transcribes every clip with a base model, also of a set that fails, to find and rank the outliers.
    """
    planned = take(plan_doctor, request.dataset, request.doctor, request.language) if request.doctor else None
    # one version, whatever is staged meanwhile
    named = planned.transcriptions[0].dataset if planned else request.dataset
    reference = take(validate_dataset, request.model_copy(update={"dataset": named}))
    found = None
    if planned is not None:
        with shared_compute():
            for transcription in planned.transcriptions:
                take(transcribe, transcription, planned.workers, planned.compute)
        found = take(find_outliers, named, planned.transcriptions)
    if not reference.passed:
        sentence = failure(load_verdict(open_store(settings().store), reference.key))
        if found is not None:
            raise InvalidExaminedError(sentence, reference.key, found)
        raise InvalidDataError(sentence, reference.key)
    return Examination(**reference.model_dump(), doctor=found)
