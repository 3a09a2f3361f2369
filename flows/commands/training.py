"""Verbs that train: one model, a model with its proof, many recipes, shares of the clips, folds; and TensorBoard."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from acento.core.errors import InputError
from flows.commands import terminal
from flows.commands.options import PLACE, RECIPE, RECIPE_FILE, REFUSED, WINDOW_BOUND, Own, Values, points, verb
from flows.commands.session import open_store, run_flow
from flows.commands.windows import print_windows

if TYPE_CHECKING:
    from acento.api.searching import Searched
    from acento.api.specializing import Specialized
    from acento.requests import CurveRequest, FinetuneRequest, FoldsRequest, SearchRequest, SpecializeRequest
    from tasks.evaluation import Evaluated

Space = Annotated[
    Path | None, typer.Option("--space", help="A YAML file of what to try; default: what is usually worth trying.")
]
Shares = Annotated[str, typer.Option("--shares", help="Of the training clips, in percent.")]
BOUND = points("--bound", 2.0, "The largest loss on a guard that passes, in points of WER or CER.")


def _space(path: Path) -> Values:
    from acento.experiments.search.reading import read_file

    return read_file(path)


def _shares(text: str) -> tuple[float, ...]:
    """Read shares such as ``25,50,100``."""
    from acento.experiments.learning_curve import check_shares

    try:
        numbers = [float(share) for share in text.replace("%", "").split(",")]
    except ValueError:
        raise InputError(f"Shares {text!r} are no numbers; write percents with commas: 25,50,75,100.") from None
    return tuple(check_shares(numbers))


@verb("FinetuneRequest", **RECIPE, **PLACE)
def finetune(request: "FinetuneRequest", chosen: Values) -> None:
    """Fine-tune a model on a data set; killed or interrupted, the same command goes on where it was."""
    from acento.api.precheck import check_training
    from acento.registry.versions import find_version

    result = run_flow("finetune", request, request.dataset, chosen=chosen, check=check_training)
    store = open_store()
    version = find_version(store, result.model.removeprefix("registry:"))
    terminal.print_facts([("model", version.id), ("path", store.local_folder(version.key)), ("ended", result.sentence)])


@verb("SpecializeRequest", **RECIPE, **PLACE, bound=BOUND, window_bound=WINDOW_BOUND)
def specialize(request: "SpecializeRequest", chosen: Values) -> None:
    """Specialize a model, and prove it: stage, validate, benchmark, fine-tune, benchmark again, gate."""
    from acento.api.precheck import check_specialization

    done = run_flow("specialize", request, request.dataset, chosen=chosen, check=check_specialization)
    print_specialized(done)
    if not done.outcome.passed:
        raise typer.Exit(REFUSED)


@verb("SearchRequest", **RECIPE_FILE, **PLACE, space=Own(Space, read=_space))
def search(request: "SearchRequest", chosen: Values) -> None:
    """Search the recipe that fine-tunes best; killed or interrupted, the same command goes on where it was."""
    searched: Searched = run_flow("search", request, request.dataset, chosen=chosen)
    from acento.api.searching import trial_header, trial_rows

    terminal.print_table(trial_header(searched), trial_rows(searched))
    terminal.out.print()
    mattered = ", ".join(f"{name} {share:.0%}" for name, share in (searched.importance or {}).items())
    terminal.print_facts(
        [
            ("ended", searched.why),
            ("mattered", mattered or "not known from so few finished trials, or ones that came out alike"),
            *((Path(path).name, path) for path in searched.files),
            ("model", searched.model or "none: no trial finished"),
        ]
    )


@verb("CurveRequest", **RECIPE, **PLACE, shares=Own(Shares, "25,50,75,100", _shares))
def learning_curve(request: "CurveRequest", chosen: Values) -> None:
    """Train on a quarter, a half, … of the clips: would more clips help? Killed, the same command goes on."""
    _print_evaluated(run_flow("learning-curve", request, request.dataset, chosen=chosen))


@verb("FoldsRequest", **RECIPE, **PLACE)
def cross_validate(request: "FoldsRequest", chosen: Values) -> None:
    """Test every clip by a model that was not trained on its speaker: would the gain hold for new ones?"""
    _print_evaluated(run_flow("cross-validate", request, request.dataset, chosen=chosen))


def tensorboard(
    model: Annotated[
        str, typer.Argument(help="A tuned model, NAME or NAME@VERSION; all of them if none is named.")
    ] = "",
    port: Annotated[int, typer.Option("--port", help="Where to listen on this machine.")] = 6006,
) -> None:
    """Show how models learned, also one that is learning now, in TensorBoard."""
    import subprocess
    import sys

    from acento.registry.logs import log_folder

    folder = log_folder(open_store(), model or None)
    terminal.print_facts([("logs", folder), ("page", f"http://127.0.0.1:{port}/")])
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(folder), "--port", str(port)]
    raise typer.Exit(subprocess.run([*command, "--load_fast=false"], check=False).returncode)


def print_specialized(done: "Specialized") -> None:
    """Print each run's leaderboard, and the gate's answer for each candidate."""
    from acento.scoring.table import rich_table
    from flows.commands.benchmark import print_run

    outcome = done.outcome
    print_run(outcome.run, outcome.folder, ["accent"])
    for judged in done.judged:
        if judged.windows is not None:
            print_windows(judged.windows)
        verdict = "passed" if judged.passed else "refused"
        terminal.print_facts([(verdict, judged.model), *[("", sentence) for sentence in judged.sentences]])
    if outcome.table is not None:
        terminal.out.print(rich_table(outcome.table))
    promoted = "is production now" if outcome.promoted else "was not promoted"
    terminal.print_facts([("model", f"{outcome.model} {promoted}"), ("card", outcome.card)])


def _print_evaluated(done: "Evaluated") -> None:
    terminal.print_table(done.header, done.rows, title=done.title[0].upper() + done.title[1:])
    terminal.out.print(f"\n{done.text}\n", markup=False, soft_wrap=True)
    terminal.print_facts(done.paths.items())
