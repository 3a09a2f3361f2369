"""The diarization of one recording as a job: a small spec in, its turns out; apart from what is said in it."""

import json
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel

from acento.core.errors import DamagedError, InputError
from acento.core.fingerprint import fingerprint
from acento.core.store import Store
from acento.data.recordings.recording import Recording
from acento.data.words import Turn
from acento.diarization.diarizer import Speakers
from acento.diarization.engines.engine import find_engine
from acento.models.base import DecodeOptions
from acento.models.checkpoints.checkpoint import ModelSpec

DIARIZATION_VERSION = 3
"""Raised by hand whenever the same job may find other turns."""
TURNS = "turns.json"

Channels = Literal["mixed", "each"]
"""Whether speakers are told apart by their voices, all channels mixed, or each has a channel of its own."""


class EnrolledVoice(BaseModel, frozen=True):
    """A person's name, and a recording of nobody else."""

    name: str
    recording: str
    """Its key in the store."""


class DiarizeJob(BaseModel, frozen=True):
    """One recording, and what finds its turns."""

    kind: Literal["diarize"] = "diarize"
    recording: str
    """The recording's key, which names its content."""
    name: str
    """What a person calls the recording."""
    seconds: float
    model: ModelSpec
    """The engine: ``id`` a preset, or a model's name."""
    options: DecodeOptions
    """Device, precision and threads; what else there is of them does not matter here."""
    speakers: Speakers = Speakers()
    channels: Channels = "mixed"
    voices: tuple[EnrolledVoice, ...] = ()

    @property
    def title(self) -> str:
        """What a person calls it."""
        return f"the diarization of {self.name}"

    @property
    def fingerprint(self) -> str:
        """Name what is computed: the recording, the engine, what it is told, on what device; not what it is called."""
        by_voice = {} if self.channels == "each" else {"engine": [self.model.family, self.model.digest]}
        return fingerprint(
            by_voice
            | {
                "kind": self.kind,
                "version": DIARIZATION_VERSION,
                "recording": self.recording,
                "speakers": self.speakers.model_dump(),
                "channels": self.channels,
                "voices": sorted((voice.name, voice.recording) for voice in self.voices),
                "device": [self.options.device_type, self.options.threads],
            }
        )

    @property
    def key(self) -> str:
        """The store's folder of this job."""
        return f"jobs/{self.fingerprint}"

    @property
    def turns_key(self) -> str:
        """The artifact that holds the turns."""
        return f"{self.key}/turns"


class DiarizeResult(BaseModel, frozen=True):
    """What executing a job came to."""

    key: str
    name: str
    seconds: float
    turns: int
    speakers: int
    notes: list[str] = []
    """What a person should know of it, such as an enrolled voice that nobody has."""
    cached: bool


def plan_diarization(
    recording: Recording,
    name: str,
    options: DecodeOptions,
    *,
    engine: str = "accurate",
    speakers: Speakers | None = None,
    channels: Channels = "mixed",
    voices: tuple[EnrolledVoice, ...] = (),
) -> DiarizeJob:
    """Return the job that finds the turns of a recording; nothing is loaded.

    Raises:
        InputError: there is no such engine, no such number of speakers, or two voices have one name.
    """
    wanted = speakers or Speakers()
    wanted.check()
    check_voices(voices)
    if channels == "each" and wanted != Speakers():
        raise InputError(
            "One speaker a channel leaves no number of speakers to give: leave out --speakers, --min-speakers and "
            "--max-speakers."
        )
    return DiarizeJob(
        recording=recording.key,
        name=name,
        seconds=recording.duration_s,
        model=find_engine(engine),
        options=options,
        speakers=wanted,
        channels=channels,
        voices=tuple(voices),
    )


def check_voices(voices: Sequence[EnrolledVoice]) -> None:
    """Raise InputError where two voices have one name, or one recording."""
    for name in (voice.name for voice in voices):
        if sum(voice.name == name for voice in voices) > 1:
            raise InputError(f"Two voices are called {name!r}: give each a name of its own, or one recording of both.")
    for one in voices:
        if sum(voice.recording == one.recording for voice in voices) > 1:
            raise InputError(f"The recording of the voice {one.name!r} is another voice's, too: give each person one.")


def state(store: Store, job: DiarizeJob) -> DiarizeResult | None:
    """Return the result of a job that is done; else None. No torch needed."""
    found = store.find(job.turns_key)
    return None if found is None else DiarizeResult.model_validate(found.info["result"] | {"cached": True})


def turns(store: Store, job: DiarizeJob) -> list[Turn]:
    """Return the turns that a job found, by their starts; those of several speakers may overlap.

    Raises:
        StoreError: it is not done.
        DamagedError: what is there cannot be read.
    """
    path = store.local_path(job.turns_key, TURNS)
    try:
        return [Turn(**turn) for turn in json.loads(path.read_bytes())["turns"]]
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedError(f"{job.turns_key}/{TURNS} cannot be read ({error}); remove it and diarize again.") from error


def to_json(found: list[Turn]) -> dict[str, Any]:
    """Return turns as ``turns.json`` holds them."""
    return {"turns": [{"start": turn.start, "end": turn.end, "speaker": turn.speaker} for turn in found]}
