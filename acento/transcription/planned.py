"""A planned batch: what was asked of which files, fixed before anything is decoded; small enough to travel."""

from pathlib import Path

from pydantic import BaseModel, Field

from acento.captions.style import CaptionStyle
from acento.core.store import Store
from acento.data.recordings.recording import Recording, load_recording
from acento.diarization.diarizer import Speakers
from acento.diarization.job import Channels, DiarizeJob, EnrolledVoice, plan_diarization
from acento.diarization.merge import Method
from acento.models.base import DecodeOptions
from acento.transcription.batch import Ledger, Row
from acento.transcription.planning import Decoding, Rounds
from acento.transcription.transcripts import transcript_key


class Diarizing(BaseModel, frozen=True):
    """How speakers are told apart."""

    engine: str
    channels: Channels = "mixed"
    speakers: Speakers
    voices: tuple[EnrolledVoice, ...]
    options: DecodeOptions

    def job(self, recording: Recording, name: str) -> DiarizeJob:
        """Return the job that finds who speaks when in a recording of that name."""
        return plan_diarization(
            recording,
            name,
            self.options,
            engine=self.engine,
            channels=self.channels,
            speakers=self.speakers,
            voices=self.voices,
        )


class PlannedBatch(BaseModel, frozen=True):
    """Files to be transcribed alike, and where what is written of them goes."""

    id: str
    title: str
    folder: str | None
    """For the outputs, on the machine of whoever asked; None: nothing is written."""
    files: tuple[str, ...]
    """Names of rows of the ledger: what was asked for this time."""
    locations: dict[str, str] = Field({}, repr=False)
    """Where files are read whose names leave out secrets."""
    formats: tuple[str, ...]
    decoding: Decoding
    work: str
    """Names all that decides the outputs beside the audio; see :class:`Row`."""
    each_channel: bool = False
    """Each channel is transcribed by itself, and is one speaker."""
    style: CaptionStyle = CaptionStyle()
    diarizing: Diarizing | None = None
    """How speakers are told apart; None: they are not."""
    by_sentence: bool = False
    """One speaker says each sentence."""
    merge: Method = "overlap"
    """How words get their speakers."""
    workers: int
    compute: str

    @property
    def tells_speakers(self) -> bool:
        """Whether the outputs say who speaks."""
        return self.diarizing is not None or self.each_channel

    def ledger(self, store: Store) -> Ledger:
        """Return the ledger of the folder."""
        return Ledger(store, self.id, None if self.folder is None else Path(self.folder))

    def rounds(self, store: Store) -> Rounds:
        """Return what is decoded."""
        return Rounds(store, self.id, self.decoding)

    def rows(self, store: Store) -> list[Row]:
        """Return the row of each file."""
        rows = self.ledger(store).rows()
        return [rows[file] for file in self.files]

    def waiting(self, store: Store) -> list[Row]:
        """Return the rows of files that are not done."""
        return [row for row in self.rows(store) if not row.ended]

    def recordings(self, store: Store) -> dict[str, Recording]:
        """Return the recordings of files that wait, by their keys, in the order of the files."""
        keys = dict.fromkeys(row.recording for row in self.waiting(store) if row.recording is not None)
        return {key: load_recording(store, key) for key in keys}

    def undecoded(self, store: Store) -> list[Recording]:
        """Return the recordings of files that wait and have no transcript yet."""
        found = self.recordings(store).values()
        return [one for one in found if store.find(transcript_key(self.decoding, one.key)) is None]
