"""Draw the picture of a report: ``python docs/pictures/report.py report.html docs/pictures/report.png``.

Left the page as a wide light window shows it, right its worst clips in a narrow dark one. It needs Chromium and its
driver, as the tests of the browser do.
"""

import io
import shutil
import sys
from pathlib import Path

from PIL import Image
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

_HEIGHT = 1500
_SCALE = 0.62


def draw(page: Path) -> Image.Image:
    """Return both windows side by side."""
    options = webdriver.ChromeOptions()
    for flag in ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"):
        options.add_argument(flag)
    options.binary_location = shutil.which("chromium") or ""
    driver = webdriver.Chrome(options, Service(shutil.which("chromedriver")))
    try:
        windows = [_window(driver, page, 1240, "light", ""), _window(driver, page, 430, "dark", "Worst clips")]
    finally:
        driver.quit()
    picture = Image.new("RGB", (sum(one.width for one in windows), _HEIGHT))
    picture.paste(windows[0], (0, 0))
    picture.paste(windows[1], (windows[0].width, 0))
    small = picture.resize((int(picture.width * _SCALE), int(_HEIGHT * _SCALE)), Image.Resampling.LANCZOS)
    return small.quantize(256, dither=Image.Dither.NONE)


def _window(driver: webdriver.Chrome, page: Path, width: int, scheme: str, heading: str) -> Image.Image:
    metrics = {"width": width, "height": _HEIGHT, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    wanted = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", wanted)
    driver.get(page.absolute().as_uri())
    driver.execute_script(
        "[...document.querySelectorAll('h2')].find(one => one.textContent === arguments[0])?.scrollIntoView()", heading
    )
    return Image.open(io.BytesIO(driver.get_screenshot_as_png())).convert("RGB")


if __name__ == "__main__":
    draw(Path(sys.argv[1])).save(sys.argv[2], optimize=True)
