"""Print what pyproject.toml needs, one requirement a line, without the project itself: for a layer of their own.

Usage: python requirements.py PYPROJECT [EXTRA,…]. The image's build has only the standard library here.
"""

import re
import sys
import tomllib
from pathlib import Path


def requirements(pyproject: str, extras: list[str]) -> list[str]:
    """Return the dependencies and those of the extras.

    Args:
        pyproject: the text of a ``pyproject.toml``.
        extras: names of its optional dependencies.

    Raises:
        SystemExit: there is no extra of that name.

    >>> text = "project = {name = 'p', dependencies = ['a>=1'], optional-dependencies = {x = ['b'], all = ['p[x]']}}"
    >>> requirements(text, []), requirements(text, ["x"]), requirements(text, ["all"])
    (['a>=1'], ['a>=1', 'b'], ['a>=1', 'b'])
    """
    project = tomllib.loads(pyproject)["project"]
    optional: dict[str, list[str]] = project.get("optional-dependencies", {})
    found: list[str] = list(project["dependencies"])
    for extra in extras:
        if extra not in optional:
            raise SystemExit(f"EXTRAS: there is no extra {extra!r} in pyproject.toml; there are {', '.join(optional)}.")
        for requirement in optional[extra]:
            own = re.fullmatch(re.escape(project["name"]) + r"\[(.+)\]", requirement)
            found += [requirement] if own is None else [one for name in own[1].split(",") for one in optional[name]]
    return found


if __name__ == "__main__":
    wanted = [name.strip() for name in sys.argv[2].split(",") if name.strip()] if len(sys.argv) > 2 else []
    sys.stdout.write("\n".join(requirements(Path(sys.argv[1]).read_text(encoding="utf-8"), wanted)) + "\n")
