"""A report in a real browser: nothing is fetched or wider than the window, dark is dark, and a clip plays."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from scored_runs import clip, heard, scored_run
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.remote.webdriver import WebDriver
from staged import staged

from acento.core.store import LocalStore
from acento.registry.runs.comparing import RunChoice, compare_stored
from acento.registry.runs.reports import comparison_report, run_report

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        not (CHROMIUM and DRIVER),
        reason="needs Chromium: `apt-get install chromium chromium-driver`, or `.ci/install-real` as root",
    ),
]

FLAGS = (
    *("--headless", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--autoplay-policy=no-user-gesture-required", "--host-resolver-rules=MAP * ~NOTFOUND"),
)
PLAY = """
const done = arguments[0], audio = document.querySelector("audio");
audio.play().then(() => setTimeout(() => done(audio.currentTime), 300)).catch(error => done(String(error)));
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[WebDriver]:
    """Open a browser that reaches no host."""
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM or ""
    for flag in FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, Service(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Write a run's report and a comparison, of clips that were staged."""
    folder = tmp_path_factory.mktemp("report")
    store = LocalStore(folder / "store")
    scored: dict[str, Any] = {"rule": "none", "dataset_fingerprint": staged(store, folder / "clips").fingerprint}
    clips = [clip(f"c{n:02}", f"uno dos {n}", speaker=f"s{n % 2}", accent=("a", "b")[n % 2]) for n in range(6)]
    evil = "<img src=x onerror=document.title='broken'>"
    worse = heard(clips, {"c05": "uno", "c04": evil, "c03": " ".join(["palabra"] * 400)})
    scored_run(store, "one", {"mini": worse, "owner/" + "micro" * 20: clips}, **scored)
    scored_run(store, "two", {"mini": clips}, after=1, **scored)
    written = {"run": run_report(store, "one")}
    written["comparison"] = comparison_report(store, compare_stored(store, "one", "two", RunChoice(model_a="mini")))
    for name, text in written.items():
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    return {name: folder / f"{name}.html" for name in written}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1400, 390])
@pytest.mark.parametrize("name", ["run", "comparison"])
def test_it_fits_the_window_and_plays(
    browser: WebDriver, pages: dict[str, Path], name: str, width: int, scheme: str
) -> None:
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)  # type: ignore[attr-defined]
    wanted = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", wanted)  # type: ignore[attr-defined]
    browser.get(pages[name].as_uri())
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    (red, *_) = browser.execute_script(
        "return getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)"
    )
    assert (red < 60) == (scheme == "dark")
    ink = browser.execute_script("return getComputedStyle(document.querySelector('svg text')).fill.match(/\\d+/g)[0]")
    assert (int(ink) > 120) == (scheme == "dark")
    assert 0 < browser.execute_async_script(PLAY) < 1
    assert "broken" not in browser.title
    assert browser.get_log("browser") == []  # type: ignore[attr-defined]
    fetched = browser.execute_script("return performance.getEntriesByType('resource').map(one => one.name)")
    assert [one for one in fetched if not one.startswith("data:")] == []
