"""Make data of recordings without transcripts: transcribe them, let a person review the list, stage what is right."""

from collections import Counter
from collections.abc import Iterable
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from acento.api.carrying import Carry, in_process
from acento.api.data import StagedDataset
from acento.api.recordings import transcribing
from acento.api.recordings.batches import check_transcription, lease_of
from acento.api.recordings.transcribing import TranscribedBatch
from acento.api.session import options_of, session
from acento.core.arguments import Named, name_of
from acento.core.errors import InputError
from acento.core.store import Store
from acento.data.dataset import load_card, read_clips, versions
from acento.data.staging import check_name, stage
from acento.data.staging.corrections import Review, apply_review
from acento.requests import DraftRequest
from acento.transcription.assembly.documents import removed_counts
from acento.transcription.drafts.draft import DraftSource, DraftUtterance, keep_draft, utterances_of
from acento.transcription.drafts.review_list import OUTCOMES, Decided, decided, read_list, write_list
from acento.transcription.drafts.reviewed import ReviewedDraft
from acento.transcription.outputs import document_of_row


class Drafted(BaseModel, frozen=True):
    """A draft: what was heard, where its review list is, and what was staged of it."""

    name: str
    """Of the data set."""
    id: str
    """The draft in the store, as its review list names it."""
    review_list: str
    model: str
    files: dict[str, int] = {}
    """How many files are done, failed or skipped as they were done before; none where a list was staged."""
    failed: dict[str, str] = {}
    """Why files failed, by their names."""
    utterances: int
    seconds: float
    """The length of all utterances."""
    to_review: int
    """Utterances on the list: those that are not in the data set."""
    removed: dict[str, int] = {}
    """Texts that were left out as nobody is likely to have said them, by reason."""
    outcomes: dict[str, int] = {}
    """Where a list was staged: how many utterances were kept, corrected, dropped, accepted, or not reviewed."""
    staged: StagedDataset | None = None


@options_of(DraftRequest, "paths", "name", "model", "compute")
def draft(
    paths: str | PathLike[str] | Iterable[str | PathLike[str]] | None = None,
    *,
    name: str,
    model: Named | None = None,
    **options: Any,
) -> Drafted:
    """Transcribe recordings without transcripts into a review list; or stage what a person has decided on one.

    >>> drafted = draft("clip.wav", name="talk", model="demo:whisper-mini", language="es")
    >>> drafted.review_list, drafted.to_review
    ('talk-review.csv', 1)
    >>> draft(name="talk", reviewed="talk-review.csv", accept_above=0.9).outcomes["accepted"]
    1

    Args:
        paths: recordings, as ``transcribe`` takes them; None with ``reviewed``.
        name: of the data set that they become.
        model: as ``transcribe`` takes it.
        options: see below.

    Returns:
        How many utterances there are, where the list is, and what was staged.

    Raises:
        InputError: there is no such file, the model or an option cannot be used, the list cannot be understood, or has
            decisions that would be lost.
    """
    named = [fspath(paths)] if isinstance(paths, str | PathLike) else [fspath(path) for path in paths or ()]
    request = DraftRequest.of(
        paths=named or None, name=name, model=None if model is None else name_of(model), **options
    )
    with session("draft") as store:
        check_draft(store, request)
        if request.reviewed is not None:
            return run_steps(request, in_process(store))
        with lease_of(store, request.transcription):
            return run_steps(request, in_process(store))


def run_steps(request: DraftRequest, carry: Carry) -> Drafted:
    """Carry a draft out, step by step."""
    if request.reviewed is not None:
        return carry(stage_reviewed, request, None)
    drafted = carry(write_draft, request, transcribing.run_steps(request.transcription, carry))
    return drafted if request.accept_above is None else carry(stage_reviewed, request, drafted)


def check_draft(store: Store, request: DraftRequest, *, installed: bool = True) -> None:
    """See that the data set can have its name, and that the recordings and the model, or the list, can be used.

    Raises:
        InputError: they cannot.
    """
    check_name(request.name)
    path = Path(request.list_path).expanduser()
    if request.reviewed is None:
        if path.is_dir():
            raise InputError(f"{path} is a folder: name a file for the review list with --out.")
        check_transcription(store, request.transcription, installed=installed)
    if request.reviewed is not None or path.exists():
        _check_name_of(read_list(store, path)[0].name, request, path)


