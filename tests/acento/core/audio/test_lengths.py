"""What decodes is the truth: a header that states no length, or a false one, takes nothing away from a recording."""

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acento.core.audio.recording import AudioError, decode
from tests.acento.core.audio.audio_files import by_ffmpeg, by_soundfile, hum

SAMPLES = (hum(1.0) * 32767).astype(np.int16)
FRAGMENTS = {"movflags": "frag_keyframe+empty_moov+default_base_moof", "frag_duration": "300000"}


def field(data, name, after, form, value):
    """Return a file with another number in a header, ``after`` bytes from the first place of ``name``."""
    data = bytearray(data)
    struct.pack_into(form, data, data.find(name) + after, value)
    return data


def flac(total):
    data = by_soundfile(SAMPLES, 16_000, "FLAC")
    data[18:26] = (int.from_bytes(data[18:26], "big") >> 36 << 36 | total).to_bytes(8, "big")
    return data


def wav(declared, *, outer=None):
    data = field(by_soundfile(SAMPLES, 16_000, "WAV"), b"data", 4, "<I", declared)
    return data if outer is None else field(data, b"RIFF", 4, "<I", outer)


EXACT = {
    "wav, 0 bytes": lambda: wav(0),
    "wav, 0 bytes in both": lambda: wav(0, outer=0),
    "wav, streamed": lambda: wav(0xFFFFFFFF, outer=0xFFFFFFFF),
    "wav, half": lambda: wav(16_000),
    "wav, half in both": lambda: wav(16_000, outer=16_036),
    "wav, double": lambda: wav(64_000),
    "wav, streamed by FFmpeg": lambda: by_ffmpeg(SAMPLES / np.float32(32768), 16_000, "wav", "pcm_s16le", pipe=True),
    "aiff, 0 bytes": lambda: field(by_soundfile(SAMPLES, 16_000, "AIFF"), b"SSND", 4, ">I", 0),
    "aiff, half": lambda: field(by_soundfile(SAMPLES, 16_000, "AIFF"), b"SSND", 4, ">I", 16_000),
    "aiff, other count": lambda: field(by_soundfile(SAMPLES, 16_000, "AIFF"), b"COMM", 10, ">I", 7_000),
    "au, 0 bytes": lambda: field(by_soundfile(SAMPLES, 16_000, "AU"), b".snd", 8, ">I", 0),
    "au, streamed": lambda: field(by_soundfile(SAMPLES, 16_000, "AU"), b".snd", 8, ">I", 0xFFFFFFFF),
    "au, half": lambda: field(by_soundfile(SAMPLES, 16_000, "AU"), b".snd", 8, ">I", 16_000),
    "caf, 0 bytes": lambda: field(by_soundfile(SAMPLES, 16_000, "CAF"), b"data", 4, ">q", 0),
    "caf, streamed": lambda: field(by_soundfile(SAMPLES, 16_000, "CAF"), b"data", 4, ">q", -1),
    "w64, half": lambda: field(by_soundfile(SAMPLES, 16_000, "W64"), b"data", 16, "<Q", 16_000),
    "flac, 0 samples": lambda: flac(0),
    "flac, half": lambda: flac(8_000),
    "flac, streamed by FFmpeg": lambda: by_ffmpeg(SAMPLES / np.float32(32768), 16_000, "flac", "flac", pipe=True),
}
ABOUT = {
    "mp4, no duration": lambda: field(by_ffmpeg(hum(), 16_000, "mp4", "aac"), b"mdhd", 20, ">I", 0),
    "mp4, half": lambda: field(by_ffmpeg(hum(), 16_000, "mp4", "aac"), b"mdhd", 20, ">I", 16_000),
    "mp4, a day": lambda: field(by_ffmpeg(hum(), 16_000, "mp4", "aac"), b"mdhd", 20, ">I", 86_400 * 16_000),
    "mp4, film of a day": lambda: field(by_ffmpeg(hum(), 16_000, "mp4", "aac"), b"mvhd", 20, ">I", 86_400_000),
    "mp4, fragments": lambda: by_ffmpeg(hum(), 16_000, "mp4", "aac", pipe=True, **FRAGMENTS),
    "webm, half": lambda: field(by_ffmpeg(hum(), 48_000, "webm", "libopus"), b"\x44\x89\x88", 3, ">d", 333.0),
    "webm, a day": lambda: field(by_ffmpeg(hum(), 48_000, "webm", "libopus"), b"\x44\x89\x88", 3, ">d", 86_400e3),
    "webm, live": lambda: by_ffmpeg(hum(), 48_000, "webm", "libopus", pipe=True),
    "aac": lambda: by_ffmpeg(hum(), 16_000, "adts", "aac"),
    "ts": lambda: by_ffmpeg(hum(), 16_000, "mpegts", "aac"),
}


@pytest.mark.parametrize("name", EXACT)
def test_a_recording_with_a_false_length_comes_out_sample_for_sample(name, tmp_path):
    data = bytes(EXACT[name]())
    np.testing.assert_array_equal(decode(data), SAMPLES)
    (tmp_path / "a").write_bytes(data)
    np.testing.assert_array_equal(decode(tmp_path / "a", start_s=0.25, length_s=0.5), SAMPLES[4_000:12_000])


@pytest.mark.parametrize("name", ABOUT)
def test_a_container_with_a_false_duration_comes_out_whole(name):
    seconds = 2 * 16_000 / (48_000 if "webm" in name else 16_000)
    assert len(decode(bytes(ABOUT[name]()))) / 16_000 == pytest.approx(seconds, abs=0.15)


