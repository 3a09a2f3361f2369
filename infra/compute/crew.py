"""The placements of one piece of work on a pool: submitted, watched, replaced when they die, and none left behind."""

import contextvars
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

import httpx
from prefect.client.schemas.objects import State
from prefect.exceptions import MissingContextError, PrefectException
from prefect.logging import get_run_logger

from acento.core.errors import AcentoError, InputError, TransientError
from infra.compute import pool as prefect_pool
from infra.compute.board import Board
from infra.compute.endings import in_plain_words
from infra.compute.pool import Pool
from infra.compute.sizing import Pace

_log = logging.getLogger(__name__)

ASK_S = 2.0
"""Seconds between two questions to the Prefect server."""
SILENT_BEATS = 6
"""A placement that missed so many beats is dead."""
START_LIMIT_S = 1800.0
"""Seconds in which the first placement has to begin: a machine is found, an image is pulled."""
PENDING_LIMIT_S = {"process": 120.0}
"""Seconds for which a placement that a worker took may stand in one state without a first beat, by the pool's type:
then that worker died in between. Where images and machines have to be fetched, ``START_LIMIT_S``."""
WAITING_S = 60.0
"""After so many seconds without a placement that begins, it is said why that may be."""
AWAY_SAID_S = 10.0
"""Seconds after which it is said that the Prefect server does not answer; a busy one misses a request now and then."""
AWAY_LIMIT_S = 1800.0
"""Seconds that the Prefect server may be away while placements work on."""

_T = TypeVar("_T")


@dataclass(slots=True)
class _Member:
    """One submitted placement."""

    run: UUID
    pace: Pace
    state: State[Any] | None = None
    began: float | None = None
    """When its first beat was seen."""
    since: float = 0.0
    """When its state was seen to become what it is."""
    ended: bool = False

    @property
    def prefix(self) -> str:
        """What the names of its attempts on the board begin with."""
        return f"{self.run.hex}."


