"""A transcribed recording: its passages with times, words and speakers, and what was left out of it and why."""

from dataclasses import dataclass

from acento.data.words import Turn, Word


@dataclass(frozen=True, slots=True)
class Passage:
    """What one speaker says without a long pause; times in seconds from the recording's start."""

    start: float
    end: float
    text: str
    words: tuple[Word, ...] = ()
    """Empty: the model gives no times of words."""
    speaker: str | None = None
    language: str | None = None
    """ISO 639-1 code, where it was guessed or given."""
    logprob: float | None = None
    """The mean log probability of a token; None: the model does not say."""
    channel: int | None = None
    """Of a recording whose channels were transcribed one by one, the channel, from 0."""


@dataclass(frozen=True, slots=True)
class Removed:
    """A text that was taken out, as nobody is likely to have said it."""

    start: float
    end: float
    text: str
    reason: str
    """A code: ``repeated``, ``silence``, ``unlikely``, ``phrase`` or ``echo`` (of another channel)."""


@dataclass(frozen=True, slots=True)
class Document:
    """A whole recording; passages are in the order of their starts."""

    name: str
    """As the recording is called: a path, or an address."""
    duration_s: float
    passages: tuple[Passage, ...]
    model: str | None = None
    language: str | None = None
    turns: tuple[Turn, ...] = ()
    """Who speaks when, where that was asked for."""
    removed: tuple[Removed, ...] = ()

    @property
    def text(self) -> str:
        """The passages' texts, joined by spaces."""
        return " ".join(passage.text for passage in self.passages if passage.text)

    @property
    def words(self) -> list[Word]:
        """Every word of every passage, in the order of the passages."""
        return [word for passage in self.passages for word in passage.words]

    @property
    def speakers(self) -> list[str]:
        """Who speaks, in the order in which they do so first."""
        return list(dict.fromkeys(passage.speaker for passage in self.passages if passage.speaker is not None))
