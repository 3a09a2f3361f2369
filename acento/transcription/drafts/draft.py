"""A draft: the utterances that were heard in a batch of recordings, kept until a person decides on them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel, TypeAdapter

from acento.core.errors import DamagedError, InputError
from acento.core.fingerprint import fingerprint
from acento.core.store import Store
from acento.core.store.upkeep.usage import Group, Live
from acento.data.document import Document
from acento.data.sources.base import stretch
from acento.transcription.drafts.confidence import confidence_of, reason_of

FILE: Final = "utterances.json"
MARGIN_S: Final = 0.2
"""What is added before and after a passage, as times of words are not exact; neighbors share what is between them."""


class DraftUtterance(BaseModel, frozen=True):
    """What was heard in a stretch of a recording, times in seconds from its start."""

    id: str
    """As in data sets: the recording's name and the stretch, such as ``talk#t=1.5,3.75``."""
    file: str
    """The recording: a path or an address."""
    recording: str
    """The store's key of its audio."""
    start: float
    end: float
    text: str
    channel: int | None = None
    confidence: float | None = None
    reason: str = ""
    language: str | None = None
    speaker: str | None = None

    @property
    def length_s(self) -> float:
        """Of equal decimals."""
        return round(self.end - self.start, 9)


_UTTERANCES = TypeAdapter(tuple[DraftUtterance, ...])


@dataclass(frozen=True, slots=True)
class DraftSource:
    """A recording and what was heard in it."""

    name: str
    """What its utterances' ids begin with."""
    file: str
    recording: str
    document: Document


class Draft(BaseModel, frozen=True):
    """The utterances of a batch, the least sure first; ``key`` is the artifact that holds them."""

    key: str
    name: str
    """Of the data set that they are for."""
    model: str
    utterances: tuple[DraftUtterance, ...]

    @property
    def id(self) -> str:
        """What the review list calls it."""
        return self.key.rpartition("/")[2]

    @property
    def seconds(self) -> float:
        """The length of all utterances."""
        return sum(one.length_s for one in self.utterances)


def utterances_of(source: DraftSource) -> Iterator[DraftUtterance]:
    """Yield the passages of a recording as utterances, with a little of what is before and after each.

    >>> from acento.data.document import Passage
    >>> document = Document("a.wav", 9.0, (Passage(1.0, 2.0, "Ya."), Passage(2.1, 3.0, "Sí.")))
    >>> [(one.id, one.start, one.end) for one in utterances_of(DraftSource("a", "a.wav", "recordings/0", document))]
    [('a#t=0.8,2.05', 0.8, 2.05), ('a#t=2.05,3.2', 2.05, 3.2)]
    """
    document = source.document
    by_channel: dict[int | None, list[int]] = {}
    for number, passage in enumerate(document.passages):
        by_channel.setdefault(passage.channel, []).append(number)
    edges: dict[int, tuple[float, float]] = {}
    for numbers in by_channel.values():
        before = 0.0
        for number, after in zip(numbers, [*numbers[1:], None], strict=True):
            passage = document.passages[number]
            following = document.duration_s if after is None else (passage.end + document.passages[after].start) / 2
            start = max(passage.start - MARGIN_S, min(before, passage.start), 0.0)
            end = min(passage.end + MARGIN_S, max(following, passage.end), document.duration_s)
            edges[number] = round(start, 2), round(end, 2)
            before = following
    for number, passage in enumerate(document.passages):
        start, end = edges[number]
        if end <= start:
            continue
        part = stretch(start, round(end - start, 9), passage.channel)
        yield DraftUtterance(
            id=source.name + part,
            file=source.file,
            recording=source.recording,
            start=start,
            end=end,
            text=passage.text,
            channel=passage.channel,
            confidence=confidence_of(passage),
            reason=reason_of(passage),
            language=passage.language or document.language,
            speaker=None if passage.speaker is None else f"{source.name}/{passage.speaker}",
        )


def keep_draft(store: Store, name: str, model: str, utterances: Iterable[DraftUtterance]) -> Draft:
    """Put utterances into the store, the least sure first; the same ones are the same draft."""
    ordered = tuple(sorted(utterances, key=_worst_first))
    data = _UTTERANCES.dump_json(ordered, exclude_defaults=True)
    key = f"drafts/{fingerprint({'name': name, 'model': model, 'utterances': data.decode()})[:16]}"
    with store.publish(key) as draft:
        (draft.folder / FILE).write_bytes(data)
        recordings = sorted({one.recording for one in ordered})
        draft.info |= {"name": name, "model": model, "recordings": recordings}
    return Draft(key=key, name=name, model=model, utterances=ordered)


def load_draft(store: Store, id: str) -> Draft:
    """Return a draft that was kept.

    Raises:
        InputError: there is none of this id.
        DamagedError: what is there is no draft.
    """
    key = f"drafts/{id}"
    found = store.find(key)
    if found is None:
        raise InputError(
            f"There is no draft {id} in {store.url}: use the store in which it was made, or make the draft again."
        )
    try:
        utterances = _UTTERANCES.validate_json(store.read_bytes(key, FILE))
        return Draft(key=key, name=found.info["name"], model=found.info["model"], utterances=utterances)
    except (KeyError, ValueError) as error:
        raise DamagedError(f"{key} is no draft ({type(error).__name__}): make it again.") from error


def mark_live(store: Store, groups: Mapping[str, Group], live: Live) -> None:
    """Tell the garbage collector that drafts are kept, and the recordings that they are of."""
    for key in groups:
        if key.startswith("drafts/") and (found := store.find(key)) is not None:
            live.keys |= {key, *found.info.get("recordings", ())}


def _worst_first(one: DraftUtterance) -> tuple[float, str, float]:
    return (-1.0 if one.confidence is None else one.confidence, one.file, one.start)


def ids_of(utterances: Sequence[DraftUtterance]) -> dict[str, DraftUtterance]:
    """Return utterances by their ids."""
    return {one.id: one for one in utterances}
