"""A Prefect work pool as an engine: a slice is a run of its deployment ``run-placement``, and Prefect is the queue."""

import contextvars
import logging
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import unquote
from uuid import UUID

import httpx
from prefect.client.schemas.objects import State
from prefect.exceptions import MissingContextError, PrefectException
from prefect.logging import get_run_logger

from acento.core.errors import InputError, TransientError, own_line
from infra.compute import pool as prefect_pool
from infra.compute.dispatch.engine import START_LIMIT_S, RunState, SliceEngine
from infra.compute.pool import Pool

_log = logging.getLogger(__name__)

TAKEN_LIMIT_S = {"process": 120.0}
"""Seconds for which a worker may have taken a run that does not begin, by the pool's type. Where images and machines
have to be fetched it is ``START_LIMIT_S``."""
AWAY_SAID_S = 10.0
"""Seconds after which it is said that the Prefect server does not answer; a busy one misses a request now and then."""
AWAY_LIMIT_S = 1800.0
"""Seconds that the Prefect server may be away while runs work on."""
_KNOWN: tuple[tuple[str, str], ...] = (
    (
        r'No such image: (?P<local>[^"\s)]+)|images/create\?tag=(?P<tag>\S*?)&fromImage=(?P<remote>[^\s:]+)',
        "the image {image} is neither on the worker's Docker host nor to be pulled: build it there as "
        "docs/how-to/docker.md says, or name another with the job variable `image`",
    ),
    (
        r"status code:? -9|SIGKILL|status code 137",
        "its process was killed: by hand, or because it needs more memory than its container or machine has; then give "
        "it more (the job variable `mem_limit` of a Docker pool), or make batches smaller",
    ),
    (
        r"Could not connect to Docker",
        "the worker cannot reach a Docker engine: start one, or set DOCKER_HOST where the worker runs",
    ),
)
"""What Prefect and its worker say of how a run ended, and words that tell what to do."""

_T = TypeVar("_T")


class PoolEngine(SliceEngine):
    """Runs of one piece of work on a pool."""

    def __init__(self, pool: Pool, variables: dict[str, Any], context: contextvars.Context, title: str) -> None:
        """Take what runs are submitted with: pool, job variables, the parent's context, and what the work is called."""
        self._pool, self._variables, self._context, self._what = pool, variables, context, title
        self.title = f"work pool {pool.name!r}"
        self._known: dict[str, State[Any]] = {}
        self._away_since: float | None = None
        self._warned_away = False

    def submit(self, work: str, run: str, indices: Sequence[int], count: int) -> str | None:
        parameters = {"work": work, "run": run, "jobs": list(indices), "title": self._what, "placements": count}
        name = f"slice {int(run)} ({len(indices)} job{'s' if len(indices) > 1 else ''}): {self._what}"
        id = self._ask(lambda: prefect_pool.submit(self._pool, name, parameters, self._variables, self._context))
        if id is None:
            return None
        self.taken_limit_s = TAKEN_LIMIT_S.get(self._pool.type, START_LIMIT_S)
        return str(id)

    def states(self, ids: Sequence[str]) -> Mapping[str, RunState] | None:
        found = self._ask(lambda: prefect_pool.states([UUID(id) for id in ids]))
        if found is None:
            return None
        self._known |= {str(id): state for id, state in found.items()}
        return {str(id): _run_state(state) for id, state in found.items()}

    def cancel(self, ids: Iterable[str]) -> None:
        """See :meth:`SliceEngine.cancel`: one that has not begun at once, one that runs by its worker."""
        if ids := list(ids):
            self._notify(lambda: prefect_pool.call_off([(UUID(id), self._known.get(id)) for id in ids]))

    def give_up(self, id: str, why: str) -> None:
        """See :meth:`SliceEngine.give_up`."""
        self._notify(lambda: prefect_pool.give_up(UUID(id), why))

    def check_waiting(self) -> str:
        """See :meth:`SliceEngine.check_waiting`."""
        self._ask(lambda: prefect_pool.find_pool(self._pool.name))  # says if nobody works for it any more
        return (
            f"the workers of pool {self._pool.name!r} may be busy or limited (`prefect worker start --limit`, `prefect "
            "work-pool set-concurrency-limit`), or a machine or an image is on its way"
        )

    def say(self, sentence: str, *, warn: bool = False) -> None:
        """Log a sentence where Prefect's UI shows it, if there is a run."""
        try:
            logger: Any = self._context.copy().run(get_run_logger)
        except MissingContextError:
            logger = _log
        (logger.warning if warn else logger.info)(sentence)

    def _notify(self, notify: Callable[[], None]) -> None:
        """Tell the server something; one that is away need not know."""
        try:
            notify()
        except (httpx.HTTPError, PrefectException) as error:
            _log.warning("Could not update the Prefect server: %s", _reason(error))

    def _ask(self, ask: Callable[[], _T]) -> _T | None:
        """Ask the server something; None if it is away. What it refuses is an ``InputError``."""
        try:
            answer = ask()
        except (httpx.HTTPError, PrefectException, TransientError) as error:
            refused = prefect_pool.refusal(error)
            if refused is not None:
                raise InputError(f"The Prefect server refuses a run of {self.title}: {refused}") from error
            now, why = time.monotonic(), _reason(error)
            self._away_since = now if self._away_since is None else self._away_since
            away = now - self._away_since
            if away > AWAY_LIMIT_S:
                raise TransientError(
                    f"The Prefect server has not answered for {away / 60:.0f} minutes ({why})."
                ) from error
            if away > AWAY_SAID_S and not self._warned_away:
                self._warned_away = True
                _log.warning("The Prefect server does not answer (%s); runs that have begun go on.", why)
            return None
        if self._warned_away:
            _log.warning("The Prefect server answers again.")
        self._away_since, self._warned_away = None, False
        return answer


def _run_state(state: State[Any]) -> RunState:
    said = in_plain_words((state.message or state.name or "").strip())
    if state.is_failed() or state.is_crashed():
        return RunState("died", said)
    if state.is_cancelled():
        return RunState("cancelled", said)
    if state.is_completed():
        return RunState("ended")
    if state.is_scheduled() or state.is_paused():
        return RunState("waiting")
    return RunState("taken" if state.is_pending() else "running")


def _reason(error: Exception) -> str:
    """Say in a few words why the server did not answer."""
    if isinstance(error, httpx.HTTPStatusError):
        return f"{error.response.status_code} {error.response.reason_phrase}".strip()
    return str(error) or type(error).__name__


def in_plain_words(said: str) -> str:
    """Return how a run ended for a person; what is not known as it was said, of a traceback its own line.

    >>> in_plain_words('ImageNotFound: 404 Client Error for http+docker: Not Found ("No such image: acento:cuda")')[:60]
    "the image acento:cuda is neither on the worker's Docker host"
    >>> in_plain_words("500 Server Error for http+docker://localhost/images/create?tag=x&fromImage=a%2Fb: no")[:15]
    'the image a/b:x'
    >>> in_plain_words("Flow run infrastructure exited with non-zero status code 137.")[:22]
    'its process was killed'
    >>> in_plain_words("something new")
    'something new'
    >>> in_plain_words("Flow run failed: Traceback (most recent call last):\\n  File x\\nKeyError: 'rate'")
    "KeyError: 'rate'"
    """
    for pattern, words in _KNOWN:
        if found := re.search(pattern, said):
            names = found.groupdict(default="")
            return words.format(image=names.get("local") or unquote(f"{names.get('remote')}:{names.get('tag')}"))
    return own_line(said) if "Traceback (most recent call last)" in said else said
