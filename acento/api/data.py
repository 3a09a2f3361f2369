"""Stage a source of recordings, find what was staged, and judge it before anybody pays for a GPU."""

from dataclasses import fields
from os import PathLike
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from acento.api.session import options_of, session
from acento.core.arguments import Named, name_of
from acento.core.errors import InputError
from acento.core.progress import duration
from acento.core.store import Store, open_store
from acento.data.dataset import Card, load_card
from acento.data.staging import stage as stage_data
from acento.models.checkpoints.resolver import resolve
from acento.requests import StageRequest, ValidateRequest
from acento.validation.validate import Validated
from acento.validation.validate import validate as validate_data
from acento.validation.verdict import InvalidDataError, ValidationVerdict, failure


class StagedDataset(BaseModel, frozen=True):
    """A version of a data set in the store; every function that takes a data set's name takes it, too."""

    name: str
    version: int
    fingerprint: str
    store: str
    key: str
    """The artifact in the store that holds the card and the rejected inputs."""
    clips: int
    """Clips of all splits."""
    seconds: float
    splits: dict[str, int]
    """Clips of each split."""
    found: int = 0
    """Inputs of the source: staged now, already there, or rejected; 0 where nothing was staged just now."""
    staged_now: int = 0
    already_there: int = 0
    rejected: dict[str, int] = {}
    """Inputs left out just now, by reason code."""
    rejected_in_all: int
    new_version: bool = False
    notes: tuple[str, ...] = ()
    """What a person should know of the source, a sentence each."""
    split_lists: tuple[str, ...] = ()
    """Files to which the splits were written back."""

    @classmethod
    def of(cls, store: Store, card: Card, **counts: Any) -> "StagedDataset":
        """Return what is known of a card, and the counts of a staging if there was one just now."""
        known = {name: getattr(card, name) for name in ("name", "version", "fingerprint", "key", "clips", "seconds")}
        return cls(**known, splits=card.splits, store=store.url, rejected_in_all=card.rejected, **counts)

    @property
    def id(self) -> str:
        """What commands call it, such as ``santiago@2``."""
        return f"{self.name}@{self.version}"

    @property
    def title(self) -> str:
        """Name and version as a person reads them, such as ``santiago v2``."""
        return f"{self.name} v{self.version}"

    @property
    def card(self) -> Card:
        """Everything that is known of it but the bytes."""
        return load_card(open_store(self.store), self.id)

    def __repr__(self) -> str:
        splits = ", ".join(f"{split} {clips}" for split, clips in self.splits.items())
        return f"<data set {self.id}: {self.clips} clips, {duration(self.seconds)} ({splits})>"

    __str__ = __repr__


def stage_source(store: Store, request: StageRequest) -> StagedDataset:
    """Stage what a request names into a store."""
    done = stage_data(
        store,
        request.source,
        request.name,
        language=request.language,
        seed=request.seed,
        split_by=request.split_by,
        max_seconds=request.max_duration,
        write_splits=request.write_splits,
        source_options=request,
    )
    counts = {field.name: getattr(done, field.name) for field in fields(done) if field.name != "card"}
    return StagedDataset.of(store, done.card, **counts)


@options_of(StageRequest, "source", "name", "language")
def stage(source: str | PathLike[str], name: str, language: str | None = None, **options: Any) -> StagedDataset:
    """Stage a source of recordings as a data set; called again, it adds what is new and moves nothing.

    >>> data = stage("recordings", name="mine", language="es")
    >>> data
    <data set mine@1: 22 clips, 56.2 s (train 5, dev 2, test 15)>
    >>> data.found, dict(data.rejected)
    (23, {'no_transcript': 1})

    Args:
        source: a folder of clips with their transcripts, a list, a corpus, an archive or an address of one of these, or
            a Hugging Face data set (``owner/name``).
        name: what to call the data set.
        language: the language spoken, such as ``es``.
        options: see below.

    Raises:
        InputError: the source, the name or an option cannot be used, or no clip could be staged.
    """
    request = StageRequest.of(source=name_of(source), name=name, language=language, **options)
    with session("stage") as store:
        return stage_source(store, request)


def load_dataset(name: Named) -> StagedDataset:
    """Return a data set that was staged before, the latest version of ``NAME`` or ``NAME@VERSION``.

    >>> load_dataset("mine@1").splits
    {'train': 5, 'dev': 2, 'test': 15}

    Raises:
        DataError: there is none.
    """
    store = open_store()
    return StagedDataset.of(store, load_card(store, name_of(name)))


@options_of(ValidateRequest, "dataset", "doctor")
def validate(data: Named, **options: Any) -> ValidationVerdict:
    """Judge a staged data set by a suite: audio, texts, splits, leaks.

    >>> verdict = validate("mine")
    >>> verdict.passed, [check.name for check in verdict.errors]
    (True, [])

    Args:
        data: the name of a staged data set, or what ``stage`` returned.
        options: see below.

    Returns:
        The verdict with every check. Later calls refuse a data set that failed, unless ``allow_invalid`` is given.

    Raises:
        InputError: there is no such data set, the suite's file is not right, or a check cannot be made on this data.
    """
    request = ValidateRequest.of(dataset=name_of(data), **options)
    with session("validate") as store:
        return validate_dataset(store, request).verdict


def validate_dataset(store: Store, request: ValidateRequest) -> Validated:
    """Judge the data set of a request, or find that the same was judged by the same before.

    Raises:
        InputError: a language is given and no model that could be told it.
    """
    if request.language is not None and request.model is None and request.doctor is None:
        raise InputError("A language is what a model is told, and none is named: add model, or leave language out.")
    suite = Path(request.suite).expanduser() if request.suite else None
    model = resolve(request.model) if request.model else None
    return validate_data(store, load_card(store, request.dataset), suite, model, language=request.language)


def check_dataset(store: Store, request: ValidateRequest) -> str:
    """Judge the data set of a request, and return the version that passed, ``NAME@VERSION``.

    Raises:
        InvalidDataError: it did not pass.
    """
    verdict = validate_dataset(store, request).verdict
    if not verdict.passed:
        raise InvalidDataError(failure(verdict), verdict.key)
    return verdict.dataset
