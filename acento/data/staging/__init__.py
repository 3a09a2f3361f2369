"""Staging: from a source to a new version of a data set, with every input either staged or rejected by name.

The work is decided first (which clips are new, and in which chunks they become parts), then done by any number of
workers, then bound together by a card. Each part is published whole, so a run that was killed goes on where it was; and
nothing that a run leaves depends on the workers, or on the order in which the source lists its files.
"""

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from acento.core.errors import AcentoError, DataError
from acento.core.progress import report
from acento.core.settings import settings
from acento.core.store import Store
from acento.data.dataset import Card, DataPart, load_card, read_clips, read_rejected, save_card, versions
from acento.data.source_options import SplitBy
from acento.data.sources import Source, SourceOptions, open_source
from acento.data.sources.base import Rejection
from acento.data.sources.tables.text_lines import encoding_of
from acento.data.splits import write_splits as write_split_lists
from acento.data.staging.chunk import (
    StagingOptions,
    next_card,
    pack,
    part_with,
    read_rejections,
    rejected_table,
)
from acento.data.staging.found import Found, find_inputs
from acento.data.staging.known import Known, read_known
from acento.data.staging.options import check_name, language_tag, options_of
from acento.data.staging.plan import best_split_by, decide, duplicates_among, few_speakers, named_splits, still_rejected
from acento.data.staging.pool import run_chunks


@dataclass(frozen=True, slots=True)
class StageResult:
    """What a staging did: found = staged_now + already_there + all of ``rejected``."""

    card: Card
    found: int
    staged_now: int
    already_there: int
    rejected: dict[str, int]
    """Inputs left out, by reason code."""
    new_version: bool
    """False when there was nothing new, and the card is that of the version before."""
    notes: tuple[str, ...] = ()
    """What a person should know of the source, a sentence each."""
    split_lists: tuple[str, ...] = ()
    """Files that were written because ``write_splits`` asked for it."""


def stage(
    store: Store,
    source: Source | str,
    name: str,
    *,
    language: str | None = None,
    seed: int | None = None,
    split_by: SplitBy | None = None,
    limits: StagingOptions | None = None,
    max_seconds: float | None = None,
    workers: int | None = None,
    write_splits: bool = False,
    source_options: SourceOptions | None = None,
) -> StageResult:
    """Stage a source as a new version of the data set ``name``; what the last version has already stays as it is.

    New clips are appended. A clip whose recording or facts changed replaces the one before, which stays if the new one
    is rejected. A clip that the source no longer has stays. Where the source gives no split, a clip keeps its own.

    Args:
        store: where the data set lives.
        source: a source, or the path of one.
        name: the data set's name.
        language: of clips for which the source gives none.
        seed: decides the splits; 0 at first. Like language, split_by and limits, it is fixed by version 1.
        split_by: "auto" (speaker, else prompt), "speaker" or "prompt".
        limits: which recordings are utterances.
        max_seconds: the longest recording that is an utterance; part of ``limits``, for those who set only this.
        workers: processes; by default the setting, or one for each core; 0 means in this process.
        write_splits: write the splits back into an audio folder, as CSV files that are not there yet.
        source_options: what the source is told, when it is given by name.

    Raises:
        DataError: the source, the name or an option cannot be used, or no clip could be staged.
        StoreError: the store cannot be written.
    """
    check_name(name)
    opened = open_source(source, source_options) if isinstance(source, str) else source
    encoding_of(b"", opened.options.encoding)
    folder = opened.folder()
    if write_splits and folder is None:
        raise DataError(f"Splits can be written back into an audio folder only, and {opened.where!r} is none.")
    asked: dict[str, Any] = {"language": language, "seed": seed, "split_by": split_by}
    if limits is not None:
        asked |= {key: float(value) for key, value in asdict(limits).items()}
    elif max_seconds is not None:
        asked["max_seconds"] = float(max_seconds)
    if workers is None:
        workers = settings().workers or os.cpu_count() or 1
    if language is not None:
        asked["language"] = language_tag(language)
    options_of(store, name, asked)
    with opened:
        found = find_inputs(opened, workers)
        while True:
            result = _stage_upon(store, opened, name, found, options_of(store, name, asked), workers)
            if result is not None:
                break
            store.refresh()  # another process published this version first: what is new is measured against that
    if not write_splits or folder is None:
        return result
    clips = (row.utterance for row in read_clips(store, result.card) if row.utterance.id in found.ids)
    written = tuple(str(path) for path in write_split_lists(folder, clips))
    return replace(result, split_lists=written)


