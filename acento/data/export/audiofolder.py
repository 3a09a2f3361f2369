"""A version of a data set as a Hugging Face ``audiofolder``: a folder for each split, with FLAC and ``metadata.csv``.

    train/metadata.csv       file_name,transcription,id,speaker,accent,language,source
    train/0000001.flac       16 kHz, mono, 16 bits

``datasets.load_dataset("audiofolder", data_dir=FOLDER)`` reads it, and so does ``acento stage FOLDER``. The validation
split is called ``validation``, as there.
"""

import csv
from pathlib import Path

from acento.core.progress import report
from acento.core.store import Store, local
from acento.data.dataset import Card, read_rows
from acento.data.export import written_whole
from acento.data.utterance import SPLITS

COLUMNS = ("file_name", "transcription", "id", "speaker", "accent", "language", "source")
SPLIT_FOLDERS = {"train": "train", "dev": "validation", "test": "test"}


def export_audiofolder(store: Store, card: Card, target: Path) -> Path:
    """Write one version as such a folder; all of it appears, or nothing does.

    Raises:
        InputError: the target is there already, or cannot be written.
        StoreError: a part is gone or damaged.
    """
    target = target.expanduser().absolute()
    with written_whole(target) as partial:
        partial.mkdir()
        for split in SPLITS:
            if card.splits.get(split):
                _write_split(store, card, split, partial / SPLIT_FOLDERS[split])
    return target


def _write_split(store: Store, card: Card, split: str, folder: Path) -> None:
    """Write the clips of one split and their list, in the order of the data set."""
    folder.mkdir()
    total = card.splits[split]
    with (folder / "metadata.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        rows = (row for part in card.parts for row in read_rows(store, part.key) if row["split"] == split)
        for number, row in enumerate(rows, start=1):
            name = f"{number:07d}.flac"
            local.write_synced(folder / name, row["audio"]["bytes"])
            facts = (row["text"], row["id"], row["speaker"], row["accent"], row["language"], row["source"])
            writer.writerow([name, *("" if fact is None else fact for fact in facts)])
            report(f"export {card.title}", number, total, f"{split} clips")
    local.sync_folder(folder)
