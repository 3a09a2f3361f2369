"""A benchmark's steps: plan a transcription, know what of it is to be done, score it, and say how it was measured.

What travels between steps is small: a plan's key, hashes, counts. All else is found through them in the store.
"""

from collections.abc import Container, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import lru_cache, partial

from pydantic import BaseModel

from acento.core.errors import DamagedError
from acento.core.fingerprint import fingerprint
from acento.core.store import Store
from acento.core.text import normalizer_for
from acento.data.dataset import Card, clips_in, language_of, load_card, read_utterances, speakers_in
from acento.inference.jobs import Measurement, TranscribeJob, jobs_of, measurements, repeated, state
from acento.inference.plan import load_parts, load_plan, make_plan
from acento.inference.predictions import Prediction, collect, digest
from acento.inference.speed import cost, speed
from acento.models.base import DecodeOptions
from acento.models.checkpoints.checkpoint import Checkpoint, ModelSpec
from acento.models.checkpoints.references import short_name
from acento.models.checkpoints.taught import check_window, taught
from acento.models.languages import language_code
from acento.scoring.entry import Entry
from acento.scoring.score import Score, UtteranceResult
from acento.scoring.stored import SCORE, write_score

SCORING_VERSION = 2
"""Raised by hand when the same hypotheses may give another score."""
_DATA_PARTS = 8
"""Data parts whose clips are in memory at a time: a part of a plan takes its clips from few of them."""
_LOOKS = 8
"""Jobs that are looked for in the store at a time: in one that is elsewhere most of the time is waiting."""


class Transcription(BaseModel, frozen=True):
    """One model on one split of one data set: everything that decides the texts."""

    dataset: str
    """Name and version, such as ``santiago@2``."""
    dataset_title: str
    dataset_fingerprint: str
    split: str
    limit: int | None
    model: ModelSpec
    options: DecodeOptions
    batch_size: int
    plan: str
    clips: int
    seconds: float
    sample: int | None = None
    """How many clips of the split were drawn, such as to be transcribed one at a time; None: all of them."""
    batch_check: "Transcription | None" = None
    """Such a sample of this transcription, to see whether the batch size changes texts."""
    language: str | None = None
    """What is spoken, as the data set says it, else what the model is told: it decides the normalizer, no text."""
    workers: int | None = None
    """How many share the work where that was measured for this model; None: as many as the run says."""
    chosen: str = ""
    """What of engine, threads and batch size was chosen by measuring, and why, in a sentence; empty: nothing was."""
    taught: bool = True
    """False: it decodes in short windows, and its model was not taught them."""

    @property
    def title(self) -> str:
        """What a person calls it, such as ``whisper-mini on santiago v2/test``."""
        drawn = f", {self.sample} clips" if self.batch_size > 1 else ", one clip at a time"
        sampled = "" if self.sample is None else drawn
        return f"{short_name(self.model.id)} on {self.dataset_title}/{self.split}{sampled}"

    @property
    def steps(self) -> list["Transcription"]:
        """Itself, and the sample that checks it, where one was asked for."""
        return [self] if self.batch_check is None else [self, self.batch_check]


class Scored(BaseModel, frozen=True):
    """A score in the store."""

    key: str
    digest: str
    """Of (id, text, reason) of every clip."""
    cached: bool


def plan_transcription(
    store: Store,
    card: Card,
    checkpoint: Checkpoint,
    *,
    split: str,
    options: DecodeOptions,
    batch_size: int | None = None,
    limit: int | None = None,
) -> Transcription:
    """Fix everything that decides the texts; the language, where it is not given, is the data set's if it has one.

    Raises:
        DataError: the split has no clips.
        ModelError: the model does not know the language.
        InputError: the batch size or the limit is below 1, or the model hears less at once than the options say.
    """
    return preview_transcription(
        store, card, checkpoint, split=split, options=options, batch_size=batch_size, limit=limit, keep=True
    )[0]


def preview_transcription(
    store: Store,
    card: Card,
    checkpoint: Checkpoint,
    *,
    split: str,
    options: DecodeOptions,
    batch_size: int | None = None,
    limit: int | None = None,
    keep: bool = False,
) -> tuple[Transcription, list[TranscribeJob]]:
    """Return what :func:`plan_transcription` would, and its jobs; the store is not changed unless ``keep``."""
    spoken = language_of(store, card, [split])
    language = language_code(checkpoint, options.language or spoken)
    check_window(checkpoint, options.cut_s)
    asked, options = options.language, options.model_copy(update={"language": language})
    if batch_size is None:
        batch_size = checkpoint.family.batch_size[options.device_type]
    plan = make_plan(store, card, split=split, batch_size=batch_size, limit=limit, keep=keep)
    transcription = Transcription(
        dataset=f"{card.name}@{card.version}",
        dataset_title=card.title,
        dataset_fingerprint=card.fingerprint,
        split=split,
        limit=limit if limit is not None and limit < clips_in(card, split) else None,
        model=ModelSpec.of(checkpoint),
        options=options,
        batch_size=batch_size,
        plan=plan.key,
        clips=plan.clips,
        seconds=plan.seconds,
        language=spoken or asked,
        taught=options.fit is None or taught(checkpoint.folder) is not None,
    )
    return transcription, jobs_of(plan, transcription.model, transcription.options)


