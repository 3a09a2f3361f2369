"""Corrections: a new version of a data set as a reviewer decided, without some clips and with new texts of others.

The option ``reviewed`` of the new version, and of all that follow it, holds the content digests of the dropped and
corrected clips. When a source offers the same content again under the same id, a dropped clip is rejected again, and a
corrected one counts as there already; other content is staged as any change is. Exports carry the option.
"""

import csv
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from acento.core.errors import AcentoError, DataError, InputError
from acento.core.store import Store
from acento.data.dataset import Card, load_card, read_clips, read_rejected, save_card
from acento.data.sources.base import Rejection, RejectReason
from acento.data.staging.chunk import next_card, read_rejections, rejected_table, rewritten
from acento.data.staging.known import Known, read_known

ACTIONS = ("keep", "drop", "mend")
REVIEWED = "reviewed"
"""The option of a version: for each id the content digests that a review refused, sorted."""
_ACTION, _TEXT = "suggested_action", "new_text"


@dataclass(frozen=True, slots=True)
class Review:
    """What a reviewer decided: the clips to drop, each with a reason for people, and the new texts of others."""

    drop: Mapping[str, str]
    texts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Reviewed:
    """The version that holds the decisions; ``new`` is False when the latest one held them already."""

    card: Card
    dropped: int
    corrected: int
    new: bool


def read_review(path: Path) -> Review:
    """Read the ``id``, ``suggested_action`` (blank: keep) and ``new_text`` of a ``findings.csv`` that a person edited.

    Raises InputError if it cannot be read, lacks a column, or has a row that cannot be understood.
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
    texts: dict[str, str] = {}
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
            texts[uid] = text
    return Review(drop, texts)


def apply_review(store: Store, name: str, review: Review) -> Reviewed:
    """Make the next version of a data set as decided on its latest one; parts without a decision are kept as they are.

    A part keeps the number of the version that brought its audio: where only texts change, what was planned and
    transcribed holds. Raises InputError if an id is not a clip of the latest version, or another version is named; and
    AcentoError if another process made the next version meanwhile.
    """
    base = name.partition("@")[0]
    card = load_card(store, base)
    if load_card(store, name).version != card.version:
        raise InputError(
            f"Only the latest version of {base!r} can be corrected, and that is {card.version}: name {base}."
        )
    wanted = review.drop.keys() | review.texts.keys()
    there = {row.utterance.id: row.utterance for row in read_clips(store, card) if row.utterance.id in wanted}
    before = read_rejections(read_rejected(store, card))
    gone = {row.id for row in before if row.reason is RejectReason.DROPPED_BY_REVIEW}
    unknown = sorted(uid for uid in wanted - there.keys() if uid in review.texts or uid not in gone)
    if unknown:
        some = ", ".join(unknown[:5]) + (", …" if len(unknown) > 5 else "")
        raise InputError(f"{card.title} has no clip {some}: findings.csv is of another data set or version.")
    drop = {uid: why for uid, why in review.drop.items() if uid in there}
    texts = {uid: text for uid, text in review.texts.items() if text != there[uid].text}
    if not drop and not texts:
        return Reviewed(card, 0, 0, new=False)
    known = read_known(store, [part.key for part in card.parts])
    if len(drop) == len(known):
        raise DataError(f"All {len(known)} clips of {card.title} would be dropped; remove the data set instead.")
    parts = rewritten(store, card.parts, known, drop.keys(), texts)
    now = read_known(store, [part.key for part in parts])
    if len(now) != len(known) - len(drop):
        raise AcentoError(f"Correcting {card.title} lost count: {len(now)} clips are left. This is a bug.")
    refused = _refused(card.options.get(REVIEWED, {}), known, now, drop.keys() | texts.keys())
    options = {**card.options, REVIEWED: refused}
    dropped = [
        Rejection(uid, clip.source, RejectReason.DROPPED_BY_REVIEW, why, clip.source_sha256, clip.audio_sha256)
        for uid, why in drop.items()
        for clip in [there[uid]]
    ]
    rejected = rejected_table([*before, *dropped])
    new = next_card(card, card.name, card.source, options, parts, now.values(), rejected)
    if not save_card(store, new, rejected):
        raise AcentoError(f"Another process made {new.title} just now: run the same command again.")
    return Reviewed(new, len(drop), len(texts), new=True)


def _refused(
    before: Mapping[str, list[str]], known: Mapping[str, Known], now: Mapping[str, Known], changed: Collection[str]
) -> dict[str, list[str]]:
    """Return the digests that are refused from now on; one that a clip has again is not."""
    refused = {uid: set(digests) for uid, digests in before.items()}
    for uid in changed:
        refused.setdefault(uid, set()).add(known[uid].content.hex())
        if uid in now:
            refused[uid].discard(now[uid].content.hex())
    return {uid: sorted(refused[uid]) for uid in sorted(refused) if refused[uid]}
