"""What is decoded of recordings: the windows of all of them packed into one plan, and the language of each voted for.

A *round* is a plan with the options that it is decoded with. The first one has the windows of every recording. Where
no language is given the model guesses one for each window; a second round, for each language, decodes again the windows
that were guessed otherwise than most of their recording. Rounds are written down, so that a batch that was killed goes
on with the parts that it began with.
"""

from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from functools import lru_cache

from pydantic import BaseModel

from acento.core.fingerprint import fingerprint
from acento.core.store import Store
from acento.core.store.coordination import Records
from acento.data.recordings.recording import Recording, load_speech
from acento.inference.cutting import Window, windows
from acento.inference.jobs import TranscribeJob, jobs_of, measurements
from acento.inference.plan import PlannedClip, load_parts, load_plan, plan_windows
from acento.inference.predictions import Prediction, attempts, overlaid
from acento.models.base import DecodeOptions
from acento.models.checkpoints.checkpoint import ModelSpec
from acento.models.families import FAMILIES
from acento.transcription.assembly.voiced import voice_of

_VERSION = 2
"""Raised by hand when the same recording may be cut or voted on otherwise."""
_PARTS = 32
"""Parts whose texts are in memory at a time: those of one recording lie in few, as of those beside it."""


class Decoding(BaseModel, frozen=True):
    """All that decides, beside the audio, what is heard in a recording."""

    model: ModelSpec
    options: DecodeOptions
    batch_size: int
    window_s: float
    """No window is longer, in seconds."""

    @property
    def fingerprint(self) -> str:
        """Names it."""
        return fingerprint(
            {
                "version": _VERSION,
                "model": self.model.digest,
                "family": self.model.family,
                "decoding": FAMILIES[self.model.family].decoding_version,
                "options": self.options.model_dump(),
                "batch_size": self.batch_size,
                "window_s": self.window_s,
            }
        )


class Round(BaseModel, frozen=True):
    """Windows to be decoded alike."""

    plan: str
    language: str | None
    """The language that was voted for; None: the first round."""
    recordings: frozenset[str]
    """The keys of those whose windows are in it."""