def write_draft(store: Store, request: DraftRequest, batch: TranscribedBatch) -> Drafted:
    """Keep what was heard in a batch as a draft, and write its review list.

    Raises:
        InputError: no file could be transcribed, nobody speaks in them, or the list cannot be written.
    """
    removed: Counter[str] = Counter()
    heard: list[DraftUtterance] = []
    for row in batch.ledger:
        if row.state in ("done", "skipped") and row.recording is not None:
            document = document_of_row(store, batch.batch, row)
            removed.update(removed_counts(document))
            heard += utterances_of(DraftSource(row.stem, row.file, row.recording, document))
    failed = {row.file: row.sentence for row in batch.ledger if row.state == "failed"}
    if not heard:
        example = next((f" {file} failed. {why}" for file, why in failed.items()), "")
        raise InputError(f"Nothing was heard in the {len(batch.ledger)} files, so that there is no draft.{example}")
    made = keep_draft(store, request.name, batch.model, heard)
    there = _staged(store, request.name)
    path = Path(request.list_path).expanduser()
    write_list(store, made, path, leave_out=there)
    return Drafted(
        name=request.name,
        id=made.id,
        review_list=str(path),
        model=batch.model,
        files={state: count for state, count in batch.counts.items() if count},
        failed=failed,
        utterances=len(made.utterances),
        seconds=made.seconds,
        to_review=sum(one.id not in there for one in made.utterances),
        removed=dict(removed.most_common()),
    )


def stage_reviewed(store: Store, request: DraftRequest, drafted: Drafted | None) -> Drafted:
    """Stage what a person kept and corrected in a review list, and what is sure enough if that was asked for.

    What was dropped after it had been staged is taken out of the data set.

    Raises:
        InputError: the list cannot be understood, or is of another data set.
        DataError: nothing in it was kept, corrected or accepted.
    """
    path = Path(request.list_path).expanduser()
    made, decisions = read_list(store, path)
    _check_name_of(made.name, request, path)
    found = decided(made, decisions, request.accept_above)
    before = _staged(store, request.name)
    ours = [one for one in found if one.outcome != "not_reviewed" or one.utterance.id not in before]
    done = stage(store, ReviewedDraft(store, str(path), _without_staged_drops(ours, before)), request.name)
    card = done.card
    drop = {one.utterance.id: "A reviewer dropped it." for one in found if one.outcome == "dropped"}
    if gone := drop.keys() & _staged(store, request.name):
        card = apply_review(store, request.name, Review({id: drop[id] for id in gone}, {})).card
    counts = {name: getattr(done, name) for name in ("found", "staged_now", "already_there", "rejected", "notes")}
    outcomes = Counter(one.outcome for one in found)
    told = drafted or Drafted(
        name=made.name,
        id=made.id,
        review_list=str(path),
        model=made.model,
        utterances=len(made.utterances),
        seconds=made.seconds,
        to_review=0,
    )
    staged = StagedDataset.of(store, card, new_version=done.new_version or card is not done.card, **counts)
    return told.model_copy(
        update={
            "to_review": outcomes["not_reviewed"],
            "outcomes": {name: outcomes[name] for name in OUTCOMES},
            "staged": staged,
        }
    )


def _without_staged_drops(found: Iterable[Decided], before: set[str]) -> list[Decided]:
    """Return decisions without the drops of what is staged: that is taken out of the data set, not kept out of it."""
    return [one for one in found if one.outcome != "dropped" or one.utterance.id not in before]


def _staged(store: Store, name: str) -> set[str]:
    """Return the ids of the clips of the data set's latest version; none where there is none."""
    if not versions(store, name):
        return set()
    return {row.utterance.id for row in read_clips(store, load_card(store, name))}


def _check_name_of(name: str, request: DraftRequest, path: Path) -> None:
    if name != request.name:
        hint = "" if request.reviewed else ", or name another file with --out"
        raise InputError(f"{path} is the review list of data set {name}: give --name {name}{hint}.")
