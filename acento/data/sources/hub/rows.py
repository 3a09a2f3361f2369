"""What a row of a Hugging Face data set holds: the columns by what they hold, and the recording as a file."""

import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import Any

from acento.core.errors import DataError
from acento.core.hub import hub_error, hub_token
from acento.data.source_options import SourceOptions
from acento.data.sources.facts import CHANNEL, times_among
from acento.data.sources.files import find_file, inside
from acento.data.sources.folders.metadata import TEXT
from acento.data.sources.hub.tables import SplitTable

AUDIO = ("audio", "speech", "recording", "file_name", "audio_filepath", "audio_path", "audio_file", "path", "file")
IDS = ("id", "segment_id", "utterance_id", "utt_id", "uid", "audio_id", "clip_id", "__key__")
FACTS = {
    "speaker": ("speaker_id", "speaker", "client_id", "spk_id"),
    "accent": ("accent", "accents", "dialect", "variant"),
    "language": ("language", "locale", "lang", "lang_id"),
    "split": ("split",),
}


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of one table by what they hold; None where the table has no such column."""

    audio: str
    text: str
    ids: tuple[str | None, ...]
    """Columns whose values may be ids, the likeliest first: those of ``IDS`` that are there."""
    facts: Mapping[str, Sequence[str]]
    """The columns of speaker, accent, language and split."""
    labels: Mapping[str, Callable[[int], str]]
    parts: tuple[str, ...] = ()
    """Columns with stretches and channels of recordings."""

    @property
    def all(self) -> list[str]:
        """Every column that has to be read."""
        names = (self.audio, self.text, *self.ids, *chain(*self.facts.values()), *self.parts)
        return list(dict.fromkeys(name for name in names if name))

    def with_names(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return a row with names in place of the numbers that stand for them."""
        numbers = {column: value for column in self.labels if isinstance(value := row.get(column), int)}
        return {**row, **{name: None if value < 0 else self.labels[name](value) for name, value in numbers.items()}}


def find_columns(table: SplitTable, options: SourceOptions, title: str) -> Columns:
    """Find the columns of a table.

    Raises:
        DataError: one that was asked for is not there, or the recording or the text is in none that is known.
    """
    for asked in (options.audio_column, options.text_column):
        if asked is not None and asked not in table.columns:
            raise DataError(f"Data set {title} has no column {asked!r}; {table.split} has {', '.join(table.columns)}.")
    usual = [name for name in AUDIO if name in table.columns]
    declared = [name for name in usual if name in table.audio] or list(table.audio)
    audio = options.audio_column or next(iter([*declared, *usual]), None)
    text = options.text_column or _text(table)
    if audio is None or text is None:
        what, option = ("recordings", "--audio-column") if audio is None else ("texts", "--text-column")
        there = ", ".join(table.columns) or "no columns at all"
        hint = f"name it with {option}; {table.split} has {there}"
        raise DataError(f"Data set {title} has no column that is known to hold {what}: {hint}.")
    facts = {fact: [name for name in names if name in table.columns][:1] for fact, names in FACTS.items()}
    ids = tuple(name if name in table.columns else None for name in IDS)
    parts = (*times_among(table.columns), *(name for name in CHANNEL if name in table.columns))
    return Columns(audio, text, ids, facts, table.labels, parts)


def _text(table: SplitTable) -> str | None:
    """Return the column with the texts: by its usual name, or the one field of a struct that can be meant."""
    structs = {name.rpartition(".")[0] for name in table.columns if "." in name}
    for name in TEXT:
        if name in table.columns and name not in structs:
            return name
    fields = [name for name in table.columns if "." in name and name not in structs]
    usual = [name for name in fields if name.rpartition(".")[2] in TEXT]
    only = [name for name in fields if name.partition(".")[0] in (*TEXT, "translation")]
    return next((found[0] for found in (usual, only) if len(found) == 1), None)


HUB = "hf://datasets/"