def jobs(store: Store, transcription: Transcription) -> list[TranscribeJob]:
    """Return one job for each part of the plan."""
    return jobs_of(load_plan(store, transcription.plan), transcription.model, transcription.options)


def unfinished(store: Store, all_jobs: Sequence[TranscribeJob]) -> list[TranscribeJob]:
    """Return the jobs that are not done, or have clips that failed and may do better now."""
    with ThreadPoolExecutor(_LOOKS, thread_name_prefix="look") as threads:
        found = [*threads.map(lambda job: state(store, job), all_jobs)]
    return [job for job, done in zip(all_jobs, found, strict=True) if done is None or done.failed]


def predictions(store: Store, transcription: Transcription) -> Iterator[Prediction]:
    """Yield what became of every clip, each exactly once.

    Raises:
        AcentoError: a clip is missing.
    """
    parts = zip(jobs(store, transcription), load_parts(store, transcription.plan), strict=True)
    return collect(store, ((job.key, [clip.id for clip in part.clips]) for job, part in parts))


def score_transcription(store: Store, transcription: Transcription, normalizer: str | None = None) -> Scored:
    """Score all predictions against the references, or find that it was done before.

    Without a normalizer it is the default of the language that is spoken.

    A speaker counts as seen when the data set's own training split has the name. Whether the model was trained on other
    recordings of the same person, in another data set, cannot be known here.

    Raises:
        InputError: there is no such normalizer.
        AcentoError: the transcription is not complete.
    """
    rule = normalizer_for(normalizer, transcription.language)
    texts = digest(predictions(store, transcription))
    key = "scores/" + fingerprint(
        {
            "version": SCORING_VERSION,
            "dataset": transcription.dataset_fingerprint,
            "split": transcription.split,
            "texts": texts,
            "normalizer": rule.identity,
        }
    )
    if store.find(key, verify=True) is not None:
        return Scored(key=key, digest=texts, cached=True)
    card = load_card(store, transcription.dataset)
    heard = speakers_in(store, card, "train")
    with store.publish(key) as draft:
        write_score(draft.folder, _results(store, transcription, heard), rule)
    return Scored(key=key, digest=texts, cached=False)


def _results(store: Store, transcription: Transcription, heard: Container[str]) -> Iterator[UtteranceResult]:
    """Yield each clip with what became of it, in the order of the plan, so that few texts are in memory."""
    utterances_in = lru_cache(_DATA_PARTS)(partial(read_utterances, store))
    planned = (clip for part in load_parts(store, transcription.plan) for clip in part.clips)
    for place, found in zip(planned, predictions(store, transcription), strict=True):
        clip = utterances_in(place.data_part)[place.row]
        if not clip.id == place.id == found.id:
            raise DamagedError(f"{place.data_part} holds {clip.id!r} where {place.id!r} was planned; stage it again.")
        yield UtteranceResult(
            id=clip.id,
            reference=clip.text,
            hypothesis=found.text,
            error=found.reason,
            split=clip.split,
            speaker=clip.speaker,
            speaker_seen=None if clip.speaker is None else clip.speaker in heard,
            accent=clip.accent,
            duration_s=clip.duration_s,
        )


def load_score(store: Store, key: str) -> Score:
    """Return a stored score."""
    return Score.model_validate_json(store.read_bytes(key, SCORE))


def clock(store: Store, transcription: Transcription) -> list[Measurement]:
    """Return every measurement behind a transcription's predictions."""
    return [found for job in jobs(store, transcription) for found in measurements(store, job.key)]


def repeat_jobs(store: Store, transcription: Transcription, run: str, number: int) -> list[TranscribeJob]:
    """Return the jobs that decode a transcription once more for the clock of a run: of repeat 2, 3 and so on."""
    return [job.model_copy(update={"repeat": f"{run}-{number}"}) for job in jobs(store, transcription)]


def clocks(store: Store, transcription: Transcription, run: str, repeats: int) -> list[list[Measurement]]:
    """Return the measurements of each decoding that a run counts: those behind the texts, then its repeats'.

    A repeat that is not whole is left out. One more than was asked for stands in for a first decoding that was measured
    under other conditions, see :func:`acento.inference.speed.speed`.
    """
    found = [clock(store, transcription)]
    for number in range(2, repeats + 2 if repeats > 1 else 2):
        measured = [repeated(store, job) for job in repeat_jobs(store, transcription, run, number)]
        found.append([one for one in measured if one is not None] if all(measured) else [])
    return [one for one in found if one]


def make_entry(
    store: Store, transcription: Transcription, scored: Scored, run: str, when: datetime, repeats: int = 1
) -> Entry:
    """Return what a run puts on the leaderboard for one transcription, decoded so often for the clock."""
    measured = clocks(store, transcription, run, repeats)
    return Entry(
        model=transcription.model.id,
        revision=transcription.model.revision,
        model_hash=transcription.model.digest,
        dataset=transcription.dataset_title,
        dataset_fingerprint=transcription.dataset_fingerprint,
        split=transcription.split,
        limit=transcription.limit,
        score=load_score(store, scored.key),
        speed=speed(measured),
        run=run,
        when=when,
        cost=cost(measured),
        family=transcription.model.family,
        window=transcription.options.window_title,
        taught=transcription.taught,
        decoding=transcription.options.decoding_title,
        runaways=sum(one.runaways for one in clock(store, transcription)),
    )
