"""Verbs that say how far few clips can be trusted: ``learning-curve`` and ``cross-validate``; neither keeps a model."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows import terminal
from flows.commands.training import (
    Balance,
    Base,
    Batch,
    Dataset,
    Device,
    Epochs,
    Invalid,
    ModelLanguage,
    Rate,
    RecipeFile,
    Seed,
    Setting,
    StrategyName,
    Threads,
    asked_recipe,
)
from flows.commands.working import Backend, GpuType, WorkPool, working

if TYPE_CHECKING:
    from tasks.cross_validate import CrossValidated
    from tasks.learning_curve import DrawnCurve

Name = Annotated[str | None, typer.Option("--name", help="What the trainings are called; default: BASE-DATASET.")]


def learning_curve(
    dataset: Dataset,
    base_model: Base,
    shares: Annotated[str, typer.Option("--shares", help="Of the training clips, in percent.")] = "25,50,75,100",
    name: Name = None,
    strategy: StrategyName = None,
    recipe: RecipeFile = None,
    learning_rate: Rate = None,
    epochs: Epochs = None,
    batch_size: Batch = None,
    balance: Balance = None,
    seed: Seed = None,
    settings_: Setting = None,
    language: ModelLanguage = None,
    device: Device = None,
    threads: Threads = None,
    compute: Backend = None,
    work_pool: WorkPool = None,
    gpu_type: GpuType = None,
    allow_invalid: Invalid = False,
    verbose: terminal.Verbose = False,
) -> None:
    """Train on a quarter, a half, … of the clips: would more clips help? Killed, the same command goes on."""
    from acento.training.partial import check_shares

    values = asked_recipe(recipe, settings_, learning_rate, epochs, batch_size, balance, seed)
    percents = check_shares(_numbers(shares))
    with working("learning-curve", dataset, compute=compute, work_pool=work_pool, gpu_type=gpu_type):
        from flows.learning_curve import learning_curve as learning_curve_flow

        asked: dict[str, Any] = dict(  # noqa: C408 - Prefect checks each value and says what is allowed
            dataset=dataset,
            base_model=base_model,
            shares=percents,
            name=name,
            strategy=strategy,
            recipe=values,
            language=language,
            device=device,
            threads=threads,
            compute=compute,
            allow_invalid=allow_invalid,
        )
        drawn = learning_curve_flow(**asked)
    print_learning_curve(drawn)


def cross_validate(
    dataset: Dataset,
    base_model: Base,
    folds: Annotated[int, typer.Option("--folds", "-k", help="How many.")] = 5,
    by: Annotated[
        str, typer.Option("--by", help="What is never parted: speaker, prompt, or auto (speaker where known).")
    ] = "auto",
    split: Annotated[
        list[str] | None, typer.Option("--split", help="Only clips of this split; default: all. Repeatable.")
    ] = None,
    name: Name = None,
    strategy: StrategyName = None,
    recipe: RecipeFile = None,
    learning_rate: Rate = None,
    epochs: Epochs = None,
    batch_size: Batch = None,
    balance: Balance = None,
    seed: Seed = None,
    settings_: Setting = None,
    language: ModelLanguage = None,
    device: Device = None,
    threads: Threads = None,
    compute: Backend = None,
    work_pool: WorkPool = None,
    gpu_type: GpuType = None,
    allow_invalid: Invalid = False,
    verbose: terminal.Verbose = False,
) -> None:
    """Test every clip by a model that never heard its speaker: would the gain hold for new ones?"""

    values = asked_recipe(recipe, settings_, learning_rate, epochs, batch_size, balance, seed)
    with working("cross-validate", dataset, compute=compute, work_pool=work_pool, gpu_type=gpu_type):
        from flows.cross_validate import cross_validate as cross_validate_flow

        asked: dict[str, Any] = dict(  # noqa: C408 - Prefect checks each value and says what is allowed
            dataset=dataset,
            base_model=base_model,
            folds=folds,
            by=by,
            splits=split,
            name=name,
            strategy=strategy,
            recipe=values,
            language=language,
            device=device,
            threads=threads,
            compute=compute,
            allow_invalid=allow_invalid,
        )
        validated = cross_validate_flow(**asked)
    print_cross_validation(validated)


def print_learning_curve(drawn: "DrawnCurve") -> None:
    """Print the table, what it foretells, and where the picture is."""
    from tasks.learning_curve import HEADER, curve_rows, note

    _print(drawn.curve.title, HEADER, curve_rows(drawn.curve))
    terminal.out.print(f"{drawn.curve.forecast.sentence}\n\n{note(drawn.curve)}\n", markup=False, soft_wrap=True)
    terminal.print_facts([("picture", drawn.picture)])


def print_cross_validation(validated: "CrossValidated") -> None:
    """Print the table by fold and pooled, and the answer."""
    from acento.core.settings import settings
    from acento.core.store import open_store
    from tasks.cross_validate import HEADER, fold_rows

    report = validated.report
    _print(report.title, HEADER, fold_rows(report))
    folder = open_store(settings().store).local_folder(validated.key)
    terminal.out.print(f"{report.sentence}\n\nTuned: {report.tuned.sentence}\n", markup=False, soft_wrap=True)
    terminal.print_facts([("files", folder)])


def _print(title: str, header: tuple[str, ...], rows: list[Any]) -> None:
    terminal.print_table(title[0].upper() + title[1:], header, rows)
    terminal.out.print()


def _numbers(shares: str) -> list[float]:
    """Read shares such as ``25,50,100``.

    Raises:
        InputError: one of them is no number.
    """
    from acento.core.errors import InputError

    try:
        return [float(share) for share in shares.replace("%", "").split(",")]
    except ValueError:
        raise InputError(f"Shares {shares!r} are no numbers; write percents with commas: 25,50,75,100.") from None
