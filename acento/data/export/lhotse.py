"""Writing a version of a data set as Lhotse manifests: FLAC files, recordings, supervisions and cuts of each split.

    audio/SPLIT/…                    one FLAC file (mono, 16 kHz) for each clip, named by its id
    recordings_SPLIT.jsonl.gz, supervisions_SPLIT.jsonl.gz, cuts_SPLIT.jsonl.gz

``lhotse.CutSet.from_file("FOLDER/cuts_train.jsonl.gz")`` reads it. Paths are absolute, as Lhotse's recipes write them.
``acento stage FOLDER`` reads it too, also after it was moved. The accent and the split are custom fields.
"""

import gzip
import hashlib
import io
import json
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

from acento.core.progress import report
from acento.core.store import Store
from acento.data.dataset import Card, read_rows
from acento.data.export import written_whole
from acento.data.utterance import SAMPLE_RATE

_LONGEST_NAME = 150


def export_lhotse(store: Store, card: Card, folder: Path) -> Path:
    """Write one version to a folder that is not there yet, and return it.

    The same version always gives the same bytes for the same folder.

    Raises:
        InputError: the folder is there already, or cannot be written.
        StoreError: a part is gone or damaged.
    """
    folder = folder.expanduser().absolute()
    with written_whole(folder) as partial, ExitStack() as stack:
        partial.mkdir()
        manifests: dict[tuple[str, str], IO[bytes]] = {}
        done = 0
        for part in card.parts:
            for row in read_rows(store, part.key):
                _write(partial, folder, row, manifests, stack)
                done += 1
            report(f"export {card.title}", done, card.clips, "clips")
    return folder


def _write(
    partial: Path, folder: Path, row: dict[str, Any], manifests: dict[tuple[str, str], IO[bytes]], stack: ExitStack
) -> None:
    """Write a clip's audio and its lines into ``partial``, which becomes ``folder``."""
    split, uid = row["split"], row["id"]
    name = f"audio/{split}/{_file_name(uid)}.flac"
    path = partial / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        file.write(row["audio"]["bytes"])
    recording = {
        "id": uid,
        "sources": [{"type": "file", "channels": [0], "source": str(folder / name)}],
        "sampling_rate": SAMPLE_RATE,
        "num_samples": round(row["duration_s"] * SAMPLE_RATE),
        "duration": row["duration_s"],
        "channel_ids": [0],
    }
    supervision = {"id": uid, "recording_id": uid, "start": 0.0, "duration": row["duration_s"], "channel": 0}
    supervision |= {key: row[key] for key in ("text", "language", "speaker") if row[key] is not None}
    supervision["custom"] = {key: row[key] for key in ("accent", "split", "source") if row[key] is not None}
    cut = {
        "id": uid,
        "start": 0.0,
        "duration": row["duration_s"],
        "channel": 0,
        "supervisions": [supervision],
        "recording": recording,
        "type": "MonoCut",
    }
    for kind, line in (("recordings", recording), ("supervisions", supervision), ("cuts", cut)):
        if (kind, split) not in manifests:
            manifests[kind, split] = _open(partial / f"{kind}_{split}.jsonl.gz", stack)
        manifests[kind, split].write(json.dumps(line, ensure_ascii=False).encode() + b"\n")


def _open(path: Path, stack: ExitStack) -> IO[bytes]:
    """Open a packed file without the time and the name in its header, so that equal exports are equal."""
    raw = stack.enter_context(path.open("xb"))
    packed = stack.enter_context(gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0))
    return stack.enter_context(io.BufferedWriter(packed))


def _file_name(uid: str) -> str:
    """Return an id as the name of a file.

    >>> _file_name("anna/0001"), _file_name("talk#t=1,2")
    ('anna%2F0001', 'talk%23t%3D1%2C2')
    """
    name = quote(uid, safe=" ")
    if len(name) > _LONGEST_NAME or name.startswith("."):
        return hashlib.sha256(uid.encode()).hexdigest()
    return name
