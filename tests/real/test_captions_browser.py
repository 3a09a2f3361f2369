"""WebVTT in a real browser: every cue of a file is loaded by a track of a video, with its times and speakers."""

import shutil
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from documents import document, spoken
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from videos import write_video

from acento.captions.cues import cues
from acento.captions.style import CaptionStyle
from acento.captions.vtt import write_vtt

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        not (CHROMIUM and DRIVER),
        reason="needs Chromium: `apt-get install chromium chromium-driver`, or `.ci/install-real` as root",
    ),
]
FLAGS = ("--headless", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--no-first-run")
PAGE = "<!doctype html><video src=bars.webm muted><track kind=captions src=talk.vtt default></video>"
LOADED = """
const done = arguments[0], track = document.querySelector("track"), video = document.querySelector("video");
const read = () => {
    const cues = [...track.track.cues].map(cue => {
        const html = document.createElement("div");
        html.append(cue.getCueAsHTML());
        const voices = [...html.querySelectorAll("span[title]")].map(voice => voice.title);
        return [cue.startTime, cue.endTime, html.textContent, voices];
    });
    const shown = () => [...track.track.activeCues].map(cue => cue.text);
    track.track.oncuechange = () => shown().length && done([cues, shown()]);
    video.play().catch(error => done(String(error)));
};
track.track.mode = "showing";
track.onerror = () => done("the track was not loaded");
track.readyState == 2 ? read() : track.onload = read;
"""
STYLE = CaptionStyle()


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder, and says nothing."""

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_track_has_every_cue_with_its_voices(tmp_path: Path, address: str) -> None:
    one = document(
        spoken("¿Vienes mañana?", speaker="Ana & Co."),
        spoken("Sí, <claro> --> que sí.", start=1.4, speaker="Ben"),
        spoken("你好，世界。 مرحبا", start=6.0),
    )
    write_video(tmp_path / "bars.webm", 2.0)
    (tmp_path / "talk.vtt").write_text(write_vtt(one, STYLE), encoding="utf-8")
    (tmp_path / "index.html").write_text(PAGE, encoding="utf-8")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM or ""
    for flag in FLAGS:
        options.add_argument(flag)
    driver = webdriver.Chrome(options, Service(DRIVER))
    try:
        driver.get(f"{address}/index.html")
        found, active = driver.execute_async_script(LOADED)
    finally:
        driver.quit()
    expected = [
        [cue.start, cue.end, "\n".join(line.text for line in cue.lines), [name for name in cue.speakers if name]]
        for cue in cues(one, STYLE)
    ]
    assert found == expected
    assert len(active) == 1
    assert "¿Vienes mañana?" in active[0]
