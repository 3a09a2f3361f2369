"""Export a version of a data set from the store, in one of three formats.

``acento``: a folder or a tar file that another store can import.

    export.json                      format, name, version, fingerprint, ancestors, and size and SHA-256 of every file
    card.json, rejected.parquet      as the store has them
    parts/<fingerprint>/…            the data parts: clips.parquet holds the audio as FLAC, one row for each clip

``datasets.load_dataset("parquet", data_files="FOLDER/parts/*/clips.parquet")`` reads it as it is.

``audiofolder``, of Hugging Face: a folder for each split, with FLAC files (16 kHz, mono, 16 bits) and their list.
``datasets.load_dataset("audiofolder", data_dir=FOLDER)`` reads it. The dev split is called ``validation``, as there.

    train/metadata.csv               file_name,transcription,id,speaker,accent,language,source
    train/0000001.flac

``lhotse``: FLAC files, named by their ids, and three manifests of each split, with accent and split as custom fields.
``lhotse.CutSet.from_file("FOLDER/cuts_train.jsonl.gz")`` reads it. Paths are absolute, as Lhotse's recipes write them.

    audio/SPLIT/…
    recordings_SPLIT.jsonl.gz, supervisions_SPLIT.jsonl.gz, cuts_SPLIT.jsonl.gz

``acento stage FOLDER`` reads the last two, also after they were moved.
"""

import csv
import gzip
import hashlib
import io
import json
import shutil
import tarfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

from acento.core.errors import InputError, StoreError
from acento.core.output import written_whole
from acento.core.progress import report
from acento.core.store import Artifact, Store, local
from acento.data.dataset import Card, cards_of, read_rows
from acento.data.utterance import SAMPLE_RATE, SPLITS

LISTING = "export.json"
CARD = "card.json"
FORMAT = 1
"""Raised when a reader of the format before could not read it any more."""
_COLUMNS = ("file_name", "transcription", "id", "speaker", "accent", "language", "source")
_SPLIT_FOLDERS = {"train": "train", "dev": "validation", "test": "test"}
_LONGEST_NAME = 150


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
        write(partial, listing, _files(store, card, artifacts))
    return target


def _export_name(artifact: str, name: str) -> str:
    """Return where a file of an artifact stands in an export: parts under their keys, the card's files at the top.

    >>> _export_name("datasets/santiago/000001", "card.json"), _export_name("parts/0f", "clips.parquet")
    ('card.json', 'parts/0f/clips.parquet')
    """
    return name if artifact.startswith("datasets/") else f"{artifact}/{name}"


def _listing(store: Store, card: Card, artifacts: Sequence[Artifact]) -> dict[str, Any]:
    files = {_export_name(one.key, name): asdict(entry) for one in artifacts for name, entry in one.files.items()}
    return {
        "format": FORMAT,
        "name": card.name,
        "version": card.version,
        "fingerprint": card.fingerprint,
        "ancestors": _ancestors(store, card),
        "files": files,
        "info": {artifact.key: dict(artifact.info) for artifact in artifacts if artifact.key != card.key},
    }


def _ancestors(store: Store, card: Card) -> list[str]:
    """Return the fingerprints of the versions before, the nearest first, as far as they are known."""
    older = {one.fingerprint: one.parent for one in cards_of(store, card.name) if one.version < card.version}
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


def _files(store: Store, card: Card, artifacts: Sequence[Artifact]) -> Iterator[tuple[str, Path]]:
    """Yield the name of each file in the export, and where it is."""
    for number, artifact in enumerate(artifacts):
        report(f"export {card.title}", number, len(artifacts), "files")
        for name in artifact.files:
            yield _export_name(artifact.key, name), store.local_path(artifact.key, name)


def _write_folder(folder: Path, listing: bytes, files: Iterable[tuple[str, Path]]) -> None:
    """Copy every file, each synced, the listing last."""
    folder.mkdir()
    for name, path in files:
        to = folder / name
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, to)
        local.sync_file(to)
    local.write_synced(folder / LISTING, listing)
    for path in (folder, *(path for path in folder.rglob("*") if path.is_dir())):
        local.sync_folder(path)


def _write_tar(file: Path, listing: bytes, files: Iterable[tuple[str, Path]]) -> None:
    """Write every file into a tar, the listing first, with no times or owners, so that equal exports are equal."""
    with tarfile.open(file, "w", format=tarfile.PAX_FORMAT) as tar:
        entry = tarfile.TarInfo(LISTING)
        entry.size = len(listing)
        tar.addfile(entry, io.BytesIO(listing))
        for name, path in files:
            entry = tarfile.TarInfo(name)
            entry.size = path.stat().st_size
            with path.open("rb") as stream:
                tar.addfile(entry, stream)
    local.sync_file(file)


