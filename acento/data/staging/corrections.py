"""Mending: a new version of a data set as a reviewer decided, some clips dropped and some with another text.

What was refused stays refused. The option ``reviewed`` of the new version, and of all that follow it, holds for each
clip that was dropped or mended the digests of what it was. A source that still offers just that (the same recording,
text, language, speaker and accent under the same id) is not listened to: a dropped clip is rejected again, a mended one
counts as there already. As soon as the source itself says something else of the clip, it is staged as any correction
is. It is an option, and no note beside the data, so that it is in the fingerprint and travels with an export.
"""

import csv
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from acento.core.errors import AcentoError, DataError, InputError
from acento.core.fingerprint import fingerprint
from acento.core.store import Store
from acento.data.dataset import CLIPS, Card, DataPart, load_card, read_clips, read_rejected, save_card
from acento.data.staging.chunk import REJECTED_COLUMNS, STAGING_VERSION, part_without, write_clips
from acento.data.staging.known import Known, content_of, read_known
from acento.data.utterance import SPLITS, Utterance

DROPPED = "dropped_by_review"
"""The reason of dropped clips in ``rejected.parquet``."""
ACTIONS = ("keep", "drop", "mend")
REVIEWED = "reviewed"
"""The option of a version: for each id the content digests that a review refused, sorted."""
_ACTION, _TEXT = "suggested_action", "new_text"


@dataclass(frozen=True, slots=True)
class Review:
    """What a reviewer decided: for each clip to drop a reason for people, for each clip to mend its new text."""

    drop: Mapping[str, str]
    mend: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Mended:
    """The version that holds the decisions; ``new`` is False when the latest one held them already."""

    card: Card
    dropped: int
    mended: int
    new: bool


