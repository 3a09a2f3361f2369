"""The verbs ``models …``: list and show tuned models, move their aliases, export them, push them to the hub."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from acento.scoring.table import percent_text
from flows import terminal
from flows.commands.model_tables import print_history, print_report

if TYPE_CHECKING:
    from acento.core.store import Store
    from acento.registry.model_version import ModelVersion

app = typer.Typer(
    help="List the tuned models; show, promote, roll back, export or push one.", invoke_without_command=True
)

Which = Annotated[
    str, typer.Argument(metavar="NAME[@V]", help="A model's latest version, or one by its version or alias.")
]
Alias = Annotated[str, typer.Option("--alias", help="Which alias to move.")]
Why = Annotated[str, typer.Option("--why", help="For those who read the alias's history.")]


@app.callback()
def models(context: typer.Context) -> None:
    """List the tuned models; show, promote, roll back, export or push one."""
    if context.invoked_subcommand is None:
        list_(None)


@app.command("list")
def list_(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Only the versions of this model.")] = None,
) -> None:
    """List model versions, the oldest first."""
    from acento.registry.aliases import aliases
    from acento.registry.card.report import latest_report
    from acento.registry.versions import versions

    store = _store()
    found = versions(store, name)
    if not found:
        terminal.out.print(f"No tuned model in {store.url} yet: acento finetune", soft_wrap=True)
        return
    pointing = {model: aliases(store, model) for model in {one.name for one in found}}
    rows = []
    for one in found:
        last = latest_report(store, one)
        rows.append(
            (
                one.name,
                one.version,
                ", ".join(alias for alias, version in pointing[one.name].items() if version == one.version) or "–",
                one.about.base["id"],
                one.about.strategy,
                one.about.dataset,
                f"{percent_text(one.about.dev_wer_before)} → {percent_text(one.about.dev_wer)}",
                "–" if last is None else percent_text(last.report.test.all.tuned.value),
                one.about.created[:16].replace("T", " "),
            )
        )
    header = ["name", "version", "aliases", "base", "strategy", "data", "dev WER %", "test WER %", "made"]
    terminal.print_table(None, header, rows)


@app.command()
def show(name: Which) -> None:
    """Show one version: where it comes from, its scores beside its base's, the gate's answer, its aliases."""
    from acento.registry.aliases import aliases
    from acento.registry.card.report import card_path, latest_report
    from acento.registry.versions import find_version, versions

    store = _store()
    version = find_version(store, name)
    about, last = version.about, latest_report(store, version)
    base = about.base["id"] + (f" at {about.base['revision']}" if about.base["revision"] else "")
    terminal.print_facts(
        [
            ("model", version.id),
            ("base", base),
            ("data", f"{about.dataset} ({about.dataset_fingerprint[:12]})"),
            ("strategy", about.strategy),
            *([("parent", f"between it and the base: {about.parent}")] if about.parent else []),
            ("dev WER", f"{percent_text(about.dev_wer_before)} → {percent_text(about.dev_wer)} %"),
            ("made", about.created),
            *([("job", about.job)] if about.job else []),
            *[(name, value) for name, value in about.provenance.items() if isinstance(value, str | int | float)],
            ("versions", ", ".join(one.version for one in versions(store, version.name))),
            ("exports", ", ".join(_exports(store, version)) or "none"),
            ("path", store.local_folder(version.key)),
            ("card", card_path(store, version)),
        ]
    )
    recipe = [(what, str(value)) for what, value in sorted(about.recipe.items())]
    if recipe:
        terminal.out.print()
        terminal.print_table(None, ["recipe", "value"], recipe)
    if last is not None:
        terminal.out.print()
        print_report(last.report)
    for alias in aliases(store, version.name):
        terminal.out.print()
        print_history(store, version.name, alias)


@app.command()
def promote(
    name: Which,
    alias: Alias = "production",
    force: Annotated[
        bool, typer.Option("--force", help="Do without the gate; that is written into the alias's history.")
    ] = False,
    why: Why = "",
) -> None:
    """Let an alias point to a version; `production` only where the gate let it pass."""
    from acento.core.errors import InputError
    from acento.registry.aliases import pointed_at
    from acento.registry.promotion import promote as move
    from acento.registry.versions import find_version

    if force and not why:
        raise InputError('Say for those who come after you why it is forced: --force --why "…".')
    store = _store()
    version = find_version(store, name)
    before = pointed_at(store, version.name, alias)
    done = move(store, version, alias, why=why, forced=force)
    terminal.print_facts(
        [
            (alias, version.title if before != version.version else f"{version.title} (it was already)"),
            ("before", before or "nothing"),
            ("by", done.by),
            *([("forced", done.why)] if done.forced else []),
            *([("report", done.report)] if done.report else []),
        ]
    )


@app.command()
def rollback(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A model.")],
    alias: Alias = "production",
    why: Why = "",
) -> None:
    """Let an alias point to what it pointed to before; again, and it goes further back."""
    from acento.registry.aliases import pointed_at
    from acento.registry.promotion import rollback as move_back

    store = _store()
    before = pointed_at(store, name, alias)
    done = move_back(store, name, alias, why=why)
    terminal.print_facts([(alias, f"{name}@{done.version}"), ("before", before), ("by", done.by)])


@app.command()
def export(
    name: Which,
    to: Annotated[Path | None, typer.Option("--to", help="Also copy it into this folder, new or empty.")] = None,
    format: Annotated[str, typer.Option("--format", help="safetensors or ctranslate2.")] = "safetensors",
    quantization: Annotated[
        str | None, typer.Option("--quantization", help="int8, float16, float32 or int8_float16, as the format can.")
    ] = None,
    bound: Annotated[
        float, typer.Option("--bound", min=0, max=100, help="Points of WER by which it may differ on dev.")
    ] = 0.5,
) -> None:
    """Write a version in another format, if it does as well on the dev clips of its training."""
    from acento.models.checkpoints.references import check_format
    from acento.registry.export.exporting import dev_scorer, export_model, hand_out
    from acento.registry.versions import find_version

    store = _store()
    version = find_version(store, name)
    check_format(format, quantization)
    with terminal.progress_bars(f"export {version.title}"):
        done = export_model(store, version, format, quantization, dev_scorer(store, version), bound / 100)
        folder = None if to is None else hand_out(store, version, done, to)
    terminal.print_facts(
        [
            ("exported", f"{done.id} (there already)" if done.cached else done.id),
            ("size", f"{done.size / 1e6:.1f} MB"),
            ("dev WER", f"{percent_text(done.wer)} %, the model's own {percent_text(done.wer_before)} %"),
            ("difference", done.sentence),
            ("path", folder or store.local_folder(done.key)),
        ]
    )


@app.command()
def push(
    name: Which,
    repo: Annotated[str, typer.Option("--repo", help="owner/name on the Hugging Face hub; made if need be.")],
    private: Annotated[bool, typer.Option("--private", help="Make it private.")] = False,
    update: Annotated[bool, typer.Option("--update", help="Also on top of what the repository holds.")] = False,
) -> None:
    """Upload a version with its model card to the Hugging Face hub."""
    from acento.registry.export.push import push as upload
    from acento.registry.versions import find_version

    store = _store()
    version = find_version(store, name)
    with terminal.progress_bars(f"push {version.title}"):
        pushed = upload(store, version, repo, private=private, update=update)
    terminal.print_facts(
        [("pushed", version.title), ("files", pushed.files), ("commit", pushed.commit), ("page", pushed.url)]
    )


def _exports(store: "Store", version: "ModelVersion") -> list[str]:
    return [f"{version.id}:{key.rpartition('/')[2]}" for key in store.list(f"{version.folder_key}/exports")]


def _store() -> "Store":
    from acento.core.settings import settings
    from acento.core.store import open_store

    return open_store(settings().store)