class Recordings:
    """Writes recordings as they are into a temporary folder."""

    def __init__(self, name: str, commit: str, folder: Path | None, temporary: Path) -> None:
        """Take the data set's name, where it is (its commit on the hub, or its folder or file here), and the folder."""
        self._name, self._commit, self._folder, self._temporary = name, commit, folder, temporary
        self._written = 0
        self.used: set[str] = set()
        """Paths in the folder of recordings that rows name."""

    def file(self, data: bytes | None, path: str | None) -> Path | str:
        """Return the file of a recording whose row holds these bytes or this path, or why there is none.

        Raises:
            DataError: there is no room for it.
            TransientError: the hub stopped answering.
        """
        return self._find(path or "") if data is None else self._write(data, path or "")

    def _write(self, data: bytes, name: str) -> Path:
        """Return a new file in the temporary folder with these bytes, and the suffix of this name."""
        self._written += 1
        suffix = PurePosixPath(name).suffix.lower()
        suffix = suffix if re.fullmatch(r"\.[a-z0-9]{1,5}", suffix) else ""
        path = self._temporary / f"{self._written // 1000:06d}" / f"{self._written:09d}{suffix}"
        try:
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data)
        except OSError as error:
            problem = f"cannot be written into {path.parent} ({error.strerror})"
            hint = "let TMPDIR name a folder with room for its compressed audio"
            raise DataError(f"A recording of data set {self._name} {problem}: {hint}.") from error
        return path

    def _find(self, path: str) -> Path | str:
        """Return the file of a recording that a row names, fetched if need be, or why there is none."""
        import fsspec
        from huggingface_hub import HfFileSystem

        if path.startswith("https://"):
            return self._fetch(path, lambda url: fsspec.open(url, "rb"))
        below = path.removeprefix(f"{HUB}{self._name}@{self._commit}/") if self._commit else path
        if "://" in below or "\0" in below:
            return f"The recording {path} is neither a file of the data set nor at an https:// address."
        if ".." in PurePosixPath(below).parts or (self._folder is None and below.startswith("/")):
            return f"The recording {path} is not a file of the data set."
        if self._folder is None:
            hub = HfFileSystem(token=hub_token())
            address = f"datasets/{self._name}@{self._commit}/{below}"
            return self._fetch(address, lambda path: hub.open(path, "rb", block_size=0))
        folder = self._folder if self._folder.is_dir() else self._folder.parent
        file = find_file(folder, below)
        if file is None:
            return f"There is no recording {path}."
        self.used.add(inside(folder, file) if file.is_relative_to(folder) else below)
        return file

    def _fetch(self, address: str, opened: Callable[[str], AbstractContextManager[Any]]) -> Path | str:
        """Return a file with what is at an address, or why there is none."""
        from huggingface_hub.utils import EntryNotFoundError, httpx

        shown = address.partition("?")[0]  # what follows may be a signature
        path = self._write(b"", shown)
        try:
            with opened(address) as remote, path.open("wb") as file:
                shutil.copyfileobj(remote, file, 1 << 20)
        except (FileNotFoundError, EntryNotFoundError):
            return f"There is no recording {shown}."
        except (httpx.HTTPError, OSError) as error:
            raise hub_error(error, "data set", self._name, None, DataError) from error
        except Exception as error:  # of the libraries behind fsspec, each with errors of its own
            return f"The recording {shown} cannot be fetched ({type(error).__name__})."
        return path


def as_stored(value: object) -> tuple[bytes | None, str | None]:
    """Return the bytes and the path of a recording as a row holds it.

    Raises:
        ValueError: it is neither bytes nor a path.
    """
    if isinstance(value, dict):
        data, path = value.get("bytes"), value.get("path")
        if isinstance(data, bytes | None) and isinstance(path, str | None):
            return data, path or None
    elif isinstance(value, bytes):
        return value, None
    elif isinstance(value, str | None):
        return None, value or None
    raise ValueError("its recording is neither bytes nor a path")
