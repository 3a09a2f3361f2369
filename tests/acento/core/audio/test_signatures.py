"""The first bytes of files of every kind that is decoded say that they are sound; those of others do not."""

import numpy as np
import pytest

from acento.core.audio.containers.signatures import HEAD, is_sound
from tests.acento.core.audio.audio_files import by_ffmpeg, by_soundfile, hum

SOUND = hum(0.5, 48_000)
BY_SOUNDFILE = ("WAV", "FLAC", "OGG", "MP3", "AIFF", "AU", "CAF", "W64", "RF64", "NIST", "VOC")
BY_FFMPEG = {
    **{"ipod": "aac", "mp4": "aac", "adts": "aac", "webm": "libopus", "matroska": "flac", "asf": "wmav2"},
    **{"mpegts": "mp2", "mp2": "mp2", "ac3": "ac3", "tta": "tta", "wv": "wavpack", "flv": "aac", "avi": "mp2"},
}


@pytest.mark.parametrize("container", BY_SOUNDFILE)
def test_what_libsndfile_writes_is_sound(container: str) -> None:
    assert is_sound(bytes(by_soundfile(SOUND, 48_000, container)[:HEAD]))


@pytest.mark.parametrize("container", BY_FFMPEG)
def test_what_ffmpeg_writes_is_sound(container: str) -> None:
    assert is_sound(bytes(by_ffmpeg(SOUND, 48_000, container, BY_FFMPEG[container])[:HEAD]))


def test_a_cameras_transport_stream_is_sound() -> None:
    assert is_sound(bytes(by_ffmpeg(SOUND, 48_000, "mpegts", "mp2", mpegts_m2ts_mode="1")[:HEAD]))


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"\xff",
        b"PK\3\4" + bytes(99),
        b"%PDF-1.7\n",
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff\xe0\0\x10JFIF",
        b"RIFF\0\0\0\0WEBPVP8 ",
        b"\0\0\0\x1cftypheic",
        "text in UTF-16".encode("utf-16"),
        b"import { readFile } from 'fs'\n" * 20,
        b"1\n00:00:01,000 --> 00:00:02,000\nhello\n",
        b"{'text': 'hello'}",
        b"\x7fELF" + bytes(99),
        np.zeros(400, np.uint8).tobytes(),
    ],
)
def test_what_is_none_is_not(head: bytes) -> None:
    assert not is_sound(head)
