"""Who works on which trial: so that several processes share a study, and a killed one's trials are taken up again.

A claim is a row of a second study beside the first (``NAME.claims``): rows are only ever added, and the database
numbers them, so of two processes that reach for the same trial at once exactly one has the lower row. The owner of a
trial shows that it lives by a heartbeat on the trial itself. A dead owner is known at once on the same machine, and
elsewhere by a heartbeat that has stopped.
"""

import os
import socket
import time
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from acento.core.processes import alive

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial

BEAT_S = 15.0
"""Seconds between two heartbeats of an owner."""

STALE_S = 180.0
"""Seconds without a heartbeat after which an owner on another machine counts as dead."""

HEARTBEAT, RELEASED = "heartbeat", "released"

_living: set[str] = set()
"""Owners of this process that are at work: a process id alone may have been another's before a restart."""


@dataclass(frozen=True, slots=True)
class Owner:
    """One process at one search."""

    host: str
    pid: int
    token: str

    @classmethod
    def me(cls) -> "Owner":
        """Return a new owner in this process."""
        return cls(socket.gethostname(), os.getpid(), uuid.uuid4().hex)


class Claims:
    """The claims of one study, as one owner sees and makes them."""

    def __init__(self, log: "Study", owner: Owner) -> None:
        """Take the study of claims, and who claims; the owner lives until :meth:`close`."""
        self._log, self.owner = log, owner
        _living.add(owner.token)

    def close(self) -> None:
        """Stop to live: what is still claimed may be taken by others at once."""
        _living.discard(self.owner.token)

    def claim(self, trial: int, turn: int) -> bool:
        """Reach for a trial for the ``turn``-th time (0: its first owner); False if another was faster."""
        from optuna.trial import TrialState, create_trial

        attributes = {"trial": trial, "turn": turn, "at": time.time(), **asdict(self.owner)}
        self._log.add_trial(create_trial(state=TrialState.FAIL, user_attrs=attributes))
        return bool(holders(self._log)[trial]["token"] == self.owner.token)


def holders(log: "Study") -> Mapping[int, Mapping[str, Any]]:
    """Return by trial the claim that holds: of the last turn, the one that came first."""
    held: dict[int, dict[str, Any]] = {}
    for row in sorted(log.get_trials(deepcopy=False), key=lambda row: row.number):
        claim = row.user_attrs
        if claim["trial"] not in held or claim["turn"] > held[claim["trial"]]["turn"]:
            held[claim["trial"]] = claim
    return held


def lives(claim: Mapping[str, Any], trial: "FrozenTrial") -> bool:
    """Tell whether the owner of a running trial is still at work on it."""
    beat = trial.user_attrs.get(HEARTBEAT, {})
    if beat.get("token") == claim["token"]:
        if beat.get(RELEASED):
            return False
        last = float(beat["at"])
    else:
        last = float(claim["at"])
    if claim["host"] == socket.gethostname():
        if claim["pid"] == os.getpid():
            return claim["token"] in _living
        if not alive(int(claim["pid"])):
            return False
    return time.time() - last < STALE_S
