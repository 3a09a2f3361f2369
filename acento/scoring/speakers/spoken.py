"""What is said in recordings, when and by whom: the two sides that scores of speakers compare."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from acento.core.errors import InputError

_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Spoken:
    """A stretch in which somebody speaks, in seconds."""

    start: float
    end: float
    speaker: str
    text: str | None = None
    """None: it is not told what is said, as in RTTM."""


@dataclass(frozen=True, slots=True)
class Side:
    """The recordings of one file."""

    name: str
    """The file's, as sentences name it."""
    recordings: Mapping[str, Sequence[Spoken]]
    ignored: Mapping[str, Sequence[tuple[float, float]]] = field(default_factory=dict)
    """Stretches of recordings, in seconds, that the file says are not to be scored."""
    turns: Mapping[str, Sequence[Spoken]] = field(default_factory=dict)
    """Who speaks when, of recordings for which that is told apart from the words, as by RTTM beside STM."""

    def turns_of(self, recording: str) -> Sequence[Spoken]:
        """Return who speaks when in a recording."""
        return self.turns.get(recording, self.recordings[recording])

    @property
    def has_text(self) -> bool:
        """Whether it is told what is said."""
        return any(one.text is not None for found in self.recordings.values() for one in found)


@dataclass(frozen=True, slots=True)
class Conversations:
    """Both sides, of the same recordings."""

    reference: Side
    hypothesis: Side

    @property
    def has_text(self) -> bool:
        """Whether both sides tell what is said."""
        return self.reference.has_text and self.hypothesis.has_text


def matched(reference: Side, hypothesis: Side, *, missing: str = "refuse", extra: str = "refuse") -> Conversations:
    """Return both sides with the same recordings.

    Args:
        reference: who speaks and what is said.
        hypothesis: what a system found.
        missing: what becomes of recordings that the hypothesis lacks: ``refuse``, ``empty`` (nothing was found in
            them) or ``drop``.
        extra: what becomes of recordings that the reference lacks: ``refuse`` or ``drop``.

    Raises:
        InputError: no recording is in both, or one is only in one of them and that is refused.
    """
    said, heard = reference.recordings, hypothesis.recordings
    if not said.keys() & heard.keys():
        raise InputError(
            f"{reference.name} and {hypothesis.name} are of different recordings: the first is of {_listed(said)}, the "
            f"second of {_listed(heard)}. Give both the same names (--by-file-name takes names for paths)."
        )
    without, beyond = said.keys() - heard.keys(), heard.keys() - said.keys()
    if without and missing == "refuse":
        raise InputError(
            f"{hypothesis.name} lacks {_listed(without)} of {reference.name}. --missing empty scores recordings as if "
            "nothing was found in them, --missing drop leaves them out."
        )
    if beyond and extra == "refuse":
        raise InputError(f"{reference.name} lacks {_listed(beyond)} of {hypothesis.name}. --extra drop leaves it out.")
    kept = sorted(said.keys() - without if missing == "drop" else said.keys())
    return Conversations(
        replace(reference, recordings={name: said[name] for name in kept}),
        replace(hypothesis, recordings={name: heard.get(name, ()) for name in kept}),
    )


def _listed(names: "Mapping[str, object] | set[str]") -> str:
    first = sorted(names)
    more = f" and {len(first) - _SHOWN} more" if len(first) > _SHOWN else ""
    return ", ".join(map(repr, first[:_SHOWN])) + more
