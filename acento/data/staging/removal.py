"""Remove versions of a data set, and the parts that no other version needs.

Cards go first, so that no card is ever without its parts. A note of the parts is written before and removed after:
after a kill, the next removal finishes the work.
"""

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from acento.core.errors import InputError
from acento.core.store import Store
from acento.core.store.upkeep.usage import Group, Live
from acento.data.dataset import Card, all_cards, cards_of, load_card

_NOTES = "removals"


@dataclass(frozen=True, slots=True)
class Removed:
    """What was removed: versions, and parts with their bytes; ``kept`` are parts that other versions need."""

    versions: tuple[str, ...]
    parts: int
    size: int
    kept: int


def chosen_versions(store: Store, name: str) -> list[Card]:
    """Return the card of ``NAME@V``, or those of every version of ``NAME``, the oldest first."""
    card = load_card(store, name)
    return [card] if "@" in name else cards_of(store, name)


def check_no_run(store: Store, cards: Sequence[Card]) -> None:
    """Raise InputError if a run, finished or not, refers to one of these versions."""
    wanted = {(card.title, card.fingerprint) for card in cards}
    runs = []
    for key in store.list_files("requests"):
        inputs = json.loads(store.read_file(key) or b"{}").get("inputs", {})
        if wanted & set(inputs.items()):
            runs.append(key.rpartition("/")[2].removesuffix(".json"))
    if runs:
        titles = ", ".join(card.title for card in cards)
        some = ", ".join(runs[:3]) + (", …" if len(runs) > 3 else "")
        refer = "1 run refers" if len(runs) == 1 else f"{len(runs)} runs refer"
        raise InputError(
            f"{refer} to {titles} ({some}), and cannot be checked or repeated without it; "
            "remove it anyway with --force."
        )


def remove_versions(store: Store, cards: Sequence[Card], *, force: bool = False) -> Removed:
    """Remove versions of data sets and what only they need. Let nothing be staged into the store meanwhile.

    Raises InputError if a run refers to one of them, unless ``force`` is set.
    """
    if not force:
        check_no_run(store, cards)
    finish_removals(store)
    keys = list(dict.fromkeys(part.key for card in cards for part in card.parts))
    note = f"{_NOTES}/{uuid.uuid4().hex}.json"
    store.create_exclusive(note, json.dumps({"cards": [card.key for card in cards], "parts": keys}).encode())
    for card in reversed(cards):
        store.remove(card.key)
    removed, size = _remove_parts(store, keys)
    store.remove(note)
    return Removed(tuple(card.title for card in cards), removed, size, len(keys) - removed)


def finish_removals(store: Store) -> int:
    """Finish what a removal that was killed left behind; return how many parts that took away.

    A card that is whole stays: either the removal had not begun, or the data set was staged again since.
    """
    count = 0
    for note in list(store.list_files(_NOTES)):
        body = json.loads(store.read_file(note) or b'{"cards": [], "parts": []}')
        for key in body["cards"]:
            if store.find(key) is None:
                store.remove(key)
        count += _remove_parts(store, body["parts"])[0]
        store.remove(note)
    return count


def _remove_parts(store: Store, keys: Sequence[str]) -> tuple[int, int]:
    """Remove those parts to which no card refers; return their number and size in bytes."""
    needed = {part.key for card in all_cards(store) for part in card.parts}
    count = size = 0
    for key in keys:
        if key not in needed:
            artifact = store.find(key)
            size += sum(entry.size for entry in artifact.files.values()) if artifact else 0
            count += 1
            store.remove(key)
    return count, size


def mark_live(_: Store, groups: Mapping[str, Group], live: Live) -> None:
    """Tell the garbage collector which removals have not ended."""
    live.work += [f"a removal of a data set has not ended ({key})" for key in groups if key.startswith(f"{_NOTES}/")]
