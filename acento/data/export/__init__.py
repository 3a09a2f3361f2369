"""Writing a version of a data set out of the store, into a folder or a tar file that another store can take in.

    export.json                      format, name, version, fingerprint, ancestors, and size and SHA-256 of every file
    card.json, rejected.parquet      as the store has them
    parts/<fingerprint>/…            the data parts: clips.parquet holds the audio as FLAC, one row for each clip

``datasets.load_dataset("parquet", data_files="FOLDER/parts/*/clips.parquet")`` reads it as it is.
"""

import io
import json
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from acento.core.errors import InputError, StoreError
from acento.core.progress import report
from acento.core.store import Artifact, Store, local
from acento.data.dataset import Card, load_card, versions

LISTING = "export.json"
CARD = "card.json"
FORMAT = 1
"""Raised when a reader of the format before could not read it any more."""


def export(store: Store, card: Card, target: Path) -> Path:
    """Write one version to a folder, or to a file whose name ends in ``.tar``; all of it appears, or nothing does.

    The same version always gives the same bytes. It is written beside the target first, as ``.NAME.partial``; what a
    killed export left there is replaced, so two exports to one target should not run at the same time.

    Raises:
        InputError: the target is there already, or cannot be written.
        StoreError: a part is gone or damaged.
    """
    target = target.expanduser().absolute()
    if target.name.endswith((".tar.gz", ".tgz", ".zip")):
        raise InputError(f"{target} would pack FLAC once more for nothing: name a folder, or a file ending in .tar.")
    with written_whole(target) as partial:
        artifacts = [_artifact(store, key) for key in (card.key, *(part.key for part in card.parts))]
        listing = json.dumps(_listing(store, card, artifacts), indent=1, ensure_ascii=False).encode()
        write = _write_tar if target.suffix == ".tar" else _write_folder
        write(store, card, artifacts, listing, partial)
    return target


@contextmanager
def written_whole(target: Path) -> Iterator[Path]:
    """Yield the path beside a target under which an export is written; after the block all of it appears at the target.

    What a killed export left there is removed first.

    Raises:
        InputError: the target is there already, or cannot be written.
    """
    if target.exists():
        raise InputError(f"{target} is there already: remove it, or export to another place.")
    partial = target.with_name(f".{target.name}.partial")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _discard(partial)
        yield partial
        local.rename(partial, target)
        local.sync_folder(target.parent)
    except OSError as error:
        raise InputError(f"{target} cannot be written ({error.strerror or error}).") from error
    finally:
        _discard(partial)


def file_name(artifact: str, name: str) -> str:
    """Return where a file of an artifact stands in an export: parts under their keys, the card's files at the top.

    >>> file_name("datasets/santiago/000001", "card.json"), file_name("parts/0f", "clips.parquet")
    ('card.json', 'parts/0f/clips.parquet')
    """
    return name if artifact.startswith("datasets/") else f"{artifact}/{name}"


def _listing(store: Store, card: Card, artifacts: list[Artifact]) -> dict[str, Any]:
    """Return what ``export.json`` says."""
    return {
        "format": FORMAT,
        "name": card.name,
        "version": card.version,
        "fingerprint": card.fingerprint,
        "ancestors": _ancestors(store, card),
        "files": {
            file_name(artifact.key, name): asdict(entry)
            for artifact in artifacts
            for name, entry in artifact.files.items()
        },
        "info": {artifact.key: dict(artifact.info) for artifact in artifacts if artifact.key != card.key},
    }


def _ancestors(store: Store, card: Card) -> list[str]:
    """Return the fingerprints of the versions before, the nearest first, as far as they are known."""
    older = {}
    for number in versions(store, card.name):
        if number < card.version:
            before = load_card(store, f"{card.name}@{number}")
            older[before.fingerprint] = before.parent
    chain: list[str] = []
    parent = card.parent
    while parent is not None and parent not in chain:
        chain.append(parent)
        parent = older.get(parent)
    return chain


def _artifact(store: Store, key: str) -> Artifact:
    found = store.find(key)
    if found is None:
        raise StoreError(f"{key} is not in the store {store.url}, or not whole: stage the data set again.")
    return found


def _write_folder(store: Store, card: Card, artifacts: list[Artifact], listing: bytes, folder: Path) -> None:
    """Copy every file, each synced, the listing last."""
    folder.mkdir()
    for number, artifact in enumerate(artifacts):
        report(f"export {card.title}", number, len(artifacts), "files")
        for name in artifact.files:
            to = folder / file_name(artifact.key, name)
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(store.local_path(artifact.key, name), to)
            local.sync_file(to)
    local.write_synced(folder / LISTING, listing)
    for path in (folder, *(path for path in folder.rglob("*") if path.is_dir())):
        local.sync_folder(path)


def _write_tar(store: Store, card: Card, artifacts: list[Artifact], listing: bytes, file: Path) -> None:
    """Write every file into a tar, the listing first, with no times or owners, so that equal exports are equal."""
    with tarfile.open(file, "w", format=tarfile.PAX_FORMAT) as tar:
        entry = tarfile.TarInfo(LISTING)
        entry.size = len(listing)
        tar.addfile(entry, io.BytesIO(listing))
        for number, artifact in enumerate(artifacts):
            report(f"export {card.title}", number, len(artifacts), "files")
            for name in artifact.files:
                entry = tarfile.TarInfo(file_name(artifact.key, name))
                path = store.local_path(artifact.key, name)
                entry.size = path.stat().st_size
                with path.open("rb") as stream:
                    tar.addfile(entry, stream)
    local.sync_file(file)


def _discard(path: Path) -> None:
    """Remove what an export that did not end left, as far as that is possible."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink(missing_ok=True)
