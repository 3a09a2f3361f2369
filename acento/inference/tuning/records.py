"""What was measured on a machine, kept in the store: ``tuning/<fingerprint>.json``, written once."""

from typing import Any, TypeVar

import psutil
from pydantic import BaseModel, ValidationError

from acento.core.fingerprint import fingerprint
from acento.core.provenance import library_versions
from acento.core.store import Store
from acento.models.base import DeviceType
from acento.models.devices import cores, device_name

_LIBRARIES = ("torch", "transformers", "ctranslate2", "numpy")
"""What a model may run faster or slower with in another version."""

R = TypeVar("R", bound=BaseModel)


class Machine(BaseModel, frozen=True):
    """What decides how fast a model runs: another machine, or another version of a library, is measured anew."""

    device: str
    """As its maker names it."""
    cores: int
    """That this process may use."""
    memory_gb: int
    libraries: dict[str, str]


def this_machine(device_type: DeviceType) -> Machine:
    """Return what this machine is, with the device that models run on."""
    return Machine(
        device=device_name(device_type),
        cores=cores(),
        memory_gb=round(psutil.virtual_memory().total / 1e9),
        libraries=library_versions(_LIBRARIES),
    )


def record_key(kind: str, machine: Machine, **measured: Any) -> str:
    """Return the store's key of what was measured of something on a machine."""
    return f"tuning/{fingerprint({'kind': kind, 'machine': machine.model_dump(), **measured})}.json"


def find_record(store: Store, key: str, of: type[R]) -> R | None:
    """Return what was measured before; None if nothing was, or nobody can read it."""
    data = store.read_file(key)
    if data is None:
        return None
    try:
        return of.model_validate_json(data)
    except ValidationError:
        return None


def keep_record(store: Store, key: str, record: R) -> R:
    """Keep what was measured and return it; where another process was first, what that one measured.

    So all who look later decode alike.
    """
    if store.create_exclusive(key, record.model_dump_json(indent=1).encode()):
        return record
    return find_record(store, key, type(record)) or record
