"""Executes a diarization: reads the recording in blocks, finds its turns, names them, and publishes them."""

import json
from collections.abc import Iterator, Sequence

import numpy as np

from acento.data.recordings.recording import FRAME, Recording, RecordingReader, load_recording, load_speech
from acento.data.utterance import SAMPLE_RATE
from acento.data.words import Turn
from acento.diarization.channels import channel_turns, levels_of
from acento.diarization.diarizer import Speakers
from acento.diarization.engines.embedded.voices import load_voices
from acento.diarization.engines.engine import load_engine
from acento.diarization.enrolled import enrolled_voice
from acento.diarization.enrollment import Named, name_speakers, speakers_voices
from acento.diarization.job import TURNS, DiarizeJob, DiarizeResult, state, to_json
from acento.inference.runner import Runner, Worker
from acento.models.base import Audio

_BLOCK_S = FRAME * 625 / SAMPLE_RATE
"""20 s, whole frames of the recording's speech."""


def execute(runner: Runner, job: DiarizeJob, worker: Worker) -> DiarizeResult:
    """Find who speaks when in a recording, and publish it; what is published is not found again.

    Raises:
        InputError: the engine, or an enrolled voice, cannot be had.
        StoreError: the recording is gone, or the result cannot be written.
    """
    store = runner.store
    if (done := state(store, job)) is not None:
        return done
    recording, reader = load_recording(store, job.recording), RecordingReader(store)
    worker.after_batch(0.0)
    if job.channels == "each":
        channels = [reader.blocks(job.recording, channel, _BLOCK_S) for channel in range(recording.channels)]
        levels = levels_of(channels, FRAME, worker.after_batch)
        turns = channel_turns(load_speech(store, job.recording), levels, FRAME, recording.duration_s)
    else:
        blocks = mixed(reader, recording)
        turns = load_engine(job.model, job.options).diarize(blocks, job.speakers, worker.after_batch)
    named = _named(runner, job, recording, turns)
    worker.after_batch(0.0)
    found = len({turn.speaker for turn in named.turns})
    result = DiarizeResult(
        key=job.key,
        name=job.name,
        seconds=recording.duration_s,
        turns=len(named.turns),
        speakers=found,
        notes=[*fewer(found, job.speakers), *named.notes],
        cached=False,
    )
    with store.publish(job.turns_key) as draft:
        text = json.dumps(to_json(named.turns), indent=1, ensure_ascii=False)
        (draft.folder / TURNS).write_text(text + "\n", encoding="utf-8")
        draft.info |= {"result": result.model_dump(mode="json")}
    return result


def fewer(found: int, asked: Speakers) -> list[str]:
    """Return a note where fewer speakers are heard than there are said to be.

    >>> fewer(1, Speakers(count=2))
    ['2 speakers were asked for, and 1 is heard: the others say next to nothing, or are taken for one another.']
    >>> fewer(2, Speakers(least=2)), fewer(0, Speakers())
    ([], [])
    """
    wanted = asked.count or asked.least or 0
    if found >= wanted:
        return []
    heard = f"{found} is" if found == 1 else f"{found} are"
    return [
        f"{wanted} speakers were asked for, and {heard} heard: the others say next to nothing, or are taken for one "
        "another."
    ]


def mixed(reader: RecordingReader, recording: Recording) -> Iterator[Audio]:
    """Yield a recording in blocks, the mean of its channels."""
    channels = [reader.blocks(recording.key, channel, _BLOCK_S) for channel in range(recording.channels)]
    for blocks in zip(*channels, strict=True):
        yield blocks[0] if len(blocks) == 1 else np.mean(blocks, axis=0, dtype=np.float32)


def _named(runner: Runner, job: DiarizeJob, recording: Recording, turns: Sequence[Turn]) -> Named:
    """Give speakers the names of the enrolled voices."""
    if not job.voices:
        return Named(list(turns), [])
    reader, listen = RecordingReader(runner.store), load_voices(job.options.device_type)
    channels = range(recording.channels)

    def read(start_s: float, end_s: float) -> Audio:
        heard = [reader.read(recording.key, channel, start_s, end_s) for channel in channels]
        return np.mean(heard, axis=0, dtype=np.float32)

    enrolled = {voice.name: enrolled_voice(runner.store, voice, job.options) for voice in job.voices}
    return name_speakers(turns, speakers_voices(turns, read, listen), enrolled)
