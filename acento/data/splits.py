"""Splits of clips: a hash of the seed and the clip's group, so that it never moves when data is added.

Clips of one speaker stay together; where no speaker is known, clips of one prompt do. Otherwise a model would be tested
on voices, or on sentences, that it was trained on.
"""

import csv
import hashlib
import os
import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import Path

from acento.core.errors import DataError
from acento.data.source_options import SplitBy as SplitBy
from acento.data.sources.base import stretch_of
from acento.data.sources.files import CSV_NAMES
from acento.data.sources.folders.audio_folder import COLUMNS
from acento.data.utterance import Utterance

SHARES: Mapping[str, float] = {"train": 0.8, "dev": 0.1, "test": 0.1}
"""The share of the groups that each split gets."""


def prompt_of(text: str) -> str:
    """Return what two readings of one sentence have in common: no case, punctuation or spacing.

    >>> prompt_of("¿Cómo  estás, po?") == prompt_of("cómo estás po")
    True
    >>> prompt_of("...")
    '...'
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    letters = "".join(c if c.isalnum() or unicodedata.category(c).startswith("M") else " " for c in folded)
    return " ".join(letters.split()) or text.strip()


def group_of(speaker: str | None, text: str, split_by: SplitBy = "auto") -> str:
    """Return what must not be parted: the speaker if known, else the prompt; or the one that ``split_by`` names.

    Raises:
        DataError: splits are to be made by speaker and none is known.

    >>> group_of("Anna", "Hola."), group_of(None, "Hola."), group_of("Anna", "Hola.", "prompt")
    ('speaker:Anna', 'prompt:hola', 'prompt:hola')
    """
    if speaker and split_by != "prompt":
        return f"speaker:{speaker}"
    if split_by == "speaker":
        raise DataError("Splits by speaker need a speaker for every clip: name them, or split by auto or prompt.")
    return f"prompt:{prompt_of(text)}"


def split_of(group: str, seed: int = 0, shares: Mapping[str, float] = SHARES) -> str:
    """Return the split of a group: where a hash of seed and group falls on a line of length 1.

    >>> split_of("speaker:Anna"), split_of("speaker:Anna") == split_of("speaker:Anna")
    ('train', True)
    >>> from collections import Counter
    >>> sorted(Counter(split_of(f"speaker:{n}") for n in range(1000)).items())
    [('dev', 92), ('test', 95), ('train', 813)]
    """
    digest = hashlib.sha256(f"{seed}\n{group}".encode()).digest()
    place = int.from_bytes(digest[:8], "big") / 2**64
    for split, share in shares.items():
        if place < share:
            return split
        place -= share
    return next(iter(shares))


def write_splits(folder: Path, clips: Iterable[Utterance]) -> list[Path]:
    """Write ``train_files.csv``, ``dev_files.csv`` and ``test_files.csv`` for clips staged from an audio folder.

    A file that is there already belongs to the user and stays as it is. Each is written aside and renamed. Returns the
    files that were written; raises DataError if the folder cannot be written.
    """
    extra = ("speaker", "accent", "language")
    clips = sorted(clips, key=lambda clip: clip.id)
    written = []
    try:
        for split, name in CSV_NAMES.items():
            path, aside = folder / name, folder / f".{name}.{os.getpid()}"
            if path.exists():
                continue
            mine = [clip for clip in clips if clip.split == split]
            parts = ("start", "end", "channel") if any(stretch_of(clip.source) for clip in mine) else ()
            with aside.open("w", encoding="utf-8", newline="") as file:
                writer = csv.writer(file)
                writer.writerow([*COLUMNS, *extra, *parts])
                for clip in mine:
                    facts = [getattr(clip, column) or "" for column in extra]
                    part = stretch_of(clip.source)
                    times = _times(part) if parts else ()
                    writer.writerow([clip.id, clip.source.removesuffix(part), clip.text, *facts, *times])
                file.flush()
                os.fsync(file.fileno())
            aside.replace(path)
            written.append(path)
    except OSError as error:
        raise DataError(f"The split lists cannot be written to {folder} ({error.strerror}).") from error
    return written


def _times(part: str) -> tuple[str, str, str]:
    """Return start, end and channel of a part of a recording as its origin names it.

    >>> _times("#t=1.5,3.75&channel=0"), _times("#t=2"), _times("")
    (('1.5', '3.75', '0'), ('2', '', ''), ('', '', ''))
    """
    facts = dict(fact.split("=") for fact in part.removeprefix("#").split("&") if fact)
    start, _, end = facts.get("t", "").partition(",")
    return start, end, facts.get("channel", "")
