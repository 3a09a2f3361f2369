"""Job variables of a Modal pool: what its page offers, what is refused, and that no secret leaves the worker."""

from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_KEY, PREFECT_API_URL, temporary_settings
from prefect_modal_worker.configuration import ModalConfiguration, apps_of
from prefect_modal_worker.errors import SetupError
from prefect_modal_worker.worker import ModalWorker
from pydantic import ValidationError

RUN, POOL = UUID(int=1), SimpleNamespace(id=UUID(int=2), name="My GPUs")


def prepared(**values: Any) -> ModalConfiguration:
    found = ModalConfiguration(**values)
    run: Any = SimpleNamespace(id=RUN, name="red-fox", flow_id=None)
    pool: Any = POOL
    found.prepare_for_flow_run(run, work_pool=pool)
    return found


def test_every_variable_is_described_and_is_in_the_template() -> None:
    template = ModalWorker.get_default_base_job_template()
    properties = template["variables"]["properties"]
    assert all(one.get("description") for one in properties.values())
    assert set(template["job_configuration"]) == set(properties)
    assert properties["timeout"]["default"] == 86400
    assert properties["image"]["default"].startswith("prefecthq/prefect:")


def test_no_secret_of_the_worker_is_in_the_sandbox_s_environment() -> None:
    secret = {PREFECT_API_KEY: "pnu_key", PREFECT_API_AUTH_STRING: "admin:pass"}
    with temporary_settings({PREFECT_API_URL: "https://prefect.example.org/api", **secret}):
        env = prepared().env
    assert env["PREFECT_API_URL"] == "https://prefect.example.org/api"
    assert env["PREFECT__FLOW_RUN_ID"] == str(RUN)
    assert not {"pnu_key", "admin:pass"} & set(env.values())
    assert "PREFECT_HOME" not in env


def test_a_secret_among_the_variables_is_refused_and_a_flag_of_such_a_name_is_not() -> None:
    with pytest.raises(SetupError, match=r"env holds HF_TOKEN.*modal secret create NAME HF_TOKEN"):
        prepared(env={"HF_TOKEN": "hf_abc"})
    assert prepared(env={"HF_HUB_DISABLE_IMPLICIT_TOKEN": "1"}).env["HF_HUB_DISABLE_IMPLICIT_TOKEN"] == "1"


def test_a_sandbox_is_tagged_by_its_flow_run_and_its_pool() -> None:
    found = prepared()
    assert found.tags == {"prefect-flow-run-id": str(RUN), "prefect-work-pool-id": str(POOL.id)}
    assert found.app_name == "prefect-my-gpus"
    assert found.command == "prefect flow-run execute"


def test_apps_of_a_pool_are_its_own_and_those_that_deployments_name() -> None:
    pool: Any = SimpleNamespace(name="My GPUs", base_job_template=ModalWorker.get_default_base_job_template())
    assert apps_of(pool, [{}, {"app_name": "nightly"}]) == {"prefect-my-gpus", "nightly"}


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"timeout": 86401}, "timeout"),
        ({"workdir": "relative"}, "workdir"),
        ({"volumes": {"data": "v"}}, "volumes"),
        ({"volumes": {"/a": "v", "/b": "v"}}, "volumes"),
        ({"cpu": 0}, "cpu"),
        ({"image": " "}, "image"),
    ],
)
def test_what_cannot_be_is_refused(values: dict[str, Any], named: str) -> None:
    with pytest.raises(ValidationError, match=named):
        ModalConfiguration(**values)
