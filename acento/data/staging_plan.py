"""What a staging has to do: which clips are new, corrected or there already, and which new ones are duplicates."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow.parquet as pq

from acento.data.dataset import CLIPS
from acento.data.found import Found
from acento.data.sources.base import Reason, Rejection
from acento.data.splits import group_of, split_of
from acento.data.staging_chunk import Candidate
from acento.data.staging_known import Known
from acento.errors import DataError
from acento.store import Store


@dataclass(slots=True)
class Work:
    """What is to be done upon one version: new or corrected candidates, and what is settled already."""

    candidates: list[Candidate] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)
    already_there: int = 0


def decide(found: Found, known: dict[str, Known], before: Iterable[Rejection], options: dict[str, Any]) -> Work:
    """Tell new and corrected clips from those that are there, from duplicates judged before, and from what was refused.

    A clip that is offered just as a review refused it (the option ``reviewed``; see :mod:`acento.data.mending`) is
    rejected again where the review dropped it, and counts as there already where it was mended.

    Raises:
        DataError: splits are to be made by speaker, and a clip has none.
    """
    before = list(before)
    work = Work(rejections=list(found.rejections))
    reviewed = options.get("reviewed", {})
    dropped = {row.id: row for row in before if row.reason is Reason.DROPPED_BY_REVIEW} if reviewed else {}
    changed = []
    for item, file in found.items:
        language = item.language or options["language"]
        there = known.get(item.id)
        split = item.split or (there.split if there else None)
        if split is None:
            try:
                group = group_of(item.speaker, item.text, options["split_by"])
            except DataError as error:
                raise DataError(f"{item.origin}: {error}") from None
            split = split_of(group, options["seed"])
        candidate = Candidate(item, split, language, file)
        digest = candidate.digest
        refused = digest in reviewed.get(item.id, ())
        if there and (refused or (there.split == split and there.content == bytes.fromhex(digest))):
            work.already_there += 1
        elif refused and item.id in dropped:
            work.rejections.append(replace(dropped[item.id], source=item.origin))
        else:
            changed.append(candidate)
    if not known:
        work.candidates = changed
        return work
    moving = {candidate.item.id for candidate in changed}
    held = {clip.audio for uid, clip in known.items() if uid not in moving}
    judged = {
        (row.id, row.source, row.source_sha256): row
        for row in before
        if row.reason is Reason.DUPLICATE_AUDIO and row.audio_sha256 and bytes.fromhex(row.audio_sha256) in held
    }
    for candidate in changed:
        row = judged.get((candidate.item.id, candidate.item.origin, candidate.file.sha256))
        if row is None:
            work.candidates.append(candidate)
        else:
            work.rejections.append(row)
    return work


def duplicates_among(store: Store, known: dict[str, Known], fresh: dict[str, Known]) -> dict[str, Rejection]:
    """Return those new clips whose samples another clip has: one that was there before, else the smallest id, stays."""
    holder = {clip.audio: uid for uid, clip in known.items() if uid not in fresh}
    duplicates: dict[str, str] = {}
    for uid in sorted(fresh, key=lambda uid: (uid not in known, uid)):
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
                rejections[row["id"]] = Rejection(**row, reason=Reason.DUPLICATE_AUDIO, detail=detail)
    return rejections


def still_rejected(before: Sequence[Rejection], found: Found) -> list[Rejection]:
    """Return rejections of earlier versions whose input this run has not seen again."""
    return [
        row
        for row in before
        if row.id not in found.ids
        and row.source not in found.origins
        and row.source.rpartition(":")[0] not in found.lists
    ]