class Rounds:
    """The rounds of a batch that are decoded alike."""

    def __init__(self, store: Store, batch: str, decoding: Decoding) -> None:
        """Name the batch; nothing is read yet."""
        self._store, self._decoding = store, decoding
        self._records = Records(store, f"batches/{batch}/rounds-{decoding.fingerprint[:16]}/")

    def first(self, recordings: Sequence[Recording]) -> list[Round]:
        """Return the first rounds of recordings; those that are in none yet are planned together."""
        begun = [one for one in self._read() if one.language is None]
        known = {key for one in begun for key in one.recordings}
        new = {one.key: one for one in recordings if one.key not in known}
        clips = [clip for one in new.values() for clip in windows_of(self._store, one, self._decoding.window_s)]
        if clips:
            begun.append(self._add(clips, None))
        return _with(begun, {one.key for one in recordings})

    def second(self, recordings: Sequence[Recording]) -> list[Round]:
        """Return the rounds in which windows of recordings are decoded in the language that the others voted for."""
        asked = self._decoding.options.language
        begun = [one for one in self._read() if one.language is not None]
        known = {(one.language, key) for one in begun for key in one.recordings}
        again: defaultdict[str, list[PlannedClip]] = defaultdict(list)
        for key, found in [] if asked is not None else self.heard(recordings, languages=False):
            vote = voted(found, speech_in(self._store, key))
            if vote is not None and (vote, key) not in known:
                again[vote] += [clip for clip, row in found if language_of(row) not in (None, vote)]
        begun += [self._add(clips, language) for language, clips in sorted(again.items()) if clips]
        return _with(begun, {one.key for one in recordings})

    def jobs(self, one: Round, recordings: Container[str]) -> list[TranscribeJob]:
        """Return the jobs of a round in which there is a window of one of these recordings."""
        options = self._decoding.options
        if one.language is not None:
            options = options.model_copy(update={"language": one.language})
        jobs = jobs_of(load_plan(self._store, one.plan), self._decoding.model, options)
        parts = load_parts(self._store, one.plan)
        pairs = zip(jobs, parts, strict=True)
        return [job for job, part in pairs if any(clip.data_part in recordings for clip in part.clips)]

    def heard(
        self, recordings: Sequence[Recording], *, languages: bool = True
    ) -> Iterator[tuple[str, list[tuple[PlannedClip, Prediction | None]]]]:
        """Yield for each recording its windows, by channel and start, and what was heard in each, None: not decoded.

        With ``languages`` what was decoded again in the language of the recording stands for what was heard before.
        """
        places: defaultdict[str, dict[str, tuple[PlannedClip, str]]] = defaultdict(dict)
        for language, clip, job in self._planned({one.key for one in recordings}):
            if languages or language is None:
                places[clip.data_part][clip.id] = (clip, job.key)
        rows = lru_cache(_PARTS)(lambda job: overlaid(self._store, attempts(self._store, job)))
        for recording in recordings:
            found = sorted(places[recording.key].values(), key=lambda place: (place[0].row, place[0].start_s or 0.0))
            yield recording.key, [(clip, rows(job).get(clip.id)) for clip, job in found]

    def seconds(self, recordings: Iterable[Recording]) -> dict[str, float]:
        """Return the seconds of inference for each recording: of a part's its share of the audio, in every round."""
        pace = lru_cache(None)(self._pace)
        found: defaultdict[str, float] = defaultdict(float)
        for _, clip, job in self._planned({one.key for one in recordings}):
            found[clip.data_part] += clip.duration_s * pace(job.key)
        return dict(found)

    def _pace(self, job: str) -> float:
        """Return the seconds of inference for each second of a job's audio."""
        timings = [one.timings for one in measurements(self._store, job)]
        return sum(one.inference_s for one in timings) / (sum(one.audio_s for one in timings) or 1.0)

    def _planned(self, wanted: set[str]) -> Iterator[tuple[str | None, PlannedClip, TranscribeJob]]:
        """Yield each planned window of some recordings with its job, and the language that was voted for, if any."""
        for one in _with(self._read(), wanted):
            jobs = self.jobs(one, one.recordings)
            for job, part in zip(jobs, load_parts(self._store, one.plan), strict=True):
                yield from ((one.language, clip, job) for clip in part.clips if clip.data_part in wanted)

    def _read(self) -> list[Round]:
        return [Round.model_validate(body) for _, body in self._records.since()]

    def _add(self, clips: Sequence[PlannedClip], language: str | None) -> Round:
        plan = plan_windows(self._store, clips, self._decoding.batch_size)
        one = Round(plan=plan.key, language=language, recordings=frozenset(clip.data_part for clip in clips))
        self._records.append(one.model_dump(mode="json") | {"recordings": sorted(one.recordings)})
        return one


def windows_of(store: Store, recording: Recording, window_s: float) -> list[PlannedClip]:
    """Return the windows of a recording, channel by channel, in the order of their starts."""
    speech, name = load_speech(store, recording.key), recording.key.rpartition("/")[2]
    return [
        PlannedClip(
            _id(name, channel, window), window.duration, name, recording.key, channel, window.start, window.spans
        )
        for channel in range(recording.channels)
        for window in windows(speech[:, channel], window_s, end_s=recording.duration_s)
    ]


def _id(recording: str, channel: int, window: Window) -> str:
    """Return what names a window, with the seconds that are heard of it where silence is left out."""
    heard = f"-{window.duration:.3f}" if len(window.spans) > 1 else ""
    return f"{recording[:20]}-{channel}-{window.start:.3f}-{window.end:.3f}{heard}"


def language_of(row: Prediction | None) -> str | None:
    """Return the language in which a window was heard; None: it is not known, or nothing was said."""
    return None if row is None or not row.text else next((one.language for one in row.segments if one.language), None)


def speech_in(store: Store, recording: str) -> Callable[[PlannedClip], float]:
    """Return what tells the seconds of speech in a window of a recording, given the recording's key."""
    voices = [voice_of(channel) for channel in load_speech(store, recording).T]
    return lambda clip: sum(voices[clip.row](start, end) for start, end in clip.heard)


def voted(
    heard: Iterable[tuple[PlannedClip, Prediction | None]], speech_s: Callable[[PlannedClip], float]
) -> str | None:
    """Return the language in which most seconds of speech were heard; of two the first in the alphabet."""
    seconds: defaultdict[str, float] = defaultdict(float)
    for clip, row in heard:
        if (language := language_of(row)) is not None:
            seconds[language] += speech_s(clip)
    return min(seconds, key=lambda language: (-seconds[language], language), default=None)


def _with(rounds: Iterable[Round], recordings: set[str]) -> list[Round]:
    return [one for one in rounds if one.recordings & recordings]
