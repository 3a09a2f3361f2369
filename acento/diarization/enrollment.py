"""Names for speakers: whose voice is like one that was enrolled.

Voices are compared by the embedded engine's speaker network, whatever engine found the turns.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from acento.data.words import Turn
from acento.diarization.engines.embedded.vectors import Vector, unit
from acento.models.base import Audio

THRESHOLD: Final = 0.43
"""The least cosine of a speaker's voice and an enrolled one: where as many are confused as are not recognized of eight
actors of Czech clips, near and far from the microphone (``benchmarks/enrollment.py``)."""
CLEAR: Final = 0.1
"""How much likelier than any other the name must be."""
_ENOUGH_S = 60.0
"""Speech of a speaker that is listened to."""
_LEAST_TURN_S = 0.5


class Listener(Protocol):
    """What turns audio into a voice."""

    def __call__(self, audio: Audio) -> Vector | None:
        """Return the voice of float32, mono, 16 kHz audio; None: it is too short."""


class Read(Protocol):
    """What reads a stretch of the recording."""

    def __call__(self, start_s: float, end_s: float) -> Audio:
        """Return float32, mono, 16 kHz."""


@dataclass(frozen=True, slots=True)
class Named:
    """Turns with names where they are known, and what a person should know of it."""

    turns: list[Turn]
    notes: list[str]


def voice_in(stretches: Iterable[Audio], listen: Listener) -> Vector | None:
    """Return the voice in stretches of one person's speech: the mean, by their lengths; None: they are too short."""
    total = None
    for audio in stretches:
        voice = listen(audio)
        if voice is not None:
            total = voice * len(audio) + (0 if total is None else total)
    return None if total is None else unit(total)


def speakers_voices(turns: Sequence[Turn], read: Read, listen: Listener) -> dict[str, Vector]:
    """Return the voice of each speaker from the longest stretches in which nobody else speaks, up to a minute."""
    found = {}
    for speaker in dict.fromkeys(turn.speaker for turn in turns):
        alone = sorted(_alone(turns, speaker), key=lambda span: span[0] - span[1])
        chosen, seconds = [], 0.0
        for start, end in alone:
            if seconds < _ENOUGH_S and end - start >= _LEAST_TURN_S:
                end = min(end, start + _ENOUGH_S - seconds)
                chosen.append((start, end))
                seconds += end - start
        voice = voice_in((read(start, end) for start, end in chosen), listen)
        if voice is not None:
            found[speaker] = voice
    return found


def name_speakers(turns: Sequence[Turn], voices: Mapping[str, Vector], enrolled: Mapping[str, Vector]) -> Named:
    """Give each speaker the name of the enrolled voice that is likest, if it is like enough.

    Two speakers may get one name: diarization took one person for two. A speaker whom two names fit, and a name that
    fits nobody, are told.

    Args:
        turns: with the engine's speakers.
        voices: of those speakers.
        enrolled: by name.
    """
    names: dict[str, str] = {}
    notes = []
    for speaker, voice in voices.items():
        likest = sorted(((float(voice @ its), name) for name, its in enrolled.items()), reverse=True)
        fitting = [(cosine, name) for cosine, name in likest if cosine >= THRESHOLD]
        if len(fitting) > 1 and fitting[0][0] - fitting[1][0] < CLEAR:
            both = " and ".join(f"{name} ({cosine:.2f})" for cosine, name in fitting[:2])
            notes.append(f"{speaker} is like {both}: it keeps its number; enroll longer or clearer speech of both.")
        elif fitting:
            names[speaker] = fitting[0][1]
    for name, voice in enrolled.items():
        if name not in names.values():
            near = max(((float(its @ voice), speaker) for speaker, its in voices.items()), default=None)
            likest_one = "" if near is None else f" (the likest is {near[1]}, {near[0]:.2f} of {THRESHOLD:.2f} needed)"
            notes.append(f"Nobody here has the voice of {name}{likest_one}.")
    return Named([replace(turn, speaker=names.get(turn.speaker, turn.speaker)) for turn in turns], notes)


def _alone(turns: Sequence[Turn], speaker: str) -> Iterable[tuple[float, float]]:
    """Yield where only this speaker speaks, in seconds."""
    others = sorted((turn.start, turn.end) for turn in turns if turn.speaker != speaker)
    for turn in turns:
        if turn.speaker != speaker:
            continue
        start = turn.start
        for their_start, their_end in others:
            if their_end <= start or their_start >= turn.end:
                continue
            if their_start > start:
                yield start, their_start
            start = max(start, their_end)
        if start < turn.end:
            yield start, turn.end
