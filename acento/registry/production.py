"""The model that is used where nobody names one: what was promoted last."""

from datetime import datetime

from acento.core.store import Store
from acento.registry.aliases import PRODUCTION, history
from acento.registry.versions import model_names


def last_promoted(store: Store) -> str | None:
    """Return the model, as ``registry:NAME@production``, whose production alias moved last; None: there is none."""
    moved = {}
    for name in model_names(store):
        if moves := history(store, name, PRODUCTION):
            moved[name] = datetime.fromisoformat(moves[-1].when)
    return f"registry:{max(moved, key=lambda name: (moved[name], name))}@{PRODUCTION}" if moved else None
