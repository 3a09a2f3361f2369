"""Facts of a staged data set, and the changes between two versions of it."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from acento.core.errors import InputError
from acento.core.store import Store
from acento.data.dataset import Card, cards_of, read_clips, read_rejected
from acento.data.utterance import SPLITS, Utterance

FIELDS = ("text", "split", "language", "speaker", "accent", "source")
"""Facts of a clip that are compared; a change of its samples is called ``audio``."""


@dataclass(slots=True)
class Amount:
    """Clips, seconds of audio, and the speakers that are known."""

    clips: int = 0
    seconds: float = 0.0
    speakers: set[str] = field(default_factory=set)

    def add(self, clip: Utterance) -> None:
        """Count a clip."""
        self.clips += 1
        self.seconds += clip.duration_s
        if clip.speaker is not None:
            self.speakers.add(clip.speaker)


@dataclass(frozen=True, slots=True)
class RejectedInputs:
    """Inputs rejected for one reason, and examples of them: where each was, and the sentence about it."""

    reason: str
    count: int
    examples: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class VersionFacts:
    """One version; ``added`` is how many clips more than the version before it has, None when that is gone."""

    number: int
    clips: int
    added: int | None
    rejected: int
    fingerprint: str
    source: str


@dataclass(frozen=True, slots=True)
class DatasetFacts:
    """What one version holds; accents and languages of which a clip says nothing stand under None."""

    card: Card
    total: Amount
    splits: dict[str, Amount]
    accents: dict[str | None, Amount]
    languages: dict[str | None, Amount]
    left_out: tuple[RejectedInputs, ...]
    versions: tuple[VersionFacts, ...]


@dataclass(frozen=True, slots=True)
class Correction:
    """A clip that both versions have, and what of it differs, such as ``("text", "audio")``."""

    before: Utterance
    after: Utterance
    what: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class VersionDifference:
    """Clips that were added, corrected and removed between two versions, each sorted by id."""

    before: Card
    after: Card
    came: tuple[Utterance, ...]
    corrected: tuple[Correction, ...]
    went: tuple[Utterance, ...]

    def rows(self) -> Iterator[tuple[str, str, str, str, str]]:
        """Yield change, id, what changed, before and after: one row for each clip, or for each fact corrected."""
        for clip in self.came:
            yield "came", clip.id, "clip", "", clip.text or ""
        for correction in self.corrected:
            for what in correction.what:
                values = (_value(correction.before, what), _value(correction.after, what))
                yield "corrected", correction.after.id, what, *values
        for clip in self.went:
            yield "went", clip.id, "clip", clip.text or "", ""

    def write_csv(self, path: Path) -> None:
        """Write all rows as CSV in UTF-8, with a header; raise InputError if the file cannot be written."""
        try:
            with path.open("w", encoding="utf-8", newline="") as file:
                writer = csv.writer(file)
                writer.writerow(("change", "id", "what", "before", "after"))
                writer.writerows(self.rows())
        except OSError as error:
            raise InputError(f"{path} cannot be written ({error.strerror}).") from error


def describe(store: Store, card: Card, examples: int = 2) -> DatasetFacts:
    """Return the facts of one version, with so many examples for each reason of rejection; reads no audio."""
    total = Amount()
    splits = {split: Amount() for split in SPLITS}
    accents: dict[str | None, Amount] = {}
    languages: dict[str | None, Amount] = {}
    for row in read_clips(store, card):
        clip = row.utterance
        for by, kind in ((accents, clip.accent), (languages, clip.language)):
            by.setdefault(kind, Amount()).add(clip)
        total.add(clip)
        splits[clip.split].add(clip)
    left_out = rejected_inputs(store, card, examples)
    kinds = (_most_first(accents), _most_first(languages))
    return DatasetFacts(card, total, splits, *kinds, left_out, tuple(_versions(store, card.name)))


def compare_versions(store: Store, before: Card, after: Card) -> VersionDifference:
    """Return what changed from one version to another; parts that both have are not opened."""
    shared = {part.key for part in before.parts} & {part.key for part in after.parts}
    old = _clips(store, before, shared)
    new = _clips(store, after, shared)
    corrected = [
        Correction(old[uid], new[uid], what)
        for uid in sorted(old.keys() & new.keys())
        if (what := _what_changed(old[uid], new[uid]))
    ]
    came = tuple(new[uid] for uid in sorted(new.keys() - old.keys()))
    went = tuple(old[uid] for uid in sorted(old.keys() - new.keys()))
    return VersionDifference(before, after, came, tuple(corrected), went)


def _clips(store: Store, card: Card, leave: set[str]) -> dict[str, Utterance]:
    """Return the clips of a version by id, without those of some parts."""
    rest = card.model_copy(update={"parts": tuple(part for part in card.parts if part.key not in leave)})
    return {row.utterance.id: row.utterance for row in read_clips(store, rest)}


def _what_changed(before: Utterance, after: Utterance) -> tuple[str, ...]:
    """Return which facts of a clip differ; a file encoded anew with the same samples is no change of its audio."""
    what = [name for name in FIELDS if getattr(before, name) != getattr(after, name)]
    if before.audio_sha256 != after.audio_sha256:
        what.append("audio")
    elif before.source_sha256 != after.source_sha256:
        what.append("file")
    return tuple(what)


def _value(clip: Utterance, what: str) -> str:
    """Return a fact as a person reads it: of audio its length and the start of its digest."""
    if what == "audio":
        return f"{clip.duration_s:.2f} s, {clip.audio_sha256[:12]}"
    if what == "file":
        return clip.source_sha256[:12]
    return getattr(clip, what) or ""


def rejected_inputs(store: Store, card: Card, examples: int) -> tuple[RejectedInputs, ...]:
    """Return the rejected inputs of a version by reason, the most frequent first."""
    found: dict[str, list[tuple[str, str]]] = {}
    for row in read_rejected(store, card).to_pylist():
        found.setdefault(row["reason"], []).append((row["source"], row["detail"]))
    ordered = sorted(found.items(), key=lambda item: (-len(item[1]), item[0]))
    return tuple(RejectedInputs(reason, len(inputs), tuple(inputs[:examples])) for reason, inputs in ordered)


def _versions(store: Store, name: str) -> Iterator[VersionFacts]:
    """Yield every version, the oldest first; ``added`` is negative where a review dropped clips."""
    clips: dict[str | None, int] = {None: 0}
    for card in cards_of(store, name):
        added = card.clips - clips[card.parent] if card.parent in clips else None
        yield VersionFacts(card.version, card.clips, added, card.rejected, card.fingerprint, card.source)
        clips[card.fingerprint] = card.clips


def _most_first(amounts: dict[str | None, Amount]) -> dict[str | None, Amount]:
    return dict(sorted(amounts.items(), key=lambda item: (-item[1].seconds, item[0] or "")))
