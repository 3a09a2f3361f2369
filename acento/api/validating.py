"""Judge a staged data set before anybody pays for a GPU."""

from pathlib import Path
from typing import Any

from acento.api.working import Named, name_of, options_of, working
from acento.core.store import Store
from acento.data.dataset import load_card
from acento.models.checkpoints.resolver import resolve
from acento.requests import ValidateRequest
from acento.validation.validate import Validated
from acento.validation.validate import validate as validate_data
from acento.validation.verdict import ValidationVerdict


@options_of(ValidateRequest, "dataset", "doctor")
def validate(data: Named, **options: Any) -> ValidationVerdict:
    """Judge a staged data set by a suite: audio, texts, splits, leaks.

    >>> verdict = validate("mine")
    >>> verdict.passed, [check.name for check in verdict.errors]
    (True, [])

    Args:
        data: the name of a staged data set, or what ``stage`` returned.
        options: see below.

    Returns:
        The verdict with every check. Later calls refuse a data set that failed, unless ``allow_invalid`` is given.

    Raises:
        InputError: there is no such data set, the suite's file is not right, or a check cannot be made on this data.
    """
    request = ValidateRequest.of(dataset=name_of(data), **options)
    with working("validate") as store:
        return validate_dataset(store, request).verdict


def validate_dataset(store: Store, request: ValidateRequest) -> Validated:
    """Judge the data set of a request, or find that the same was judged by the same before."""
    suite = Path(request.suite).expanduser() if request.suite else None
    model = resolve(request.model) if request.model else None
    return validate_data(store, load_card(store, request.dataset), suite, model, language=request.language)
