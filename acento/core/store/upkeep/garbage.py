"""What in a store nobody refers to any more: found and shown first, and removed only when that was agreed to."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from acento.core.plugins import STORE_OWNERS, load
from acento.core.store.base import Store
from acento.core.store.upkeep.usage import Group, Live, survey

GRACE_DAYS = 7.0
"""Days after it was written last during which nothing is removed."""

BATCH = 100
"""Things that are removed before it is looked again whether somebody has begun to need the others."""

_SHARED_S = 24 * 3600.0
"""Seconds after its last sign of life during which what workers share counts as in use."""

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
    keys: tuple[str, ...]
    """Of artifacts and small files; of single files of artifacts that are not whole, if they are leftovers."""
    leftovers: bool = False


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
    live = _in_use(store, groups, grace_s)
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
    on_progress: Callable[[int], None] = lambda _: None,
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
            if one not in still:
                continue
            if one.leftovers:
                store.discard(one.keys)
            else:
                for key in one.keys:
                    store.remove(key)
            gone.append(one)
        on_progress(len(gone))
    store.abandon(garbage.unfinished)
    return gone


def _in_use(store: Store, groups: dict[str, Group], grace_s: float) -> Live:
    """Ask those who own each kind of file, of which the store knows nothing, what is referred to."""
    live = Live(grace_s)
    for owner in STORE_OWNERS.values():
        load(owner)(store, groups, live)
    for key, group in groups.items():
        if group.kind in ("worklists", "boards") and time.time() - group.newest < _SHARED_S:
            live.work.append(f"workers share jobs ({key})")
            live.keys.add(key)
    return live


def _held(one: Doomed, live: Live) -> bool:
    """Tell whether something stays although nothing refers to it: somebody at work may be using it."""
    kind = one.key.partition("/")[0]
    held = (bool(live.work) and kind in _IN_USE_BY_WORK) or (bool(live.unclear) and kind in _HELD_IF_UNCLEAR)
    return held and not one.leftovers


def _judged(group: Group, live: Live, groups: dict[str, Group]) -> Iterator[Doomed]:
    """Yield what of a group can go."""
    if group.leftovers:
        yield _doomed(group, "files of writers that were killed", group.leftovers, leftovers=True)
    if group.key in live.keys or not (group.artifacts or group.files):
        return
    if group.kind == "jobs":
        yield from _of_job(group)
    elif (why := _useless(group, groups)) is not None:
        yield _doomed(group, why, group.artifacts, group.files)


_USELESS = {
    "parts": "audio that is in no version of a data set",
    "measures": "measures of such audio",
    "validations": "verdicts that no data set counts",
    "verdicts": "notes on versions of data sets that are gone",
    "recordings": "audio of recordings that no transcription refers to",
    "plans": "plans that no run refers to",
    "scores": "scores that no run refers to",
    "measurements": "clock readings of jobs that are gone",
    "prepared": "prepared audio (made again when a training needs it)",
    "converted": "converted models (made again when they are needed)",
    "indexes": "indexes of runs (made again when they are needed)",
    "worklists": "jobs that workers shared",
    "boards": "jobs that workers shared",
    "checks": "traces of checks that were killed",
    "tmp": "traces of checks that were killed",
}


def _useless(group: Group, groups: dict[str, Group]) -> str | None:
    """Say what a group is that nothing refers to; None: it is kept whatever refers to it."""
    name = group.key.partition("/")[2]
    if group.kind == "measurements" and f"jobs/{name}" in groups:
        return None
    if group.kind == "verdicts" and (dataset := groups.get(f"datasets/{name}")) is not None:
        versions = (f"{dataset.key}/{key.split('/')[2]}" for key in group.files)
        return None if any(version in dataset.artifacts for version in versions) else _USELESS["verdicts"]
    return _USELESS.get(group.kind)


def _of_job(group: Group) -> Iterator[Doomed]:
    """Yield what of a job can go to which nothing refers: all of a transcription, the checkpoints of a training."""
    checkpoints = {key: size for key, size in group.artifacts.items() if "/checkpoints/" in key}
    ended = any("/result/" in key or key.endswith("/unpublished") for key in group.artifacts)
    if any("/attempt-" in key for key in group.artifacts):
        yield _doomed(group, "transcriptions that no run refers to", group.artifacts, group.files)
    elif checkpoints and ended:
        yield _doomed(group, "checkpoints of trainings that have ended", checkpoints)
    elif checkpoints:
        yield _doomed(group, "checkpoints of trainings that were left unfinished", checkpoints, group.files)


def _doomed(group: Group, why: str, *sizes: Mapping[str, int], leftovers: bool = False) -> Doomed:
    """Return some of a group's artifacts or files, given with their sizes, as what can go."""
    keys = tuple(key for each in sizes for key in sorted(each))
    return Doomed(why, group.key, group.newest, sum(sum(each.values()) for each in sizes), keys, leftovers)