@pytest.mark.parametrize(
    "name", ["webm, a day", "webm, live", "mp4, fragments", "mp4, a day", "wav, half", "flac, half"]
)
def test_one_with_a_false_length_that_was_cut_is_still_told(name):
    data = bytes((ABOUT | EXACT)[name]())
    if name == "wav, half":
        data = bytes(wav(64_000, outer=64_036))
    with pytest.raises(AudioError) as caught:
        decode(data[: len(data) * 2 // 3])
    assert caught.value.reason in {"truncated", "unreadable"}


def test_what_follows_the_sound_of_a_wav_is_not_taken_for_sound():
    data = bytes(by_soundfile(SAMPLES, 16_000, "WAV"))
    listed = b"LIST" + struct.pack("<I", 8_000) + bytes(range(1, 251)) * 32
    unknown = b"abcd" + struct.pack("<I", 8_000) + bytes(range(1, 251)) * 32
    for tail in (listed, unknown, b"TAG" + bytes(125), bytes(20_000), b"\1"):
        np.testing.assert_array_equal(decode(data + tail), SAMPLES)


@pytest.mark.parametrize("container", ["WAV", "FLAC", "AIFF", "AU", "CAF", "OGG"])
def test_joined_recordings_are_all_there_each_at_its_own_rate(container):
    parts = [bytes(by_soundfile(hum(1.0, rate, rate), rate, container)) for rate in (16_000, 8_000, 16_000)]
    whole = decode(b"".join(parts))
    np.testing.assert_array_equal(whole, np.concatenate([decode(part) for part in parts]))
    for start in (0.25, 1.25, 2.5):
        stretch = decode(b"".join(parts), start_s=start, length_s=0.25).astype(float)
        assert abs(stretch - whole[round(start * 16_000) :][:4_000])[100:-100].max() <= 60
    stretch = decode(b"".join(parts), start_s=0.5, length_s=2.0)
    assert len(stretch) == 32_000


@pytest.mark.parametrize(
    ("container", "codec"), [("mp4", "aac"), ("matroska", "flac"), ("flv", "aac"), ("asf", "wmav2")]
)
def test_joined_files_of_which_a_decoder_reads_the_first_are_refused(container, codec):
    data = bytes(by_ffmpeg(hum(1.0, 44_100), 44_100, container, codec))
    with pytest.raises(AudioError, match="joined to one: split them"):
        decode(data + data)


def test_a_cut_of_nist_sphere_is_told_and_shorten_is_refused_in_a_sentence():
    head = b"NIST_1A\n   1024\nsample_count -i 16000\nsample_n_bytes -i 2\nchannel_count -i 1\n"
    head += b"sample_byte_format -s2 01\nsample_rate -i 16000\nsample_coding -s3 pcm\nend_head\n"
    data = head.ljust(1024) + SAMPLES.tobytes()
    np.testing.assert_array_equal(decode(data), SAMPLES)
    with pytest.raises(AudioError, match="declares 32000 bytes"):
        decode(data[:20_000])
    packed = head.replace(b"-s3 pcm", b"-s26 pcm,embedded-shorten-v2.00").ljust(1024) + bytes(range(256)) * 20
    with pytest.raises(AudioError, match="compressed"):
        decode(packed)


KINDS = {
    "wav": bytes(by_soundfile(SAMPLES, 16_000, "WAV")),
    "flac": bytes(by_soundfile(SAMPLES, 16_000, "FLAC")),
    "ogg": bytes(by_soundfile(hum(1.0), 16_000, "OGG")),
    "mp3": bytes(by_soundfile(hum(1.0), 16_000, "MP3")),
}


BELIEVED = {"wav": range(24, 28), "mp3": range(0, 200)}


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60, deadline=None, derandomize=True)
@given(share=st.floats(0.0, 1.0, exclude_max=True))
def test_a_cut_anywhere_is_rejected_or_takes_no_sound_away(kind, share):
    data = KINDS[kind]
    try:
        samples = decode(data[: int(share * len(data))])
    except AudioError:
        return
    np.testing.assert_array_equal(samples, decode(data))


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60, deadline=None, derandomize=True)
@given(share=st.floats(0.0, 1.0, exclude_max=True), change=st.integers(1, 255))
def test_a_changed_byte_is_rejected_or_takes_no_sound_away(kind, share, change):
    """FLAC and Ogg have checksums; a WAV's rate, and what an MP3's tag says of its encoder, can only be believed."""
    place = int(share * len(KINDS[kind]))
    if place in BELIEVED.get(kind, ()):
        return
    data = bytearray(KINDS[kind])
    data[place] ^= change
    try:
        samples = decode(bytes(data))
    except AudioError:
        return
    if kind in ("flac", "ogg"):
        np.testing.assert_array_equal(samples, decode(KINDS[kind]))
    assert len(samples) >= len(decode(KINDS[kind]))


@pytest.mark.parametrize("place", [22, 34, 40])
def test_channels_bits_and_size_that_contradict_one_another_take_nothing_away_from_a_wav(place):
    for change in (1, 3, 16, 191):
        data = bytearray(KINDS["wav"])
        data[place] ^= change
        try:
            assert len(decode(bytes(data))) >= len(SAMPLES)
        except AudioError:
            continue


def test_another_rate_in_the_header_of_a_flac_file_than_in_its_frames_is_damage():
    data = bytearray(KINDS["flac"])
    data[19] ^= 0x10
    with pytest.raises(AudioError, match="header is damaged"):
        decode(bytes(data))
