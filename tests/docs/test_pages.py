"""The pages of the documentation: every block runs or says that it does not; options, commands and links exist."""

import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
import typer
from servers import ROOT

import acento
from flows.cli import app
from tests.docs.doc_pages import LANGUAGES, RUNNABLE, Block, Page, is_note, pages

PAGES = pages()
OTHERS = {
    # of pip, make, git, prefect, docker, modal, databricks, pytest, and of the scripts in benchmarks/
    *("--type", "--pool", "--watch", "--job-variable", "--limit", "--host", "--name", "--base-job-template", "--gpus"),
    *("--build-arg", "--filter", "--runtime", "--prefect-file", "--no-prompt", "--all", "--json", "--strict", "--rm"),
    *("--clips", "--rounds", "--real", "--moto", "--cores", "--features", "--strategies", "--python-version", "--user"),
    *("--workers", "--to-equal-wer", "--engine-auto", "--tune", "--no-deps", "--platform", "--only-binary"),
}
"""Options of other tools that the text names."""


def _commands(group: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], set[str]]]:
    """Yield the words of each command below a group, with its options."""
    for name, command in group.commands.items():
        options = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        yield (*words, name), {*options, "--help", "-h"}
        if hasattr(command, "commands"):
            yield from _commands(command, (*words, name))


COMMANDS = dict(_commands(typer.main.get_command(app)))
OPTIONS = set().union(*COMMANDS.values(), {"--version"})


def blocks() -> list[Block]:
    return [block for page in PAGES for block in page.blocks()]


def where(block: Block) -> str:
    return f"{block.page}:{block.line}"


def mistake(line: str) -> str | None:
    """Return what is wrong with a command line of ``acento``, if anything is."""
    words = shlex.split(line, comments=True)[1:]
    words = words[: words.index("|")] if "|" in words else words
    name = next((tuple(words[:length]) for length in (2, 1) if tuple(words[:length]) in COMMANDS), ())
    rest = words[len(name) :]
    if rest and not rest[0].startswith("-") and any(other[:-1] == name for other in COMMANDS):
        return f"there is no command {' '.join([*name, rest[0]])}"
    if not name:
        return None
    unknown = [word for word in words if re.match(r"--?[a-z]", word) and word.partition("=")[0] not in COMMANDS[name]]
    return f"{' '.join(name)} has no option {unknown[0]}" if unknown else None


@pytest.mark.parametrize("block", blocks(), ids=where)
def test_a_block_names_its_language_and_runs_or_says_that_it_does_not(block: Block) -> None:
    assert block.language in LANGUAGES
    if block.language in RUNNABLE:
        page = next(page for page in PAGES if page.path == block.page)
        assert block.runs or is_note(block.before) or page.says_not_run or block.page == "CONTRIBUTING.md"
    else:
        assert not re.search(r"^(\$ |acento |>>> )", block.text, re.MULTILINE), "commands belong into console or sh"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path)
def test_the_tests_that_a_page_names_exist(page: Page) -> None:
    there = {path.name for path in (ROOT / "tests").rglob("test_*.py")}
    assert set(re.findall(r"\btest_\w+\.py\b", page.text)) <= there


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path)
def test_every_command_and_option_that_a_page_names_exists(page: Page) -> None:
    lines = [line for block in page.blocks() if block.language in ("console", "sh") for line, _ in block.commands()]
    lines += [" ".join(code.split()) for code in re.findall(r"`([^`]+)`", page.prose())]
    wrong = {line: mistake(line) for line in lines if re.match(r"acento( |$)", line)}
    assert not {line: why for line, why in wrong.items() if why}
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", page.prose()))
    assert named <= OPTIONS | OTHERS


@pytest.mark.parametrize("page", [page for page in PAGES if "/" not in page.path], ids=lambda page: page.path)
def test_links_of_pages_outside_of_the_site_resolve(page: Page) -> None:
    """Check that files are there; those of the site itself are checked where it is built."""
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.text):
        assert target.startswith("https://") or (ROOT / target).exists(), target


def test_the_lines_of_python_in_the_readme_are_those_of_the_package() -> None:
    """Those of the package's docstring are run by the tests of the examples."""
    (block,) = [block for block in blocks() if block.page == "README.md" and block.language == "python"]
    said = [" ".join(line.split()) for line in block.text.splitlines() if line]
    assert said == [" ".join(line) for line in map(str.split, re.findall(r">>> (.*)", acento.__doc__ or ""))]


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150


def test_mistakes_in_command_lines_are_found() -> None:
    assert mistake("acento benchmark -d demo --modell x") == "benchmark has no option --modell"
    assert (
        mistake("acento datasets shw demo") == "there is no command datasets" or mistake("acento dataset") is not None
    )
    assert mistake("acento datasets show demo --examples 3") is None
