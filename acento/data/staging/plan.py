"""Plan a staging: which clips are new, corrected or there already, and which new ones are duplicates."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow.parquet as pq

from acento.core.errors import DataError, InputError
from acento.core.store import Store
from acento.core.text.language import resolve_language
from acento.data.dataset import CLIPS
from acento.data.source_options import SplitBy
from acento.data.sources.base import Rejection, RejectReason, SourceItem
from acento.data.splits import group_of, split_of
from acento.data.staging.chunk import Candidate
from acento.data.staging.found import Found
from acento.data.staging.known import Known
from acento.data.utterance import SPLITS


@dataclass(slots=True)
class Work:
    """The work on one version: new or corrected candidates, and what is settled already."""

    candidates: list[Candidate] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)
    already_there: int = 0
    notes: list[str] = field(default_factory=list)


def decide(
    found: Found,
    known: dict[str, Known],
    before: Iterable[Rejection],
    options: dict[str, Any],
    into_split: str | None = None,
) -> Work:
    """Tell new and corrected clips from those that are there, from duplicates judged before, and from what was refused.

    A clip that is offered just as a review refused it (the option ``reviewed``; see ``corrections``) is rejected again
    where the review dropped it, and counts as there already where it was corrected. So does a clip that was staged with
    its language as the source says it (``es-CL``), before that became language and accent.
    """
    before = list(before)
    work = Work(rejections=list(found.rejections))
    reviewed = options.get("reviewed", {})
    dropped = {row.id: row for row in before if row.reason is RejectReason.DROPPED_BY_REVIEW} if reviewed else {}
    changed = []
    kept_in_test = 0
    for item, file in found.items:
        there = known.get(item.id)
        split = _decided_split(item, there.split if there else None, into_split)
        kept_in_test += bool(there and there.split == "test" and (item.split or into_split) == "train")
        if split is None:
            try:
                group = _group(item, options["split_by"])
            except DataError as error:
                raise DataError(f"{item.origin}: {error}") from None
            split = split_of(group, options["seed"])
        given = item.language or options["language"]
        language, accent = language_and_accent(given, item.accent)
        candidate = Candidate(item if accent == item.accent else replace(item, accent=accent), split, language, file)
        digest = candidate.digest
        if there and digest != there.content.hex():
            as_given = Candidate(item, split, given, file)
            if as_given.digest == there.content.hex():
                candidate, digest = as_given, as_given.digest
        refused = digest in reviewed.get(item.id, ())
        if there and (refused or (there.split == split and there.content.hex() == digest)):
            work.already_there += 1
        elif refused and item.id in dropped:
            work.rejections.append(replace(dropped[item.id], source=item.origin))
        else:
            changed.append(candidate)
    if kept_in_test:
        work.notes.append(
            f"Kept in the test split, though the source or an option says train: {kept_in_test} of the clips, as what "
            "was tested on is not trained on."
        )
    moving = {candidate.item.id for candidate in changed} if known else set()
    held = {clip.audio for uid, clip in known.items() if uid not in moving}
    judged = {
        (row.id, row.source, row.source_sha256): row
        for row in before
        if row.reason is RejectReason.DUPLICATE_AUDIO and row.audio_sha256 and bytes.fromhex(row.audio_sha256) in held
    }
    for candidate in changed:
        row = judged.get((candidate.item.id, candidate.item.origin, candidate.file.sha256))
        if row is None:
            work.candidates.append(candidate)
        else:
            work.rejections.append(row)
    return work


def _group(item: SourceItem, split_by: SplitBy) -> str:
    """Return what must not be parted; of a clip without a transcript and a known speaker that is the clip alone."""
    return group_of(item.speaker, item.text or item.id, split_by)


def _decided_split(item: SourceItem, there: str | None, into_split: str | None) -> str | None:
    """Return the split of a clip that is decided without the rule: by its source, an option, or the version before.

    A clip of the test split stays there whatever says train. The name of a folder or list moves a staged clip only
    to a split that is trained on less.
    """
    asked = item.split or into_split
    if there is None or asked is None:
        return asked or there
    by_name = item.split is not None and item.split_by_name
    back = (there == "test" and asked == "train") or (by_name and SPLITS.index(asked) < SPLITS.index(there))
    return there if back else asked


def language_and_accent(language: str | None, accent: str | None) -> tuple[str | None, str | None]:
    """Return the base language, which models are told, and the accent: the tag with its region where none is given.

    >>> language_and_accent("es-CL", None), language_and_accent("es_ar", "porteño")
    (('es', 'es-CL'), ('es', 'porteño'))
    >>> language_and_accent("Spanish", None), language_and_accent(None, None)
    (('es', None), (None, None))
    """
    if language is None:
        return None, accent
    try:
        known = resolve_language(language)
    except InputError:  # as an old data set was staged with it
        return language, accent
    return known.base, accent or (f"{known.base}-{known.region}" if known.region else None)


def best_split_by(found: Found, options: dict[str, Any], into_split: str | None) -> str:
    """Return how a new data set is split by ``auto``: by prompt where too few speakers leave a split empty."""
    open_items = [item for item in found.kept if (item.split or into_split) is None]
    if options["split_by"] != "auto" or not any(item.speaker for item in open_items):
        return str(options["split_by"])
    named = {item.split or into_split for item in found.kept} - {None}

    def splits(by: SplitBy) -> int:
        return len(named | {split_of(_group(item, by), options["seed"]) for item in open_items})

    return "prompt" if not named and splits("auto") < len(SPLITS) and splits("prompt") > splits("auto") else "auto"


def duplicates_among(store: Store, known: dict[str, Known], fresh: dict[str, Known]) -> dict[str, Rejection]:
    """Return those new clips whose samples another clip has.

    The clip that stays is one that was there before, else the one that is trained on less, else the smallest id.
    """
    holder = {clip.audio: uid for uid, clip in known.items() if uid not in fresh}
    duplicates: dict[str, str] = {}
    for uid in sorted(fresh, key=lambda uid: (uid not in known, -SPLITS.index(fresh[uid].split), uid)):
        first = holder.setdefault(fresh[uid].audio, uid)
        if first != uid:
            duplicates[uid] = first
            if uid in known:  # the correction is refused, so the clip as it was stays
                holder.setdefault(known[uid].audio, uid)
    rejections = {}
    for key in {fresh[uid].part for uid in duplicates}:
        columns = ["id", "source", "source_sha256", "audio_sha256"]
        for row in pq.read_table(store.local_path(key, CLIPS), columns=columns, use_threads=False).to_pylist():
            if row["id"] in duplicates:
                detail = f"It has the same audio as {duplicates[row['id']]}."
                rejections[row["id"]] = Rejection(**row, reason=RejectReason.DUPLICATE_AUDIO, detail=detail)
    return rejections


def still_rejected(before: Sequence[Rejection], found: Found) -> list[Rejection]:
    """Return rejections of earlier versions whose input this run has not seen again."""

    def seen(row: Rejection) -> bool:
        return row.id in found.ids or row.source in found.origins or row.source.rpartition(":")[0] in found.lists

    return [row for row in before if not seen(row)]


def few_speakers(found: Found) -> str:
    """Return the note on a new data set that is split by prompt though speakers are known."""
    speakers = {item.speaker for item in found.kept if item.speaker}
    number = "one speaker" if len(speakers) == 1 else f"{len(speakers)} speakers"
    return (
        f"The splits are made by prompt: by its {number} a split would be empty, so voices of train are in dev and "
        "test too."
    )


def named_splits(found: Found) -> list[str]:
    """Return a note on splits that come from names of folders and lists."""
    named = Counter(item.split for item in found.kept if item.split_by_name)
    if not named:
        return []
    counts = ", ".join(f"{split} {named[split]}" for split in SPLITS if named[split])
    clips = "1 clip" if named.total() == 1 else f"{named.total()} clips"
    note = f"Names of folders or lists say the splits of {clips}: {counts}."
    if set(named) == {"train"} and len(found.kept) == named["train"]:
        note += " Stage dev and test too; for splits by rule, rename the source and stage it under another name."
    return [note]
