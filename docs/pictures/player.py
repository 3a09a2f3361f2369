"""Draw the picture of a player: ``python docs/pictures/player.py speech.flac speech.vtt docs/pictures/player.png 5.0``.

A video of the speech's waveform plays in Chromium with the captions as its track; the picture is taken at a second. It
needs Chromium and its driver, as the tests of the browser do.
"""

import base64
import io
import shutil
import sys
import tempfile
from fractions import Fraction
from pathlib import Path

import av
import matplotlib.pyplot as plt
import numpy as np
import soundfile
from PIL import Image
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

_WIDTH, _HEIGHT, _FPS = 960, 540, 10
_PAGE = """<!doctype html><style>body {{ margin: 0; background: #0f172a }} video {{ width: 960px; display: block }}
video::cue {{ font: 26px sans-serif; background: #000c }}</style>
<video src="data:video/webm;base64,{video}" controls muted>
<track kind="captions" label="English" srclang="en" src="data:text/vtt;base64,{track}" default></video>"""
_SHOW = """
const [second, done] = arguments, video = document.querySelector("video");
const track = document.querySelector("track").track;
track.mode = "showing";
track.oncuechange = () => { if (video.currentTime > second) { video.pause(); setTimeout(() => done("shown"), 300); } };
video.currentTime = second - 0.2;
video.play().catch(error => done(String(error)));
setTimeout(() => { video.pause(); done("waited"); }, 4000);
"""


def video(speech: Path, target: Path) -> None:
    """Write the waveform of a recording with a line that moves through it."""
    samples, rate = soundfile.read(speech, dtype="float32")
    with av.open(str(target), "w", format="webm") as file:
        stream = file.add_stream("libvpx", rate=_FPS, options={"crf": "12", "b": "2M"})
        stream.width, stream.height, stream.pix_fmt = _WIDTH, _HEIGHT, "yuv420p"
        still = _waveform(samples)
        frames = round(len(samples) / rate * _FPS)
        for number in range(frames):
            frame = still.copy()
            frame[90:400, round(_WIDTH * (number + 0.5) / frames) :][:, :2] = (250, 204, 21)
            picture = av.VideoFrame.from_ndarray(frame, "rgb24")
            picture.pts, picture.time_base = number, Fraction(1, _FPS)
            file.mux(stream.encode(picture))
        file.mux(stream.encode(None))


def _waveform(samples: np.ndarray) -> np.ndarray:
    figure = plt.figure(figsize=(_WIDTH / 100, _HEIGHT / 100), dpi=100, facecolor="#0f172a")
    axes = figure.add_axes((0, 0.2, 1, 0.68))
    parts = np.array_split(samples, _WIDTH // 4)
    axes.bar(
        range(len(parts)), [2 * np.abs(part).max() for part in parts], 0.6, [-np.abs(part).max() for part in parts]
    )
    for bar in axes.patches:
        bar.set_color("#60a5fa")
    axes.set_axis_off()
    axes.margins(x=0)
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[..., :3].copy()


def draw(speech: Path, captions: Path, second: float) -> Image.Image:
    """Return the player as it looks at a second."""
    with tempfile.TemporaryDirectory() as folder:
        made, page = Path(folder, "speech.webm"), Path(folder, "index.html")
        video(speech, made)
        coded = {
            name: base64.b64encode(path.read_bytes()).decode() for name, path in (("video", made), ("track", captions))
        }
        page.write_text(_PAGE.format(**coded), encoding="utf-8")
        options = webdriver.ChromeOptions()
        for flag in ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"):
            options.add_argument(flag)
        options.binary_location = shutil.which("chromium") or ""
        driver = webdriver.Chrome(options, Service(shutil.which("chromedriver")))
        try:
            metrics = {"width": _WIDTH, "height": _HEIGHT, "deviceScaleFactor": 1, "mobile": False}
            driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
            driver.get(page.as_uri())
            driver.execute_async_script(_SHOW, second)
            picture = Image.open(io.BytesIO(driver.get_screenshot_as_png())).convert("RGB")
        finally:
            driver.quit()
    return picture.quantize(64, dither=Image.Dither.NONE)


if __name__ == "__main__":
    draw(Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[4])).save(sys.argv[3], optimize=True)
