"""The flow ``run-placement``: one placement of the compute backend ``work-pool``; nobody starts it by hand."""

from typing import Annotated

from prefect import flow
from pydantic import Field

import flows.rooms  # noqa: F401  (before tasks: it says so when those are a stranger's)
from tasks.run_placement import serve_board


@flow(name="run-placement", persist_result=False)
def run_placement(board: str, title: str = "work", placements: Annotated[int, Field(ge=1)] = 1) -> dict[str, int]:
    """Take parts of a benchmark, or a training, from a board in the store until none is left.

    Args:
        board: the board's id; the store is the one that ACENTO_STORE names here.
        title: what the work is called.
        placements: how many share it, for what measurements say.
    """
    served = serve_board(board, title, placements)
    return {"done": served.done, "failed": served.failed}
