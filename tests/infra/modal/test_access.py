"""What must be right before Modal is asked for anything, and what its refusals mean."""

import pytest
from aiohttp import ClientConnectionError
from modal.exception import (
    AuthError,
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

from acento.core.errors import AcentoError, InputError, TransientError
from infra.modal.access import check_api_url, check_store_url, explain, private_host


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:4200/api",
        "http://localhost:4200/api",
        "http://0.0.0.0:4200/api",
        "http://[::1]:4200/api",
        "http://192.168.1.20:4200/api",
        "http://10.1.2.3/api",
        "http://prefect:4200/api",
        "http://prefect.local/api",
        "http://host.docker.internal:4200/api",
    ],
)
def test_a_prefect_server_that_only_this_network_knows_is_refused_with_what_to_set(url: str) -> None:
    with pytest.raises(InputError, match=r"cannot reach the Prefect server at .* set PREFECT_API_URL"):
        check_api_url(url)


@pytest.mark.parametrize("url", [None, ""])
def test_no_server_at_all_is_refused(url: str | None) -> None:
    with pytest.raises(InputError, match="no Prefect server to report to: set PREFECT_API_URL"):
        check_api_url(url)


@pytest.mark.parametrize("url", ["https://api.prefect.cloud/api/accounts/1/workspaces/2", "http://8.8.8.8:4200/api"])
def test_a_public_server_is_fine(url: str) -> None:
    check_api_url(url)


def test_a_name_is_judged_by_the_address_it_stands_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def found(address: str) -> None:
        monkeypatch.setattr("socket.getaddrinfo", lambda *_: [(0, 0, 0, "", (address, 0))])

    found("127.0.0.1")
    assert private_host("prefect.example.org") == "which is this machine"
    found("10.0.0.7")
    assert private_host("prefect.example.org") == "which is an address of a private network"
    found("8.8.4.4")
    assert private_host("prefect.example.org") is None


@pytest.mark.parametrize("url", ["/home/me/.acento", ".acento", "file:///data/store"])
def test_a_folder_of_this_machine_is_no_store_for_a_sandbox(url: str) -> None:
    with pytest.raises(InputError, match="a folder of this machine: set ACENTO_STORE to"):
        check_store_url(url)


@pytest.mark.parametrize("url", ["s3://bucket/prefix", "modal://acento-results"])
def test_a_store_elsewhere_is_fine(url: str) -> None:
    check_store_url(url)


@pytest.mark.parametrize(
    ("error", "kind", "sentence"),
    [
        (AuthError("Token missing."), InputError, "run `modal token new`"),
        (ImageBuildError("failed:\npip found no torch", "im-1"), InputError, "(pip found no torch)"),
        (NotFoundError("Secret 'x' not found"), InputError, "not there: Secret 'x' not found."),
        (ResourceExhaustedError("no H100"), TransientError, "(no H100); name other GPUs too"),
        (ResourceExhaustedError("Workspace spend limit reached"), InputError, "raise it there"),
        (ResourceExhaustedError("GPU quota of 10 exceeded"), InputError, "a limit of your workspace is reached"),
        (ResourceExhaustedError("rate limit, slow down"), TransientError, "try again later"),
        (VersionError("client 1.6 is too old"), InputError, "(VersionError: client 1.6 is too old)"),
        (UnimplementedError("no such call"), InputError, "Modal refused to start a sandbox"),
        (RequestSizeError("4 GB is too much"), InputError, "4 GB is too much"),
        (FileNotFoundError("/nowhere/acento.whl"), InputError, "takes it for a mistake"),
        (InternalError("internal"), TransientError, "try again later"),
        (ClientConnectionError("cut"), TransientError, "(cut); try again later"),
        (RuntimeError("Traceback (most recent call last):\n  x\nKeyError: 1\n"), AcentoError, "KeyError: 1"),
        (InvalidError("cpu is negative"), InputError, "takes it for a mistake: cpu is negative."),
        (ServiceError("unavailable"), TransientError, "(unavailable); try again later."),
        (ConnectionError("reset"), TransientError, "(reset); try again later."),
    ],
)
def test_what_modal_says_becomes_one_sentence_and_only_what_may_pass_is_tried_again(
    error: Exception, kind: type[Exception], sentence: str
) -> None:
    found = explain(error, "start a sandbox")
    assert type(found) is kind
    assert sentence in str(found)
    assert "\n" not in str(found)
