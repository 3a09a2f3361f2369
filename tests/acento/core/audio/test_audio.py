"""Decoding: any container becomes int16, mono, 16 kHz, or one sentence."""

import io
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from acento.core.audio.recording import AudioError, decode, decode_flac, encode_flac
from tests.acento.core.audio.audio_files import by_ffmpeg


def tone(seconds=2.0, rate=16_000, hertz=440.0):
    return (0.3 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def sndfile(samples, rate, format, subtype=None):
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=format, subtype=subtype)
    return file.getvalue()


def ffmpeg(samples, format, codec, rate=48_000):
    file = io.BytesIO()
    with av.open(file, "w", format=format) as container:
        stream = container.add_stream(codec, rate=rate, layout="mono")
        stream.bit_rate = 64_000
        resampler = av.AudioResampler(format=stream.format, layout="mono", rate=rate)
        frame = av.AudioFrame.from_ndarray(samples[None, :], format="fltp", layout="mono")
        frame.sample_rate, frame.pts = rate, 0
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return file.getvalue()


CONTAINERS = {
    "wav": lambda: sndfile(tone(rate=44_100), 44_100, "WAV"),
    "wav 24 bits": lambda: sndfile(tone(rate=48_000), 48_000, "WAV", "PCM_24"),
    "wav float": lambda: sndfile(tone(rate=8_000), 8_000, "WAV", "FLOAT"),
    "flac": lambda: sndfile(tone(rate=22_050), 22_050, "FLAC"),
    "ogg vorbis": lambda: sndfile(tone(rate=44_100), 44_100, "OGG"),
    "ogg opus": lambda: sndfile(tone(rate=48_000), 48_000, "OGG", "OPUS"),
    "mp3": lambda: sndfile(tone(rate=44_100), 44_100, "MP3"),
    "aiff": lambda: sndfile(tone(rate=16_000), 16_000, "AIFF"),
    "m4a": lambda: ffmpeg(tone(rate=48_000), "ipod", "aac"),
    "mp4": lambda: ffmpeg(tone(rate=48_000), "mp4", "aac"),
    "aac": lambda: ffmpeg(tone(rate=48_000), "adts", "aac"),
    "webm": lambda: ffmpeg(tone(rate=48_000), "webm", "libopus"),
    "mka": lambda: ffmpeg(tone(rate=48_000), "matroska", "flac"),
    "wma": lambda: ffmpeg(tone(rate=48_000), "asf", "wmav2"),
    "wav adpcm": lambda: ffmpeg(tone(rate=48_000), "wav", "adpcm_ima_wav"),
}


@pytest.fixture(params=CONTAINERS)
def container(request):
    return CONTAINERS[request.param]()


def test_every_container_becomes_16_khz_mono_of_the_same_length_and_tone(container):
    samples = decode(container)
    assert samples.dtype == np.int16
    assert samples.ndim == 1
    assert len(samples) / 16_000 == pytest.approx(2.0, abs=0.1)
    middle = samples[8_000:24_000].astype(float)
    assert np.argmax(np.abs(np.fft.rfft(middle))) == 440


def test_a_path_and_its_bytes_decode_to_the_same_samples_whatever_the_name_says(container, tmp_path):
    path = tmp_path / "a name\nwith 'quotes' é.raw"
    path.write_bytes(container)
    np.testing.assert_array_equal(decode(path), decode(container))


