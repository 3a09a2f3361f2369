"""Promotion: which version an alias points to, ``production`` only with the gate's consent or by force."""

from datetime import datetime

from acento.core.errors import DamagedError, InputError
from acento.core.store import Store
from acento.models.checkpoints.references import check_name
from acento.registry.aliases import PRODUCTION, Move, check_alias, history, pointed_at, write_move
from acento.registry.card.report import Published, latest_report
from acento.registry.model_version import ModelVersion
from acento.registry.versions import find_version
from acento.registry.windows import used_fit


def promote(
    store: Store,
    version: ModelVersion,
    alias: str = PRODUCTION,
    *,
    why: str = "",
    forced: bool = False,
    allow_few_speakers: bool = False,
    now: datetime | None = None,
) -> Move:
    """Let an alias point to a version; ``production`` only with the gate's consent to that very step, or by force.

    Where it points there already nothing is written. A version that is damaged or gone cannot be promoted. ``why`` is
    for those who read the alias's history, which says too that the gate was done without (``forced``), or that a gain
    of fewer than ten unseen speakers was enough (``allow_few_speakers``).

    Raises:
        InputError: the alias cannot be called so, the gate has not consented, a forced promotion has no reason, or
            another writer was faster.
        DamagedError: the version is not whole.
    """
    check_alias(alias)
    if forced and not why:
        raise InputError('A forced promotion needs a reason: add --why, as in --force --why "…".')
    moves = history(store, version.name, alias)
    _check_whole(store, version)
    if moves and moves[-1].version == version.version:
        return moves[-1]
    today = f"{version.name}@{moves[-1].version}" if moves else None
    if alias != PRODUCTION or forced:
        return write_move(store, version.name, alias, moves, version.version, now, why=why, forced=forced)
    found = consent(store, version, today, allow_few_speakers=allow_few_speakers)
    gate = found.report.gate
    few = gate is not None and (gate.allow_few_speakers or gate.only_few_speakers)
    facts = {"why": why, "report": found.key, "few_speakers": few}
    return write_move(store, version.name, alias, moves, version.version, now, **facts)


def rollback(store: Store, name: str, alias: str = PRODUCTION, *, why: str = "") -> Move:
    """Let an alias point to what it pointed to before; a second rollback goes further back, not to and fro.

    A rollback is a move like any other, so that the history shows it, and needs no consent of the gate: what it brings
    back had it.

    Raises:
        InputError: there is nothing before, or another writer was faster.
        DamagedError: what was before is damaged; promote another version.
    """
    moves = history(store, check_name(name), check_alias(alias))
    # what the last move set or brought back; a rollback brings back the move before that
    origin = moves[-1].restores or moves[-1].number if moves else 0
    before = next((move for move in reversed(moves) if move.number < origin), None)
    if before is None:
        pointed = (
            f"points to {name}@{moves[-1].version} and did not point to anything before" if moves else "is not set"
        )
        raise InputError(f"There is nothing to roll back to: {alias} of model {name} {pointed}.")
    version = find_version(store, f"{name}@{before.version}")
    _check_whole(store, version)
    restores = before.restores or before.number
    return write_move(store, name, alias, moves, version.version, None, why=why, restores=restores)


def consent(store: Store, version: ModelVersion, today: str | None, *, allow_few_speakers: bool = False) -> Published:
    """Return the report in which the gate lets a version take the place of today's production, if any.

    Raises:
        InputError: there is no report, its gate refused, or it was asked about another incumbent. With
            ``allow_few_speakers`` a refusal for nothing but fewer than ten unseen speakers counts as consent.
    """
    found = latest_report(store, version)
    force = 'Add --force --why "…" to promote it anyway; the history records that.'
    if found is None or found.report.gate is None:
        raise InputError(
            f"{version.title} was not judged by the gate: specialize, or benchmark it beside the model that it is to "
            f"replace. {force}"
        )
    gate = found.report.gate
    if not gate.passed and not (allow_few_speakers and gate.only_few_speakers):
        raise InputError(" ".join([f"The gate refused {version.title}.", *gate.sentences, force]))
    if today is not None and found.report.incumbent != f"registry:{today}":
        raise InputError(
            f"The gate compared {version.title} with {found.report.incumbent}, but production is {today} now; "
            f"have it judged against that one. {force}"
        )
    if found.report.short != (used_fit(store, version) is not None):
        then, now = ("short", "full") if found.report.short else ("full", "short")
        raise InputError(
            f"The gate judged {version.title} with {then} windows, and since the window gate's last answer it is used "
            f"with {now} ones; specialize once more, so that it is judged as it is used. {force}"
        )
    return found


def current(store: Store, name: str, alias: str = PRODUCTION) -> ModelVersion | None:
    """Return the version that an alias points to; None where it was never set.

    Raises:
        DamagedError: that version is damaged.
    """
    version = pointed_at(store, name, alias)
    return find_version(store, f"{name}@{version}") if version else None


def _check_whole(store: Store, version: ModelVersion) -> None:
    if store.find(version.key, verify=True) is None:
        raise DamagedError(f"{version.title} in {store.url} is damaged or was removed; no alias can point to it.")
