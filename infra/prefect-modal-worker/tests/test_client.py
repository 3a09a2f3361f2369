"""What failures of Modal mean."""

import pytest
from aiohttp import ClientConnectionError
from modal.exception import (
    AuthError,
    ExecutionError,
    ImageBuildError,
    InternalError,
    InvalidError,
    NotFoundError,
    RequestSizeError,
    ResourceExhaustedError,
    ServiceError,
    UnimplementedError,
    VersionError,
)
from prefect_modal_worker.client import explain
from prefect_modal_worker.errors import ModalWorkerError, SetupError, UnavailableError


@pytest.mark.parametrize(
    ("error", "kind", "sentence"),
    [
        (AuthError("Token missing."), SetupError, "run `modal token new`"),
        (ImageBuildError("failed:\npip found no torch", "im-1"), SetupError, "(pip found no torch)"),
        (NotFoundError("Secret 'x' not found"), SetupError, "not there: Secret 'x' not found."),
        (ResourceExhaustedError("no H100"), UnavailableError, "(no H100); name other GPUs too"),
        (ResourceExhaustedError("Workspace spend limit reached"), SetupError, "raise it there"),
        (ResourceExhaustedError("GPU quota of 10 exceeded"), SetupError, "a limit of your workspace is reached"),
        (ResourceExhaustedError("rate limit, slow down"), UnavailableError, "try again later"),
        (VersionError("client 1.6 is too old"), SetupError, "(VersionError: client 1.6 is too old)"),
        (UnimplementedError("no such call"), SetupError, "Modal refused to start a sandbox"),
        (RequestSizeError("4 GB is too much"), SetupError, "4 GB is too much"),
        (FileNotFoundError("/nowhere/acento.whl"), SetupError, "the request is not valid"),
        (InternalError("internal"), UnavailableError, "try again later"),
        (ClientConnectionError("cut"), UnavailableError, "(cut); try again later"),
        (RuntimeError("Traceback (most recent call last):\n  x\nKeyError: 1\n"), ModalWorkerError, "KeyError: 1"),
        (InvalidError("cpu is negative"), SetupError, "the request is not valid: cpu is negative."),
        (ExecutionError("Request failed with status 404 Not Found: "), UnavailableError, "try again later"),
        (ExecutionError("Request failed with status 403 Forbidden: "), SetupError, "Modal refused to start a sandbox"),
        (ServiceError("unavailable"), UnavailableError, "(unavailable); try again later."),
        (ConnectionError("reset"), UnavailableError, "(reset); try again later."),
    ],
)
def test_what_modal_says_becomes_one_sentence_and_only_what_may_pass_is_tried_again(
    error: Exception, kind: type[Exception], sentence: str
) -> None:
    found = explain(error, "start a sandbox")
    assert type(found) is kind
    assert sentence in str(found)
    assert "\n" not in str(found)
