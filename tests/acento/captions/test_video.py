"""Captions in videos: a track beside streams that are copied, or letters on the pictures."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from videos import write_video

from acento.captions.cue import Cue, Line
from acento.captions.video import caption_video
from acento.core.errors import InputError

CUES = [Cue(0.3, 0.9, (Line("Hola, ¿qué tal?"), Line("Bien & tú"))), Cue(1.0, 1.6, (Line("مرحبا"),))]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("videos")
    for suffix in (".mp4", ".mkv", ".webm"):
        write_video(folder / f"bars{suffix}", 2.0)
    return folder


def packets(path: Path, kind: str) -> list[bytes]:
    with av.open(str(path)) as file:
        stream = next(one for one in file.streams if one.type == kind)
        return [bytes(packet) for packet in file.demux(stream) if packet.size]


def track(path: Path) -> list[tuple[float, str]]:
    """Return when each packet of the first track of captions begins, and its text as FFmpeg reads it."""
    found = []
    with av.open(str(path)) as file:
        stream = file.streams.subtitles[0]
        for packet in file.demux(stream):
            if packet.pts is not None:
                text = b"".join(one.dialogue for one in stream.codec_context.decode2(packet) or ())
                found.append((float(packet.pts * packet.time_base), text.decode()))
    return found


def picture(path: Path, seconds: float) -> NDArray[np.uint8]:
    with av.open(str(path)) as file:
        return next(one.to_ndarray(format="rgb24") for one in file.decode(video=0) if one.time >= seconds - 0.01)


@pytest.mark.parametrize(("suffix", "codec"), [(".mp4", "mov_text"), (".mkv", "srt"), (".webm", "webvtt")])
def test_a_track_stands_beside_streams_that_are_the_same_bytes(folder: Path, suffix: str, codec: str) -> None:
    video, target = folder / f"bars{suffix}", folder / f"with{suffix}"
    assert caption_video(video, CUES, target, language="es") == target
    for kind in ("video", "audio"):
        assert packets(target, kind) == packets(video, kind)
    with av.open(str(target)) as file:
        (stream,) = file.streams.subtitles
        assert (stream.codec_context.codec.name, stream.language) == (codec, "spa")
    shown = [(start, text) for start, text in track(target) if text]
    assert [start for start, _ in shown] == [0.3, 1.0]
    assert shown[0][1] == "Hola, ¿qué tal?\nBien & tú"


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
def test_letters_are_on_the_pictures_while_the_cue_is_shown(folder: Path, suffix: str) -> None:
    video, target = folder / f"bars{suffix}", folder / f"burned{suffix}"
    caption_video(video, CUES, target, burn=True)
    assert packets(target, "audio") == packets(video, "audio")
    before, during = picture(target, 0.1), picture(target, 0.5)
    changed = np.abs(before[20:].astype(int) - during[20:].astype(int)).max(axis=(1, 2)) > 100
    assert changed[-60:].any()
    assert not changed[:-80].any()
    assert np.abs(picture(video, 0.1)[20:].astype(int) - before[20:].astype(int)).mean() < 4
    with av.open(str(target)) as file:
        assert len(list(file.decode(video=0))) == 20
        assert not file.streams.subtitles


def test_lines_of_a_speaker_have_a_color(folder: Path) -> None:
    target = folder / "color.mkv"
    cues = [Cue(0.2, 1.8, (Line("M" * 12, "Ana"),))]
    caption_video(folder / "bars.mkv", cues, target, burn=True, colors={"Ana": "#0000ff"})
    pixels = picture(target, 1.0)[-40:, 112:136].reshape(-1, 3).astype(int)  # on the bar of cyan
    assert ((pixels[:, 2] > 150) & (pixels[:, 1] < 120)).any()


def test_the_same_twice_gives_the_same_bytes(folder: Path) -> None:
    one, two = (caption_video(folder / "bars.mkv", CUES, folder / f"{name}.mkv") for name in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()


def test_without_a_cue_there_is_no_track(folder: Path) -> None:
    target = caption_video(folder / "bars.mkv", [], folder / "none.mkv")
    assert packets(target, "video") == packets(folder / "bars.mkv", "video")
    with av.open(str(target)) as file:
        assert not file.streams.subtitles


def test_a_video_that_is_turned_is_drawn_on_upright(folder: Path) -> None:
    turned = folder / "turned.mp4"
    with av.open(str(folder / "bars.mp4")) as source, av.open(str(turned), "w") as out:
        streams = {one.index: out.add_stream_from_template(one) for one in source.streams}
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                out.mux(packet)
    data = turned.read_bytes()
    matrix = b"\0\1\0\0" + bytes(12) + b"\0\1\0\0" + bytes(12) + b"\x40\0\0\0"
    quarter = bytes(4) + b"\0\1\0\0" + bytes(4) + b"\xff\xff\0\0" + bytes(16) + b"\x40\0\0\0"
    at = data.index(matrix, data.index(b"tkhd"))
    turned.write_bytes(data[:at] + quarter + data[at + len(matrix) :])
    with av.open(str(caption_video(turned, CUES, folder / "upright.mp4", burn=True))) as file:
        stream = file.streams.video[0]
        assert (stream.width, stream.height) == (180, 320)


@pytest.mark.parametrize(
    ("name", "target", "says"),
    [
        ("none.mp4", "x.mp4", "cannot be read as a video"),
        ("bars.mp4", "x.avi", "should end in"),
        ("bars.mp4", "bars.mp4", "is the video itself"),
        ("bars.webm", "x.mp4", "cannot hold vp8"),
        ("bars.mp4", "bars.mkv", "is there already"),
    ],
)
def test_what_cannot_be_done_is_a_sentence(folder: Path, name: str, target: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        caption_video(folder / name, CUES, folder / target)
    assert not list(folder.glob(".*"))


def test_a_font_without_a_character_is_refused_before_anything_is_written(folder: Path) -> None:
    with pytest.raises(InputError, match=r"Sans\.ttf has no 你 好: name one"):
        caption_video(folder / "bars.mp4", [Cue(0, 1, (Line("你好"),))], folder / "x.mp4", burn=True)
    assert not (folder / "x.mp4").exists()


@pytest.mark.slow
def test_what_is_killed_leaves_no_file_of_that_name_and_the_next_run_clears_it_up(tmp_path: Path) -> None:
    video, target = write_video(tmp_path / "long.mp4", 60.0, size=(640, 360), fps=25), tmp_path / "out.mp4"
    script = (
        "import sys; from pathlib import Path; from acento.captions.cue import *; "
        "from acento.captions.video import caption_video; "
        "caption_video(Path(sys.argv[1]), [Cue(0, 59, (Line('Hola'),))], Path(sys.argv[2]), burn=True)"
    )
    process = subprocess.Popen([sys.executable, "-c", script, str(video), str(target)])
    partial = tmp_path / ".out.mp4.partial"
    deadline = time.monotonic() + 60
    while not partial.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert partial.exists()
    assert not target.exists()
    caption_video(video, CUES, target)
    assert target.exists()
    assert not partial.exists()