def test_a_file_cut_in_half_is_rejected_and_never_half_decoded(container, tmp_path):
    half = container[: len(container) // 2]
    with pytest.raises(AudioError) as caught:
        decode(half)
    assert caught.value.reason in {"truncated", "unreadable"}
    path = tmp_path / "half"
    path.write_bytes(half)
    with pytest.raises(AudioError):
        decode(path)


def test_16_bit_samples_at_16_khz_come_back_as_they_were():
    samples = np.arange(-32768, 32768, 3, dtype=np.int16)
    np.testing.assert_array_equal(decode(sndfile(samples, 16_000, "WAV")), samples)


def test_channels_are_averaged():
    left = np.full(16_000, 8_000, np.int16)
    stereo = np.stack([left, np.zeros_like(left)], axis=1)
    np.testing.assert_array_equal(decode(sndfile(stereo, 16_000, "WAV")), left // 2)


@pytest.mark.parametrize("write", [lambda two: sndfile(two, 16_000, "WAV"), lambda two: stereo_m4a(two)])
def test_one_channel_is_taken_alone_and_one_that_is_not_there_is_named(write):
    two = np.stack([tone(rate=16_000, hertz=440), tone(rate=16_000, hertz=880)], axis=1)
    data = write(two)
    for channel, hertz in enumerate((440, 880)):
        samples = decode(data, channel=channel)
        assert np.argmax(np.abs(np.fft.rfft(samples[8_000:24_000].astype(float)))) == hertz
    with pytest.raises(AudioError, match="no channel 2: it has 2 channels") as caught:
        decode(data, channel=2)
    assert caught.value.reason == "unreadable"


def stereo_m4a(samples):
    file = io.BytesIO()
    with av.open(file, "w", format="ipod") as container:
        stream = container.add_stream("aac", rate=16_000, layout="stereo")
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples.T), format="fltp", layout="stereo")
        frame.sample_rate, frame.pts = 16_000, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


CHANNELS = {
    "wav": lambda samples: sndfile(samples.T, 16_000, "WAV"),
    "flac": lambda samples: sndfile(samples.T, 16_000, "FLAC"),
    "m4a": lambda samples: bytes(by_ffmpeg(samples, 16_000, "ipod", "aac")),
    "mka": lambda samples: bytes(by_ffmpeg(samples, 16_000, "matroska", "flac")),
}


@pytest.mark.parametrize("kind", CHANNELS)
def test_sides_that_cancel_one_another_are_not_silence(kind):
    left = tone(rate=16_000)
    samples = decode(CHANNELS[kind](np.stack([0.9 * left, -left])))
    assert abs(samples).max() == pytest.approx(0.3 * 32768, rel=0.1)
    np.testing.assert_array_equal(samples, decode(CHANNELS[kind](np.stack([0.9 * left, -left])), channel=1))


@pytest.mark.parametrize("kind", CHANNELS)
def test_sides_that_differ_or_of_which_one_is_silent_are_averaged(kind):
    left, right = tone(rate=16_000), tone(rate=16_000, hertz=880)
    for two in ([left, right], [left, 0 * left], [left, left], [left, -0.5 * left + 0.2 * right]):
        samples = decode(CHANNELS[kind](np.stack(two))).astype(float)
        error = samples[1_000:-4_000] / 32768 - np.mean(two, axis=0)[1_000 : len(samples) - 4_000]
        assert abs(error).max() < 0.02


@pytest.mark.parametrize("kind", ["wav", "mka"])
def test_each_of_six_channels_can_be_taken_and_speech_in_the_center_alone_is_averaged(kind):
    six = np.zeros((6, 16_000), np.float32)
    six[2] = tone(1.0, 16_000)
    data = CHANNELS[kind](six)
    assert abs(decode(data)).max() == pytest.approx(0.3 / 6 * 32768, rel=0.02)
    peaks = [abs(decode(data, channel=channel)).max() for channel in range(6)]
    assert peaks.index(max(peaks)) == 2
    with pytest.raises(AudioError, match="no channel 6: it has 6 channels"):
        decode(data, channel=6)


def test_a_negative_channel_is_no_channel():
    with pytest.raises(AudioError, match="no channel -1: it has 1 channel, counted from 0"):
        decode(sndfile(tone(), 16_000, "WAV"), channel=-1)