class Crew:
    """All placements that were submitted for one board."""

    def __init__(
        self,
        board: Board,
        pool: Pool,
        variables: dict[str, Any],
        context: contextvars.Context,
        title: str,
    ) -> None:
        """Take the board, and what a placement is submitted with."""
        self._board, self._pool, self._variables, self._context = board, pool, variables, context
        self.title = title
        self.wanted = 0
        """How many placements are to be alive."""
        self._members: list[_Member] = []
        self._deaths: list[str] = []
        self._asked = float("-inf")
        self._away_since: float | None = None
        self._said_away = self._said_waiting = False
        self._posted = time.monotonic()

    def say(self, sentence: str, *, warn: bool = False) -> None:
        """Log a sentence where Prefect's UI shows it, if there is a run."""
        try:
            logger: Any = self._context.copy().run(get_run_logger)
        except MissingContextError:
            logger = _log
        (logger.warning if warn else logger.info)(sentence)

    @property
    def paces(self) -> list[Pace]:
        """What was measured of each placement, those that have ended with them."""
        return [member.pace for member in self._members]

    def look(self, beats: dict[str, float], wanted: int, news: bool) -> None:
        """See who lives, give up who does not, and submit what is missing.

        Args:
            beats: when something new was last seen of each placement.
            wanted: how many placements the work justifies.
            news: whether the work came forward since the last look.

        Raises:
            AcentoError: placements end one after another without getting anywhere.
            InputError: nobody works for the pool any more.
            TransientError: no placement begins, or the server stays away.
        """
        now = time.monotonic()
        self.wanted = wanted
        if news:
            self._deaths.clear()
        for member in self._members:
            seen = [when for name, when in beats.items() if name.startswith(member.prefix)]
            if seen and member.began is None:
                member.began = now
            member.pace.see(now, sum(s for name, s in self._board.heard.items() if name.startswith(member.prefix)))
        if now - self._asked < ASK_S:
            return
        self._asked = now
        known = self._patiently(lambda: prefect_pool.states([m.run for m in self._members if not m.ended]))
        if known is not None:
            for member in self._members:
                if not member.ended and member.run in known:
                    self._judge(member, known[member.run])
        for member in self._members:
            self._check_life(member, beats, now)
        if len(self._deaths) > (wanted + 2 if any(m.began for m in self._members) else 1):
            raise AcentoError(
                f"{len(self._deaths)} placements of work pool {self._pool.name!r} ended one after another without "
                f"getting anywhere; the last one said: {self._deaths[-1]}"
            )
        if known is not None or not self._members:
            self._submit_missing()
            self._check_begun(now)

    def call_off_waiting(self) -> None:
        """Cancel placements that have not begun: there is nothing left for them."""
        waiting = [m for m in self._members if not m.ended and m.began is None]
        if waiting:
            with _tolerant():
                prefect_pool.call_off([(m.run, m.state) for m in waiting])

    def leave(self, deadline: float) -> None:
        """Wait until every placement has ended; at the deadline call off what has not."""
        with _tolerant():
            while (living := self._living()) and time.monotonic() < deadline:
                waiting = [m for m in living if m.state is not None and not (m.state.is_running() or m.ended)]
                if waiting:
                    prefect_pool.call_off([(m.run, m.state) for m in waiting])
                time.sleep(0.3)
            if living:
                prefect_pool.call_off([(m.run, m.state) for m in living])

    def _living(self) -> list[_Member]:
        """Ask who has not ended."""
        members = [m for m in self._members if not m.ended]
        if not members:
            return []
        known = prefect_pool.states([m.run for m in members])
        for member in members:
            member.state = known.get(member.run)
            member.ended = member.state is None or member.state.is_final() or member.state.is_cancelling()
        return [m for m in members if not m.ended]

    def _judge(self, member: _Member, state: State[Any]) -> None:
        """Take what the server says of a placement into account."""
        if member.state is None or member.state.type != state.type:
            member.since = time.monotonic()
        member.state = state
        if not state.is_final():
            return
        member.ended = True
        said = in_plain_words((state.message or state.name or "").strip())
        died = state.is_failed() or state.is_crashed()
        if died:
            self.say(f"A placement of {self.title} ended: {said}", warn=True)
        if died or state.is_cancelled():
            self._deaths.append(said)
        self._void(member, said, blame=died)

    def _check_life(self, member: _Member, beats: dict[str, float], now: float) -> None:
        """Give up a placement that has gone silent: its worker died with it, or its machine was taken away."""
        if member.ended:
            return
        if member.began is not None:
            last = max(when for name, when in beats.items() if name.startswith(member.prefix))
            if now - last > SILENT_BEATS * self._board.beat_s:
                self._give_up(member, f"it gave no sign of life for {now - last:.0f} s")
        elif member.state is not None and not member.state.is_scheduled():
            stood = now - member.since
            if stood > PENDING_LIMIT_S.get(self._pool.type, START_LIMIT_S):
                self._give_up(member, f"a worker took it, and for {stood:.0f} s it has not begun")

    def _give_up(self, member: _Member, why: str) -> None:
        """Count a placement among the dead, whose jobs go to others, and tell the server so."""
        self.say(f"A placement of {self.title} is given up: {why}.", warn=True)
        member.ended = True
        self._deaths.append(why)
        self._void(member, why, blame=True)
        with _tolerant():
            prefect_pool.give_up(member.run, f"Given up: {why}.")

    def _void(self, member: _Member, why: str, *, blame: bool) -> None:
        for name in self._board.beats():
            if name.startswith(member.prefix):
                self._board.void(name, why, blame=blame)

    def _submit_missing(self) -> None:
        """Submit as many placements as are wanted and can find something to do."""
        living = [m for m in self._members if not m.ended]
        starting = sum(m.began is None for m in living)
        free = len(self._board.free())
        for _ in range(min(self.wanted - len(living), free - starting)):
            number = len(self._members) + 1
            name = f"placement {number} of {self.wanted}: {self.title}"
            if number > self.wanted:
                name = f"placement {number}, in the place of one that ended: {self.title}"
            run = self._patiently(lambda name=name: self._submit(name))  # type: ignore[misc]
            if run is None:
                return
            self._members.append(_Member(run, Pace(time.monotonic())))

    def _submit(self, name: str) -> UUID:
        parameters = {"board": self._board.id, "title": self.title, "placements": self.wanted}
        return prefect_pool.submit(self._pool, name, parameters, self._variables, self._context)

    def _check_begun(self, now: float) -> None:
        """Say why nothing begins; end it when it does not for long."""
        waiting = [m for m in self._members if not m.ended and m.began is None]
        alive = [m for m in self._members if not m.ended and m.began is not None]
        if alive or not waiting:
            return
        waited = now - min(m.pace.submitted for m in waiting)
        if waited < WAITING_S:
            return
        if not self._said_waiting:
            self._said_waiting = True
            self._patiently(lambda: prefect_pool.find_pool(self._pool.name))  # says if nobody works for it any more
            self.say(
                f"No placement of {self.title} has begun in {waited:.0f} s: the workers of pool {self._pool.name!r} "
                "may be busy or limited (`prefect worker start --limit`, `prefect work-pool set-concurrency-limit`), "
                "or a machine or an image is on its way.",
                warn=True,
            )
        if waited > START_LIMIT_S:
            raise TransientError(
                f"No placement of work pool {self._pool.name!r} began within {waited / 60:.0f} minutes; see what its "
                f"workers say."
            )

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
                raise InputError(f"The Prefect server refuses a placement of {self._pool.name!r}: {refused}") from error
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
            _log.warning("The Prefect server does not answer (%s); the placements go on.", why)


def _reason(error: Exception) -> str:
    """Say in a few words why the server did not answer."""
    if isinstance(error, httpx.HTTPStatusError):
        return f"{error.response.status_code} {error.response.reason_phrase}".strip()
    return str(error) or type(error).__name__


class _tolerant:  # noqa: N801  (reads as a word: `with _tolerant():`)
    """Log what goes wrong with the server while things are cleared away, and go on."""

    def __enter__(self) -> None:
        """Nothing is needed."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> bool:
        """Pass over what the server does wrong."""
        if isinstance(error, httpx.HTTPError | PrefectException):
            _log.warning("The Prefect server could not be told: %s", _reason(error))
            return True
        return False
