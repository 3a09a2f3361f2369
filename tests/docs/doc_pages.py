"""The pages of the documentation, their code blocks, and whether each is run by a test or says that it is not.

A block of commands is run where ``<!-- run -->`` stands before it. Any other has a note before it, a paragraph in
italics with the reason, or is on a page that begins with such a note. In the output below a command, a line ``…``
stands for any lines, and ``…`` within a line for anything.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from servers import ROOT

RUNNABLE = ("console", "pycon", "python", "sh")
"""The languages of blocks that a reader would run."""
LANGUAGES = (*RUNNABLE, "properties", "text", "yaml")
_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>.*)$")
_NOTE = re.compile(r"^\*(Not run|Run by|None of)\b.*?\*$", re.MULTILINE | re.DOTALL)
_PAGE_NOTE = re.compile(r'^!!! \w+ "Not run by the tests', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of a page."""

    page: str
    line: int
    language: str
    text: str
    before: str
    """The paragraph before it."""

    @property
    def runs(self) -> bool:
        """Tell whether the tests run it."""
        return self.before == "<!-- run -->"

    def commands(self) -> list[tuple[str, list[str]]]:
        """Return each command with the lines of output below it, if any."""
        lines = re.sub(r" *\\\n\s*", " ", self.text).splitlines()
        if self.language != "console":
            return [(line.partition(" #")[0].strip(), []) for line in lines if line.strip()]
        found: list[tuple[str, list[str]]] = []
        for line in lines:
            if line.startswith("$ "):
                found.append((line[2:], []))
            else:
                found[-1][1].append(line)
        return found


@dataclass(frozen=True, slots=True)
class Page:
    """A page: its path from the root of the repository, and its text."""

    path: str
    text: str

    @property
    def says_not_run(self) -> bool:
        """Tell whether a note at its top says that its commands are not run."""
        return _PAGE_NOTE.search(self.text) is not None

    def blocks(self) -> list[Block]:
        """Return its fenced blocks."""
        found, before, lines = [], [""], iter(enumerate(self.text.splitlines(), 1))
        for number, line in lines:
            fence = _FENCE.match(line)
            if fence is None:
                before = [*before, line]
                continue
            indent, inside = len(fence["indent"]), []
            for _, content in lines:
                if content.strip() == "```":
                    break
                inside.append(content[indent:])
            paragraph = "\n".join(before).strip().rpartition("\n\n")[2].strip()
            found.append(Block(self.path, number, fence["language"], "\n".join(inside), paragraph))
            before = [""]
        return found

    def prose(self) -> str:
        """Return the text without its fenced blocks."""
        return re.sub(r"^ *```.*?^ *```$", "", self.text, flags=re.MULTILINE | re.DOTALL)


def is_note(paragraph: str) -> bool:
    """Tell whether a paragraph says that what follows is not run here."""
    return _NOTE.search(paragraph) is not None


def pages() -> list[Page]:
    """Return every page: those of ``docs/``, and those in the root."""
    paths = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
    paths += sorted((ROOT / "docs").rglob("*.md"))
    return [Page(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")) for path in paths]


def page(path: str) -> Page:
    """Return one page by its path in ``docs/``."""
    return Page(path, Path(ROOT / "docs" / path).read_text(encoding="utf-8"))
