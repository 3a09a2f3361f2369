"""A stretch of a long recording is found by its container's index, at the exact sample."""

import numpy as np
import pytest

from acento.core.audio import recording as audio
from acento.core.audio.decoders import ffmpeg, grid
from acento.core.audio.recording import decode
from tests.acento.core.audio.audio_files import by_ffmpeg, by_soundfile, hum

SECONDS = 40.0
KINDS = {
    "m4a": ("ipod", "aac", 16_000),
    "m4a 44100": ("ipod", "aac", 44_100),
    "alac": ("ipod", "alac", 16_000),
    "webm": ("webm", "libopus", 48_000),
    "mka": ("matroska", "flac", 16_000),
    "mka aac": ("matroska", "aac", 16_000),
    "mka mp3": ("matroska", "libmp3lame", 16_000),
    "mp4 mp3": ("mp4", "libmp3lame", 44_100),
}


@pytest.fixture(scope="module")
def written():
    """Files of 40 s, each written when it is first asked for."""
    kept = {}

    def write(kind):
        if kind not in kept:
            container, codec, rate = KINDS[kind]
            kept[kind] = bytes(by_ffmpeg(hum(SECONDS, rate), rate, container, codec))
        return kept[kind]

    return write


def decoded_frames(monkeypatch):
    """Count the frames that are decoded from now on."""
    counted = []
    real = ffmpeg._samples

    def counting(frames, rate):
        for one in real(frames, rate):
            counted.append(len(one[0]) / rate)
            yield one

    monkeypatch.setattr(ffmpeg, "_samples", counting)
    return counted


@pytest.mark.parametrize(
    "kind", [kind if kind in ("m4a", "mka") else pytest.param(kind, marks=pytest.mark.slow) for kind in KINDS]
)
def test_a_stretch_is_where_it_is_in_the_whole_and_little_is_decoded_for_it(kind, written, monkeypatch):
    whole = decode(written(kind)).astype(float)
    counted = decoded_frames(monkeypatch)
    for start in (21.0, 30.12, 38.5):
        counted.clear()
        stretch = decode(written(kind), start_s=start, length_s=1.0)
        expected = whole[round(start * 16_000) :][:16_000]
        assert len(stretch) == 16_000
        error = (stretch - expected)[100:-100]  # its ends are resampled without what is beyond
        assert (error**2).mean() < 1e-4 * (expected**2).mean()
        assert sum(counted) < 8.0  # Matroska's index has a place every five seconds


@pytest.mark.parametrize("kind", ["alac", "mka"])
def test_a_stretch_of_what_has_no_memory_is_the_same_to_the_bit(kind, written):
    whole = decode(written(kind))
    for start in (20.5, 25.0001, 39.0):
        first = round(start * 16_000)
        np.testing.assert_array_equal(decode(written(kind), start_s=start, length_s=0.9), whole[first : first + 14_400])


def test_the_rest_from_a_place_on_has_the_same_end(written):
    whole = decode(written("mka"))
    np.testing.assert_array_equal(decode(written("mka"), start_s=30.0), whole[480_000:])


def test_the_time_stamps_of_a_file_are_read_once(tmp_path, written, monkeypatch):
    path = tmp_path / "talk.webm"
    path.write_bytes(written("webm"))
    read = []
    real = grid._grid
    monkeypatch.setattr(grid, "_grid", lambda opener: read.append(1) or real(opener))
    for start in (22.0, 23.0, 35.0):
        decode(path, start_s=start, length_s=0.5)
    assert len(read) == 1


def test_a_file_whose_time_stamps_leave_a_gap_is_decoded_from_the_start(monkeypatch):
    data = bytes(by_ffmpeg(hum(SECONDS), 16_000, "matroska", "pcm_s16le", gap_s=0.2))
    whole = decode(data)
    assert len(whole) == SECONDS * 16_000
    counted = decoded_frames(monkeypatch)
    np.testing.assert_array_equal(decode(data, start_s=30.0, length_s=1.0), whole[480_000:496_000])
    assert sum(counted) > 29.0


def test_a_file_with_long_gaps_is_rejected_by_that_reason():
    with pytest.raises(audio.AudioError, match=r"has gaps: it lasts 8.00 s by its time stamps and has 4.00 s"):
        decode(bytes(by_ffmpeg(hum(4.0), 16_000, "matroska", "pcm_s16le", gap_s=4.0)))


@pytest.mark.slow
def test_a_stream_without_an_index_is_decoded_from_the_start():
    for pipe, container, codec in ((True, "webm", "libopus"), (False, "adts", "aac"), (False, "mpegts", "aac")):
        rate = 48_000
        data = bytes(by_ffmpeg(hum(24.0, rate), rate, container, codec, pipe=pipe))
        whole = decode(data).astype(float)
        stretch = decode(data, start_s=21.0, length_s=1.0)
        error = (stretch - whole[336_000:352_000])[100:-100]
        assert (error**2).mean() < 1e-4 * (whole[336_000:352_000] ** 2).mean()


@pytest.mark.parametrize(("container", "codec"), [("OGG", "VORBIS"), ("OGG", "OPUS"), ("FLAC", None), ("WAV", None)])
def test_a_stretch_by_libsndfile_is_where_it_is_in_the_whole(container, codec):
    data = bytes(by_soundfile(hum(30.0), 16_000, container, codec))
    whole = decode(data).astype(float)
    stretch = decode(data, start_s=25.0, length_s=1.0)
    assert ((stretch - whole[400_000:416_000]) ** 2).mean() < 1e-4 * (whole[400_000:416_000] ** 2).mean()


def test_a_stretch_that_begins_after_the_end_of_a_long_recording_is_named(written):
    for kind in ("m4a", "webm"):
        with pytest.raises(audio.AudioError, match="ends before 50 s"):
            decode(written(kind), start_s=50.0, length_s=1.0)
        with pytest.raises(audio.AudioError, match="cut short"):
            decode(written(kind), start_s=39.5, length_s=2.0)
