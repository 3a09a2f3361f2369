"""Aliases of model versions, such as ``production``: they move at once or not at all, and what they pointed to is kept.

Each move is a file of its own, ``models/NAME/aliases/ALIAS@000001.json``, that exactly one writer creates; the highest
number is what the alias points to. Of two writers at once one wins, and the other is told.
"""

import getpass
import socket
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ValidationError

from acento.core.errors import DamagedError, InputError
from acento.core.store import Store
from acento.core.store.coordination import Records
from acento.models.checkpoints.references import is_name
from acento.registry.model_version import LATEST, reads_as_version

PRODUCTION = "production"
"""The alias that only the gate gives, or ``--force``."""


class Move(BaseModel, frozen=True, extra="forbid"):
    """One move of an alias."""

    number: int
    version: str
    when: str
    """ISO 8601, with its zone."""
    by: str
    """``user@host``."""
    why: str
    forced: bool = False
    """It was moved against the gate, or without asking it."""
    few_speakers: bool = False
    """Fewer than ten unseen speakers were let decide, for these speakers alone."""
    report: str | None = None
    """The store's key of the report that spoke for it."""
    restores: int | None = None
    """For a rollback: the number of the move whose state it brings back."""


def pointed_at(store: Store, name: str, alias: str) -> str | None:
    """Return the version that an alias points to, whether it is whole or not; None where there is no such alias."""
    moves = history(store, name, alias)
    return moves[-1].version if moves else None


def aliases(store: Store, name: str) -> dict[str, str]:
    """Return every alias of a model with the version that it points to."""
    files = store.list_files(f"models/{name}/aliases")
    names = sorted({key.rpartition("/")[2].partition("@")[0] for key in files})
    return {alias: history(store, name, alias)[-1].version for alias in names}


def history(store: Store, name: str, alias: str) -> list[Move]:
    """Return every move of an alias, the oldest first.

    Raises:
        DamagedError: one cannot be read.
    """
    records, found = _moves(store, name, alias), []
    for number, body in records.since():
        try:
            found.append(Move.model_validate(body))
        except ValidationError as error:
            raise DamagedError(
                f"{records.key(number)} in {store.url} cannot be read; remove it to go back to the one before."
            ) from error
    return found


def check_alias(alias: str) -> str:
    """Return an alias if it can be called so.

    Raises:
        InputError: it cannot, or would be taken for a version.
    """
    if not is_name(alias):
        raise InputError(f"{alias!r} cannot be an alias: use letters, digits, '.', '_' and '-'.")
    if alias == LATEST or reads_as_version(alias):
        raise InputError(f"No alias can be called {alias!r}: it would be taken for a version.")
    return alias


def write_move(
    store: Store, name: str, alias: str, moves: Sequence[Move], version: str, now: datetime | None, **facts: Any
) -> Move:
    """Write the move that follows those that were read, if nobody did so meanwhile; ``facts`` are fields of a move."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        user = "unknown"
    move = Move(
        number=moves[-1].number + 1 if moves else 1,
        version=version,
        when=(now or datetime.now(UTC)).isoformat(timespec="seconds"),
        by=f"{user}@{socket.gethostname()}",
        **facts,
    )
    if not _moves(store, name, alias).put(move.number, move.model_dump(mode="json")):
        other = history(store, name, alias)[-1]
        raise InputError(
            f"{alias} of model {name} was moved to {other.version} by {other.by} at {other.when} just now, and not to "
            f"{version}; look at it with acento models show {name}, and decide anew."
        )
    return move


def _moves(store: Store, name: str, alias: str) -> Records:
    return Records(store, f"models/{name}/aliases/{alias}@")
