"""Whether later steps may use a data set: one that failed its last validation only when that is asked for."""

from acento.core.errors import DataError
from acento.core.store import Store
from acento.data.dataset import Card
from acento.validation.verdict import ValidationVerdict, latest_verdict

PASSED, NOT_VALIDATED, USED_ALL_THE_SAME = "passed", "not validated", "failed, used all the same"
"""What a run says of the validation of its data."""


class InvalidDataError(DataError):
    """A data set did not pass; ``key`` is the artifact of the verdict."""

    def __init__(self, sentence: str, key: str) -> None:
        """Keep the sentence and the verdict's key."""
        super().__init__(sentence)
        self.key = key

    def __reduce__(self) -> tuple[type["InvalidDataError"], tuple[str, str]]:
        """Let it be pickled with both."""
        return InvalidDataError, (str(self), self.key)


def require_valid(store: Store, card: Card, allow_invalid: bool = False) -> str:
    """Return what a run has to say of its data's validation: passed, not validated, or failed and used all the same.

    Raises:
        InvalidDataError: the last validation of this version found errors, and it is not allowed to use it so.
    """
    verdict = latest_verdict(store, card)
    if verdict is None:
        return NOT_VALIDATED
    if verdict.passed:
        return PASSED
    if allow_invalid:
        return USED_ALL_THE_SAME
    raise InvalidDataError(
        f"{failure(verdict)} Fix the data and stage it again, change the suite (acento validate {verdict.dataset} "
        "--suite FILE), or use it anyway with --allow-invalid.",
        verdict.key,
    )


def failure(verdict: ValidationVerdict) -> str:
    """Say in one sentence which checks a data set failed, and which clips are at fault."""
    found = "; ".join(f"{check.name}: {check.sentence.rstrip('.')}" for check in verdict.errors)
    return f"Data set {verdict.title} failed validation ({found})."
