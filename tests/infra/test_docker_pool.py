"""The pool template for Docker: what its job variables become when a container is made."""

import json
from importlib import import_module
from typing import Any

import pytest
import yaml
from servers import ROOT

FOLDER = ROOT / "infra" / "docker"


def created(**variables: Any) -> dict[str, Any]:
    """Return what the engine is asked for a container with these job variables."""
    from docker.models.containers import _create_container_args
    from prefect.utilities.templating import apply_values
    from prefect_docker.worker import DockerWorkerJobConfiguration

    template = json.loads((FOLDER / "pool.json").read_text())
    properties = template["variables"]["properties"]
    values = {name: about["default"] for name, about in properties.items() if "default" in about} | variables
    job = DockerWorkerJobConfiguration(**apply_values(template["job_configuration"], values))
    asked = {"image": job.image, "volumes": job.volumes, "version": "1.41", **(job.container_create_kwargs or {})}
    made: dict[str, Any] = _create_container_args(asked)
    return made


def test_a_container_is_small_by_default_has_no_gpu_and_ends_when_it_is_told() -> None:
    made = created()
    assert made["image"] == "acento:latest"
    assert made["host_config"]["Binds"] == ["acento-store:/store", "acento-cache:/cache"]
    assert made["host_config"]["ShmSize"] == 2 * 1024**3
    assert made["host_config"]["Init"] is True
    assert not made["host_config"].get("DeviceRequests")
    assert not made.get("user")


def test_job_variables_give_it_gpus_memory_cores_and_a_user() -> None:
    gpu = [{"device_ids": ["0", "1"], "capabilities": [["gpu"]]}]
    made = created(device_requests=gpu, shm_size="8g", user="1234:5678", cpus=1_500_000_000)
    (request,) = made["host_config"]["DeviceRequests"]
    assert (request["DeviceIDs"], request["Capabilities"]) == (["0", "1"], [["gpu"]])
    assert made["host_config"]["ShmSize"] == 8 * 1024**3
    assert made["host_config"]["NanoCpus"] == 1_500_000_000
    assert made["user"] == "1234:5678"


def test_the_template_knows_every_setting_of_the_worker() -> None:
    from prefect_docker.worker import DockerWorkerJobConfiguration

    template = json.loads((FOLDER / "pool.json").read_text())
    assert set(template["job_configuration"]) == set(DockerWorkerJobConfiguration.model_fields)


@pytest.mark.parametrize("name", ["stage", "benchmark", "finetune", "transcribe", "specialize"])
def test_each_deployment_is_a_flow_of_the_package_in_no_folder_of_this_machine(name: str) -> None:
    file = yaml.safe_load((FOLDER / "prefect.yaml").read_text())
    (deployment,) = [one for one in file["deployments"] if one["entrypoint"].endswith(f".{name}")]
    module, _, flow = deployment["entrypoint"].rpartition(".")
    assert getattr(import_module(module), flow).name == name
    assert deployment["work_pool"]["name"] == "acento-docker"
    assert file["pull"] == [{"prefect.deployments.steps.set_working_directory": {"directory": "/tmp"}}]
