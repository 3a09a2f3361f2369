"""A Prefect work pool as an engine: a slice is a run of its deployment ``run-placement``, and Prefect is the queue."""

import contextvars
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar
from uuid import UUID

import httpx
from prefect.client.schemas.objects import State
from prefect.exceptions import MissingContextError, PrefectException
from prefect.logging import get_run_logger

from acento.core.errors import InputError, TransientError
from infra.compute import pool as prefect_pool
from infra.compute.dispatch import START_LIMIT_S, Engine, RunState
from infra.compute.endings import in_plain_words
from infra.compute.pool import Pool

_log = logging.getLogger(__name__)

TAKEN_LIMIT_S = {"process": 120.0}
"""Seconds for which a worker may have taken a run that does not begin, by the pool's type. Where images and machines
have to be fetched it is ``START_LIMIT_S``."""
AWAY_SAID_S = 10.0
"""Seconds after which it is said that the Prefect server does not answer; a busy one misses a request now and then."""
AWAY_LIMIT_S = 1800.0
"""Seconds that the Prefect server may be away while runs work on."""

_T = TypeVar("_T")


class PoolEngine(Engine):
    """Runs of one piece of work on a pool."""

    def __init__(self, pool: Pool, variables: dict[str, Any], context: contextvars.Context, title: str) -> None:
        """Take what runs are submitted with: pool, job variables, the parent's context, and what the work is called."""
        self._pool, self._variables, self._context, self._what = pool, variables, context, title
        self.title = f"work pool {pool.name!r}"
        self._known: dict[str, State[Any] | None] = {}
        self._away_since: float | None = None
        self._said_away = False

    def submit(self, work: str, run: str, indices: Sequence[int], count: int) -> str | None:
        """See :meth:`Engine.submit`."""
        parameters = {"work": work, "run": run, "jobs": list(indices), "title": self._what, "placements": count}
        name = f"slice {int(run)} ({len(indices)} job{'s' if len(indices) > 1 else ''}): {self._what}"
        id = self._patiently(lambda: prefect_pool.submit(self._pool, name, parameters, self._variables, self._context))
        if id is None:
            return None
        self._known[str(id)] = None
        self.taken_limit_s = TAKEN_LIMIT_S.get(self._pool.type, START_LIMIT_S)
        return str(id)

    def states(self, ids: Sequence[str]) -> Mapping[str, RunState] | None:
        """See :meth:`Engine.states`."""
        found = self._patiently(lambda: prefect_pool.states([UUID(id) for id in ids]))
        if found is None:
            return None
        self._known |= {str(id): state for id, state in found.items()}
        return {str(id): _run_state(state) for id, state in found.items()}

    def cancel(self, ids: Iterable[str]) -> None:
        """See :meth:`Engine.cancel`: one that has not begun at once, one that runs by its worker."""
        if ids := list(ids):
            self._tolerantly(lambda: prefect_pool.call_off([(UUID(id), self._known.get(id)) for id in ids]))

    def give_up(self, id: str, why: str) -> None:
        """See :meth:`Engine.give_up`."""
        self._tolerantly(lambda: prefect_pool.give_up(UUID(id), why))

    def check_waiting(self) -> str:
        """See :meth:`Engine.check_waiting`."""
        self._patiently(lambda: prefect_pool.find_pool(self._pool.name))  # says if nobody works for it any more
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

    def _tolerantly(self, tell: Callable[[], None]) -> None:
        """Tell the server something; one that is away need not know."""
        try:
            tell()
        except (httpx.HTTPError, PrefectException) as error:
            _log.warning("Could not update the Prefect server: %s", _reason(error))

    def _patiently(self, ask: Callable[[], _T]) -> _T | None:
        """Ask the server something; None if it is away, for which there is patience.

        Raises:
            InputError: it refuses what it was asked, such as a job variable that the pool does not take.
            TransientError: it has been away for too long.
        """
        try:
            answer = ask()
        except (httpx.HTTPError, PrefectException, TransientError) as error:
            refused = prefect_pool.refusal(error)
            if refused is not None:
                raise InputError(f"The Prefect server refuses a run of {self.title}: {refused}") from error
            self._bear(error)
            return None
        if self._said_away:
            _log.warning("The Prefect server answers again.")
        self._away_since, self._said_away = None, False
        return answer

    def _bear(self, error: Exception) -> None:
        """Note that the server did not answer; say so after a while, and give up after a long one."""
        now = time.monotonic()
        self._away_since = now if self._away_since is None else self._away_since
        away, why = now - self._away_since, _reason(error)
        if away > AWAY_LIMIT_S:
            raise TransientError(f"The Prefect server has not answered for {away / 60:.0f} minutes ({why}).") from error
        if away > AWAY_SAID_S and not self._said_away:
            self._said_away = True
            _log.warning("The Prefect server does not answer (%s); runs that have begun go on.", why)


def _run_state(state: State[Any]) -> RunState:
    """Return what a flow run's state means."""
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
