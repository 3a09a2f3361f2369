"""Two hundred damaged recordings, of every container that can be written here, staged among good ones."""

import random
from collections import Counter

import av
import numpy as np
import pytest
import soundfile
from recordings import noise

from acento.core.store import LocalStore
from acento.data.dataset import read_clips, read_rejected
from acento.data.sources import RejectReason
from acento.data.staging import stage

RATE = 16_000
SECONDS = 1.5
CUTS = FLIPS = 5
BY_SOUNDFILE = {
    "wav": ("WAV", "PCM_16"),
    "float.wav": ("WAV", "FLOAT"),
    "adpcm.wav": ("WAV", "IMA_ADPCM"),
    "flac": ("FLAC", "PCM_16"),
    "ogg": ("OGG", "VORBIS"),
    "opus": ("OGG", "OPUS"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
    "aiff": ("AIFF", "PCM_16"),
    "au": ("AU", "PCM_16"),
    "caf": ("CAF", "PCM_16"),
    "w64": ("W64", "PCM_16"),
}
BY_FFMPEG = {
    "m4a": ("ipod", "aac"),
    "alac.m4a": ("ipod", "alac"),
    "mp4": ("mp4", "aac"),
    "mov": ("mov", "aac"),
    "aac": ("adts", "aac"),
    "webm": ("webm", "libopus"),
    "mka": ("matroska", "aac"),
    "wma": ("asf", "wmav2"),
    "ac3": ("ac3", "ac3"),
    "wv": ("wv", "wavpack"),
    "tta": ("tta", "tta"),
    "avi": ("avi", "mp3"),
}
RATES = {"libopus": 48_000, "wmav2": 32_000, "ac3": 32_000}
CHECKED = ["flac", "ogg", "opus"]
"""Kinds with a checksum for every frame or page: no changed byte goes unnoticed."""
PCM = ["wav", "float.wav", "aiff", "au", "caf", "w64"]
ENDLESS = ["ac3"]
"""A bare stream of frames declares no length, so that one cut short may be taken for a shorter one."""
KINDS = [*BY_SOUNDFILE, *BY_FFMPEG]


def record(path, kind, seed):
    """Write a good recording of noise that no other seed makes."""
    samples = noise(seed, SECONDS, RATE)
    if kind in BY_SOUNDFILE:
        container, codec = BY_SOUNDFILE[kind]
        soundfile.write(path, samples, RATE, format=container, subtype=codec)
        return
    container, codec = BY_FFMPEG[kind]
    with av.open(str(path), "w", format=container) as file:
        stream = file.add_stream(codec, rate=RATES.get(codec, RATE))
        stream.layout = "mono"
        stream.bit_rate = 48_000
        resampler = av.AudioResampler(stream.format, "mono", stream.rate, stream.frame_size or 1024)
        frame = av.AudioFrame.from_ndarray(samples[np.newaxis], format="fltp", layout="mono")
        frame.sample_rate = RATE
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            file.mux(stream.encode(part))
        file.mux(stream.encode(None))


def cut(data, chance):
    """Return the first 20 to 80 % of a file."""
    return data[: round(len(data) * chance.uniform(0.2, 0.8))]


def flipped(data, chance):
    """Return a file with one to forty of its bytes changed, anywhere."""
    data = bytearray(data)
    for _ in range(chance.randint(1, 40)):
        data[chance.randrange(len(data))] ^= chance.randint(1, 255)
    return bytes(data)


@pytest.fixture(scope="module")
def staged(tmp_path_factory):
    folder = tmp_path_factory.mktemp("damaged")
    seed = 0
    for kind in KINDS:
        for damage, times in {"good": 1, "cut": CUTS, "flipped": FLIPS}.items():
            for n in range(times):
                seed += 1
                name = f"{kind.replace('.', '-')}-{damage}-{n}"
                path = folder / f"{name}.{kind.rpartition('.')[2]}"
                record(path, kind, seed)
                if damage != "good":
                    path.write_bytes({"cut": cut, "flipped": flipped}[damage](path.read_bytes(), random.Random(seed)))
                (folder / f"{name}.txt").write_text(f"sentence {seed}")
    store = LocalStore(tmp_path_factory.mktemp("store"))
    result = stage(store, str(folder), "damaged", workers=1)
    clips = {row.utterance.id: row.utterance for row in read_clips(store, result.card)}
    rejected = {row["id"]: row for row in read_rejected(store, result.card).to_pylist()}
    return result, clips, rejected


def ids(kind, damage):
    return [f"{kind.replace('.', '-')}-{damage}-{n}" for n in range({"good": 1, "cut": CUTS, "flipped": FLIPS}[damage])]


@pytest.mark.slow
def test_two_hundred_damaged_recordings_crash_nothing_and_are_all_accounted_for(staged):
    result, clips, rejected = staged
    assert result.found == len(KINDS) * (1 + CUTS + FLIPS) > 200 + len(KINDS)
    assert result.found == result.staged_now + sum(result.rejected.values())
    assert len(clips) == result.staged_now
    assert Counter(row["reason"] for row in rejected.values()) == result.rejected


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_good_recording_among_damaged_ones_is_staged_whole(staged, kind):
    _, clips, _ = staged
    assert clips[ids(kind, "good")[0]].duration_s == pytest.approx(SECONDS, abs=0.11)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ENDLESS])
def test_a_recording_that_was_cut_is_never_taken_for_a_shorter_one(staged, kind):
    _, _, rejected = staged
    reasons = {rejected[uid]["reason"] for uid in ids(kind, "cut")}
    assert reasons <= {RejectReason.TRUNCATED, RejectReason.UNREADABLE, RejectReason.EMPTY}


@pytest.mark.slow
@pytest.mark.parametrize("kind", CHECKED)
def test_where_there_are_checksums_a_changed_byte_is_noticed(staged, kind):
    _, _, rejected = staged
    assert {rejected[uid]["reason"] for uid in ids(kind, "flipped")} <= {
        RejectReason.TRUNCATED,
        RejectReason.UNREADABLE,
    }


@pytest.mark.slow
@pytest.mark.parametrize("kind", PCM)
def test_changed_bytes_of_plain_samples_are_samples_and_change_no_length(staged, kind):
    _, clips, _ = staged
    for uid in ids(kind, "flipped"):
        assert clips[uid].duration_s == SECONDS


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_each_damaged_recording_is_a_clip_or_has_a_reason_and_a_sentence(staged, kind):
    _, clips, rejected = staged
    for uid in [*ids(kind, "cut"), *ids(kind, "flipped")]:
        assert (uid in clips) != (uid in rejected)
        if uid in rejected:
            assert rejected[uid]["detail"].endswith(".")
            assert rejected[uid]["source"].startswith(uid)
