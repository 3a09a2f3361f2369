"""Artifacts that a person reads in Prefect's UI. One that cannot be shown is logged, and stops no work."""

import logging
import os
import re
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import copy_context
from threading import Event, Thread
from typing import cast
from urllib.parse import quote
from uuid import UUID

import httpx
from prefect.artifacts import create_markdown_artifact, create_progress_artifact, update_progress_artifact
from prefect.context import FlowRunContext, TaskRunContext
from prefect.exceptions import PrefectException

from acento.core.progress import Progress, duration, listening
from acento.core.store import LocalStore, Store

_log = logging.getLogger(__name__)
_PERIOD_S = 1.0
_KNOWN_S = 5.0
"""Seconds after which the pace of a step says something of its end."""


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


def percent(value: float | None) -> str:
    """Return a fraction in percent with two digits; nothing for None."""
    return "" if value is None else f"{100 * value:.2f}"


def interval(low: float | None, high: float | None) -> str:
    """Return an interval of fractions in percent, such as ``17.1 to 19.4``; nothing where there is none."""
    return "" if low is None or high is None else f"{100 * low:.1f} to {100 * high:.1f}"


def page_link(store: Store, key: str, name: str) -> str:
    """Return where a page of an artifact is, in Markdown.

    Of a store in S3 a link: to the object at the endpoint that ``AWS_ENDPOINT_URL`` names, else to AWS's console. Of a
    folder its path as code, since Prefect's UI takes the address out of links to files.

    >>> from pathlib import Path
    >>> page_link(LocalStore(Path("/store")), "runs/a", "report.html")
    '`/store/runs/a/report.html`'
    """
    if store.url.startswith("s3://"):
        bucket, _, prefix = store.url.removeprefix("s3://").partition("/")
        path = "/".join(quote(part, safe="/") for part in (prefix, key, name) if part)
        endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
        console = f"https://s3.console.aws.amazon.com/s3/object/{bucket}?prefix={path}"
        return f"[{name}]({endpoint.rstrip('/')}/{bucket}/{path})" if endpoint else f"[{name}]({console})"
    if isinstance(store, LocalStore):
        return f"`{store.root / key / name}`"
    return f"`{store.url}/{key}/{name}`"


@contextmanager
def optional(key: str) -> Iterator[None]:
    """Log what goes wrong between here and Prefect's API, and go on."""
    try:
        yield
    except (httpx.HTTPError, PrefectException, OSError) as error:
        _log.warning("Artifact %s cannot be shown: %s", key, error)


@contextmanager
def progress_artifact(key: str, description: str, step: str | None = None) -> Iterator[None]:
    """Show the progress reported inside the block as a Prefect artifact, updated at most once a second.

    Reporting never waits for Prefect: a thread sends the latest report. Without a current run nothing is sent. At the
    end of a block that did not fail the artifact stands at 100 %.

    Args:
        key: the artifact's.
        description: what a person reads before the progress.
        step: whose reports are shown, where other steps run at the same time; None: all of them.
    """
    made: list[UUID] = []
    if in_run():
        with optional(key):
            made.append(cast(UUID, create_progress_artifact(0.0, key=key, description=description)))
    if not made:
        yield
        return
    latest: deque[Progress] = deque(maxlen=1)
    ended = Event()

    def hear(progress: Progress) -> None:
        if step in (None, progress.step):
            latest.append(progress)

    def send(percent: float, words: str) -> None:
        with optional(key):
            update_progress_artifact(made[0], percent, f"{description}: {words}")

    def keep_sending() -> None:
        sent, pace = None, _Pace()
        while not ended.wait(_PERIOD_S):
            if latest and latest[0] != sent:
                sent = latest[0]
                words = _words(sent).removeprefix(f"{step} ")  # the description says it
                send(_percent(sent), words + pace.left(sent, time.monotonic()))

    thread = Thread(target=copy_context().run, args=(keep_sending,), name=f"progress {key}", daemon=True)
    thread.start()
    try:
        with listening(hear):
            yield
    finally:
        ended.set()
        thread.join()
    send(100.0, "done")


class _Pace:
    """How fast a step comes forward since it was first heard of."""

    def __init__(self) -> None:
        self._first: tuple[str, float, float] | None = None

    def left(self, progress: Progress, now: float) -> str:
        """Say how long a step still takes, such as ``, 4.0 min left``; nothing where too little is known."""
        if self._first is None or self._first[0] != progress.step:
            self._first = (progress.step, progress.done, now)
        _, done, since = self._first
        if now - since < _KNOWN_S or progress.done <= done:
            return ""
        return f", {duration((progress.total - progress.done) * (now - since) / (progress.done - done))} left"


def _percent(progress: Progress) -> float:
    return max(0.0, min(100.0, 100 * progress.done / progress.total)) if progress.total > 0 else 0.0


def _words(progress: Progress) -> str:
    """Say a report: ``decode 12 of 40 clips``."""
    words = f"{progress.step} {progress.done:.0f} of {progress.total:.0f} {progress.unit}".rstrip()
    return f"{words} ({progress.note})" if progress.note else words


def _cell(value: object) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")
