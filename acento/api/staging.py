"""Stage a source of recordings, and find what was staged."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from os import PathLike, fspath
from typing import Any

from acento.api.working import options_of, working
from acento.core.progress import duration
from acento.core.store import Store
from acento.data.dataset import Card, load_card
from acento.data.staging import StageResult
from acento.data.staging import stage as stage_data
from acento.requests import StageRequest


@dataclass(frozen=True, slots=True)
class StagedDataset:
    """A version of a data set in the store; every function that takes a data set's name takes it, too."""

    card: Card
    """Everything that is known of it but the bytes."""
    found: int = 0
    """Inputs of the source: staged now, already there, or rejected; 0 where nothing was staged just now."""
    staged_now: int = 0
    already_there: int = 0
    rejected: Mapping[str, int] = field(default_factory=dict)
    """Inputs left out just now, by reason."""
    notes: tuple[str, ...] = ()
    """What a person should know of the source, a sentence each."""

    @property
    def name(self) -> str:
        """The data set's name."""
        return self.card.name

    @property
    def version(self) -> int:
        """The version's number, from 1."""
        return self.card.version

    @property
    def id(self) -> str:
        """What commands call it, such as ``santiago@2``."""
        return f"{self.card.name}@{self.card.version}"

    @property
    def clips(self) -> int:
        """Clips of all splits."""
        return self.card.clips

    @property
    def splits(self) -> Mapping[str, int]:
        """Clips of each split."""
        return self.card.splits

    def __repr__(self) -> str:
        splits = ", ".join(f"{split} {clips}" for split, clips in self.splits.items())
        return f"<data set {self.id}: {self.clips} clips, {duration(self.card.seconds)} ({splits})>"


def stage_source(store: Store, request: StageRequest) -> StageResult:
    """Stage what a request names into a store."""
    return stage_data(
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


@options_of(StageRequest, "source", "name", "language")
def stage(source: str | PathLike[str], name: str, language: str | None = None, **options: Any) -> StagedDataset:
    """Stage a source of recordings as a data set; called again, it adds what is new and moves nothing.

    >>> data = stage("recordings", name="mine", language="es")
    >>> data
    <data set mine@1: 22 clips, 55.9 s (train 5, dev 2, test 15)>
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
    request = StageRequest.of(source=fspath(source), name=name, language=language, **options)
    with working("stage") as store:
        done = stage_source(store, request)
    return StagedDataset(done.card, done.found, done.staged_now, done.already_there, done.rejected, done.notes)


def load_dataset(name: str) -> StagedDataset:
    """Return a data set that was staged before, the latest version of ``NAME`` or ``NAME@VERSION``.

    >>> load_dataset("mine@1").splits
    {'train': 5, 'dev': 2, 'test': 15}

    Raises:
        DataError: there is none.
    """
    with working("load") as store:
        return StagedDataset(load_card(store, name))
