"""Small videos: color bars, and a voice or a tone."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

CODECS = {**dict.fromkeys((".mp4", ".mov", ".mkv"), ("libx264", "aac")), ".webm": ("libvpx", "libopus")}
_BARS = ((255, 255, 255), (255, 255, 0), (0, 255, 255), (0, 255, 0), (255, 0, 255), (255, 0, 0), (0, 0, 255))
RATE = 48000


def write_video(
    path: Path,
    seconds: float = 2.0,
    *,
    size: tuple[int, int] = (320, 180),
    fps: int = 10,
    sound: NDArray[np.int16] | None = None,
    audio: bool = True,
) -> Path:
    """Write color bars with sound, int16 at 48 kHz, or a tone, in the codecs that are usual for the suffix."""
    picture_codec, sound_codec = CODECS[path.suffix]
    width, height = size
    bars = np.repeat(np.array(_BARS, np.uint8)[np.arange(width) * len(_BARS) // width][None], height, axis=0)
    with av.open(str(path), "w") as file:
        video = file.add_stream(picture_codec, rate=fps)
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        voice = file.add_stream(sound_codec, rate=RATE, layout="mono") if audio else None
        for number in range(round(seconds * fps)):
            picture = bars.copy()
            picture[: height // 10, : width * (number + 1) // round(seconds * fps)] = 0
            frame = av.VideoFrame.from_ndarray(picture, "rgb24")
            frame.pts, frame.time_base = number, Fraction(1, fps)
            file.mux(video.encode(frame))
        file.mux(video.encode(None))
        if voice is not None:
            tone = (3000 * np.sin(np.arange(round(seconds * RATE)) * 2 * np.pi * 440 / RATE)).astype(np.int16)
            samples = tone if sound is None else sound
            for start in range(0, len(samples), 960):
                block = av.AudioFrame.from_ndarray(samples[None, start : start + 960], "s16", "mono")
                block.sample_rate, block.pts, block.time_base = RATE, start, Fraction(1, RATE)
                file.mux(voice.encode(block))
            file.mux(voice.encode(None))
    return path
