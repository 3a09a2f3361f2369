"""Which backend reaches which store: the table, its copy in the docs, and what is refused before any work."""

import pytest
from servers import ROOT

from acento.core.errors import InputError
from infra.compute.reach import TABLE, check_reach, reach_table, row_of

FAR = "https://prefect.example.com/api"
NEAR = "http://127.0.0.1:4200/api"


def test_the_docs_show_the_table_of_the_code() -> None:
    assert reach_table() in (ROOT / "docs/how-to/prefect.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("backend", "type_", "store"),
    [
        ("inline", None, "/data/store"),
        ("inline", None, "s3://bucket/prefix"),
        ("work-pool", "process", "/data/store"),
        ("work-pool", "docker", "/data/store"),
        ("work-pool", "modal", "s3://bucket/prefix"),
        ("work-pool", "kubernetes", "s3://bucket/prefix"),
        ("modal", None, "modal://results"),
        ("spark", "local[2]", "/data/store"),
        ("spark", "spark://master:7077", "s3://bucket/prefix"),
    ],
)
def test_what_can_be_reached_works(backend: str, type_: str | None, store: str) -> None:
    assert check_reach(backend, type_, store, FAR).way == "works"


def test_functions_on_modal_have_a_folder_uploaded_first() -> None:
    assert check_reach("modal", None, "/data/store").way == "uploads first"


@pytest.mark.parametrize(
    ("backend", "type_"),
    [("work-pool", "modal"), ("work-pool", "kubernetes"), ("spark", "spark://master:7077"), ("spark", "yarn")],
)
def test_a_folder_of_this_machine_is_refused_to_machines_elsewhere(backend: str, type_: str) -> None:
    with pytest.raises(InputError, match=r"cannot reach the store /data/store.*set ACENTO_STORE to s3://bucket/prefix"):
        check_reach(backend, type_, "/data/store", FAR)


@pytest.mark.parametrize(("backend", "type_"), [("work-pool", "kubernetes"), ("spark", "spark://master:7077")])
def test_a_folder_that_is_mounted_on_a_cluster_works_and_sandboxes_never_have_it(
    backend: str, type_: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACENTO_STORE_SHARED", "1")
    assert check_reach(backend, type_, "/data/store", FAR).way == "works"
    with pytest.raises(InputError, match="cannot reach the store"):
        check_reach("work-pool", "modal", "/data/store", FAR)


@pytest.mark.parametrize(("url", "reached"), [(NEAR, False), ("http://10.0.0.7:4200/api", True)])
def test_a_cluster_is_in_this_network_and_not_on_this_machine(
    url: str, reached: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", url)
    for backend, type_, api in (("work-pool", "kubernetes", url), ("spark", "spark://master:7077", None)):
        if reached:
            assert check_reach(backend, type_, "s3://bucket/prefix", api).way == "works"
        else:
            with pytest.raises(InputError, match="is known to this machine only"):
                check_reach(backend, type_, "s3://bucket/prefix", api)


@pytest.mark.parametrize(
    "url", [NEAR, "http://localhost:4200/api", "http://192.168.1.7:4200/api", "http://box:4200/api"]
)
def test_a_prefect_server_of_this_network_is_refused_to_sandboxes(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MODAL_SERVER_URL", raising=False)
    with pytest.raises(InputError, match=r"cannot reach the Prefect server.*PREFECT_API_URL"):
        check_reach("work-pool", "modal", "s3://bucket/prefix", url)
    assert check_reach("work-pool", "process", "s3://bucket/prefix", url).way == "works"


def test_an_s3_endpoint_of_this_network_is_refused_to_machines_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MODAL_SERVER_URL", raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9000")
    with pytest.raises(InputError, match=r"cannot reach the S3 endpoint.*AWS_ENDPOINT_URL_S3"):
        check_reach("modal", None, "s3://bucket/prefix")
    assert check_reach("inline", None, "s3://bucket/prefix").way == "works"


def test_sandboxes_that_are_processes_of_this_machine_reach_what_it_reaches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODAL_SERVER_URL", "http://127.0.0.1:9999")
    assert check_reach("work-pool", "modal", "modal://results", NEAR).way == "works"


def test_every_backend_has_a_row() -> None:
    from typing import get_args

    from acento.core.settings import ComputeName

    for name in get_args(ComputeName):
        assert row_of(name, None) in TABLE