def test_of_two_audio_streams_the_first_is_taken():
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as container:
        streams = [container.add_stream("flac", rate=16_000, layout="mono") for _ in range(2)]
        for stream, hertz in zip(streams, (440, 880), strict=True):
            pcm = (tone(1.0, 16_000, hertz) * 32767).astype(np.int16)[None]
            frame = av.AudioFrame.from_ndarray(pcm, format="s16", layout="mono")
            frame.sample_rate, frame.pts = 16_000, 0
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    samples = decode(file.getvalue())
    assert np.argmax(np.abs(np.fft.rfft(samples[:16_000].astype(float)))) == 440


def test_samples_that_are_not_numbers_by_ffmpeg_are_unreadable():
    samples = tone(rate=16_000)
    samples[100] = np.inf
    with pytest.raises(AudioError, match="not numbers"):
        decode(bytes(by_ffmpeg(samples, 16_000, "matroska", "pcm_f32le")))


def test_decoding_stops_when_the_limit_is_passed():
    with pytest.raises(AudioError, match="longer than 1 s") as caught:
        decode(sndfile(tone(2.0), 16_000, "WAV"), max_seconds=1.0)
    assert caught.value.reason == "too_long"
    with pytest.raises(AudioError, match="longer than 1 s"):
        decode(ffmpeg(tone(rate=48_000), "adts", "aac"), max_seconds=1.0)


@pytest.mark.parametrize("name", ["wav", "flac", "m4a"])
def test_a_stretch_is_the_same_samples_as_in_the_whole(name):
    data = {
        "wav": lambda: sndfile(tone(rate=16_000), 16_000, "WAV"),
        "flac": lambda: sndfile(tone(rate=16_000), 16_000, "FLAC"),
        "m4a": lambda: ffmpeg(tone(rate=16_000), "ipod", "aac", rate=16_000),
    }[name]()
    stretch = decode(data, start_s=0.5, length_s=0.25)
    np.testing.assert_array_equal(stretch, decode(data)[8_000:12_000])


def test_a_stretch_beyond_the_end_is_truncated():
    for start, length in [(5.0, None), (1.5, 2.0)]:
        with pytest.raises(AudioError) as caught:
            decode(sndfile(tone(), 16_000, "WAV"), start_s=start, length_s=length)
        assert caught.value.reason == "truncated"


def test_no_bytes_and_no_samples_are_empty():
    for data in (b"", sndfile(np.zeros(0, np.int16), 16_000, "WAV")):
        with pytest.raises(AudioError) as caught:
            decode(data)
        assert caught.value.reason == "empty"


@pytest.mark.parametrize("data", [b"hello, I am text " * 100, bytes(5_000), b"RIFF\x00\x00\x00\x00WAVE", b"OggS"])
def test_what_is_no_audio_is_one_sentence(data):
    with pytest.raises(AudioError) as caught:
        decode(data)
    assert caught.value.reason in {"unreadable", "truncated"}
    assert "\n" not in str(caught.value)


def test_a_playlist_is_not_followed():
    with pytest.raises(AudioError):
        decode(b"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n")


def test_a_file_that_is_not_there_is_one_sentence():
    with pytest.raises(AudioError, match="No such file"):
        decode(Path("/no/such/file.wav"))


def test_samples_that_are_not_numbers_are_unreadable():
    samples = tone()
    samples[100] = np.nan
    with pytest.raises(AudioError, match="not numbers"):
        decode(sndfile(samples, 16_000, "WAV", "FLOAT"))


def test_flac_keeps_every_sample_and_is_the_same_each_time():
    samples = np.random.default_rng(0).integers(-3000, 3000, 16_000).astype(np.int16)
    data = encode_flac(samples)
    assert data == encode_flac(samples)
    np.testing.assert_array_equal(decode_flac(data) * 32768, samples)
    np.testing.assert_array_equal(decode(data), samples)


def test_a_clip_that_is_not_whole_flac_is_refused():
    for data in (b"x" * 100, encode_flac(np.ones(16_000, np.int16))[:60]):
        with pytest.raises(AudioError):
            decode_flac(data)
