"""The verbs ``models …``: list and show tuned models, move their aliases, export them, push them to the hub."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from acento.scoring.table import percent_text
from flows.commands import terminal
from flows.commands.session import open_store

if TYPE_CHECKING:
    from acento.core.store import Store

app = typer.Typer(invoke_without_command=True)

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

    store = open_store()
    found = versions(store, name)
    if not found:
        terminal.out.print(f"No tuned model in {store.url} yet: acento finetune", soft_wrap=True)
        return
    pointing = {model: aliases(store, model) for model in {one.name for one in found}}
    rows = []
    for one in found:
        about, last = one.about, latest_report(store, one)
        names = ", ".join(alias for alias, version in pointing[one.name].items() if version == one.version) or "–"
        dev = f"{percent_text(about.dev_wer_before)} → {percent_text(about.dev_wer)} {about.rate_title}"
        test = "–"
        if last is not None:
            test = f"{percent_text(last.report.test.all.tuned.value)} {last.report.test.rate_title}"
        made = about.created[:16].replace("T", " ")
        rows.append((one.name, one.version, names, about.base["id"], about.strategy, about.dataset, dev, test, made))
    header = ["name", "version", "aliases", "base", "strategy", "data", "dev %", "test %", "made"]
    terminal.print_table(header, rows)


@app.command()
def show(name: Which) -> None:
    """Show one version: where it comes from, its scores beside its base's, the gate's answer, its aliases."""
    from acento.registry.aliases import aliases
    from acento.registry.card.report import card_path, latest_report
    from acento.registry.gate.windows import window_verdict, windows_said
    from acento.registry.versions import find_version, versions
    from acento.registry.windows import taught_fit

    store = open_store()
    version = find_version(store, name)
    about, last = version.about, latest_report(store, version)
    exports = store.list(f"{version.folder_key}/exports")
    base = about.base["id"] + (f" at {about.base['revision']}" if about.base["revision"] else "")
    terminal.print_facts(
        [
            ("model", version.id),
            ("base", base),
            ("data", f"{about.dataset} ({about.dataset_fingerprint[:12]})"),
            ("strategy", about.strategy),
            ("parent", f"between it and the base: {about.parent}" if about.parent else None),
            (f"dev {about.rate_title}", f"{percent_text(about.dev_wer_before)} → {percent_text(about.dev_wer)} %"),
            ("windows", windows_said(taught_fit(store, version), window_verdict(store, version))),
            ("made", about.created),
            ("job", about.job or None),
            *[(name, value) for name, value in about.provenance.items() if isinstance(value, str | int | float)],
            ("versions", ", ".join(one.version for one in versions(store, version.name))),
            ("exports", ", ".join(f"{version.id}:{key.rpartition('/')[2]}" for key in exports) or "none"),
            ("path", store.local_folder(version.key)),
            ("card", card_path(store, version)),
        ]
    )
    recipe = [(what, str(value)) for what, value in sorted(about.recipe.items())]
    terminal.print_table(["recipe", "value"], recipe, below=True)
    if last is not None:
        print_report(last.report)
    for alias in aliases(store, version.name):
        print_history(store, version.name, alias)


@app.command()
def promote(
    name: Which,
    alias: Alias = "production",
    force: Annotated[
        bool, typer.Option("--force", help="Do without the gate; that is written into the alias's history.")
    ] = False,
    allow_few_speakers: Annotated[
        bool, typer.Option("--allow-few-speakers", help="Also where the gate refused for nothing but few speakers.")
    ] = False,
    why: Why = "",
) -> None:
    """Let an alias point to a version; `production` only where the gate let it pass."""
    from acento.registry.aliases import pointed_at
    from acento.registry.promotion import promote as move
    from acento.registry.versions import find_version

    store = open_store()
    version = find_version(store, name)
    before = pointed_at(store, version.name, alias)
    done = move(store, version, alias, why=why, forced=force, allow_few_speakers=allow_few_speakers)
    terminal.print_facts(
        [
            (alias, version.title if before != version.version else f"{version.title} (it was already)"),
            ("before", before or "nothing"),
            ("by", done.by),
            ("forced", done.why if done.forced else None),
            ("holds for", "the test set's speakers alone: they are fewer than ten" if done.few_speakers else None),
            ("report", done.report or None),
        ]
    )


@app.command()
def rollback(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A model.")], alias: Alias = "production", why: Why = ""
) -> None:
    """Let an alias point to what it pointed to before; again, and it goes further back."""
    from acento.registry.aliases import pointed_at
    from acento.registry.promotion import rollback as move_back

    store = open_store()
    before = pointed_at(store, name, alias)
    done = move_back(store, name, alias, why=why)
    terminal.print_facts([(alias, f"{name}@{done.version}"), ("before", before), ("by", done.by)])


@app.command()
def export(
    name: Annotated[
        str,
        typer.Argument(metavar="NAME[@V]", help="A version; or any model: a folder, a .pt file, a Hugging Face id."),
    ],
    to: Annotated[
        Path | None,
        typer.Option("--to", help="Also copy it into this folder, new or empty; only a version needs none."),
    ] = None,
    format: Annotated[
        str, typer.Option("--format", help="safetensors, ctranslate2, or ggml (whisper.cpp).")
    ] = "safetensors",
    quantization: Annotated[
        str | None,
        typer.Option(
            "--quantization", help="float32, float16, int8, int8_float16, q8_0, q5_1 or q5_0, as the format can."
        ),
    ] = None,
    bound: Annotated[
        float, typer.Option("--bound", min=0, max=100, help="Points of WER or CER by which it may differ on dev.")
    ] = 0.5,
) -> None:
    """Write a model in another format; a version only if it does as well on the dev clips of its training."""
    from acento.api.exporting import run_export

    with terminal.progress_bars(f"export {name}"):
        done = run_export(open_store(), name, format, quantization, to, bound)
    scored = done.scored
    facts: list[tuple[str, object]] = [("exported", f"{done.model} in {done.format}, {done.quantization}")]
    if scored is not None:
        facts[0] = ("exported", f"{scored.id} (there already)" if scored.cached else scored.id)
    facts.append(("size", f"{done.size / 1e6:.1f} MB"))
    if scored is not None:
        rates = f"{percent_text(scored.wer)} %, the model's own {percent_text(scored.wer_before)} %"
        facts += [(f"dev {done.rate_title}", rates), ("difference", scored.sentence)]
    terminal.print_facts([*facts, *(("note", one) for one in done.notes), ("path", done.folder)])


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

    store = open_store()
    version = find_version(store, name)
    with terminal.progress_bars(f"push {version.title}"):
        pushed = upload(store, version, repo, private=private, update=update)
    terminal.print_facts(
        [("pushed", version.title), ("files", pushed.files), ("commit", pushed.commit), ("page", pushed.url)]
    )


if TYPE_CHECKING:
    from acento.core.store import Store
    from acento.registry.card.report import ModelReport


def print_report(report: "ModelReport") -> None:
    """Print scores before and after, and the gate's answer."""
    rows = []
    for one in report.sets:
        shown = [(f"{one.name} ({one.role})", one.all), *((f"  {accent}", row) for accent, row in one.accents.items())]
        rows += [
            (title, row.clips, one.rate_title, "–" if row.base is None else row.base.text(), row.tuned.text())
            for title, row in shown
        ]
    terminal.print_table(["clips", "scored", "rate", f"% of {report.base}", "% of it"], rows, below=True)
    if report.gate is not None:
        terminal.out.print()
        answer = "passed" if report.gate.passed else "refused"
        terminal.print_facts([("gate", f"{answer}, compared with {report.incumbent}")])
        terminal.print_facts([("", sentence) for sentence in report.gate.sentences])
    elif report.uses is not None:
        terminal.print_facts([("test split", report.uses.sentence)])
    terminal.print_facts([("runs", ", ".join(report.runs))])


def print_history(store: "Store", name: str, alias: str) -> None:
    """Print every move of an alias, the newest last."""
    from acento.registry.aliases import history

    rows = []
    for move in history(store, name, alias):
        how = "rollback" if move.restores else "FORCED" if move.forced else "promoted"
        how += ", few speakers" if move.few_speakers else ""
        rows.append((move.number, move.version, move.when.replace("T", " ")[:16], move.by, how, move.why or "–"))
    terminal.print_table(["move", "version", "when", "by", "how", "why"], rows, title=alias, below=True)
