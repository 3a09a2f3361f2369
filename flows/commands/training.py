"""Verbs that make models: ``finetune`` and ``specialize``; ``tensorboard`` looks at how one learned."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows import terminal
from flows.commands.working import Backend, GpuType, WorkPool, done_here, working

if TYPE_CHECKING:
    from acento.core.store import Store
    from flows.specialize import Specialized

REFUSED = 3
"""The exit code of a specialization that the gate refused: all of it was done, and nothing was promoted."""

Dataset = Annotated[str, typer.Option("--dataset", "-d", help="A staged set, NAME or NAME@VERSION.")]
Base = Annotated[
    str,
    typer.Option(
        "--base-model", "-b", help="A folder, a Hugging Face id (owner/name@revision), demo:NAME or registry:…"
    ),
]
Name = Annotated[
    str | None, typer.Option("--name", help="The tuned model's name in the registry; default: BASE-DATASET.")
]
StrategyName = Annotated[
    str | None, typer.Option("--strategy", help="What learns: encoder (default), full, decoder, lora or last-n.")
]
RecipeFile = Annotated[Path | None, typer.Option("--recipe", help="A YAML file of what departs from the usual recipe.")]
Rate = Annotated[float | None, typer.Option("--learning-rate", help="The highest learning rate.")]
Epochs = Annotated[float | None, typer.Option("--epochs", help="How often each clip is seen, at most.")]
Batch = Annotated[int | None, typer.Option("--batch-size", help="Clips in one forward pass.")]
Balance = Annotated[
    str | None, typer.Option("--balance", help="Draw clips so that each accent or speaker counts alike.")
]
Seed = Annotated[int | None, typer.Option("--seed", help="Of the order of clips, dropout and augmentation.")]
Setting = Annotated[
    list[str] | None,
    typer.Option("--set", help="Any other value of the recipe, such as augmentation.noise=0.5. Repeatable."),
]
ModelLanguage = Annotated[
    str | None,
    typer.Option("--model-language", "--language", help="What the model is taught to write; the data's language."),
]
Device = Annotated[str | None, typer.Option("--device", help="auto, cpu, cuda or mps.")]
Threads = Annotated[int | None, typer.Option("--threads", help="CPU threads of the training; default: every core.")]
Minutes = Annotated[
    float | None, typer.Option("--max-minutes", help="Of one sitting: then a checkpoint is left, and the next begins.")
]
Invalid = Annotated[bool, typer.Option("--allow-invalid", help="Also use data that failed its last validation.")]


def finetune(
    dataset: Dataset,
    base_model: Base,
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
    max_minutes: Minutes = None,
    compute: Backend = None,
    work_pool: WorkPool = None,
    gpu_type: GpuType = None,
    allow_invalid: Invalid = False,
    verbose: terminal.Verbose = False,
) -> None:
    """Fine-tune a model on a data set; killed or interrupted, the same command goes on where it was."""

    def first(store: "Store") -> None:
        from acento.registry.precheck import check_training

        check_training(store, dataset, base_model, language=language, installed=done_here(compute))

    values = asked_recipe(recipe, settings_, learning_rate, epochs, batch_size, balance, seed)
    with working("finetune", dataset, compute=compute, work_pool=work_pool, gpu_type=gpu_type, first=first):
        from flows.finetune import finetune as finetune_flow

        asked: dict[str, Any] = dict(  # noqa: C408 - Prefect checks each value and says what is allowed
            dataset=dataset,
            base_model=base_model,
            name=name,
            strategy=strategy,
            recipe=values,
            language=language,
            device=device,
            threads=threads,
            max_minutes=max_minutes,
            compute=compute,
            allow_invalid=allow_invalid,
        )
        result = finetune_flow(**asked)
    print_training(result.model)
    terminal.print_facts([("ended", result.sentence)])


def specialize(
    dataset: Dataset,
    base_model: Base,
    source: Annotated[
        str | None, typer.Option("--source", help="Stage this first: a folder, archive, table, manifest, owner/name.")
    ] = None,
    guard: Annotated[
        list[str] | None,
        typer.Option("--guard", help="What must not get worse: a staged set, or SET[accent=NAME]. Repeatable."),
    ] = None,
    test: Annotated[
        str | None, typer.Option("--test", help="What must get better; default: the data set's test split.")
    ] = None,
    bound: Annotated[
        float, typer.Option("--bound", help="The largest loss on a guard that passes, in points of WER.")
    ] = 2.0,
    interpolate: Annotated[
        bool, typer.Option("--interpolate/--no-interpolate", help="Try a smaller step where the gate refuses.")
    ] = True,
    promote: Annotated[bool, typer.Option("--promote/--no-promote", help="Make what passes production.")] = True,
    name: Name = None,
    strategy: StrategyName = None,
    recipe: RecipeFile = None,
    learning_rate: Rate = None,
    epochs: Epochs = None,
    batch_size: Batch = None,
    balance: Balance = None,
    seed: Seed = None,
    settings_: Setting = None,
    language: Annotated[
        str | None,
        typer.Option("--language", help="Spoken in --source, such as es; models are told it too."),
    ] = None,
    model_language: Annotated[
        str | None, typer.Option("--model-language", help="What the models are told; default: the data's language.")
    ] = None,
    device: Device = None,
    threads: Threads = None,
    num_requests: Annotated[
        int | None, typer.Option("--num-requests", "--shards", help="Placements sharing each benchmark's work.")
    ] = None,
    max_minutes: Minutes = None,
    compute: Backend = None,
    work_pool: WorkPool = None,
    gpu_type: GpuType = None,
    allow_invalid: Invalid = False,
    verbose: terminal.Verbose = False,
) -> None:
    """Specialize a model, and prove it: stage, validate, benchmark, fine-tune, benchmark again, gate."""

    def first(store: "Store") -> None:
        from acento.registry.precheck import check_specialization

        check_specialization(
            store,
            dataset,
            base_model,
            test=test,
            guards=guard or [],
            language=model_language or language,
            source=source,
            installed=done_here(compute),
        )

    values = asked_recipe(recipe, settings_, learning_rate, epochs, batch_size, balance, seed)
    with working("specialize", dataset, compute=compute, work_pool=work_pool, gpu_type=gpu_type, first=first):
        from flows.specialize import specialize as specialize_flow

        asked: dict[str, Any] = dict(  # noqa: C408 - Prefect checks each value and says what is allowed
            dataset=dataset,
            base_model=base_model,
            name=name,
            source=source,
            test=test,
            guards=guard or [],
            bound=bound / 100,
            interpolate=interpolate,
            promote=promote,
            strategy=strategy,
            recipe=values,
            language=language,
            model_language=model_language,
            device=device,
            threads=threads,
            num_requests=num_requests,
            max_minutes=max_minutes,
            compute=compute,
            allow_invalid=allow_invalid,
        )
        done = specialize_flow(**asked)
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


def asked_recipe(
    file: Path | None,
    settings_: list[str] | None,
    learning_rate: float | None,
    epochs: float | None,
    batch_size: int | None,
    balance: str | None,
    seed: int | None,
) -> dict[str, Any]:
    """Return what was asked of the recipe: the file's values, then the options', then those of ``--set``."""
    from acento.training.overrides import settle
    from acento.training.recipe import read_recipe

    options = {
        "learning_rate": learning_rate,
        "epochs": epochs,
        "batch_size": batch_size,
        "balance": balance,
        "seed": seed,
    }
    values = ({} if file is None else read_recipe(file)) | {k: v for k, v in options.items() if v is not None}
    return settle(values, settings_ or [])
