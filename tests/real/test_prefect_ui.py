"""What a person sees in Prefect's UI, looked at with a real browser: runs, their tags and tasks, the leaderboard."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from recordings import put
from selenium import webdriver
from selenium.common.exceptions import TimeoutException, WebDriverException
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.support.ui import WebDriverWait
from servers import PrefectServer, serving
from tiny_whisper import make_whisper

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        not (CHROMIUM and DRIVER),
        reason="needs Chromium: `apt-get install chromium chromium-driver`, or `.ci/install-real` as root",
    ),
]

FIRST = "benchmark one, two on santiago/test (first)"
SECOND = "benchmark one, two on santiago/test (second)"
TASKS = (
    "plan one, two on santiago/test",
    "transcribe one on santiago v1/test",
    "transcribe two on santiago v1/test",
    "score one on santiago v1/test",
    "score two on santiago v1/test",
)
FLAGS = (
    "--headless",
    "--no-sandbox",  # Chromium refuses its sandbox to root, which is whom a container runs as
    "--disable-dev-shm-usage",  # /dev/shm of a container is small
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # the UI's own analytics go nowhere
    "--window-size=1400,1800",
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, prefect_database: Path) -> Iterator[PrefectServer]:
    """Start a Prefect server with its UI."""
    home = tmp_path_factory.mktemp("prefect-ui")
    shutil.copy(prefect_database, home)
    ui = {"PREFECT_UI_ENABLED": "true", "PREFECT_UI_STATIC_DIRECTORY": str(home / "ui")}
    with serving(home, **ui) as (server, _):
        yield server


@pytest.fixture(scope="module")
def used(server: PrefectServer, tmp_path_factory: pytest.TempPathFactory) -> PrefectServer:
    """Stage a folder of recordings, and benchmark two models on it twice."""
    work = tmp_path_factory.mktemp("work")
    for name, seed in (("one", 4), ("two", 5)):
        make_whisper(work / "models" / name, seed=seed)
    rows = ["uid,file_name,text,speaker"]
    for number in range(6):
        put(work / "recordings", f"c{number}", seed=number)
        rows.append(f"c{number},c{number}.wav,uno dos {number},s{number % 2}")
    (work / "recordings" / "test_files.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    benchmark = ("benchmark", "-m", "models/one", "-m", "models/two", "-d", "santiago", "--normalizer", "none")
    for command in (
        ("stage", "recordings", "--name", "santiago", "--language", "es"),
        (*benchmark, "--job-id", "first"),
        (*benchmark, "--job-id", "second"),
    ):
        done = server.run("acento", *command, cwd=work, ACENTO_STORE=str(work / "store"))
        assert done.returncode == 0, done.stderr
    return server


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebDriver]:
    """Start Debian's Chromium, with nobody's profile."""
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(executable_path=str(DRIVER)))
    yield driver
    driver.quit()


@dataclass(frozen=True)
class Person:
    """Somebody who opens the UI, clicks on words, and reads; pictures of what was seen are kept in ``pictures``."""

    browser: WebDriver
    pictures: Path

    def opens(self, url: str) -> None:
        """Go to an address."""
        self.browser.get(url)

    def clicks(self, words: str) -> None:
        """Click on the first place where exactly this is written."""
        self._clicks(f"(//*[text()[normalize-space(.)='{words}']])[1]")

    def opens_run(self, name: str) -> None:
        """Go to a flow run through the list of runs; the newest stands first."""
        self.clicks("Runs")
        self.clicks(name)
        self.sees("Subflow Runs", "Job Variables")

    def opens_artifact(self, key: str) -> None:
        """Go from a flow run to an artifact of it: to the history of its key, and there to the newest."""
        self.clicks("Artifacts")
        self.clicks(key)
        self._clicks("(//main//a[contains(@href, '/artifacts/artifact/')])[1]")

    def sees(self, *words: str, within: str = "main") -> str:
        """Wait until all of these are shown inside of ``within`` (a CSS selector), and return all that is there."""
        self._until(lambda: all(word in self._shown(within) for word in words), f"{words} in its {within}")
        self._takes_a_picture()
        return self._shown(within)

    def _shown(self, within: str) -> str:
        return "\n".join(element.text for element in self.browser.find_elements(By.CSS_SELECTOR, within))

    def _takes_a_picture(self) -> Path:
        picture = self.pictures / f"{len(list(self.pictures.iterdir())) + 1}.png"
        self.browser.save_screenshot(str(picture))
        return picture

    def _clicks(self, where: str) -> None:
        self._until(lambda: self.browser.find_element(By.XPATH, where).click() or True, f"{where} to click on")

    def _until(self, done: Callable[[], bool], what: str) -> None:
        # a page that is just being drawn loses elements between finding and reading them
        wait = WebDriverWait(self.browser, 60, ignored_exceptions=[WebDriverException])
        with suppress(TimeoutException):
            wait.until(lambda _: done())
            return
        pytest.fail(f"{self.browser.current_url} has no {what}: see {self._takes_a_picture()}")


@pytest.fixture
def person(used: PrefectServer, chromium: WebDriver, tmp_path: Path) -> Person:
    """Open the UI at the address that ``prefect server start`` prints."""
    (tmp_path / "screenshots").mkdir()
    person = Person(chromium, tmp_path / "screenshots")
    person.opens(used.url.removesuffix("/api"))
    return person


def test_runs_are_found_by_name_and_tags(person: Person) -> None:
    person.clicks("Runs")
    runs = person.sees("stage santiago", FIRST, SECOND).splitlines()
    assert runs.count("santiago") == 3
    assert {"acento", "benchmark", "stage", "Completed"} <= set(runs)


def test_a_run_shows_its_steps_by_name(person: Person) -> None:
    person.opens_run(FIRST)
    person.clicks("Task Runs")
    steps = person.sees(*TASKS, "publish first").splitlines()
    assert "Cached" not in steps


def test_what_had_been_done_before_says_cached(person: Person) -> None:
    person.opens_run(SECOND)
    person.clicks("Task Runs")
    steps = person.sees(*TASKS, "publish second", "Cached").splitlines()
    assert steps.count("Cached") == 4


def test_the_leaderboard_is_a_table_of_the_models(person: Person) -> None:
    person.opens_run(SECOND)
    person.opens_artifact("leaderboard-santiago-test")
    person.sees("Leaderboard of second", "santiago v1, test, normalizer none-1")
    person.sees("models/one", "models/two", "WER % [95%]", "RTFx", within="table")


def test_a_staging_says_what_came_of_every_file(person: Person) -> None:
    person.opens_run("stage santiago")
    person.opens_artifact("stage-santiago")
    person.sees("staged now", "rejected", "clips in test", within="table")
