"""The verb ``search``: which recipe fine-tunes best."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows import terminal
from flows.commands.training import Base, Dataset, Device, Invalid, ModelLanguage, RecipeFile, Setting
from flows.commands.working import Backend, GpuType, WorkPool, working

if TYPE_CHECKING:
    from tasks.search import Searched


def search(
    dataset: Dataset,
    base_model: Base,
    name: Annotated[
        str | None, typer.Option("--name", help="Of the search, and of the best model; default: BASE-DATASET.")
    ] = None,
    space: Annotated[
        Path | None, typer.Option("--space", help="A YAML file of what to try; default: what is usually worth trying.")
    ] = None,
    sampler: Annotated[str, typer.Option("--sampler", help="How to choose the next trial: tpe, grid or random.")] = (
        "tpe"
    ),
    pruner: Annotated[
        str, typer.Option("--pruner", help="When to end a trial that is worse than others: median, halving or none.")
    ] = "median",
    trials: Annotated[int | None, typer.Option("--trials", help="How many in all; default: 20, or the grid.")] = None,
    minutes: Annotated[float | None, typer.Option("--minutes", help="Of training, all trials together.")] = None,
    dollars: Annotated[
        float | None, typer.Option("--dollars", help="All trials together; takes --price-per-hour.")
    ] = None,
    price_per_hour: Annotated[
        float | None, typer.Option("--price-per-hour", help="Dollars for an hour of one training.")
    ] = None,
    parallel: Annotated[int, typer.Option("--parallel", help="Trials side by side.")] = 1,
    seed: Annotated[int, typer.Option("--seed", help="Of what is tried.")] = 0,
    recipe: RecipeFile = None,
    settings_: Setting = None,
    language: ModelLanguage = None,
    device: Device = None,
    threads: Annotated[
        int | None, typer.Option("--threads", help="CPU threads of each trial; default: every core, shared.")
    ] = None,
    compute: Backend = None,
    work_pool: WorkPool = None,
    gpu_type: GpuType = None,
    allow_invalid: Invalid = False,
    verbose: terminal.Verbose = False,
) -> None:
    """Search the recipe that fine-tunes best; killed or interrupted, the same command goes on where it was."""
    from acento.experiments.search.space.reading import read_file
    from acento.training.overrides import settle
    from acento.training.recipe import read_recipe

    values = settle({} if recipe is None else read_recipe(recipe), settings_ or [])
    said = None if space is None else read_file(space)
    with working("search", dataset, compute=compute, work_pool=work_pool, gpu_type=gpu_type):
        from flows.search import search as search_flow

        asked: dict[str, Any] = dict(  # noqa: C408 - Prefect checks each value and says what is allowed
            dataset=dataset,
            base_model=base_model,
            name=name,
            space=said,
            sampler=sampler,
            pruner=pruner,
            trials=trials,
            minutes=minutes,
            dollars=dollars,
            price_per_hour=price_per_hour,
            parallel=parallel,
            seed=seed,
            recipe=values,
            language=language,
            device=device,
            threads=threads,
            compute=compute,
            allow_invalid=allow_invalid,
        )
        searched = search_flow(**asked)
    print_searched(searched)


def print_searched(searched: "Searched") -> None:
    """Print the trials, what mattered, and where the best recipe and its model are."""
    rows = [
        (
            line.number,
            line.tried,
            "" if line.dev_wer is None else f"{100 * line.dev_wer:.2f}",
            f"{line.minutes:.1f}",
            f"{line.state}, the best" if line.number == searched.best_trial else line.state,
        )
        for line in searched.trials
    ]
    terminal.print_table(None, ["trial", "what varied", "dev WER %", "minutes", "state"], rows)
    terminal.out.print()
    shares = searched.importance or {}
    mattered = ", ".join(f"{name} {share:.0%}" for name, share in shares.items())
    terminal.print_facts(
        [
            ("ended", searched.why),
            ("mattered", mattered or "not known from so few finished trials, or ones that came out alike"),
            *((Path(path).name, path) for path in searched.files),
            ("model", searched.model or "none: no trial finished"),
        ]
    )
