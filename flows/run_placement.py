"""The flow ``run-placement``: one slice of the jobs of the compute backend ``work-pool``; nobody starts it by hand."""

from typing import Annotated

from prefect import flow
from pydantic import Field

import flows.runtime.request_flow  # noqa: F401  (before tasks: it checks that they are Acento's)
from tasks.run_placement import do_slice


@flow(name="run-placement", persist_result=False)
def run_placement(
    work: str, run: str, jobs: list[int], title: str = "work", placements: Annotated[int, Field(ge=1)] = 1
) -> dict[str, int]:
    """Do a slice of a list of jobs in the store: parts of a benchmark, or a training.

    Args:
        work: the id of the list; the store is the one that ACENTO_STORE names here.
        run: the name of this run in it.
        jobs: the slice: its jobs by their index in the list.
        title: what the work is called.
        placements: how many runs share it, for what measurements say.
    """
    done = do_slice(work, run, jobs, title, placements)
    return {"done": done.done, "failed": done.failed}
