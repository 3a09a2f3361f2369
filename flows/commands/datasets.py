"""The verbs ``datasets …``: look at staged data sets, compare versions, take them in and out, remove them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from acento.core.progress import duration
from flows import terminal

if TYPE_CHECKING:
    from acento.core.store import Store
    from acento.data.facts import Amount, VersionDifference

app = typer.Typer(
    help="List the staged data sets; show, compare, export, import, mend or remove one.", invoke_without_command=True
)

Which = Annotated[str, typer.Argument(metavar="NAME[@V]", help="A data set, or one version of it.")]
Place = Annotated[Path, typer.Argument(metavar="FOLDER_OR_TAR", help="A folder, or a file ending in .tar.")]
Examples = Annotated[int, typer.Option("--examples", "-n", min=0, help="Show so many of each.")]


@app.callback()
def datasets(context: typer.Context) -> None:
    """List the staged data sets; show, compare, export, import, mend or remove one."""
    if context.invoked_subcommand is not None:
        return
    from acento.data.dataset import dataset_names, load_card

    store = _store()
    cards = [load_card(store, name) for name in dataset_names(store)]
    if not cards:
        terminal.out.print(f"No data set in {store.url} yet: acento stage SOURCE --name NAME", soft_wrap=True)
        return
    rows = [
        (
            card.name,
            card.version,
            card.clips,
            card.seconds / 3600,
            ", ".join(f"{split} {clips}" for split, clips in card.splits.items()),
            card.rejected,
        )
        for card in cards
    ]
    terminal.print_table(None, ["name", "version", "clips", "hours", "splits", "rejected"], rows)


@app.command()
def show(name: Which, examples: Examples = 2) -> None:
    """Show one data set: hours, speakers, accents, splits, what was left out, and its versions."""
    from acento.data.dataset import load_card
    from acento.data.facts import describe

    store = _store()
    facts = describe(store, load_card(store, name), examples)
    card = facts.card
    terminal.print_facts(
        [
            ("data set", card.title),
            ("clips", f"{card.clips}, {duration(card.seconds)}"),
            ("speakers", len(facts.total.speakers) or "unknown"),
            ("accents", _amounts(facts.accents)),
            ("languages", _amounts(facts.languages)),
            ("source", card.source),
            ("rejected", card.rejected),
            ("fingerprint", card.fingerprint),
            ("path", f"{store.url}/{card.key}"),
        ]
    )
    terminal.out.print()
    splits = [
        (split, one.clips, duration(one.seconds), len(one.speakers) or "unknown") for split, one in facts.splits.items()
    ]
    terminal.print_table(None, ["split", "clips", "length", "speakers"], splits)
    if facts.left_out:
        terminal.out.print()
        left_out = [(one.reason, one.count, _first(one.examples)) for one in facts.left_out]
        terminal.print_table(None, ["rejected", "inputs", "such as"], left_out)
    terminal.out.print()
    versions = [
        (
            one.number,
            one.clips,
            "unknown" if one.added is None else one.added,
            one.rejected,
            one.fingerprint[:12],
            one.source,
        )
        for one in facts.versions
    ]
    terminal.print_table(None, ["version", "clips", "added", "rejected", "fingerprint", "staged from"], versions)


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

    store = _store()
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
            *([("all of it in", csv)] if csv is not None else []),
        ]
    )
    shown: dict[tuple[str, str], int] = {}
    rows = []
    for row in found.rows():
        shown[row[0], row[2]] = shown.get((row[0], row[2]), 0) + 1
        if shown[row[0], row[2]] <= examples:
            rows.append(row)
    if rows:
        terminal.out.print()
        terminal.print_table(None, ["change", "id", "what", "before", "after"], rows)


@app.command("export")
def export_(
    name: Which,
    place: Place,
    written_as: Annotated[
        str,
        typer.Option("--format", help="acento: for another store; audiofolder: recordings and lists for datasets."),
    ] = "acento",
) -> None:
    """Write one version into a folder or a tar file, for another store or another tool."""
    from acento.core.errors import InputError
    from acento.data.dataset import load_card
    from acento.data.export import FORMATS

    if written_as not in FORMATS:
        raise InputError(f"{written_as!r} is no format of data sets: use {', '.join(FORMATS)}.")
    store = _store()
    card = load_card(store, name)
    with terminal.progress_bars(f"export {card.title}"):
        written = FORMATS[written_as](store, card, place)
    terminal.print_facts(
        [
            ("exported", card.title),
            ("clips", f"{card.clips}, {duration(card.seconds)}"),
            ("fingerprint", card.fingerprint),
            ("path", written),
        ]
    )


@app.command("import")
def import_(
    place: Place,
    name: Annotated[str | None, typer.Option("--name", help="What to call it here; by default as it was.")] = None,
) -> None:
    """Take in what another store exported, after checking every byte of it."""
    from acento.data.staging.importing import import_dataset

    store = _store()
    with terminal.progress_bars("import"):
        imported = import_dataset(store, place, name)
    card = imported.card
    terminal.print_facts(
        [
            ("data set", card.title if imported.new else f"{card.title} (there already)"),
            ("clips", f"{card.clips}, {duration(card.seconds)}"),
            ("fingerprint", card.fingerprint),
            ("path", f"{store.url}/{card.key}"),
        ]
    )


@app.command()
def remove(
    name: Which,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Also when a run refers to it.")] = False,
) -> None:
    """Remove a data set or one version, and the audio that no other version needs."""
    from acento.data.dataset import dataset_names
    from acento.data.staging.removal import check_no_run, chosen_versions, finish_removals, remove_versions

    store = _store()
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
            *([("kept", f"{removed.kept} parts that other versions need")] if removed.kept else []),
        ]
    )


@app.command()
def mend(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A data set.")],
    review: Annotated[Path, typer.Option("--from", help="The findings.csv of validate --doctor, decided on.")],
) -> None:
    """Make a new version without the clips marked drop, and with the new text of those marked mend."""
    from acento.data.staging.corrections import apply_review, read_review

    store = _store()
    done = apply_review(store, name, read_review(review))
    card = done.card
    terminal.print_facts(
        [
            ("data set", card.title if done.new else f"{card.title} (nothing to mend)"),
            ("dropped", done.dropped),
            ("mended", done.corrected),
            ("clips", f"{card.clips}, {duration(card.seconds)}"),
            ("fingerprint", card.fingerprint),
            ("path", f"{store.url}/{card.key}"),
        ]
    )


def _store() -> "Store":
    from acento.core.settings import settings
    from acento.core.store import open_store

    return open_store(settings().store)


def _two_versions(store: "Store", names: list[str]) -> tuple[str, str]:
    """Return the two versions that a person names in one of three ways.

    Raises:
        InputError: it is none of them.
    """
    from acento.core.errors import InputError
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
    """Return how many clips were corrected, and in what."""
    from collections import Counter

    counts = Counter(what for one in found.corrected for what in one.what).most_common()
    what = ", ".join(f"{name} {count}" for name, count in counts)
    return f"{len(found.corrected)} ({what})" if counts else "0"


def _amounts(amounts: "dict[str | None, Amount]") -> str:
    """Return kinds with their lengths, the longest first."""
    if set(amounts) == {None}:
        return "unknown"
    return ", ".join(f"{name or 'unknown'} {one.clips} ({duration(one.seconds)})" for name, one in amounts.items())


def _first(examples: "tuple[tuple[str, str], ...]") -> str:
    return "\n".join(f"{source}: {detail}" for source, detail in examples)
