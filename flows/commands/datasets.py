"""The verbs ``datasets …``: look at staged data sets, compare versions, take them in and out, remove them."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from acento.core.errors import InputError
from acento.core.progress import duration
from flows.commands import terminal
from flows.commands.session import open_store

if TYPE_CHECKING:
    from acento.core.store import Store
    from acento.data.dataset import Card
    from acento.data.facts import Amount, VersionDifference

app = typer.Typer(invoke_without_command=True)

Which = Annotated[str, typer.Argument(metavar="NAME[@V]", help="A data set, or one version of it.")]
Place = Annotated[Path, typer.Argument(metavar="FOLDER_OR_TAR", help="A folder, or a file ending in .tar.")]
Examples = Annotated[int, typer.Option("--examples", "-n", min=0, help="Show so many of each.")]


@app.callback()
def datasets(context: typer.Context) -> None:
    """List the staged data sets; show, compare, export, import, mend or remove one."""
    if context.invoked_subcommand is not None:
        return
    from acento.data.dataset import dataset_names, load_card

    store = open_store()
    cards = [load_card(store, name) for name in dataset_names(store)]
    if not cards:
        terminal.out.print(f"No data set in {store.url} yet: acento stage SOURCE --name NAME", soft_wrap=True)
        return
    rows = []
    for card in cards:
        splits = ", ".join(f"{split} {clips}" for split, clips in card.splits.items())
        rows.append((card.name, card.version, card.clips, card.seconds / 3600, splits, card.rejected))
    terminal.print_table(["name", "version", "clips", "hours", "splits", "rejected"], rows)


@app.command()
def show(name: Which, examples: Examples = 2) -> None:
    """Show one data set: hours, speakers, accents, splits, what was left out, and its versions."""
    from acento.data.dataset import load_card
    from acento.data.facts import describe

    store = open_store()
    facts = describe(store, load_card(store, name), examples)
    card = facts.card
    terminal.print_facts(
        [
            ("data set", card.title),
            ("clips", _length(card)),
            ("speakers", len(facts.total.speakers) or "unknown"),
            ("accents", _amounts(facts.accents)),
            ("languages", _amounts(facts.languages)),
            ("source", card.source),
            ("rejected", card.rejected),
            ("fingerprint", card.fingerprint),
            ("path", f"{store.url}/{card.key}"),
        ]
    )
    splits = [
        (split, one.clips, duration(one.seconds), len(one.speakers) or "unknown") for split, one in facts.splits.items()
    ]
    terminal.print_table(["split", "clips", "length", "speakers"], splits, below=True)
    left_out = [
        (one.reason, one.count, "\n".join(f"{source}: {detail}" for source, detail in one.examples))
        for one in facts.left_out
    ]
    terminal.print_table(["rejected", "inputs", "such as"], left_out, below=True)
    versions = []
    for one in facts.versions:
        added = "unknown" if one.added is None else one.added
        versions.append((one.number, one.clips, added, one.rejected, one.fingerprint[:12], one.source))
    header = ["version", "clips", "added", "rejected", "fingerprint", "staged from"]
    terminal.print_table(header, versions, below=True)


@app.command()
def diff(
    names: Annotated[
        list[str], typer.Argument(metavar="NAME@1 NAME@2", help="Two versions; NAME 1 2; or NAME for the last two.")
    ],
    csv: Annotated[Path | None, typer.Option("--csv", help="Write every change into this file.")] = None,
    examples: Examples = 5,
) -> None:
    """Show which clips came in, were corrected, and went between two versions."""
    from acento.data.dataset import load_card
    from acento.data.facts import compare_versions

    store = open_store()
    before, after = (load_card(store, name) for name in _two_versions(store, names))
    found = compare_versions(store, before, after)
    if csv is not None:
        found.write_csv(csv)
    terminal.print_facts(
        [
            ("from", f"{before.title}: {before.clips} clips, {duration(before.seconds)}"),
            ("to", f"{after.title}: {after.clips} clips, {duration(after.seconds)}"),
            ("came in", len(found.came)),
            ("corrected", _corrected(found)),
            ("went", len(found.went)),
            ("all of it in", csv),
        ]
    )
    shown: Counter[tuple[str, str]] = Counter()
    rows = []
    for row in found.rows():
        shown[row[0], row[2]] += 1
        if shown[row[0], row[2]] <= examples:
            rows.append(row)
    terminal.print_table(["change", "id", "what", "before", "after"], rows, below=True)


@app.command("export")
def export_(
    name: Which,
    place: Place,
    written_as: Annotated[
        str, typer.Option("--format", help="acento: for another store; audiofolder: recordings and lists for datasets.")
    ] = "acento",
) -> None:
    """Write one version into a folder or a tar file, for another store or another tool."""
    from acento.data.dataset import load_card
    from acento.data.export import FORMATS

    if written_as not in FORMATS:
        raise InputError(f"{written_as!r} is no format of data sets: use {', '.join(FORMATS)}.")
    store = open_store()
    card = load_card(store, name)
    with terminal.progress_bars(f"export {card.title}"):
        written = FORMATS[written_as](store, card, place)
    terminal.print_facts(
        [("exported", card.title), ("clips", _length(card)), ("fingerprint", card.fingerprint), ("path", written)]
    )


@app.command("import")
def import_(
    place: Place,
    name: Annotated[str | None, typer.Option("--name", help="What to call it here; by default as it was.")] = None,
) -> None:
    """Take in what another store exported, after checking every byte of it."""
    from acento.data.staging.importing import import_dataset

    store = open_store()
    with terminal.progress_bars("import"):
        imported = import_dataset(store, place, name)
    _print_card(store, imported.card, "" if imported.new else " (there already)")


@app.command()
def remove(
    name: Which,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Also when a run refers to it.")] = False,
) -> None:
    """Remove a data set or one version, and the audio that no other version needs."""
    from acento.data.dataset import dataset_names
    from acento.data.staging.removal import check_no_run, chosen_versions, finish_removals, remove_versions

    store = open_store()
    finished = finish_removals(store)
    if finished and name.partition("@")[0] not in dataset_names(store):
        terminal.out.print(f"Finished a removal that was interrupted: {finished} parts.")
        return
    cards = chosen_versions(store, name)
    if not force:
        check_no_run(store, cards)
    titles = ", ".join(card.title for card in cards)
    if not yes:
        typer.confirm(f"Remove {titles} ({cards[-1].clips} clips) from {store.url}?", abort=True)
    removed = remove_versions(store, cards, force=force)
    terminal.print_facts(
        [
            ("removed", ", ".join(removed.versions)),
            ("freed", f"{removed.size / 1e6:.1f} MB in {removed.parts} parts"),
            ("kept", f"{removed.kept} parts that other versions need" if removed.kept else None),
        ]
    )


@app.command()
def mend(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A data set.")],
    review: Annotated[Path, typer.Option("--from", help="The findings.csv of validate --doctor, decided on.")],
) -> None:
    """Make a new version without the clips marked drop, and with the new text of those marked mend."""
    from acento.data.staging.corrections import apply_review, read_review

    store = open_store()
    done = apply_review(store, name, read_review(review))
    counts = (("dropped", done.dropped), ("mended", done.corrected))
    _print_card(store, done.card, "" if done.new else " (nothing to mend)", *counts)


def _print_card(store: "Store", card: "Card", note: str, *counts: tuple[str, object]) -> None:
    terminal.print_facts(
        [
            ("data set", f"{card.title}{note}"),
            *counts,
            ("clips", _length(card)),
            ("fingerprint", card.fingerprint),
            ("path", f"{store.url}/{card.key}"),
        ]
    )


def _length(card: "Card") -> str:
    return f"{card.clips}, {duration(card.seconds)}"


def _two_versions(store: "Store", names: list[str]) -> tuple[str, str]:
    """Return the two versions that a person names in one of three ways."""
    from acento.data.dataset import versions

    if len(names) == 3:
        return f"{names[0]}@{names[1]}", f"{names[0]}@{names[2]}"
    if len(names) == 2:
        return names[0], names[1]
    known = versions(store, names[0])
    if len(names) == 1 and len(known) > 1:
        return f"{names[0]}@{known[-2]}", f"{names[0]}@{known[-1]}"
    raise InputError(
        f"{' '.join(names)} does not name two versions: use NAME@1 NAME@2, NAME 1 2, or the NAME of a data set that "
        "has two."
    )


def _corrected(found: "VersionDifference") -> str:
    counts = Counter(what for one in found.corrected for what in one.what).most_common()
    what = ", ".join(f"{name} {count}" for name, count in counts)
    return f"{len(found.corrected)} ({what})" if counts else "0"


def _amounts(amounts: "dict[str | None, Amount]") -> str:
    """Return kinds with their lengths, the longest first."""
    if set(amounts) == {None}:
        return "unknown"
    return ", ".join(f"{name or 'unknown'} {one.clips} ({duration(one.seconds)})" for name, one in amounts.items())
