"""Rounds: every window is decoded once, a batch that was killed goes on with its parts, and languages are voted for."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile
from fake_recognizer import FAKE
from stored_recordings import put_recording

from acento.core.errors import DataError
from acento.core.store import LocalStore
from acento.data.recordings.recording import AUDIO, FRAME, Recording
from acento.data.words import Word
from acento.inference import jobs as job_module
from acento.inference.jobs import TranscribeJob
from acento.inference.plan import PlannedClip, load_part
from acento.inference.predictions import FILE, Prediction, Segment, attempt_key, write_predictions
from acento.inference.transcribe import ClipReader
from acento.models.base import DecodeOptions
from acento.models.checkpoints.checkpoint import ModelSpec
from acento.transcription.planning import Decoding, Rounds, speech_in, voted
from acento.transcription.transcripts import keep_transcript, load_transcript, transcript_key

Hear = Callable[[PlannedClip], Prediction]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalStore:
    monkeypatch.setitem(job_module.FAMILIES, "fake", FAKE)
    monkeypatch.setattr("acento.inference.plan.PART_SECONDS", 4.0)
    return LocalStore(tmp_path / "store")


def decoding(language: str | None = None) -> Decoding:
    model = ModelSpec(id="fake", revision=None, digest="d" * 64, family="fake")
    return Decoding(model=model, options=DecodeOptions(language=language, words=True), batch_size=2, window_s=5.0)


def spoken(store: LocalStore, seed: int, stretches: int, channels: int = 1) -> Recording:
    """Store a recording of so many seconds of speech, with silence after each that is too long for a window."""
    return recorded(store, seed, [31, 350] * stretches, channels)


def recorded(store: LocalStore, seed: int, lengths: Sequence[int], channels: int = 1) -> Recording:
    """Store a recording of speech and silence in turn, of so many frames each."""
    values = [255 * (1 - place % 2) for place in range(len(lengths))]
    frames = np.repeat(np.array(values, np.uint8), lengths)
    samples = np.random.default_rng(seed).integers(-99, 99, (len(frames) * FRAME, channels)).astype(np.int16)
    return put_recording(store, samples, np.stack([frames] * channels, 1))


def said(clip: PlannedClip, language: str | None = "en") -> Prediction:
    words = (Word(f"w{clip.start_s:.0f}", 0.1, 0.4),)
    return Prediction(clip.id, words[0].text, (Segment(0, clip.duration_s, words[0].text, words, language=language),))


def hear(store: LocalStore, jobs: Sequence[TranscribeJob], what: Hear = said) -> None:
    """Leave behind what executing jobs would."""
    for job in jobs:
        with store.publish(attempt_key(job.key, 1)) as draft:
            write_predictions(draft.folder / FILE, [what(clip) for clip in load_part(store, job.plan, job.part).clips])
            draft.info |= {"measurement": "measurements/none.json"}


def test_windows_of_all_recordings_are_packed_into_one_plan_each_once(store: LocalStore) -> None:
    recordings = [spoken(store, seed, stretches) for seed, stretches in enumerate((1, 3, 2))]
    (one,) = Rounds(store, "b", decoding()).first(recordings)
    jobs = Rounds(store, "b", decoding()).jobs(one, {recording.key for recording in recordings})
    clips = [clip for job in jobs for clip in load_part(store, job.plan, job.part).clips]
    assert len(jobs) > 1
    assert len({clip.id for clip in clips}) == len(clips) == 6
    assert [job.key for job in jobs] == [
        job.key for job in Rounds(store, "other", decoding()).jobs(one, one.recordings)
    ]


def test_a_batch_goes_on_with_the_parts_that_it_began_with_when_some_recordings_are_done(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("acento.inference.plan.STRETCH_SECONDS", 3.0)  # each recording has parts of its own
    first, second = spoken(store, 1, 3), spoken(store, 2, 3)
    rounds = Rounds(store, "b", decoding())
    (begun,) = rounds.first([first, second])
    again = Rounds(store, "b", decoding())
    assert again.first([second]) == [begun]
    left = {job.key for job in again.jobs(begun, {second.key})}
    assert left < {job.key for job in rounds.jobs(begun, {first.key, second.key})}


def test_recordings_that_come_later_are_planned_by_themselves(store: LocalStore) -> None:
    first, second = spoken(store, 1, 2), spoken(store, 2, 2)
    rounds = Rounds(store, "b", decoding())
    (begun,) = rounds.first([first])
    assert rounds.first([first, second]) == [begun, (later := rounds.first([second])[0])]
    assert later.recordings == {second.key}


def test_a_silence_that_is_left_out_moves_no_word(store: LocalStore) -> None:
    recording = recorded(store, 1, [31, 200, 31, 40])
    rounds = Rounds(store, "b", decoding())
    (one,) = rounds.first([recording])
    (job,) = rounds.jobs(one, one.recordings)
    (clip,) = load_part(store, job.plan, job.part).clips
    assert clip.spans == ((0.0, 1.376), (7.008, 8.768))
    audio, _ = soundfile.read(store.local_path(recording.key, AUDIO), dtype="float32")
    pieces = [audio[round(start * 16_000) : round(end * 16_000)] for start, end in clip.spans]
    assert np.array_equal(ClipReader(store)(clip), np.concatenate(pieces))
    assert len(np.concatenate(pieces)) == round(clip.duration_s * 16_000)
    words = (Word("sí", 0.2, 0.9), Word("no", 1.776, 2.276))
    hear(store, [job], lambda clip: Prediction(clip.id, "sí no", (Segment(0, 3.136, "sí no", words),)))
    ((_, heard),) = rounds.heard([recording])
    keep_transcript(store, decoding(), recording.key, heard)
    (window,) = load_transcript(store, decoding(), recording.key).channels[0]
    assert (window.start, window.end) == pytest.approx((0.0, 8.768))
    assert [(word.start, word.end) for word in window.words] == [(0.2, 0.9), pytest.approx((7.408, 7.908))]


def test_channels_are_windows_of_their_own(store: LocalStore) -> None:
    stereo = spoken(store, 1, 2, channels=2)
    rounds = Rounds(store, "b", decoding())
    (one,) = rounds.first([stereo])
    hear(store, rounds.jobs(one, one.recordings))
    ((_, heard),) = rounds.heard([stereo])
    assert [clip.row for clip, _ in heard] == [0, 0, 1, 1]
    keep_transcript(store, decoding(), stereo.key, heard)
    kept = load_transcript(store, decoding(), stereo.key)
    assert {channel: [window.text for window in windows] for channel, windows in kept.channels.items()} == {
        0: ["w0", "w12"],
        1: ["w0", "w12"],
    }
    assert kept.channels[0][1].words[0].start == pytest.approx(kept.channels[0][1].start + 0.1)


def test_windows_in_another_language_than_most_of_their_recording_are_decoded_again_in_it(store: LocalStore) -> None:
    one, other = spoken(store, 1, 3), spoken(store, 2, 2)
    rounds = Rounds(store, "b", decoding())
    (first,) = rounds.first([one, other])
    spanish = {one.key}

    def guessed(clip: PlannedClip) -> Prediction:
        wrong = clip.data_part in spanish and (clip.start_s or 0.0) > 20
        return said(clip, "it" if wrong else "es" if clip.data_part in spanish else "en")

    hear(store, rounds.jobs(first, first.recordings), guessed)
    (again,) = Rounds(store, "b", decoding()).second([one, other])
    assert (again.language, again.recordings) == ("es", frozenset({one.key}))
    jobs = rounds.jobs(again, again.recordings)
    assert [(job.options.language, job.clips) for job in jobs] == [("es", 1)]
    assert rounds.second([one, other]) == [again], "a batch that was killed goes on with the second round, too"
    hear(store, jobs, lambda clip: Prediction(clip.id, "otra vez", said(clip, "es").segments))
    texts = {key: [row.text for _, row in heard if row is not None] for key, heard in rounds.heard([one, other])}
    assert texts == {one.key: ["w0", "w12", "otra vez"], other.key: ["w0", "w12"]}


def test_a_language_that_was_given_is_not_voted_on(store: LocalStore) -> None:
    one = spoken(store, 1, 2)
    rounds = Rounds(store, "b", decoding("es"))
    (first,) = rounds.first([one])
    hear(store, rounds.jobs(first, first.recordings), lambda clip: said(clip, "it"))
    assert rounds.second([one]) == []


def test_a_recording_without_speech_has_an_empty_transcript(store: LocalStore) -> None:
    silent = put_recording(store, np.zeros(32_000, np.int16), np.zeros(63))
    rounds = Rounds(store, "b", decoding())
    assert rounds.first([silent]) == []
    ((key, heard),) = rounds.heard([silent])
    keep_transcript(store, decoding(), key, heard)
    assert load_transcript(store, decoding(), key).channels == {}


def test_a_window_that_was_not_decoded_leaves_no_transcript(store: LocalStore) -> None:
    one = spoken(store, 1, 2)
    rounds = Rounds(store, "b", decoding())
    (first,) = rounds.first([one])
    ((_, heard),) = rounds.heard([one])
    with pytest.raises(DataError, match="2 of its 2 windows could not be decoded"):
        keep_transcript(store, decoding(), one.key, heard)
    failing = Prediction("x", None, error="model_error", detail="ValueError: cannot hear this")
    hear(store, rounds.jobs(first, first.recordings), lambda clip: failing if clip.start_s else said(clip))
    ((_, heard),) = rounds.heard([one])
    with pytest.raises(DataError, match="1 of its 2 windows could not be decoded"):
        keep_transcript(store, decoding(), one.key, heard)
    assert store.find(transcript_key(decoding(), one.key)) is None


def test_seconds_of_speech_decide_a_vote_and_silence_has_none() -> None:
    def window(speech_s: int, language: str | None, text: str = "a") -> tuple[PlannedClip, Prediction]:
        clip = PlannedClip("x", 30.0, "", "", speech_s, 0.0)
        return clip, Prediction("x", text, (Segment(0, 30.0, text, language=language),))

    def vote(*heard: tuple[PlannedClip, Prediction]) -> str | None:
        return voted(heard, lambda clip: clip.row)

    assert vote(window(9, "es"), window(5, "en"), window(3, "en")) == "es"
    assert vote(window(5, "es"), window(5, "en")) == "en"
    assert vote(window(9, "nn", text=""), window(1, "es"), window(5, None)) == "es"
    assert vote() is None


def test_of_a_window_only_its_speech_counts_by_its_channel(store: LocalStore) -> None:
    stereo = spoken(store, 1, 2, channels=2)
    speech_s = speech_in(store, stereo.key)
    assert speech_s(PlannedClip("x", 5.9, "", stereo.key, 1, 0.0)) == pytest.approx(31 * 0.032)
    assert speech_s(PlannedClip("x", 3.0, "", stereo.key, 0, 2.0)) == 0
    apart = ((0.0, 0.1), (2.0, 5.9))
    whole, parts = (PlannedClip("x", 4.0, "", stereo.key, 1, 0.0, spans) for spans in (((0.0, 5.9),), apart))
    assert speech_s(whole) - speech_s(parts) == pytest.approx(speech_s(PlannedClip("x", 1.9, "", stereo.key, 1, 0.1)))
