"""What in a store nobody refers to any more: found and shown first, and removed only when that was agreed to."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from acento.core.store.base import Store
from acento.core.store.upkeep.references import Live, find_live
from acento.core.store.upkeep.usage import Group, survey

GRACE_DAYS = 7.0
"""Days after it was written last during which nothing is removed."""

BATCH = 100
"""Things that are removed before it is looked again whether somebody has begun to need the others."""

_IN_USE_BY_WORK = {"plans", "jobs", "scores", "measurements", "prepared", "converted"}
_HELD_IF_UNCLEAR = {"plans", "jobs", "scores", "measurements"}


@dataclass(frozen=True, slots=True)
class Doomed:
    """Something that can go."""

    why: str
    """What it is, in words: the same for all of its sort."""
    key: str
    newest: float
    """When the last of its group was written, in seconds since 1970."""
    size: int
    """Bytes."""
    artifacts: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    leftovers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Garbage:
    """What can go, and why other things stay that nothing refers to."""

    doomed: tuple[Doomed, ...]
    held: tuple[str, ...]
    younger: int
    """Things that nothing refers to, and that are younger than the grace period."""
    unfinished: tuple[str, ...] = ()
    """Writes that were begun before that and never ended, by the names that the store has for them."""


def find_garbage(store: Store, *, grace_s: float = GRACE_DAYS * 86_400, now: float | None = None) -> Garbage:
    """Look for what no run, model, alias, data set, search or work in progress refers to.

    Raises:
        StoreError: a data set's card is damaged, so that nobody can say which audio is needed.
    """
    store.refresh()
    groups = survey(store)
    live = find_live(store, groups, grace_s)
    before = (time.time() if now is None else now) - grace_s
    found = [one for group in groups.values() for one in _judged(group, live, groups)]
    held = [*live.work, *live.unclear]
    old = [one for one in found if one.newest < before]
    stay = {one for one in old if _held(one, live)}
    return Garbage(
        tuple(one for one in old if one not in stay),
        tuple(f"{len(stay)} things stay for now: {reason}" for reason in held if stay),
        len(found) - len(old),
        tuple(store.unfinished(before)),
    )


def collect(
    store: Store,
    garbage: Garbage,
    *,
    grace_s: float = GRACE_DAYS * 86_400,
    heard: Callable[[int], None] = lambda _: None,
) -> list[Doomed]:
    """Remove what was found, as far as it still can go, and return what went.

    It is looked again before each hundred: what was written to since, or what somebody refers to by now, stays. An
    artifact's marker goes before its files, so a kill leaves nothing that looks whole, and the same call goes on.

    Raises:
        StoreError: the store cannot be written.
    """
    gone: list[Doomed] = []
    for start in range(0, len(garbage.doomed), BATCH):
        still = set(find_garbage(store, grace_s=grace_s).doomed)
        for one in garbage.doomed[start : start + BATCH]:
            if one in still:
                for key in (*one.artifacts, *one.files):
                    store.remove(key)
                store.discard(one.leftovers)
                gone.append(one)
        heard(len(gone))
    store.abandon(garbage.unfinished)
    return gone


def _held(one: Doomed, live: Live) -> bool:
    """Tell whether something stays although nothing refers to it: somebody at work may be using it."""
    kind = one.key.partition("/")[0]
    if one.leftovers:
        return False
    return (bool(live.work) and kind in _IN_USE_BY_WORK) or (bool(live.unclear) and kind in _HELD_IF_UNCLEAR)


def _judged(group: Group, live: Live, groups: dict[str, Group]) -> list[Doomed]:
    """Return what of a group can go."""
    found = []
    if group.leftovers:
        found.append(_doomed(group, "files of writers that were killed", leftovers=group.leftovers))
    if group.key in live.keys or not (group.artifacts or group.files):
        return found
    if group.kind == "jobs":
        return found + _of_job(group)
    why = _useless(group, groups)
    if why is not None:
        found.append(_doomed(group, why, artifacts=group.artifacts, files=group.files))
    return found


_USELESS = {
    "parts": "audio that is in no version of a data set",
    "measures": "measures of such audio",
    "validations": "verdicts that no data set counts",
    "verdicts": "notes on versions of data sets that are gone",
    "plans": "plans that no run refers to",
    "scores": "scores that no run refers to",
    "measurements": "clock readings of jobs that are gone",
    "prepared": "prepared audio (made again when a training needs it)",
    "converted": "converted models (made again when they are needed)",
    "worklists": "jobs that workers shared",
    "boards": "jobs that workers shared",
    "checks": "traces of checks that were killed",
    "tmp": "traces of checks that were killed",
}


def _useless(group: Group, groups: dict[str, Group]) -> str | None:
    """Say what a group is that nothing refers to; None: it is kept whatever refers to it."""
    if group.kind == "verdicts" and _has_version(group, groups):
        return None
    if group.kind == "measurements" and f"jobs/{group.key.partition('/')[2]}" in groups:
        return None
    return _USELESS.get(group.kind)


def _has_version(group: Group, groups: dict[str, Group]) -> bool:
    """Tell whether notes are on a version of a data set that is there."""
    datasets = groups.get(f"datasets/{group.key.partition('/')[2]}")
    return datasets is not None and any(
        f"{datasets.key}/{key.split('/')[2]}" in datasets.artifacts for key in group.files
    )


def _of_job(group: Group) -> list[Doomed]:
    """Return what of a job can go to which nothing refers: all of a transcription, the checkpoints of a training."""
    checkpoints = {key: size for key, size in group.artifacts.items() if "/checkpoints/" in key}
    ended = any("/result/" in key or key.endswith("/unpublished") for key in group.artifacts)
    if any("/attempt-" in key for key in group.artifacts):
        return [_doomed(group, "transcriptions that no run refers to", artifacts=group.artifacts, files=group.files)]
    if checkpoints and ended:
        return [_doomed(group, "checkpoints of trainings that have ended", artifacts=checkpoints)]
    if checkpoints:
        why = "checkpoints of trainings that were left unfinished"
        return [_doomed(group, why, artifacts=checkpoints, files=group.files)]
    return []


def _doomed(
    group: Group,
    why: str,
    *,
    artifacts: dict[str, int] | None = None,
    files: dict[str, int] | None = None,
    leftovers: dict[str, int] | None = None,
) -> Doomed:
    sizes = (artifacts or {}, files or {}, leftovers or {})
    size = sum(sum(each.values()) for each in sizes)
    return Doomed(why, group.key, group.newest, size, *(tuple(sorted(each)) for each in sizes))
