"""What workers reach and what they are given: which backend reaches which store, whole paths of models, settings.

What cannot be reached is refused before any work, with a sentence. ``docs/how-to/prefect.md`` shows the table of
stores; a test keeps the two alike.
"""

import ipaddress
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from acento.core.errors import InputError
from acento.core.settings import settings
from acento.diarization.engines.engine import EMBEDDED
from acento.jobs.job import Job
from acento.models.checkpoints.references import parse
from acento.models.devices import Elsewhere

_SETTINGS = ("trust", "trust_code")
_VARIABLES = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_REGION", "AWS_DEFAULT_REGION")

Way = Literal["works", "uploads first", "refused"]
Kind = Literal["folder", "s3", "modal"]

KINDS: dict[Kind, str] = {"folder": "a folder", "s3": "`s3://…`", "modal": "`modal://…`"}


@dataclass(frozen=True, slots=True)
class Reach:
    """How one backend gets to one kind of store."""

    way: Way
    note: str = ""
    """What has to be so, or what to set instead."""


_OK = Reach("works")
_SET_S3 = "set ACENTO_STORE to s3://bucket/prefix"
_OR_SHARED = f"{_SET_S3}, or ACENTO_STORE_SHARED=1 if the folder is mounted there at the same path"

_FOLDERS = {
    "inline": _OK,
    "work-pool/process": Reach("works", "the worker is on this machine, or has the same folder at the same path"),
    "work-pool/docker": Reach("works", "the pool's volumes mount it"),
    "work-pool/modal": Reach("refused", f"{_SET_S3} or modal://volume"),
    "work-pool/other": Reach("refused", _OR_SHARED),
    "modal": Reach("uploads first", "what the work needs, and downloads what it makes"),
    "spark/local": _OK,
    "spark/cluster": Reach("refused", _OR_SHARED),
    "ray/local": _OK,
    "ray/cluster": Reach("refused", _OR_SHARED),
}
TABLE: dict[str, dict[Kind, Reach]] = {row: {"folder": its, "s3": _OK, "modal": _OK} for row, its in _FOLDERS.items()}
"""Backend, and the type of its pool or master where that matters, and kind of store."""

_ON_THIS_HOST = {"inline", "work-pool/process", "work-pool/docker", "spark/local", "ray/local"}
_MOUNTING = {"work-pool/other", "spark/cluster", "ray/cluster"}
"""Machines elsewhere that may have a folder in common with this one, and its network."""
_POOLS = {"process", "docker", "modal"}


def row_of(backend: str, type_: str | None) -> str:
    """Return a backend's row of the table.

    >>> row_of("ray", "auto"), row_of("ray", "local[2]")
    ('ray/cluster', 'ray/local')

    >>> row_of("work-pool", "kubernetes"), row_of("spark", "spark://master:7077"), row_of("modal", None)
    ('work-pool/other', 'spark/cluster', 'modal')
    """
    if backend == "work-pool":
        return f"work-pool/{type_ if type_ in _POOLS else 'other'}"
    if backend in ("spark", "ray"):
        return f"{backend}/local" if (type_ or "local").startswith("local") else f"{backend}/cluster"
    return backend


def kind_of(store_url: str) -> Kind:
    """Return what kind of store a URL names; stores of other packages count as reachable from everywhere, as S3 is.

    >>> kind_of("/data/store"), kind_of("file:///data/store"), kind_of("s3://bucket/prefix"), kind_of("modal://results")
    ('folder', 'folder', 's3', 'modal')
    """
    scheme = store_url.partition("://")[0] if "://" in store_url else "file"
    if scheme == "file":
        return "folder"
    return "modal" if scheme == "modal" else "s3"


def first_gpu() -> str | None:
    """Return the GPU that the settings ask for first; None if they ask for none."""
    return settings().gpu_type.partition(",")[0].strip() or None


def machines_of(backend: str, address: str, url: str, *, local: bool) -> Elsewhere | None:
    """Return what is known of a cluster's machines; None where the work is done on this one.

    Raises:
        InputError: they cannot reach the store.
    """
    check_reach(backend, address, url)
    return None if local else Elsewhere(gpu=first_gpu())


