"""The model that is used where nobody names one: what was promoted last."""

from datetime import UTC, datetime
from pathlib import Path

from acento.core.store import LocalStore
from acento.registry.aliases import PRODUCTION, history, write_move
from acento.registry.production import last_promoted


def promoted(store: LocalStore, name: str, hour: int, alias: str = PRODUCTION) -> None:
    with store.publish(f"models/{name}/0123456789ab/model") as draft:
        (draft.folder / "weights").touch()
    moves = history(store, name, alias)
    write_move(store, name, alias, moves, "0123456789ab", datetime(2026, 11, 20, hour, tzinfo=UTC), why="better")


def test_the_model_whose_production_alias_moved_last_is_used(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    assert last_promoted(store) is None
    promoted(store, "boards", 12, alias="best")
    assert last_promoted(store) is None
    promoted(store, "calls", 12)
    promoted(store, "meetings", 9)
    assert last_promoted(store) == "registry:calls@production"
    promoted(store, "meetings", 13)
    assert last_promoted(store) == "registry:meetings@production"
