"""Artifacts that a person reads in Prefect's UI. One that cannot be shown is logged, and stops no work."""

import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
from prefect.artifacts import create_markdown_artifact
from prefect.context import FlowRunContext, TaskRunContext
from prefect.exceptions import PrefectException

from acento.core.store import LocalStore, Store

_log = logging.getLogger(__name__)


def in_run() -> bool:
    """Tell whether this code runs inside a flow or task run, where artifacts have a place."""
    return TaskRunContext.get() is not None or FlowRunContext.get() is not None


def artifact_key(*words: str) -> str:
    """Return a key that Prefect accepts: lowercase ASCII letters, digits and dashes.

    >>> artifact_key("stage", "Mi_Corpus v2")
    'stage-mi-corpus-v2'
    """
    return re.sub(r"[^a-z0-9]+", "-", "-".join(words).lower()).strip("-") or "artifact"


def show_markdown(key: str, markdown: str, description: str | None = None) -> None:
    """Publish a markdown artifact of the current run; without a run, do nothing."""
    if in_run():
        with optional(key):
            create_markdown_artifact(markdown, key=key, description=description)


def markdown_table(rows: Sequence[Sequence[object]], header: Sequence[str]) -> str:
    """Return a table in markdown; pipes and line ends inside cells are escaped.

    >>> print(markdown_table([["clips", 3]], header=["what", "how many"]))
    | what | how many |
    | --- | --- |
    | clips | 3 |
    """
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(_cell(value) for value in line) + " |" for line in lines)


def page_link(store: Store, name: str, path: str) -> str:
    """Return a link to a page of an artifact, as it stands in a store that is a folder; else the page's name.

    >>> page_link(LocalStore(Path("/store")), "index.html", "/store/a/index.html")
    '[index.html](file:///store/a/index.html)'
    """
    return f"[{name}]({Path(path).as_uri()})" if isinstance(store, LocalStore) else f"`{name}`"


@contextmanager
def optional(key: str) -> Iterator[None]:
    """Log what goes wrong between here and Prefect's API, and go on."""
    try:
        yield
    except (httpx.HTTPError, PrefectException, OSError) as error:
        _log.warning("Artifact %s cannot be shown: %s", key, error)


def _cell(value: object) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")
