"""MP3: every frame is counted, whatever a tag says or does not say."""

import io
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from acento.core.audio.recording import AudioError, decode

FIELD = Path(__file__).parents[3] / "field" / "mp3"
SECONDS = {
    "cat_cbr": 5.17,
    "e_zero_frames": 2.67,
    "g_half_frames": 2.65,
    "pipe_abr": 2.53,
    "pipe_vbr": 3.63,
    "pipe_vbr_lead": 4.83,
    "pipe_vbr_trail": 5.12,
}


def mp3(seconds=3.0, rate=22_050, channels=1, seed=0, mode="VARIABLE", level=0.7):
    """Return noise that hums, which fills a bit reservoir, as the bytes of an MP3 file with a right tag."""
    samples = np.random.default_rng(seed).standard_normal((round(seconds * rate), channels)).cumsum(axis=0)
    samples -= np.apply_along_axis(lambda one: np.convolve(one, np.ones(65) / 65, "same"), 0, samples)
    samples *= (0.5 + 0.5 * np.sin(np.arange(len(samples)) * 4 * np.pi / rate))[:, None] * 0.3 / abs(samples).max()
    file = io.BytesIO()
    with soundfile.SoundFile(
        file, "w", rate, channels, format="MP3", compression_level=level, bitrate_mode=mode
    ) as out:
        out.write(samples.astype(np.float32))
    return file.getvalue()


def tag_at(data):
    return next(at for name in (b"Xing", b"Info") if 0 <= (at := data.find(name)) < 200)


def with_count(data, frames, *, of_bytes=None):
    """Return a file whose tag has another number of frames, and of bytes."""
    data, at = bytearray(data), tag_at(data)
    struct.pack_into(">I", data, at + 8, frames)
    if of_bytes is not None:
        struct.pack_into(">I", data, at + 12, of_bytes)
    return bytes(data)


def count(data):
    return int.from_bytes(data[tag_at(data) + 8 : tag_at(data) + 12], "big")


def without_tag(data):
    """Return a file as it is written to a pipe: without its first frame, in which the tag is."""
    second = data.find(data[:2], tag_at(data))
    return data[second:]


def at_once(data, start=0, stop=None):
    """Return what the decoder makes of the whole file in one call, resampled in one call."""
    samples, rate = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)
    mono = samples.mean(axis=1)[start:stop]
    return np.clip(np.rint(soxr.resample(mono, rate, 16_000, quality="VHQ") * 32768), -32768, 32767)


@pytest.mark.parametrize("name", SECONDS)
def test_a_recording_with_no_tag_or_a_false_one_comes_out_whole(name):
    assert len(decode(FIELD / f"{name}.mp3")) / 16_000 == pytest.approx(SECONDS[name], abs=0.01)


@pytest.mark.parametrize("channels", [1, 2])
def test_a_normal_file_is_what_the_decoder_makes_of_it_in_one_go(channels):
    data = mp3(8.0, 44_100, channels)  # more than one block of reading
    assert abs(decode(data) - at_once(data)).max() <= 1


@pytest.mark.parametrize("frames", [0, 1, 57, 10_000])
def test_the_number_of_frames_in_a_tag_decides_nothing(frames):
    data = mp3()
    samples = decode(with_count(data, frames))
    assert 0 <= len(samples) - len(decode(data)) < 0.04 * 16_000  # padding is only left out where it is known
    np.testing.assert_allclose(samples[:40_000], decode(data)[:40_000], atol=1)


@pytest.mark.parametrize("mode", ["VARIABLE", "CONSTANT", "AVERAGE"])
def test_a_file_written_to_a_pipe_is_whole(mode):
    data = without_tag(mp3(mode=mode)) if mode == "VARIABLE" else mp3(mode=mode, level=0.9)
    assert len(decode(data)) / 16_000 == pytest.approx(3.0, abs=0.1)


def test_joined_files_are_all_there_and_nothing_is_left_out_at_the_joint():
    one, two = mp3(1.0, 16_000, seed=1), mp3(2.0, 16_000, seed=2)
    whole, joint = decode(one + two), count(one) * 576  # with what the encoder added, as players play them
    np.testing.assert_allclose(whole[:15_000], decode(one)[:15_000], atol=1)
    np.testing.assert_allclose(whole[joint : joint + 32_000], decode(two), atol=1)


def test_joined_files_of_other_rates_and_channels_are_all_there():
    parts = [mp3(1.0), mp3(1.0, 44_100, 2), mp3(1.0, 8_000)]
    assert len(decode(b"".join(parts))) / 16_000 == pytest.approx(3.0, abs=0.4)
    assert len(decode(b"".join(parts))) > 3.0 * 16_000


def test_tags_of_players_before_between_and_after_are_no_sound_and_no_damage():
    one = mp3(1.0)
    id3 = b"ID3\x04\0\0\0\0\x02\x00" + b"\xff\xfb" * 128
    ape = 2 * (b"APETAGEX" + struct.pack("<IIII", 2000, 32, 0, 0xA0000000) + bytes(8))
    np.testing.assert_array_equal(decode(id3 + one + ape + b"TAG" + bytes(125)), decode(one))
    np.testing.assert_array_equal(decode(id3 + one + ape + id3 + one), decode(one + one))


def test_a_damaged_header_in_the_middle_is_named_and_no_frame_is_skipped():
    data = bytearray(without_tag(mp3()))
    middle = data.find(data[:2], len(data) // 2)
    data[middle : middle + 2] = b"\0\0"
    with pytest.raises(AudioError, match="damaged at byte"):
        decode(bytes(data))


@pytest.mark.parametrize("tagged", [True, False])
def test_a_file_cut_within_a_frame_is_truncated(tagged):
    data = mp3() if tagged else without_tag(mp3())
    with pytest.raises(AudioError) as caught:
        decode(data[: len(data) * 2 // 3 + 1])
    assert caught.value.reason == "truncated"


@pytest.mark.parametrize(("rate", "channels", "level"), [(44_100, 2, 0.8), (22_050, 1, 0.7), (8_000, 1, 0.99)])
def test_a_stretch_is_the_same_samples_as_in_the_whole(rate, channels, level):
    data = mp3(6.0, rate, channels, level=level)
    for start in (0.1, 1.7, 2.9, 4.3):
        first = round(start * rate)
        expected = at_once(data, first, first + rate)
        assert abs(decode(data, start_s=start, length_s=1.0).astype(float) - expected).max() <= 1


def test_a_stretch_of_joined_files_is_where_it_is_in_the_whole():
    data = mp3(1.0, 16_000, seed=1) + mp3(2.0, 16_000, seed=2)
    whole = decode(data)
    for start in (0.5, 0.9, 1.0, 1.3):
        stretch = decode(data, start_s=start, length_s=0.5)
        np.testing.assert_allclose(stretch, whole[round(start * 16_000) :][:8_000], atol=1)
    with pytest.raises(AudioError, match="ends before"):
        decode(data, start_s=3.5)


def test_mp2_is_whole_too():
    av = pytest.importorskip("av")
    file = io.BytesIO()
    with av.open(file, "w", format="mp2") as container:
        stream = container.add_stream("mp2", rate=48_000, layout="mono")
        for number in range(50):
            frame = av.AudioFrame.from_ndarray(np.full((1, 1152), 50 * number, np.int16), format="s16", layout="mono")
            frame.sample_rate, frame.pts = 48_000, number * 1152
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    for times in (1, 2):
        assert len(decode(file.getvalue() * times)) / 16_000 == pytest.approx(times * 50 * 1152 / 48_000, abs=0.03)
