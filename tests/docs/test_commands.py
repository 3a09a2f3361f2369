"""Run the commands of the documentation, page by page, in one folder, and compare what they print with the page."""

import doctest
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from commands import acento
from servers import PrefectServer

from acento.data.demo.clips import write_demo
from tests.docs.doc_pages import page, pages

pytestmark = [pytest.mark.server, pytest.mark.slow]

FIRST = ("tutorial/first-benchmark.md", "tutorial/own-data.md", "how-to/finetune.md")
"""What the commands of all other pages find done."""
LATER = [
    found.path.removeprefix("docs/")
    for found in pages()
    if found.path.removeprefix("docs/") not in FIRST and any(block.runs for block in found.blocks())
]


class Reader:
    """Somebody who reads the pages, and types what they say."""

    def __init__(self, server: PrefectServer, folder: Path) -> None:
        """Take a server that runs, and the folder in which commands are typed."""
        self._server, self._folder = server, folder
        self._read: set[str] = set()

    def read(self, path: str) -> None:
        """Run the blocks of a page, once, and compare what they print."""
        if path in self._read:
            return
        self._read.add(path)
        for block in page(path).blocks():
            if block.runs and block.language == "pycon":
                example = doctest.DocTestParser().get_doctest(f"{block.text}\n", {}, path, path, block.line)
                assert doctest.DocTestRunner().run(example).failed == 0
            elif block.runs:
                for command, expected in block.commands():
                    printed = self._type(command)
                    assert re.search(pattern(expected), skeleton(printed)), f"{path}: {command}\n\n{printed}"

    def _type(self, command: str) -> str:
        if command.startswith("acento "):
            store = {"ACENTO_STORE": str(self._folder / ".acento"), "COLUMNS": "200"}
            done = acento(self._server, self._folder, *shlex.split(command)[1:], timeout=500, **store)
        else:
            done = subprocess.run(
                ["bash", "-c", command], cwd=self._folder, capture_output=True, text=True, timeout=60, check=False
            )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout


def skeleton(text: str) -> str:
    """Return what is the same wherever a command runs: no measured numbers, no times, no runs of spaces, no rules."""
    lines = []
    for line in text.replace("\\", "/").splitlines():
        masked = re.sub(r"\b\d{4}-\d\d-\d\d_[\w-]+", "RUN", line)
        masked = re.sub(r"\d+[-:]\d+(:\d+|-\d+)?|\d+ (s|min)\b|\d+\.\d+( s| min)?|\b[0-9a-f]{12,}\b", "#", masked)
        if re.search(r"\b(demo|registry):", masked):
            masked = re.sub(r"\b\d+\b", "#", masked)
        masked = " ".join(masked.replace("─", " ").split())
        lines += [masked] if masked else []
    return "\n".join(["", *lines, ""])


def pattern(expected: list[str]) -> str:
    """Return the regular expression of what a page says that a command prints."""
    found = r"\A\n" if expected else ""
    for line in skeleton("\n".join(expected)).strip("\n").splitlines() if expected else []:
        found += r"(.*\n)*?" if line == "…" else re.escape(line).replace("…", ".*") + r"\n"
    return found + (r"\Z" if expected else "")


@pytest.fixture(scope="module")
def reader(prefect_server: PrefectServer, tmp_path_factory: pytest.TempPathFactory) -> Reader:
    """Stand where ``acento demo`` has spoken and staged its clips."""
    folder = tmp_path_factory.mktemp("docs")
    write_demo(folder / ".acento" / "demo-speech")
    asked = ("stage", ".acento/demo-speech", "--name", "demo", "--language", "es")
    staged = acento(prefect_server, folder, *asked, ACENTO_STORE=str(folder / ".acento"))
    assert staged.returncode == 0, staged.stderr
    return Reader(prefect_server, folder)


NEEDS = {"how-to/score-speakers.md": pytest.mark.meeteval}
"""Pages whose commands need what a machine may lack."""


@pytest.mark.parametrize("path", [pytest.param(one, marks=NEEDS.get(one, ())) for one in (*FIRST, *LATER)])
def test_the_commands_of_a_page_print_what_it_says(reader: Reader, path: str) -> None:
    for earlier in FIRST[: FIRST.index(path)] if path in FIRST else FIRST:
        reader.read(earlier)
    reader.read(path)


def test_other_words_and_counts_are_found_and_other_times_are_not() -> None:
    printed = "data set  mine v1\nfound     42\n\nclips     40, 1.8 min\n"
    said = ["data set       mine v1", "found          42", "…"]
    assert re.search(pattern(said), skeleton(printed))
    assert re.search(pattern(["…", "clips   40, 2.9 min"]), skeleton(printed))
    assert not re.search(pattern(["data set  mine v1", "found  41", "…"]), skeleton(printed))
    assert not re.search(pattern(["data set  mine v1", "clips  40, 1.8 min"]), skeleton(printed))
