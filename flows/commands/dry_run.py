"""What ``--dry-run`` prints: what there is to do, and what it would take; no server is started for it."""

import os
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.commands import terminal
from flows.commands.session import open_store

if TYPE_CHECKING:
    from acento.requests import BenchmarkRequest

Json = Annotated[bool, typer.Option("--json", help="With --dry-run: print it as JSON.")]


def print_estimate(request: "BenchmarkRequest", chosen: dict[str, Any]) -> None:
    """Print what a benchmark would take and cost; exit with 1 where some of it cannot be used."""
    from acento.api.estimating import estimate_benchmark
    from acento.api.pricing import elsewhere_asked
    from acento.core.settings import settings
    from acento.scoring.table import rich_table

    if chosen.get("gpu_type") is not None:
        os.environ["ACENTO_GPU_TYPE"] = chosen["gpu_type"]
        settings.cache_clear()
    found = estimate_benchmark(open_store(), request, elsewhere_asked(request.compute))
    if chosen.get("json"):
        typer.echo(found.model_dump_json(indent=1))
    else:
        for grid in found.grids():
            terminal.out.print(rich_table(grid))
    for name, why in found.left_out.items():
        terminal.err.print(f"{name} will be left out. {why}", soft_wrap=True, markup=False)
    if found.left_out:
        raise typer.Exit(1)