def read_review(path: Path) -> Review:
    """Read a ``findings.csv`` that came back: ``id``, ``suggested_action`` (blank: keep), ``new_text``; others may be.

    Raises:
        InputError: it cannot be read, lacks a column, or a row of it cannot be understood.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            missing = [name for name in ("id", _ACTION, _TEXT) if name not in (reader.fieldnames or ())]
            if missing:
                raise InputError(
                    f"{path} lacks the column {', '.join(missing)}: give back findings.csv as it was made."
                )
            rows = [(reader.line_num, row) for row in reader]
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}).") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} cannot be read as CSV in UTF-8 ({error}): save it so.") from error
    drop: dict[str, str] = {}
    mend: dict[str, str] = {}
    seen: set[str] = set()
    for line, row in rows:
        uid, action = row["id"] or "", (row[_ACTION] or "").strip().lower() or "keep"
        text = " ".join((row[_TEXT] or "").split())
        if uid in seen:
            raise InputError(f"{path}, line {line}: {uid} is there twice; decide on it once.")
        seen.add(uid)
        if action not in ACTIONS:
            raise InputError(f"{path}, line {line}: {action!r} is no action; use {', '.join(ACTIONS)}.")
        if action == "mend" and not text:
            raise InputError(
                f"{path}, line {line}: {uid} is marked mend and has no {_TEXT}; write one, keep or drop it."
            )
        if action == "drop":
            drop[uid] = f"A reviewer dropped it. {row.get('why') or ''}".strip()
        elif action == "mend":
            mend[uid] = text
    return Review(drop, mend)


def mend(store: Store, name: str, review: Review) -> Mended:
    """Make the decisions on the latest version of a data set into its next one; untouched parts are kept as they are.

    A part keeps the number of the version that brought its audio: where only texts change, what was planned and
    transcribed holds.

    Raises:
        DataError: there is no such data set, or no clip would be left.
        InputError: an id is not a clip of it, or a version other than the latest is named.
        AcentoError: another process made the next version meanwhile.
    """
    base = name.partition("@")[0]
    card = load_card(store, base)
    if load_card(store, name).version != card.version:
        raise InputError(f"Only the latest version can be mended, and that of {base!r} is {card.version}.")
    wanted = review.drop.keys() | review.mend.keys()
    there = {row.utterance.id: row.utterance for row in read_clips(store, card) if row.utterance.id in wanted}
    before = {row["id"]: row for row in read_rejected(store, card).to_pylist() if row["reason"] == DROPPED}
    unknown = sorted(uid for uid in wanted - there.keys() if uid in review.mend or uid not in before)
    if unknown:
        some = ", ".join(unknown[:5]) + (", …" if len(unknown) > 5 else "")
        raise InputError(f"{card.title} has no clip {some}: findings.csv is of another data set or version.")
    drop = {uid: why for uid, why in review.drop.items() if uid in there}
    texts = {uid: text for uid, text in review.mend.items() if text != there[uid].text}
    if not drop and not texts:
        return Mended(card, 0, 0, new=False)
    new = _next(store, card, {uid: there[uid] for uid in drop.keys() | texts.keys()}, drop, texts)
    return Mended(new, len(drop), len(texts), new=True)


def part_mended(store: Store, key: str, leave: set[str], texts: Mapping[str, str]) -> DataPart | None:
    """Return another part: that of ``key`` without some clips and with other texts, version 0; None if none is left."""
    if not texts:
        rest = part_without(store, key, sorted(leave))
        return DataPart(key=rest.key, clips=rest.clips, seconds=rest.seconds, version=0) if rest.key else None
    new = f"parts/{fingerprint([STAGING_VERSION, key, sorted(leave), dict(texts)])}"
    if store.find(new, verify=True) is None:
        with store.publish(new) as draft:
            with pq.ParquetFile(store.local_path(key, CLIPS)) as file:
                groups = (file.read_row_group(n, use_threads=False) for n in range(file.num_row_groups))
                kept = (row for group in groups for row in group.to_pylist() if row["id"] not in leave)
                rows = ({**row, "text": texts.get(row["id"], row["text"])} for row in kept)
                clips, seconds = write_clips(draft.folder / CLIPS, rows)
            draft.info.update(clips=clips, seconds=seconds)
    artifact = store.find(new)
    if artifact is None:
        raise AcentoError(f"{new} was published and is gone: another process removed it; run again.")
    return DataPart(key=new, clips=artifact.info["clips"], seconds=artifact.info["seconds"], version=0)


def _next(
    store: Store, card: Card, there: Mapping[str, Utterance], drop: Mapping[str, str], texts: Mapping[str, str]
) -> Card:
    """Publish the next version."""
    known = read_known(store, [part.key for part in card.parts])
    if len(drop) == len(known):
        raise DataError(f"All {len(known)} clips of {card.title} would be dropped; remove the data set instead.")
    parts = []
    for part in card.parts:
        leave = {uid for uid in drop if known[uid].part == part.key}
        mine = {uid: text for uid, text in texts.items() if known[uid].part == part.key}
        left = part_mended(store, part.key, leave, mine) if leave or mine else part
        if left is not None:
            parts.append(left.model_copy(update={"version": part.version}))
    now = read_known(store, [part.key for part in parts])
    if len(now) != len(known) - len(drop) or sum(part.clips for part in parts) != len(now):
        raise AcentoError(f"Mending {card.title} lost count: {len(now)} clips are left. This is a bug.")
    options = {**card.options, REVIEWED: _refused(card.options.get(REVIEWED, {}), known, now, there)}
    splits = Counter(clip.split for clip in now.values())
    rejected = _rejected(store, card, there, drop)
    new = Card(
        name=card.name,
        version=card.version + 1,
        fingerprint=fingerprint([STAGING_VERSION, options, content_of(now.values())]),
        parent=card.fingerprint,
        source=card.source,
        options=options,
        parts=tuple(parts),
        clips=len(now),
        seconds=round(sum(part.seconds for part in parts), 6),
        splits={split: splits[split] for split in SPLITS},
        rejected=rejected.num_rows,
    )
    if not save_card(store, new, rejected):
        raise AcentoError(f"Another process made {new.title} just now: run the same command again.")
    return new


def _refused(
    before: Mapping[str, list[str]], known: Mapping[str, Known], now: Mapping[str, Known], changed: Mapping[str, Any]
) -> dict[str, list[str]]:
    """Return the digests that are refused from now on; one that a clip has again is not."""
    refused = {uid: set(digests) for uid, digests in before.items()}
    for uid in changed:
        refused.setdefault(uid, set()).add(known[uid].content.hex())
        if uid in now:
            refused[uid].discard(now[uid].content.hex())
    return {uid: sorted(refused[uid]) for uid in sorted(refused) if refused[uid]}


def _rejected(store: Store, card: Card, there: Mapping[str, Utterance], drop: Mapping[str, str]) -> pa.Table:
    """Return the rejected inputs, the dropped clips among them, in the order that staging gives them."""
    rows = read_rejected(store, card).to_pylist()
    for uid, why in drop.items():
        clip = there[uid]
        digests = {"source_sha256": clip.source_sha256, "audio_sha256": clip.audio_sha256}
        rows.append({"id": uid, "source": clip.source, "reason": DROPPED, "detail": why, **digests})
    names = ("source", "id", "reason", "detail", "source_sha256", "audio_sha256")
    rows.sort(key=lambda row: tuple(row.get(name) or "" for name in names))
    return pa.Table.from_pylist(rows, REJECTED_COLUMNS)
