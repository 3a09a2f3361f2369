"""Taking an exported data set into a store: every byte is checked first, and then all of it comes in, or nothing.

Parts keep their keys, and the version its fingerprint and number: so what was planned and computed from it on one
machine is found, and holds, on the other.
"""

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from pydantic import ValidationError

from acento.core.errors import DataError
from acento.core.fingerprint import fingerprint
from acento.core.progress import report
from acento.core.store import Store
from acento.data.dataset import CLIPS, REJECTED, Card, load_card, versions
from acento.data.export import CARD
from acento.data.export.exported import DatasetExport, open_export
from acento.data.staging.chunk import STAGING_VERSION
from acento.data.staging.known import Known, content_of, known_clips
from acento.data.staging.options import check_name


@dataclass(frozen=True, slots=True)
class Imported:
    """The version as this store has it; ``new`` is False when it was there before."""

    card: Card
    new: bool


def import_dataset(store: Store, place: Path, name: str | None = None) -> Imported:
    """Take in what ``export`` wrote, a folder or a tar file, under its own name or another.

    A data set of that name that is there already must be one that this version continues, or that continues it. Where
    the version is there already, only parts that have gone are taken in.

    Raises:
        DataError: it is no export, not whole, damaged, or the name belongs to another data set.
        StoreError: the store cannot be written.
    """
    with open_export(place) as exported:
        card = _card(exported, name)
        there = _same(store, card)
        if there is None:
            card = card.model_copy(update={"version": _number(store, card, exported)})
        elif all(store.find(part.key) is not None for part in there.parts):
            return Imported(there, new=False)
        _check(exported, card)
        for done, part in enumerate(card.parts):
            report(f"import {card.title}", done, len(card.parts), "parts")
            _take_in(store, exported, part.key)
        if there is not None:
            return Imported(there, new=False)
        with store.publish(card.key) as draft:
            exported.check(REJECTED, copy_to=draft.folder / REJECTED)
            if (card.name, card.version) == (exported.name, exported.version):
                exported.check(CARD, copy_to=draft.folder / CARD)
            else:
                (draft.folder / CARD).write_text(card.model_dump_json(indent=1), encoding="utf-8")
    if draft.published:
        return Imported(card, new=True)
    first = _same(store, card)
    if first is None:
        raise DataError(f"Another process made {card.title} in {store.url} just now: run the same command again.")
    return Imported(first, new=False)


def _card(exported: DatasetExport, name: str | None) -> Card:
    """Return the exported card, under the name that it shall have."""
    try:
        card = Card.model_validate_json(exported.read(CARD))
    except (ValidationError, KeyError):
        raise exported.damaged(CARD) from None
    if (card.name, card.version, card.fingerprint) != (exported.name, exported.version, exported.fingerprint):
        raise exported.damaged(CARD)
    if name is not None:
        check_name(name)
    return card.model_copy(update={"name": name or card.name})


def _same(store: Store, card: Card) -> Card | None:
    """Return the version with the same content that the store has under this name, or None."""
    there = (load_card(store, f"{card.name}@{number}") for number in versions(store, card.name))
    return next((known for known in there if known.fingerprint == card.fingerprint), None)


def _number(store: Store, card: Card, exported: DatasetExport) -> int:
    """Return the number of the new version: its own, or the next one where that is taken.

    Raises:
        DataError: what the store has under this name is another data set.
    """
    there = [load_card(store, f"{card.name}@{number}") for number in versions(store, card.name)]
    if not there:
        return card.version
    latest = there[-1]
    if latest.fingerprint in exported.ancestors:
        return max(card.version, latest.version + 1)
    continued = any(known.parent == card.fingerprint and known.version > card.version for known in there)
    if continued and card.version not in {known.version for known in there}:
        return card.version
    raise DataError(
        f"{latest.title} in {store.url} is not what {exported.place} continues (v{exported.version} of "
        f"{exported.name!r}): import it under another name with --name."
    )


def _check(exported: DatasetExport, card: Card) -> None:
    """Check every file, and that the clips in the parts are those of the card's fingerprint.

    Raises:
        DataError: a file is missing or damaged, or the card belongs to other parts.
    """
    clips: dict[str, Known] = {}
    for name in (CARD, REJECTED, *(f"{part.key}/{CLIPS}" for part in card.parts)):
        if name not in exported.files:
            raise exported.damaged(name)
    for done, name in enumerate(exported.files):
        report(f"check {card.title}", done, len(exported.files), "files")
        exported.check(name)
    for part in card.parts:
        try:
            with exported.open(f"{part.key}/{CLIPS}") as stream:
                known = dict(known_clips(part.key, stream))
        except (pa.ArrowException, KeyError, ValueError):
            raise exported.damaged(f"{part.key}/{CLIPS}") from None
        if len(known) != part.clips or exported.info.get(part.key, {}).get("clips") != part.clips:
            raise exported.damaged(f"{part.key}/{CLIPS}")
        clips.update(known)
    total = content_of(clips.values())
    possible = {fingerprint([number, card.options, total]) for number in range(1, STAGING_VERSION + 1)}
    if len(clips) != card.clips or card.fingerprint not in possible:
        raise DataError(
            f"{exported.place} is damaged, or was staged by a newer Acento: {CARD} has a fingerprint that is not that "
            "of its clips; export it again."
        )


def _take_in(store: Store, exported: DatasetExport, key: str) -> None:
    """Publish a part, unless the store has it, whole."""
    if store.find(key, verify=True) is not None:
        return
    with store.publish(key) as draft:
        for name in exported.names_under(key):
            exported.check(f"{key}/{name}", copy_to=draft.folder / name)
        draft.info.update(exported.info[key])
