"""A study remembers what a search tried: in a file, on a database server, or in a store's journal."""

import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from acento.core.errors import InputError, StoreError, TransientError
from acento.core.extras import require
from acento.core.store import LocalStore, Store
from acento.core.store.base import check_key
from acento.core.store.coordination import Lease
from acento.experiments.search.space import SearchPlan

if TYPE_CHECKING:
    import optuna
    from optuna.storages import JournalStorage, RDBStorage
    from optuna.trial import FrozenTrial

WAIT_FOR_FILE_S = 60
"""Seconds that a process waits for another one's write to the same file."""


class Study:
    """An open study."""

    def __init__(self, plan: SearchPlan, trials: "optuna.Study", place: str, store: Store) -> None:
        """Take the plan, Optuna's study of the trials, where it is, and the store of the leases."""
        self.plan, self.trials, self.place = plan, trials, place
        self._store = store
        self._leases: dict[int, Lease] = {}

    def lease(self, trial: int) -> Lease:
        """Return the lease of a trial, by which several processes share the study: its holder works on it."""
        what = f"trial {trial} of search {self.plan.name} is being tried"
        folder = f"searches/{self.plan.name}/trials/{trial:06d}"
        return self._leases.setdefault(trial, Lease(self._store, folder, what))

    def frozen_trials(self) -> "list[FrozenTrial]":
        """Return what is known of every trial, by number: they are numbered from 0 without a gap."""
        return sorted(self.trials.get_trials(deepcopy=False), key=lambda trial: trial.number)


def study_folder(store: Store, name: str) -> Path | None:
    """Return where a search of this name lives in a local store; None where the store is no local folder.

    Raises:
        InputError: the name cannot be a folder's.
    """
    key = check_key(f"searches/{name}")
    return store.root / key if isinstance(store, LocalStore) else None


@contextmanager
def open_study(plan: SearchPlan, place: Path | str | Store, store: Store | None = None) -> Iterator[Study]:
    """Open a study while the block runs, or begin it where there is none of that name.

    Args:
        plan: what is searched; if the study has begun, this must be the plan it was begun with.
        place: a local folder, in which the study is ``study.db``, or a database server's URL
            (``postgresql://user:password@host/database``), or a store, in which it is a journal of small files.
        store: where the leases of its trials are, the same for all processes that share the study; if left out, in
            the place itself, which is then no server.

    Raises:
        InputError: Optuna is not installed, the study was begun with another plan, or the URL is of no database that
            can be used.
        StoreError: the database cannot be read or written.
        TransientError: the server does not answer.
    """
    require("search", "The search")
    import optuna

    # its warnings are about parameters that not every trial has (LoRA's): drawn one by one, as they should
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    if isinstance(place, Store):
        from optuna.storages import JournalStorage

        from acento.experiments.search.optuna_parts import StoreJournal

        journal = JournalStorage(StoreJournal(place, check_key(f"searches/{plan.name}/journal")))
        yield Study(plan, _study(plan, journal), f"{place.url}/searches/{plan.name}", store or place)
        return
    url, shown = _address(place)
    with ExitStack() as stack:
        with storage_errors(shown):
            if isinstance(place, Path):
                _create_file(plan, place / "study.db")
            trials = _study(plan, stack.enter_context(_storage(url)))
        yield Study(plan, trials, shown, store or LocalStore(Path(place)))


def _study(plan: SearchPlan, storage: "RDBStorage | JournalStorage") -> "optuna.Study":
    """Load or create the study of a plan, and see that the plan is the one it was begun with."""
    import optuna

    from acento.experiments.search.optuna_parts import pruner_of, sampler_of

    trials = optuna.create_study(
        study_name=plan.name,
        storage=storage,
        sampler=sampler_of(plan),
        pruner=pruner_of(plan.pruner),
        direction="minimize",
        load_if_exists=True,
    )
    begun = trials.user_attrs.get("plan")
    if begun is None:
        trials.set_user_attr("plan", plan.model_dump(mode="json"))
    else:
        _check_same(plan, begun)
    return trials


def _create_file(plan: SearchPlan, path: Path) -> None:
    """Create the database file with its tables and the study; it appears whole, even if two processes create it."""
    if path.exists():
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{path.parent} cannot be made ({error.strerror}); name another folder.") from error
    draft = path.with_name(f".study-{uuid.uuid4().hex}.db")
    try:
        with _storage(f"sqlite:///{draft}") as storage:
            _study(plan, storage)
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def _storage(url: str) -> "Iterator[RDBStorage]":
    """Yield Optuna's storage at a database URL, and let the database go afterwards."""
    import optuna
    from sqlalchemy.exc import ArgumentError

    waits = {"connect_args": {"timeout": WAIT_FOR_FILE_S}} if url.startswith("sqlite") else {}
    try:
        storage = optuna.storages.RDBStorage(url, engine_kwargs=waits)
    except (ImportError, ValueError, ArgumentError) as error:
        raise InputError(
            f"No study can be kept at {_address(url)[1]}: {error}; install the database's Python driver, "
            "or leave the URL away to keep the study in a file."
        ) from error
    try:
        yield storage
    finally:
        storage.remove_session()
        storage.engine.dispose()


def _address(place: Path | str) -> tuple[str, str]:
    """Return the database URL of a place, and how to show it: without a password."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    if isinstance(place, Path):
        path = (place / "study.db").absolute()
        return f"sqlite:///{path}", str(path)
    try:
        return place, make_url(place).render_as_string(hide_password=True)
    except ArgumentError:
        raise InputError(
            "The study's URL is not one of a database; it looks like postgresql://user:password@host/database."
        ) from None


def _check_same(plan: SearchPlan, begun: Mapping[str, Any]) -> None:
    """See that a study goes on with the plan it was begun with.

    Raises:
        InputError: it does not; says what differs.
    """
    try:
        known = SearchPlan.model_validate(begun)
    except ValidationError:
        raise InputError(
            f"Search {plan.name!r} was begun by another version of Acento whose recipes were different; "
            "give the new search another name."
        ) from None
    differing = [name for name in SearchPlan.model_fields if getattr(known, name) != getattr(plan, name)]
    if differing:
        words = {"base": "the base recipe", "about": "the data or the model", "seed": "the seed"}
        named = " and ".join(words.get(name, f"the {name}") for name in differing)
        raise InputError(
            f"Search {plan.name!r} was begun with something else as {named}; go on with what it was begun with, "
            "or give the new search another name."
        )


@contextmanager
def storage_errors(shown: str) -> Iterator[None]:
    """Turn what a database says about itself into one sentence."""
    from optuna.exceptions import StorageInternalError
    from sqlalchemy.exc import OperationalError, SQLAlchemyError

    try:
        yield
    except (StorageInternalError, SQLAlchemyError) as error:
        cause = error if isinstance(error, SQLAlchemyError) else error.__cause__ or error
        reason = str(getattr(cause, "orig", cause)).strip().partition("\n")[0]
        may_pass = "://" in shown or "locked" in reason
        if may_pass and isinstance(cause, OperationalError):
            raise TransientError(f"The study at {shown} does not answer ({reason}); try again later.") from error
        raise StoreError(f"The study at {shown} cannot be read or written ({reason}).") from error