def _stage_upon(
    store: Store, source: Source, name: str, found: Found, options: dict[str, Any], workers: int
) -> StageResult | None:
    """Stage what the latest version has not; None if another process published the next version meanwhile."""
    parent = load_card(store, name) if versions(store, name) else None
    known = read_known(store, [part.key for part in parent.parts] if parent else [], workers)
    before = read_rejections(read_rejected(store, parent)) if parent else ()
    into_split = source.options.into_split
    notes = list(found.notes)
    if parent is None and (split_by := best_split_by(found, options, into_split)) != options["split_by"]:
        options = {**options, "split_by": split_by, "split_by_asked": options["split_by"]}
        notes.append(few_speakers(found))
    work = decide(found, known, before, options, into_split)
    notes += [*work.notes, *named_splits(found)]

    names = [field.name for field in fields(StagingOptions)]
    limits = StagingOptions(**{key: options[key] for key in names})
    chunks = list(pack(work.candidates, limits))
    done, total = 0, len(work.candidates)
    staged = [(0, "", 0.0)] * len(chunks)
    fresh: dict[str, Known] = {}
    report(f"stage {name}", 0, total, "clips")
    for index, result in run_chunks(store, chunks, workers):
        staged[index] = (result.clips, result.key or "", result.seconds)
        fresh.update(result.known)
        work.rejections += result.rejections
        done += len(chunks[index].candidates)
        report(f"stage {name}", done, total, "clips")
    chunks, work.candidates = [], []  # of a million clips each copy counts

    duplicates = duplicates_among(store, known, fresh)
    work.rejections += duplicates.values()
    accepted = {uid: clip for uid, clip in fresh.items() if uid not in duplicates} if duplicates else fresh
    rejected_now = Counter(rejection.reason.value for rejection in work.rejections)
    if found.count != len(accepted) + work.already_there + sum(rejected_now.values()):
        raise AcentoError(
            f"Staging {source.where!r} lost count: {found.count} inputs found, {len(accepted)} staged, "
            f"{work.already_there} there already, {sum(rejected_now.values())} rejected. This is a bug."
        )

    now = {**known, **accepted} if known else accepted
    if not now:
        raise DataError(_nothing(source, found.count, work.rejections))
    rejected = rejected_table([*still_rejected(before, found), *work.rejections])
    outcome = (found.count, len(accepted), work.already_there, dict(sorted(rejected_now.items())))
    if parent is not None and not accepted and rejected.equals(rejected_table(before)):
        return StageResult(parent, *outcome, new_version=False, notes=tuple(notes))

    version = parent.version + 1 if parent else 1
    new = [DataPart(key=key, clips=clips, seconds=s, version=version) for clips, key, s in staged if key]
    parts = [
        *_parts_left(store, parent.parts if parent else (), known, accepted.keys() & known.keys(), version),
        *_parts_left(store, new, fresh, duplicates.keys(), version),
    ]
    card = next_card(parent, name, source.where, options, parts, now.values(), rejected, notes)
    if not save_card(store, card, rejected):
        return None
    return StageResult(card, *outcome, new_version=True, notes=tuple(notes))


def _parts_left(
    store: Store, parts: Iterable[DataPart], clips: dict[str, Known], leave: Iterable[str], version: int
) -> list[DataPart]:
    """Return parts without some clips: those that hold none of them as they are, the others written anew."""
    stale: dict[str, list[str]] = {}
    for uid in leave:
        stale.setdefault(clips[uid].part, []).append(uid)
    left = (part_with(store, part, stale[part.key], {}, version) if part.key in stale else part for part in parts)
    return [part for part in left if part is not None]


def _nothing(source: Source, found: int, rejections: Sequence[Rejection]) -> str:
    """Return the sentence for a source of which no clip could be staged."""
    if not found:
        return f"Nothing could be staged from {source.where!r}: it lists no recordings."
    examples = {row.reason: row for row in sorted(rejections, key=lambda row: row.source, reverse=True)}
    counts = Counter(row.reason for row in rejections).most_common()
    reasons = ", ".join(
        f"{n} × {reason} (e.g. {examples[reason].source}: {examples[reason].detail})" for reason, n in counts
    )
    return f"Nothing could be staged from {source.where!r}: {reasons}"
