"""Staged data sets: immutable versions, each a small card over content-addressed Parquet parts."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import BaseModel

from acento.core.errors import DataError, InputError
from acento.core.store import Store
from acento.core.store.upkeep.usage import Group, Live
from acento.core.text.language import resolve_language
from acento.data.utterance import ALL, META_COLUMNS, SPLITS, Utterance, primary_language

CLIPS = "clips.parquet"
REJECTED = "rejected.parquet"
_CARD = "card.json"


class DataPart(BaseModel, frozen=True):
    """One immutable Parquet file of clips: the artifact's key, and what can be known without opening it."""

    key: str
    clips: int
    seconds: float
    version: int
    """The version of the data set that brought this part."""


class Card(BaseModel, frozen=True):
    """A version of a staged data set: everything but the bytes."""

    name: str
    version: int
    fingerprint: str
    """Covers source bytes, options and the staging code's version of every clip, whatever their order."""
    parent: str | None
    """Fingerprint of the version before, or None."""
    source: str
    """What the latest version was staged from, as the user named it."""
    options: dict[str, Any]
    """What decides what a clip becomes (seed, how splits are made, limits): fixed by version 1, but for reviews."""
    parts: tuple[DataPart, ...]
    clips: int
    seconds: float
    splits: dict[str, int]
    """Clips for each split."""
    rejected: int
    notes: tuple[str, ...] = ()
    """What a person should know of the source as it was staged last, such as columns that were not understood."""

    @property
    def key(self) -> str:
        """The artifact that holds this card and its rejected inputs."""
        return version_key(self.name, self.version)

    @property
    def title(self) -> str:
        """Name and version as a person reads them, such as ``santiago v2``."""
        return f"{self.name} v{self.version}"


@dataclass(frozen=True, slots=True)
class ClipRow:
    """An utterance and where its audio is: row ``row`` of the data part ``part``."""

    utterance: Utterance
    part: str
    row: int


def version_key(name: str, version: int) -> str:
    """Return the store key of one version of a data set."""
    return f"datasets/{name}/{version:06d}"


def save_card(store: Store, card: Card, rejected: pa.Table) -> bool:
    """Publish a version; False if another process published this number first (then stage again upon it)."""
    with store.publish(card.key) as draft:
        (draft.folder / _CARD).write_text(card.model_dump_json(indent=1), encoding="utf-8")
        pq.write_table(rejected, draft.folder / REJECTED)
    return draft.published


def versions(store: Store, name: str) -> list[int]:
    """Return the version numbers of a data set, oldest first; empty if there is none."""
    return sorted(int(key.rpartition("/")[2]) for key in store.list(f"datasets/{name}"))


def dataset_names(store: Store) -> list[str]:
    """Return the names of all staged data sets, sorted."""
    return sorted({key.split("/")[1] for key in store.list("datasets")})


def load_card(store: Store, name: str) -> Card:
    """Return the latest version of ``NAME``, or that of ``NAME@VERSION``.

    Raises:
        DataError: there is no such data set or version.
    """
    base, _, wanted = name.partition("@")
    known = versions(store, base) if base else []
    if not known:
        names = ", ".join(dataset_names(store)) or "none yet; acento stage SOURCE --name NAME makes one"
        raise DataError(f"There is no data set {base!r} in {store.url} (there is: {names}).")
    digits = wanted.removeprefix("v") if wanted else str(known[-1])
    number = int(digits) if digits.isdecimal() else -1
    if number not in known:
        raise DataError(f"Data set {base!r} has no version {wanted!r} (it has {', '.join(map(str, known))}).")
    return Card.model_validate_json(store.read_bytes(version_key(base, number), _CARD))


def cards_of(store: Store, name: str) -> list[Card]:
    """Return the cards of all versions of a data set, oldest first; empty if there is none."""
    return [load_card(store, f"{name}@{number}") for number in versions(store, name)]


def all_cards(store: Store) -> Iterator[Card]:
    """Yield the card of every version of every data set."""
    for name in dataset_names(store):
        yield from cards_of(store, name)


def mark_live(store: Store, _: Mapping[str, Group], live: Live) -> None:
    """Tell the garbage collector what data sets refer to: their parts."""
    for card in all_cards(store):
        live.keys |= {card.key} | {part.key for part in card.parts}


