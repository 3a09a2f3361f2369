"""Aliases of model versions, such as ``production``: they move at once or not at all, and what they pointed to is kept.

Each move is a file of its own, ``models/NAME/aliases/ALIAS@000001.json``, that exactly one writer creates; the highest
number is what the alias points to. Of two writers at once one wins, and the other is told.
"""

import getpass
import socket
from collections.abc import Sequence
from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict, ValidationError

from acento.core.errors import DamagedError, InputError
from acento.core.store import Store
from acento.core.store.coordination import Records
from acento.models.checkpoints.references import check_name
from acento.registry.card.report import latest_report
from acento.registry.versions import LATEST, ModelVersion, find_version, reads_as_version

PRODUCTION = "production"
"""The alias that only the gate gives, or ``--force``."""


class Move(BaseModel):
    """One move of an alias."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    number: int
    version: str
    when: str
    """ISO 8601, with its zone."""
    by: str
    """``user@host``."""
    why: str
    forced: bool = False
    """It was moved against the gate, or without asking it."""
    report: str | None = None
    """The store's key of the report that spoke for it."""
    restores: int | None = None
    """For a rollback: the number of the move whose state it brings back."""


def promote(
    store: Store,
    version: ModelVersion,
    alias: str = PRODUCTION,
    *,
    why: str = "",
    forced: bool = False,
    now: datetime | None = None,
) -> Move:
    """Let an alias point to a version; ``production`` only with the gate's consent to that very step, or by force.

    Where it points there already nothing is written. A version that is damaged or gone cannot be promoted.

    Args:
        store: where models are.
        version: what it is to point to.
        alias: its name.
        why: for those who read its history.
        forced: whether to do without the gate; written down.
        now: the time, with its zone.

    Raises:
        InputError: the alias cannot be called so, the gate has not consented, or another writer was faster.
        DamagedError: the version is not whole.
    """
    check_alias(alias)
    moves = history(store, version.name, alias)
    _see_whole(store, version)
    if moves and moves[-1].version == version.version:
        return moves[-1]
    today = f"{version.name}@{moves[-1].version}" if moves else None
    report = consent(store, version, today) if alias == PRODUCTION and not forced else None
    return _write(store, version.name, alias, moves, version.version, why=why, forced=forced, report=report, now=now)


def rollback(store: Store, name: str, alias: str = PRODUCTION, *, why: str = "", now: datetime | None = None) -> Move:
    """Let an alias point to what it pointed to before; a second rollback goes further back, not to and fro.

    A rollback is a move like any other, so that the history shows it, and needs no consent of the gate: what it brings
    back had it.

    Raises:
        InputError: there is nothing before, or another writer was faster.
        DamagedError: what was before is damaged; promote another version.
    """
    moves = history(store, check_name(name), check_alias(alias))
    before = _before(moves)
    if before is None:
        pointed = (
            f"points to {name}@{moves[-1].version} and did not point to anything before" if moves else "is not set"
        )
        raise InputError(f"There is nothing to roll back to: {alias} of model {name} {pointed}.")
    version = find_version(store, f"{name}@{before.version}")
    _see_whole(store, version)
    restores = before.restores or before.number
    return _write(store, name, alias, moves, version.version, why=why, restores=restores, now=now)


def consent(store: Store, version: ModelVersion, today: str | None) -> str:
    """Return the key of the report in which the gate lets a version take the place of today's production.

    Args:
        store: where models are.
        version: the candidate.
        today: ``NAME@VERSION`` of today's production; None where there is none.

    Raises:
        InputError: there is no report, its gate refused, or it was asked about another incumbent.
    """
    found = latest_report(store, version)
    force = 'Add --force --why "…" to promote it all the same; that is written down.'
    if found is None or found.report.gate is None:
        raise InputError(
            f"{version.title} was not judged by the gate: specialize, or benchmark it beside the model that it is to "
            f"replace. {force}"
        )
    if not found.report.gate.passed:
        raise InputError(" ".join([f"The gate refused {version.title}.", *found.report.gate.sentences, force]))
    if today is not None and found.report.incumbent != f"registry:{today}":
        raise InputError(
            f"The gate compared {version.title} with {found.report.incumbent}, but production is {today} now; "
            f"have it judged against that one. {force}"
        )
    return found.key


def current(store: Store, name: str, alias: str = PRODUCTION) -> ModelVersion | None:
    """Return the version that an alias points to; None where it was never set.

    Raises:
        DamagedError: that version is damaged.
    """
    moves = history(store, name, alias)
    return find_version(store, f"{name}@{moves[-1].version}") if moves else None


def pointed_at(store: Store, name: str, alias: str) -> str | None:
    """Return the version that an alias points to, whether it is whole or not; None where there is no such alias."""
    moves = history(store, name, alias)
    return moves[-1].version if moves else None


def aliases(store: Store, name: str) -> dict[str, str]:
    """Return every alias of a model with the version that it points to."""
    names = sorted({key.rpartition("/")[2].partition("@")[0] for key in store.list_files(_folder(name))})
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
    check_name(alias)
    if alias == LATEST or reads_as_version(alias):
        raise InputError(f"No alias can be called {alias!r}: it would be taken for a version.")
    return alias


def _before(moves: Sequence[Move]) -> Move | None:
    """Return the move whose state a rollback brings back: the one before what the last move set or brought back."""
    if not moves:
        return None
    origin = moves[-1].restores or moves[-1].number
    return next((move for move in reversed(moves) if move.number < origin), None)


def _write(
    store: Store,
    name: str,
    alias: str,
    moves: Sequence[Move],
    version: str,
    *,
    why: str,
    forced: bool = False,
    report: str | None = None,
    restores: int | None = None,
    now: datetime | None,
) -> Move:
    """Write the move that follows those that were read, if nobody did so meanwhile."""
    move = Move(
        number=moves[-1].number + 1 if moves else 1,
        version=version,
        when=(now or datetime.now(UTC)).isoformat(timespec="seconds"),
        by=_who(),
        why=why,
        forced=forced,
        report=report,
        restores=restores,
    )
    if not _moves(store, name, alias).put(move.number, move.model_dump(mode="json")):
        other = history(store, name, alias)[-1]
        raise InputError(
            f"{alias} of model {name} was moved to {other.version} by {other.by} at {other.when} just now, and not to "
            f"{version}; look at it with acento models show {name}, and decide anew."
        )
    return move


def _see_whole(store: Store, version: ModelVersion) -> None:
    """See that every byte of a version is there."""
    if store.find(version.key, verify=True) is None:
        raise DamagedError(f"{version.title} in {store.url} is damaged or was removed; no alias can point to it.")


def _folder(name: str) -> str:
    return f"models/{name}/aliases"


def _moves(store: Store, name: str, alias: str) -> Records:
    return Records(store, f"{_folder(name)}/{alias}@")


def _who() -> str:
    """Return who runs this process, and where."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        user = "unknown"
    return f"{user}@{socket.gethostname()}"
