"""The job variables of a work pool of type ``modal``, and the configuration of one flow run's sandbox.

No secret's value is among them: a sandbox is given the names of secrets that Modal keeps.
"""

import re
from typing import Any
from uuid import UUID

import prefect
from prefect.client.schemas.objects import Flow, FlowRun, WorkPool
from prefect.client.schemas.responses import DeploymentResponse
from prefect.utilities.slugify import slugify
from prefect.workers.base import BaseJobConfiguration, BaseVariables
from pydantic import Field, PrivateAttr, field_validator, model_validator

from prefect_modal_worker.errors import SetupError
from prefect_modal_worker.machine import MachineSpec

FLOW_RUN_TAG, POOL_TAG = "prefect-flow-run-id", "prefect-work-pool-id"
"""The names of the tags by which a worker finds a sandbox again."""

_SECRET = re.compile(r"(TOKEN|SECRET|PASSWORD|PASSWD|API_KEY|ACCESS_KEY|ACCESS_KEY_ID|AUTH_STRING|CREDENTIALS)$")
_FLAGS = {"", "0", "1", "true", "false", "yes", "no"}
_LOCAL_SETTING = re.compile(
    r"^PREFECT_(HOME|PROFILES_PATH|LOCAL_STORAGE_PATH|TESTING_|TEST_|UI_|SERVER_|API_DATABASE_|API_SERVICES_|WORKER_|CLI_)"
)


class ModalVariables(BaseVariables, MachineSpec):
    """What can be set for a pool, a deployment or a flow run."""

    image: str = Field(
        f"prefecthq/prefect:{prefect.__version__}-python3.11",
        description="The image to begin with, as a registry names it; with Python, pip and, at the end, Prefect.",
    )
    idle_timeout: int | None = Field(
        None, ge=1, title="Idle timeout (seconds)", description="End a sandbox that does nothing for so long."
    )
    prefect_secret: str | None = Field(
        None,
        description="The name of the Modal secret that holds PREFECT_API_KEY or PREFECT_API_AUTH_STRING, where the "
        "Prefect API asks for one. The worker never sends its own.",
    )
    workdir: str | None = Field(None, description="The folder, absolute, in which the command runs.")
    app_name: str | None = Field(
        None, description="The Modal app the sandboxes are listed under; default: prefect- and the pool's name."
    )
    check_api_url: bool = Field(
        True,
        title="Check the API's URL",
        description="Refuse to start where PREFECT_API_URL is an address of this machine or of a private network, "
        "which Modal cannot reach. Set it to false where a tunnel or a private link makes it reachable.",
    )
    stream_output: bool = Field(True, description="Send what the sandbox prints to the flow run's logs as it comes.")

    @field_validator("workdir")
    @classmethod
    def _absolute(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith("/"):
            raise ValueError(f"workdir must be an absolute path and is {value!r}")
        return value


class ModalConfiguration(BaseJobConfiguration, ModalVariables):
    """What the sandbox of one flow run is started with."""

    _tags: dict[str, str] = PrivateAttr(default_factory=dict)

    @model_validator(mode="after")
    def _no_secrets(self) -> "ModalConfiguration":
        for name, value in self.env.items():
            if _SECRET.search(name) and (value or "").lower() not in _FLAGS:
                raise SetupError(
                    f"The job variable env holds {name}, which looks like a secret: put it into a Modal secret "
                    f"(modal secret create NAME {name}=…) and name that in the job variable secrets."
                )
        return self

    @property
    def tags(self) -> dict[str, str]:
        """The tags by which a worker finds the sandbox again."""
        return self._tags

    @classmethod
    def _base_environment(cls) -> dict[str, str]:
        """Return the worker's Prefect settings, without secrets and what concerns its own machine alone."""
        return {
            name: value
            for name, value in super()._base_environment().items()
            if not _SECRET.search(name) and not _LOCAL_SETTING.search(name)
        }

    def prepare_for_flow_run(
        self,
        flow_run: FlowRun,
        deployment: DeploymentResponse | None = None,
        flow: Flow | None = None,
        work_pool: WorkPool | None = None,
        worker_name: str | None = None,
        worker_id: UUID | None = None,
    ) -> None:
        """Fill in the command, the variables, the tags and the app of one flow run."""
        super().prepare_for_flow_run(flow_run, deployment, flow, work_pool, worker_name, worker_id)
        self._tags = {FLOW_RUN_TAG: str(flow_run.id)}
        if work_pool is not None:
            self._tags[POOL_TAG] = str(work_pool.id)
        self.app_name = self.app_name or _default_app(work_pool)


def pool_default(pool: WorkPool, variable: str) -> Any:
    """Return what a pool sets a job variable to, where no deployment and no flow run sets it."""
    return pool.base_job_template.get("variables", {}).get("properties", {}).get(variable, {}).get("default")


def apps_of(pool: WorkPool, job_variables: list[dict[str, Any]]) -> set[str]:
    """Return the names of all Modal apps that sandboxes of a pool can be under.

    Args:
        pool: the pool.
        job_variables: those of its deployments.
    """
    default = pool_default(pool, "app_name") or _default_app(pool)
    return {default} | {found for one in job_variables if (found := one.get("app_name"))}


def _default_app(pool: WorkPool | None) -> str:
    return f"prefect-{slugify(pool.name, max_length=50)}" if pool is not None else "prefect"
