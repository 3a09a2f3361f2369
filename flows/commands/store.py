"""The verbs ``store …``: see whether the store can be used, what is in it, what takes the room, and what can go."""

import sys
import time
from collections import defaultdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer
from humanize import naturalsize

from acento.core.errors import InputError
from acento.core.progress import report
from flows.commands import terminal
from flows.commands.session import open_store

if TYPE_CHECKING:
    from acento.core.store import Store
    from acento.core.store.upkeep.garbage import Doomed

app = typer.Typer(help="check the store, ls what is in it, du what takes the room, gc what nobody needs.")

Prefix = Annotated[str, typer.Argument(metavar="[FOLDER]", help="A folder in the store, such as models or jobs.")]
OlderThan = Annotated[
    float, typer.Option("--older-than", min=0, metavar="DAYS", help="Only what was written last so many days ago.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Remove it without asking.")]
Copies = Annotated[
    bool, typer.Option("--copies", help="Remove this machine's copies instead, if they were not used for so long.")
]


@app.command()
def check() -> None:
    """Write, read, create, list and remove something small, and say how long each took and what fails."""
    from acento.core.store.upkeep.checking import check_store

    store = open_store()
    failed, rows = None, []
    for done in check_store(store):
        rows.append((done.what, f"{1000 * done.seconds:.0f} ms", "ok" if done.sentence is None else "failed"))
        failed = done.sentence or failed
    terminal.print_table(["what", "took", "result"], rows)
    terminal.print_facts([("store", store.url), *_copies(store)])
    if failed is not None:
        terminal.err.print(f"Error: {failed}", markup=False, soft_wrap=True)
        raise typer.Exit(1)


@app.command()
def ls(folder: Prefix = "") -> None:
    """List what is in a folder of the store."""
    from acento.core.store import MARKER
    from acento.core.store.base import FILES

    store = open_store()
    folder = folder.strip("/")
    sizes: defaultdict[str, int] = defaultdict(int)
    newest: defaultdict[str, float] = defaultdict(float)
    for found in store.walk(folder):
        inside = found.key.removeprefix(f"{folder}/" if folder else "").split("/")
        if inside[0] == FILES:  # of the artifact itself: its files are shown under their own names
            inside = inside[2:]
        if inside == [MARKER]:
            continue
        name = inside[0] + ("/" if len(inside) > 1 else "")
        sizes[name] += found.size
        newest[name] = max(newest[name], found.modified)
    if not sizes:
        raise InputError(f"There is nothing in {folder or 'the store'} of {store.url}.")
    rows = [(name, naturalsize(sizes[name]), _day(newest[name])) for name in sorted(sizes)]
    terminal.print_table(["name", "size", "written last"], rows)


@app.command()
def du() -> None:
    """Show how much room each kind of thing takes."""
    from acento.core.store.upkeep.usage import KINDS, survey

    store = open_store()
    counts: defaultdict[str, int] = defaultdict(int)
    sizes: defaultdict[str, int] = defaultdict(int)
    left = 0
    for group in survey(store).values():
        counts[group.kind] += group.count
        left_here = sum(group.leftovers.values())
        sizes[group.kind] += group.size - left_here
        left += left_here
    rows = [
        (kind, KINDS.get(kind, "not of Acento's making"), counts[kind], naturalsize(sizes[kind]))
        for kind in sorted(sizes, key=lambda kind: -sizes[kind])
        if counts[kind]
    ]
    rows += [("", "of writers that were killed, or that write now", 0, naturalsize(left))] if left else []
    terminal.print_table(["folder", "what is in it", "things", "size"], rows)
    terminal.print_facts([("in all", naturalsize(sum(sizes.values()) + left)), ("store", store.url), *_copies(store)])


@app.command()
def gc(older_than: OlderThan = 7.0, yes: Yes = False, copies: Copies = False) -> None:
    """Show what no run, model, alias, data set or search refers to, and remove it if you agree."""
    from acento.core.store.upkeep.garbage import collect, find_garbage

    store = open_store()
    grace_s = older_than * 86_400
    if copies:
        _forget_copies(store, grace_s)
        return
    garbage = find_garbage(store, grace_s=grace_s)
    _print_garbage(garbage.doomed)
    if garbage.unfinished:
        terminal.out.print(f"{len(garbage.unfinished)} writes were begun and never ended: what they left goes too.")
    for sentence in garbage.held:
        terminal.out.print(f"{sentence}.", markup=False, soft_wrap=True)
    if garbage.younger:
        terminal.out.print(f"{garbage.younger} more things are younger than {older_than:g} days and stay.")
    if not (garbage.doomed or garbage.unfinished):
        terminal.out.print(f"There is nothing to remove from {store.url}.", markup=False, soft_wrap=True)
        return
    # a person who sits at a terminal is asked; nobody else agrees to anything
    if not yes and not (sys.stdin.isatty() and typer.confirm("Remove this?", default=False)):
        terminal.out.print("Nothing was removed; add --yes to remove this.")
        return
    with terminal.progress_bars("removing"):
        gone = collect(
            store,
            garbage,
            grace_s=grace_s,
            on_progress=lambda done: report("remove", done, len(garbage.doomed), "things"),
        )
    stayed = len(garbage.doomed) - len(gone)
    terminal.print_facts(
        [
            ("removed", f"{len(gone)} things, {naturalsize(sum(one.size for one in gone))}"),
            ("stayed", f"{stayed}: somebody has begun to need them, or wrote to them meanwhile" if stayed else None),
        ]
    )


def _print_garbage(doomed: "tuple[Doomed, ...]") -> None:
    """Print what can go, by its sort, the largest first."""
    sorts: defaultdict[str, list[Doomed]] = defaultdict(list)
    for one in doomed:
        sorts[one.why].append(one)
    rows = [
        (why, len(ones), naturalsize(sum(one.size for one in ones)), _day(min(one.newest for one in ones)))
        for why, ones in sorted(sorts.items(), key=lambda item: -sum(one.size for one in item[1]))
    ]
    if rows:
        terminal.print_table(["what", "things", "size", "oldest"], rows)


def _forget_copies(store: "Store", grace_s: float) -> None:
    from acento.core.store.objects import ObjectStore

    if not isinstance(store, ObjectStore):
        terminal.out.print(f"There are no copies of {store.url}: it is a folder itself.", markup=False, soft_wrap=True)
        return
    size = store.copies.forget_older(time.time() - grace_s)
    terminal.print_facts([("removed", naturalsize(size)), ("copies", store.copies.folder)])


def _copies(store: "Store") -> list[tuple[str, object]]:
    """Return where this machine's copies are, and how large they are together."""
    from acento.core.store.objects import ObjectStore

    if not isinstance(store, ObjectStore):
        return []
    size = sum(path.stat().st_size for path in store.copies.folder.rglob("*") if path.is_file())
    return [("copies here", f"{naturalsize(size)} in {store.copies.folder}")]


def _day(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds):%Y-%m-%d %H:%M}"
