"""The task that lets a flow go on after a time limit: a deployment's run submits the next one, else it goes on here."""

from typing import Any, cast

from prefect.client.schemas.objects import FlowRun
from prefect.deployments import run_deployment
from prefect.runtime import deployment, flow_run

from tasks.policy import say, step


@step("continue", run_name="continue {title}")
def continue_later(title: str) -> bool:
    """Submit the next run of this run's deployment with the same parameters; False where there is no deployment.

    A sitting that a platform bounds ends with its run, so the continuation has to be a run of its own; where nobody
    bounds the process, the flow may as well go on in it.
    """
    if deployment.id is None:
        say(f"{title}: the sitting is over; the next one begins here.")
        return False
    run = cast(FlowRun, run_deployment(deployment.id, parameters=_parameters(), timeout=0, as_subflow=False))
    say(f"{title}: the sitting is over; run {run.name} goes on from its checkpoint.")
    return True


def _parameters() -> dict[str, Any]:
    """Return what this flow run was asked for."""
    return dict(flow_run.parameters)
