"""Seeing what can be done with a store, and how long each thing takes."""

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from acento.core.errors import AcentoError, StoreError
from acento.core.store.base import Store

_FOLDER = "checks"
_TEXT = b"Acento looks whether this store can be used.\n"


@dataclass(frozen=True, slots=True)
class Checked:
    """One thing that was tried: how long it took, and what went wrong, if anything did."""

    what: str
    seconds: float
    sentence: str | None


def check_store(store: Store) -> Iterator[Checked]:
    """Try everything that Acento needs of a store, on a small artifact of its own, and take that away again.

    What was tried is told as it ends; after the first thing that fails only the cleaning up is tried.
    """
    key, small = f"{_FOLDER}/{uuid.uuid4().hex}", f"{_FOLDER}/{uuid.uuid4().hex}.txt"

    def write() -> None:
        with store.publish(key) as draft:
            (draft.folder / "check.txt").write_bytes(_TEXT)

    def read() -> None:
        if store.find(key, verify=True) is None or store.read_bytes(key, "check.txt") != _TEXT:
            raise StoreError(f"{store.url} does not give back what was written into it.")

    def create() -> None:
        if not store.create_exclusive(small, _TEXT) or store.create_exclusive(small, b"another"):
            raise StoreError(f"{store.url} lets two writers create the same file, so nothing in it is safe.")
        if store.read_file(small) != _TEXT:
            raise StoreError(f"{store.url} does not give back what was written into it.")

    def listed() -> None:
        store.refresh()
        if key not in store.list(_FOLDER) or small not in store.list_files(_FOLDER):
            raise StoreError(f"{store.url} does not list what was written into it.")

    def delete() -> None:
        store.remove(key)
        store.remove(small)
        if store.find(key) is not None or store.read_file(small) is not None:
            raise StoreError(f"{store.url} still has what was removed from it.")

    tries: dict[str, Callable[[], None]] = {
        "may be written": store.check_writable,
        "write an artifact": write,
        "read it, verified": read,
        "create a file once": create,
        "list": listed,
        "remove": delete,
    }
    for what, do in tries.items():
        began, sentence = time.perf_counter(), None
        try:
            do()
        except AcentoError as error:
            sentence = str(error)
        yield Checked(what, time.perf_counter() - began, sentence)
        if sentence is not None:
            if what not in ("may be written", "remove"):
                with suppress(AcentoError):
                    delete()
            return