def read_rejected(store: Store, card: Card) -> pa.Table:
    """Return the rejected inputs of a version: ``id``, ``source``, ``reason``, ``detail``."""
    return pq.read_table(store.local_path(card.key, REJECTED))


def read_clips(store: Store, card: Card, split: str | None = None) -> Iterator[ClipRow]:
    """Yield every clip of a version (of one split), in the order of its parts, without reading audio.

    Raises:
        DataError: the split is not one of the data set's, or has no clips.
    """
    if split is not None and not clips_in(card, split):
        have = ", ".join(f"{name} ({card.splits[name]})" for name in SPLITS if card.splits.get(name))
        raise DataError(f"Data set {card.title} has no clips in split {split!r}; it has {have or 'no clip at all'}.")
    for part in card.parts:
        for row, utterance in enumerate(read_utterances(store, part.key)):
            if split in (None, ALL, utterance.split):
                yield ClipRow(utterance, part.key, row)


def read_utterances(store: Store, key: str) -> list[Utterance]:
    """Return all clips of one data part, without reading audio."""
    table = pq.read_table(store.local_path(key, CLIPS), columns=META_COLUMNS)
    return [Utterance(**values) for values in table.to_pylist()]


def speakers_in(store: Store, card: Card, split: str) -> frozenset[str]:
    """Return the known speakers of one split, as the data set names them; no column but those two is read."""
    found: set[str] = set()
    if card.splits.get(split):
        for part in card.parts:
            table = pq.read_table(store.local_path(part.key, CLIPS), columns=["split", "speaker"])
            speakers = table.filter(pc.equal(table["split"], split))["speaker"].unique()
            found.update(speaker for speaker in speakers.to_pylist() if speaker is not None)
    return frozenset(found)


def seconds_in(store: Store, card: Card, splits: Collection[str]) -> list[float]:
    """Return how long each clip of some splits is; no column but split and length is read."""
    found: list[float] = []
    for part in card.parts:
        table = pq.read_table(store.local_path(part.key, CLIPS), columns=["split", "duration_s"])
        found += table.filter(pc.is_in(table["split"], pa.array(sorted(splits), pa.string())))["duration_s"].to_pylist()
    return found


def read_rows(store: Store, key: str) -> Iterator[dict[str, Any]]:
    """Yield the rows of one data part with their audio, of which only those of one row group are in memory."""
    with pq.ParquetFile(store.local_path(key, CLIPS)) as file:
        for group in range(file.num_row_groups):
            yield from file.read_row_group(group, use_threads=False).to_pylist()


def read_audio(store: Store, card: Card, ids: Collection[str]) -> dict[str, bytes]:
    """Return the FLAC bytes of some clips by id, in no order; a clip that is not there, or has no audio, is left out.

    Of each data part only the row groups that hold one of them are read.
    """
    found: dict[str, bytes] = {}
    for part in card.parts:
        with pq.ParquetFile(store.local_path(part.key, CLIPS)) as file:
            for group in range(file.num_row_groups):
                names = file.read_row_group(group, columns=["id"], use_threads=False)["id"].to_pylist()
                if not set(ids).isdisjoint(names):
                    audio = file.read_row_group(group, columns=["audio"], use_threads=False)["audio"].to_pylist()
                    flacs = ((one or {}).get("bytes") for one in audio)
                    found |= {uid: flac for uid, flac in zip(names, flacs, strict=True) if uid in ids and flac}
    return found


def clips_in(card: Card, split: str) -> int:
    """Return how many clips a split of a version has; ``all`` is all of them together."""
    return card.clips if split == ALL else card.splits.get(split, 0)


def language_of(store: Store, card: Card, splits: Sequence[str]) -> str | None:
    """Return the language that every clip of some splits has, or None; regions and scripts are no other languages.

    ``es-CL`` and ``es-AR`` are ``es``. Codes of two kinds, such as ``es`` and ``spa``, are one language too.
    """
    found = {clip.utterance.language for split in splits for clip in read_clips(store, card, split)}
    primary = {primary_language(language) for language in found if language is not None}
    if None in found or not primary:
        return None
    if len(primary) > 1:
        try:
            primary = {resolve_language(language).base for language in primary}
        except InputError:
            return None
    return primary.pop() if len(primary) == 1 else None