def export_audiofolder(store: Store, card: Card, target: Path) -> Path:
    """Write one version as an audiofolder; all of it appears, or nothing does. Raises as ``export`` does."""
    target = target.expanduser().absolute()
    with written_whole(target) as partial:
        partial.mkdir()
        for split in SPLITS:
            if card.splits.get(split):
                _write_split(store, card, split, partial / _SPLIT_FOLDERS[split])
    return target


def _write_split(store: Store, card: Card, split: str, folder: Path) -> None:
    """Write the clips of one split and their list, in the order of the data set."""
    folder.mkdir()
    total = card.splits[split]
    with (folder / "metadata.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(_COLUMNS)
        rows = (row for part in card.parts for row in read_rows(store, part.key) if row["split"] == split)
        for number, row in enumerate(rows, start=1):
            name = f"{number:07d}.flac"
            local.write_synced(folder / name, row["audio"]["bytes"])
            facts = (row["text"], row["id"], row["speaker"], row["accent"], row["language"], row["source"])
            writer.writerow([name, *("" if fact is None else fact for fact in facts)])
            report(f"export {card.title}", number, total, f"{split} clips")
    local.sync_folder(folder)


def export_lhotse(store: Store, card: Card, folder: Path) -> Path:
    """Write one version as Lhotse manifests; all of it appears, or nothing does. Raises as ``export`` does.

    The same version always gives the same bytes for the same folder.
    """
    folder = folder.expanduser().absolute()
    with written_whole(folder) as partial, ExitStack() as stack:
        partial.mkdir()

        @cache
        def manifest(name: str) -> IO[bytes]:
            """Open a packed file without the time and the name in its header, so that equal exports are equal."""
            raw = stack.enter_context((partial / name).open("xb"))
            packed = stack.enter_context(gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0))
            return stack.enter_context(io.BufferedWriter(packed))

        done = 0
        for part in card.parts:
            for row in read_rows(store, part.key):
                split = row["split"]
                name = f"audio/{split}/{_file_name(row['id'])}.flac"
                (partial / name).parent.mkdir(parents=True, exist_ok=True)
                with (partial / name).open("xb") as file:
                    file.write(row["audio"]["bytes"])
                for kind, line in _manifest_lines(row, folder / name).items():
                    text = json.dumps(line, ensure_ascii=False)
                    manifest(f"{kind}_{split}.jsonl.gz").write(f"{text}\n".encode())
                done += 1
            report(f"export {card.title}", done, card.clips, "clips")
    return folder


def _manifest_lines(row: dict[str, Any], audio: Path) -> dict[str, dict[str, Any]]:
    """Return what each of Lhotse's manifests says of a clip."""
    uid, seconds = row["id"], row["duration_s"]
    recording = {
        "id": uid,
        "sources": [{"type": "file", "channels": [0], "source": str(audio)}],
        "sampling_rate": SAMPLE_RATE,
        "num_samples": round(seconds * SAMPLE_RATE),
        "duration": seconds,
        "channel_ids": [0],
    }
    place = {"start": 0.0, "duration": seconds, "channel": 0}
    supervision = {"id": uid, "recording_id": uid, **place}
    supervision |= {key: row[key] for key in ("text", "language", "speaker") if row[key] is not None}
    supervision["custom"] = {key: row[key] for key in ("accent", "split", "source") if row[key] is not None}
    cut = {"id": uid, **place, "supervisions": [supervision], "recording": recording, "type": "MonoCut"}
    return {"recordings": recording, "supervisions": supervision, "cuts": cut}


def _file_name(uid: str) -> str:
    """Return an id as the name of a file.

    >>> _file_name("anna/0001"), _file_name("talk#t=1,2")
    ('anna%2F0001', 'talk%23t%3D1%2C2')
    """
    name = quote(uid, safe=" ")
    if len(name) > _LONGEST_NAME or name.startswith("."):
        return hashlib.sha256(uid.encode()).hexdigest()
    return name


FORMATS: dict[str, Callable[[Store, Card, Path], Path]] = {
    "acento": export,
    "audiofolder": export_audiofolder,
    "lhotse": export_lhotse,
}
"""Each writes one version to a place that is not there yet, and returns the place; ``acento`` can be imported again."""
