"""Which Prefect servers can be reached from Modal, and what is said of the others."""

import pytest
from prefect_modal_worker.addresses import check_api_url, private_host
from prefect_modal_worker.errors import SetupError


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
    with pytest.raises(SetupError, match=r"cannot reach the Prefect server at .* set PREFECT_API_URL"):
        check_api_url(url)


@pytest.mark.parametrize("url", [None, ""])
def test_no_server_at_all_is_refused(url: str | None) -> None:
    with pytest.raises(SetupError, match="no Prefect server to report to: set PREFECT_API_URL"):
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
