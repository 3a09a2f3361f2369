"""Decoding in blocks: the same samples as in one piece, each channel for itself, and little of it in memory."""

from pathlib import Path

import numpy as np
import pytest

from acento.core.audio.recording import AudioError, CancelingChannelsError, decode, decode_blocks
from tests.acento.core.audio.audio_files import by_ffmpeg, by_soundfile, hum

FILES = {
    "wav 44100": lambda: by_soundfile(hum(30.0, 44_100), 44_100, "WAV"),
    "flac 16000": lambda: by_soundfile(hum(30.0), 16_000, "FLAC"),
    "mp3": lambda: by_soundfile(hum(30.0, 22_050), 22_050, "MP3"),
    "stereo": lambda: by_soundfile(np.stack([hum(9.0, 48_000), hum(9.0, 48_000, 1)], 1), 48_000, "WAV"),
    "m4a": lambda: by_ffmpeg(hum(9.0, 48_000), 48_000, "ipod", "aac"),
    "joined": lambda: by_soundfile(hum(3.0), 16_000, "WAV") + by_soundfile(hum(2.0, 8_000), 8_000, "WAV"),
}


@pytest.mark.parametrize("name", FILES)
def test_blocks_are_what_is_decoded_in_one_piece(name: str, tmp_path: Path) -> None:
    path = tmp_path / "recording"
    path.write_bytes(FILES[name]())
    for options in ({}, {"start_s": 1.25, "length_s": 1.5}):
        blocks = list(decode_blocks(path, **options))
        assert max(map(len, blocks)) <= 200_000
        np.testing.assert_array_equal(np.concatenate(blocks), decode(path, **options))


@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_each_channel_is_what_is_decoded_of_it_alone(rate: int) -> None:
    samples = np.stack([hum(4.0, rate), 0.5 * hum(4.0, rate, 1), -hum(4.0, rate)], 1)
    data = bytes(by_soundfile(samples, rate, "WAV"))
    together = np.concatenate(list(decode_blocks(data, each_channel=True)))
    assert together.shape == (64_000, 3)
    for channel in range(3):
        np.testing.assert_allclose(together[:, channel], decode(data, channel=channel), atol=1)


def test_one_channel_is_a_column() -> None:
    data = bytes(by_soundfile(hum(1.0, 8_000), 8_000, "WAV"))
    assert np.concatenate(list(decode_blocks(data, each_channel=True))).shape == (16_000, 1)


def test_channels_that_cancel_are_told_when_all_have_come() -> None:
    data = bytes(by_soundfile(np.stack([0.9 * hum(4.0), -hum(4.0)], 1), 16_000, "WAV"))
    came: list[np.ndarray] = []
    with pytest.raises(CancelingChannelsError) as caught:
        came.extend(decode_blocks(data))
    assert caught.value.channel == 1
    np.testing.assert_array_equal(decode(data), decode(data, channel=1))


def test_a_number_of_channels_that_changes_is_refused() -> None:
    one, two = by_soundfile(hum(1.0), 16_000, "WAV"), by_soundfile(np.stack([hum(1.0)] * 2, 1), 16_000, "WAV")
    with pytest.raises(AudioError, match="The number of channels changes from 1 to 2"):
        list(decode_blocks(bytes(one + two), each_channel=True))


def test_a_recording_has_no_longest_length_and_what_is_cut_raises_at_its_end(tmp_path: Path) -> None:
    data = bytes(by_soundfile(hum(3.0), 16_000, "WAV"))
    with pytest.raises(AudioError, match="longer than 1 s"):
        list(decode_blocks(data, max_seconds=1.0))
    with pytest.raises(AudioError, match="cut short"):
        list(decode_blocks(data[:60_000]))
    with pytest.raises(AudioError, match="No such file"):
        list(decode_blocks(tmp_path / "none"))
