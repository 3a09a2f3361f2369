"""What in a store is referred to: asked of those who own each kind of file, of which the store knows nothing."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from acento.core.plugins import STORE_OWNERS, load
from acento.core.store.base import Store
from acento.core.store.upkeep.usage import Group

IN_PROGRESS_S = 24 * 3600.0
"""Seconds after its last sign of life during which what workers share counts as in use."""


@dataclass(slots=True)
class Live:
    """The keys of what is referred to, and why some things are kept that nothing refers to."""

    grace_s: float
    """Seconds after it was written last during which what was begun and has not ended counts as under way."""
    keys: set[str] = field(default_factory=set)
    """Of groups: ``parts/<fingerprint>``, ``jobs/<fingerprint>`` and so on."""
    work: list[str] = field(default_factory=list)
    """What is under way, in words: while there is any, what a run may be using is kept."""
    unclear: list[str] = field(default_factory=list)
    """What could not be read, in words: while there is any, transcriptions and scores are kept."""


Owner = Callable[[Store, Mapping[str, Group], Live], None]
"""Adds to ``Live`` what the files of one kind refer to, given everything in the store by its group's key.

It may raise ``StoreError`` where nobody could say what is needed.
"""


def find_live(store: Store, groups: Mapping[str, Group], grace_s: float) -> Live:
    """Return what is referred to.

    Raises:
        StoreError: a data set's card is damaged, so that nobody can say which audio is needed.
    """
    live = Live(grace_s)
    for target in STORE_OWNERS.values():
        owner: Owner = load(target)
        owner(store, groups, live)
    now = time.time()
    for key, group in groups.items():
        if group.kind in ("worklists", "boards") and now - group.newest < IN_PROGRESS_S:
            live.work.append(f"workers share jobs ({key})")
            live.keys.add(key)
    return live