def check_reach(backend: str, type_: str | None, store_url: str, api_url: str | None = None) -> Reach:
    """Return how a backend gets to a store.

    Args:
        backend: ``inline``, ``work-pool``, ``modal``, ``spark`` or ``ray``.
        type_: the work pool's type, the Spark master or Ray's address; None for backends without one.
        store_url: the store's.
        api_url: the Prefect API's, where runs report to it.

    Raises:
        InputError: it cannot get there, or its machines cannot get to the Prefect API; the sentence says what to set.
    """
    row = row_of(backend, type_)
    found = TABLE[row][kind_of(store_url)]
    what = _words(backend, type_)
    if found.way == "refused" and row in _MOUNTING and settings().store_shared:
        found = _OK
    if found.way == "refused":
        raise InputError(f"{what} cannot reach the store {store_url}, a folder of this machine: {found.note}.")
    modal_server = os.environ.get("MODAL_SERVER_URL", "") if row in ("modal", "work-pool/modal") else ""
    # a Modal API on this machine has this machine's processes as sandboxes
    if row in _ON_THIS_HOST or (modal_server and _is_local(modal_server)):
        return found
    network = row not in _MOUNTING
    known = "this network" if network else "this machine"
    if backend == "work-pool" and api_url is not None and _is_local(api_url, network=network):
        raise InputError(
            f"{what} cannot reach the Prefect server at {api_url}, which is known to {known} only: start one that "
            "can be reached from there, and set PREFECT_API_URL to its address, also for the worker."
        )
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    if kind_of(store_url) == "s3" and endpoint and _is_local(endpoint, network=network):
        raise InputError(
            f"{what} cannot reach the S3 endpoint {endpoint}, which is known to {known} only: "
            "set AWS_ENDPOINT_URL_S3 to an address that can be reached from there."
        )
    return found


def reach_table() -> str:
    """Return the table in markdown, as the docs show it."""
    lines = ["| backend | " + " | ".join(KINDS.values()) + " |", "| --- " * (len(KINDS) + 1) + "|"]
    for row, reaches in TABLE.items():
        cells = [f"{r.way}: {r.note}" if r.note else r.way for r in (reaches[kind] for kind in KINDS)]
        lines.append(f"| `{row}` | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def portable(job: Job) -> Job:
    """Return the job with the whole path of a model in a folder, which changes its name and not what is computed."""
    field = "base" if job.kind == "finetune" else "model"
    folder = _model_folder(job)
    if folder is None:
        return job
    model = getattr(job, field)
    base = model.id if job.kind == "diarize" else parse(model.id).base
    name = model.id.replace(base, str(folder.absolute()), 1)
    return job.model_copy(update={field: model.model_copy(update={"id": name})})


def refuse_folders(jobs: Iterable[Job], who: str) -> None:
    """Refuse jobs whose model is in a folder of this machine, for workers that do not see it.

    Raises:
        InputError: ``who`` do not see the folder.
    """
    if folder := next(filter(None, map(_model_folder, jobs)), None):
        raise InputError(
            f"{who} do not see {folder}, a model in a folder of this machine: name one of the hub, or one of the "
            "registry, which is in the store."
        )


def _model_folder(job: Job) -> Path | None:
    """Return the folder of a job's model; None where it is one of a hub, the registry, or shipped with Acento."""
    model = job.base if job.kind == "finetune" else job.model
    if job.kind == "diarize":
        folder = Path(model.id).expanduser()
        return None if model.family == EMBEDDED or not folder.exists() else folder
    folder = Path(parse(model.id).base).expanduser()
    return folder if folder.exists() else None


def passed_on() -> dict[str, str]:
    """Return the environment variables of this process that decide what the work comes to or where the store is."""
    found = {f"ACENTO_{name.upper()}": str(getattr(settings(), name)) for name in _SETTINGS}
    found |= {name: os.environ[name] for name in _VARIABLES if name in os.environ}
    return {name: value for name, value in found.items() if value}


def _words(backend: str, type_: str | None) -> str:
    if backend == "work-pool":
        return f"A work pool of type {type_}"
    clusters = {"spark": "Spark", "ray": "Ray"}
    return f"The {clusters[backend]} cluster {type_}" if backend in clusters else f"The backend {backend}"


def _is_local(url: str, *, network: bool = True) -> bool:
    """Tell whether a URL's host is this machine, or with ``network`` an address that only this network knows."""
    host = urlsplit(url).hostname or ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        here = host == "localhost" or host.endswith(".localhost")
        return here or (network and (host.endswith(".local") or "." not in host))
    return address.is_loopback or address.is_unspecified or (network and address.is_private)
