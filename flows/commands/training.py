"""Verbs that make models: ``finetune`` and ``specialize``; ``tensorboard`` looks at how one learned."""

from typing import TYPE_CHECKING, Annotated

import typer

from flows import terminal
from flows.commands.options import PLACE, RECIPE, Values, recipe_of, request_of, verb
from flows.commands.working import done_here, working

if TYPE_CHECKING:
    from acento.api.specializing import Specialized
    from acento.core.store import Store

REFUSED = 3
"""The exit code of a specialization that the gate refused: all of it was done, and nothing was promoted."""


@verb("FinetuneRequest", **RECIPE, **PLACE)
def finetune(chosen: Values) -> None:
    """Fine-tune a model on a data set; killed or interrupted, the same command goes on where it was."""
    from acento.api.precheck import check_training
    from acento.requests import FinetuneRequest

    request: FinetuneRequest = request_of(FinetuneRequest, chosen, recipe=recipe_of(chosen))

    def first(store: "Store") -> None:
        check_training(store, request, installed=done_here(request.compute))

    with working("finetune", request.dataset, chosen=chosen, first=first):
        from flows.finetune import finetune as finetune_flow

        result = finetune_flow(**request.parameters())
    print_training(result.model)
    terminal.print_facts([("ended", result.sentence)])


Bound = Annotated[float, typer.Option("--bound", help="The largest loss on a guard that passes, in points of WER.")]


@verb("SpecializeRequest", **RECIPE, **PLACE, bound=(Bound, 2.0))
def specialize(chosen: Values) -> None:
    """Specialize a model, and prove it: stage, validate, benchmark, fine-tune, benchmark again, gate."""
    from acento.api.precheck import check_specialization
    from acento.requests import SpecializeRequest

    request: SpecializeRequest = request_of(
        SpecializeRequest, chosen, recipe=recipe_of(chosen), bound=chosen["bound"] / 100
    )

    def first(store: "Store") -> None:
        check_specialization(store, request, installed=done_here(request.compute))

    with working("specialize", request.dataset, chosen=chosen, first=first):
        from flows.specialize import specialize as specialize_flow

        done = specialize_flow(**request.parameters())
    print_specialized(done)
    if not done.outcome.passed:
        raise typer.Exit(REFUSED)


def tensorboard(
    model: Annotated[
        str, typer.Argument(help="A tuned model, NAME or NAME@VERSION; all of them if none is named.")
    ] = "",
    port: Annotated[int, typer.Option("--port", help="Where to listen on this machine.")] = 6006,
) -> None:
    """Show how models learned, also one that is learning now, in TensorBoard."""
    import subprocess
    import sys

    from acento.core.settings import settings
    from acento.core.store import open_store
    from acento.registry.logs import log_folder

    folder = log_folder(open_store(settings().store), model or None)
    terminal.print_facts([("logs", folder), ("page", f"http://127.0.0.1:{port}/")])
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(folder), "--port", str(port)]
    raise typer.Exit(subprocess.run([*command, "--load_fast=false"], check=False).returncode)


def print_training(model: str) -> None:
    """Print what a model became and where it is."""
    from acento.core.settings import settings
    from acento.core.store import open_store
    from acento.registry.versions import find_version

    store = open_store(settings().store)
    version = find_version(store, model.removeprefix("registry:"))
    terminal.print_facts([("model", version.id), ("path", store.local_folder(version.key))])


def print_specialized(done: "Specialized") -> None:
    """Print each run's leaderboard, and what the gate said of each candidate."""
    from flows.commands.benchmark import print_run

    print_run(done.outcome.run, done.outcome.folder, ["accent"])
    for judged in done.judged:
        verdict = "passed" if judged.passed else "refused"
        terminal.print_facts([(verdict, judged.model), *[("", sentence) for sentence in judged.sentences]])
    outcome = done.outcome
    promoted = "is production now" if outcome.promoted else "was not promoted"
    terminal.print_facts([("model", f"{outcome.model} {promoted}"), ("card", outcome.card)])
