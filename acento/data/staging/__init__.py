"""Staging: from a source to a new version of a data set, with every input either staged or rejected by name.

The work is decided first (which clips are new, and in which chunks they become parts), then done by any number of
workers, then bound together by a card. Each part is published whole, so a killed run resumes; the result depends
neither on the workers nor on the order in which the source lists its files.
"""

import os
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, get_args

from acento.core.errors import AcentoError, DataError, InputError
from acento.core.progress import report
from acento.core.settings import settings
from acento.core.store import Store
from acento.core.text.language import resolve_language
from acento.data.dataset import Card, DataPart, load_card, read_clips, read_rejected, save_card, versions
from acento.data.source_options import SplitBy
from acento.data.sources import Source, SourceOptions, open_source
from acento.data.sources.base import Rejection
from acento.data.sources.tables.text_lines import encoding_of
from acento.data.splits import write_splits as write_split_lists
from acento.data.staging.chunk import StagingOptions, next_card, pack, read_rejections, rejected_table, rewritten
from acento.data.staging.found import Found, find_inputs
from acento.data.staging.known import Known, read_known
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
        seed: decides the splits; 0 at first. Like language, split_by and max_seconds, it is fixed by version 1.
        split_by: "auto" (speaker, else prompt), "speaker" or "prompt".
        max_seconds: the longest recording that is an utterance.
        workers: processes; by default the setting, or one for each core; 0 means in this process.
        write_splits: write the splits back into an audio folder, as CSV files that are not there yet.
        source_options: options of the source, when it is given by name.

    Raises:
        DataError: the source, the name or an option cannot be used, or no clip could be staged.
        StoreError: the store cannot be written.
    """
    check_name(name)
    opened = open_source(source, source_options) if isinstance(source, str) else source
    encoding_of(b"", opened.options.encoding)
    folder = opened.folder
    if write_splits and folder is None:
        raise DataError(f"Splits can be written back into an audio folder only, and {opened.location!r} is none.")
    try:
        tag = None if language is None else str(resolve_language(language))
    except InputError as error:
        raise DataError(f"--language: {error}") from error
    longest = None if max_seconds is None else float(max_seconds)
    asked = {"language": tag, "seed": seed, "split_by": split_by, "max_seconds": longest}
    asked = {key: value for key, value in asked.items() if value is not None}
    _options_of(store, name, asked)
    if workers is None:
        workers = settings().workers or os.cpu_count() or 1
    with opened:
        found = find_inputs(opened, workers)
        while (result := _stage_upon(store, opened, name, found, _options_of(store, name, asked), workers)) is None:
            store.refresh()  # another process published this version first: what is new is measured against that
    if not write_splits or folder is None:
        return result
    clips = (row.utterance for row in read_clips(store, result.card) if row.utterance.id in found.ids)
    return replace(result, split_lists=tuple(str(path) for path in write_split_lists(folder, clips)))


def check_name(name: str) -> None:
    """Raise DataError if a name cannot be that of a data set."""
    if not name or name.startswith((".", "-")) or not all(c.isalnum() or c in "._-+" for c in name):
        raise DataError(f"{name!r} cannot name a data set: use letters, digits, '.', '_' and '-'.")


def _options_of(store: Store, name: str, asked: dict[str, Any]) -> dict[str, Any]:
    """Return the options of a data set: those of version 1, which what is asked must not differ from, or new ones."""
    if asked.get("split_by", "auto") not in get_args(SplitBy):
        raise DataError(f"Splits cannot be made by {asked['split_by']!r}: use {', '.join(get_args(SplitBy))}.")
    if not versions(store, name):
        return {"language": None, "seed": 0, "split_by": "auto", **asdict(StagingOptions()), **asked}
    options = load_card(store, name).options
    for key, value in asked.items():
        there = {options[key], options.get(f"{key}_asked")}
        if key == "language" and options[key] is not None:
            with suppress(InputError):
                there.add(str(resolve_language(options[key])))
        if value not in there:
            raise DataError(
                f"Data set {name!r} was staged with {key} {options[key]!r}, not {value!r}: leave it out, "
                "or stage under another name."
            )
    return options


def _stage_upon(
    store: Store, source: Source, name: str, found: Found, options: dict[str, Any], workers: int
) -> StageResult | None:
    """Stage what the latest version has not; None if another process published the next version meanwhile."""
    parent = load_card(store, name) if versions(store, name) else None
    old_parts = parent.parts if parent else ()
    known = read_known(store, [part.key for part in old_parts], workers)
    before = read_rejections(read_rejected(store, parent)) if parent else ()
    into_split = source.options.into_split
    notes = list(found.notes)
    if parent is None and (split_by := best_split_by(found, options, into_split)) != options["split_by"]:
        options = {**options, "split_by": split_by, "split_by_asked": options["split_by"]}
        notes.append(few_speakers(found))
    work = decide(found, known, before, options, into_split)
    notes += [*work.notes, *named_splits(found)]

    version = parent.version + 1 if parent else 1
    chunks = list(pack(work.candidates, StagingOptions(**{f.name: options[f.name] for f in fields(StagingOptions)})))
    done, total = 0, len(work.candidates)
    staged: list[DataPart | None] = [None] * len(chunks)
    fresh: dict[str, Known] = {}
    report(f"stage {name}", 0, total, "clips")
    for index, result in run_chunks(store, chunks, workers):
        if result.key is not None:
            staged[index] = DataPart(key=result.key, clips=len(result.known), seconds=result.seconds, version=version)
        fresh.update(result.known)
        work.rejections += result.rejections
        done += len(chunks[index].candidates)
        report(f"stage {name}", done, total, "clips")
    chunks, work.candidates = [], []  # of a million clips each copy counts

    duplicates = duplicates_among(store, known, fresh)
    work.rejections += duplicates.values()
    accepted = {uid: clip for uid, clip in fresh.items() if uid not in duplicates} if duplicates else fresh
    rejected_now = Counter(rejection.reason.value for rejection in work.rejections)
    if found.count != len(accepted) + work.already_there + rejected_now.total():
        raise AcentoError(
            f"Staging {source.location!r} lost count: {found.count} inputs found, {len(accepted)} staged, "
            f"{work.already_there} there already, {rejected_now.total()} rejected. This is a bug."
        )
    now = {**known, **accepted} if known else accepted
    if not now:
        raise DataError(f"Nothing could be staged from {source.location!r}: {_reasons(work.rejections)}")
    rejected = rejected_table([*still_rejected(before, found), *work.rejections])
    outcome = (found.count, len(accepted), work.already_there, dict(sorted(rejected_now.items())))
    if parent is not None and not accepted and rejected.equals(rejected_table(before)):
        return StageResult(parent, *outcome, new_version=False, notes=tuple(notes))

    parts = [
        *rewritten(store, old_parts, known, accepted.keys() & known.keys(), {}, version),
        *rewritten(store, [part for part in staged if part], fresh, duplicates.keys(), {}, version),
    ]
    card = next_card(parent, name, source.location, options, parts, now.values(), rejected, notes)
    if not save_card(store, card, rejected):
        return None
    return StageResult(card, *outcome, new_version=True, notes=tuple(notes))


def _reasons(rejections: Sequence[Rejection]) -> str:
    """Return why no input could be staged, with an example of each reason."""
    if not rejections:
        return "it lists no recordings."
    examples = {row.reason: row for row in sorted(rejections, key=lambda row: row.source, reverse=True)}
    counts = Counter(row.reason for row in rejections).most_common()
    return ", ".join(f"{n} × {why} (e.g. {examples[why].source}: {examples[why].detail})" for why, n in counts)
