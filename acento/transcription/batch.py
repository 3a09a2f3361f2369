"""A batch's ledger: one row for each file, from the first look at it until it is done or has failed.

It is kept in the store, as records that are added and never changed, for each folder that transcripts are written to:
so that it can be read while the batch runs, goes on after a kill, and knows what an earlier batch wrote there. It is
also written as CSV beside the transcripts.
"""

import csv
import io
import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, count
from pathlib import Path, PurePosixPath
from typing import Final, Literal, Self

from pydantic import BaseModel

from acento.core.errors import InputError
from acento.core.fingerprint import fingerprint
from acento.core.output import write_whole
from acento.core.progress import duration
from acento.core.store import Store
from acento.core.store.coordination import Lease, Records
from acento.core.store.upkeep.usage import Group, Live
from acento.transcription.writing.names import output_stems

State = Literal["waiting", "done", "failed", "skipped"]
LEDGER: Final = "ledger.csv"
"""The file beside the transcripts."""
_CSV_S = 2.0
"""Seconds between two writings of that file while rows change."""
_COLUMNS = ("file", "state", "reason", "sentence", "seconds", "language", "speakers", "rtfx", "removed", "outputs")


class Row(BaseModel, frozen=True):
    """What became of one file."""

    file: str
    """As it was found: a path or an address."""
    state: State = "waiting"
    reason: str = ""
    """A code: why it failed, such as ``truncated``, was skipped (``done_before``), or is done and empty
    (``no_speech``)."""
    sentence: str = ""
    """The same for a person."""
    stamp: str = ""
    """What changes with its bytes, such as size and time; empty: nobody can tell without reading it."""
    work: str = ""
    """Names what was asked: model, options, formats."""
    stem: str = ""
    """What its outputs are called, without their suffixes, below the folder that they are written to."""
    recording: str | None = None
    """The store's key of its audio."""
    seconds: float | None = None
    """Its length."""
    language: str | None = None
    speakers: int | None = None
    """How many people speak; None: that was not asked for."""
    inference_s: float | None = None
    """The seconds that decoding its windows took; None: another batch did that."""
    removed: dict[str, int] = {}
    """How many texts were taken out, as nobody is likely to have said them, by reason."""
    outputs: dict[str, str] = {}
    """Names of what was written, below that folder, with the SHA-256 of each."""
    earlier: dict[str, str] = {}
    """The same of all that was written before, such as formats that are asked for no more: nobody else's files."""

    @property
    def ours(self) -> dict[str, str]:
        """All that was ever written of the file, by name, with the SHA-256 of the last content."""
        return self.earlier | self.outputs

    @property
    def rtfx(self) -> float | None:
        """Seconds of recording for each second of decoding."""
        return self.seconds / self.inference_s if self.seconds and self.inference_s else None

    @property
    def removed_text(self) -> str:
        """Texts that were taken out, as tables show them, such as ``silence 2, repeated 1``."""
        return ", ".join(f"{reason} {count}" for reason, count in self.removed.items())

    @property
    def named_sentence(self) -> str:
        """Its sentence with its name."""
        return self.sentence if self.file in self.sentence else f"{self.file}: {self.sentence}"

    def failed(self, reason: str, error: BaseException) -> Self:
        """Return the row of the same file after an error, a code and what it says."""
        return self.model_copy(update={"state": "failed", "reason": reason, "sentence": str(error)})

    @property
    def ended(self) -> bool:
        """Whether nothing more happens to it in this batch."""
        return self.state != "waiting"


class Ledger:
    """The rows of all files that were ever transcribed into one folder."""

    def __init__(self, store: Store, batch: str, folder: Path | None) -> None:
        """Take the store, the id of the batch, and the folder for the CSV file, None: it is not written."""
        self.key = f"batches/{batch}"
        self._store, self._folder = store, folder
        self._records = Records(store, f"{self.key}/ledger/")
        self._rows: dict[str, Row] = {}
        self._read = 0
        self._written = float("-inf")
        self._lock = threading.Lock()

    def rows(self) -> Mapping[str, Row]:
        """Return the last row of each file, by its name, in the order in which they were first seen."""
        with self._lock:
            self._refresh()
            return dict(self._rows)

    def write(self, *rows: Row) -> None:
        """Add rows, each in the place of the one before of the same file; several threads may do so.

        Raises:
            StoreError: the store, or the file beside the transcripts, cannot be written.
        """
        if not rows:
            return
        with self._lock:
            self._refresh()
            self._records.append({"rows": [row.model_dump(mode="json", exclude_defaults=True) for row in rows]})
            self._refresh()
            if time.monotonic() - self._written > _CSV_S:
                self._write_csv()

    def tidy(self) -> None:
        """Write the file beside the transcripts, and all rows as one record, so that others need not read many."""
        with self._lock:
            self._refresh()
            rows = [row.model_dump(mode="json", exclude_defaults=True) for row in self._rows.values()]
            number = self._records.append({"rows": rows})
            self._records.clear([one for one in self._records.numbers() if one < number])
            self._read = number
            self._write_csv()

    def lease(self) -> Lease:
        """Return the lease of whoever writes here."""
        where = "The batch" if self._folder is None else str(self._folder)
        return Lease(self._store, f"{self.key}/lease", f"{where} is being written")

    def _refresh(self) -> None:
        for number, body in self._records.since(self._read):
            self._read = number
            self._rows |= {row.file: row for row in map(Row.model_validate, body["rows"])}

    def _write_csv(self) -> None:
        self._written = time.monotonic()
        if self._folder is not None:
            write_whole(self._folder / LEDGER, csv_of(self._rows.values()).encode(), replace=True)


def batch_id(folder: Path | None, paths: Sequence[str]) -> str:
    """Return what names a batch: the folder that it writes to, or what it reads where it writes nothing."""
    return fingerprint(sorted(paths) if folder is None else str(folder))[:16]


def output_folder(out: str) -> Path:
    """Return the folder for outputs that a person names; nothing is made.

    Raises:
        InputError: it is no folder of this machine.
    """
    if "://" in out:
        raise InputError(f"Transcripts are written to a folder of this machine, not to {out}: choose another -o.")
    return Path(out).expanduser().absolute()


def check_writable(folder: Path) -> None:
    """Make the folder for outputs, and see that it can be written, before anything is decoded.

    Raises:
        InputError: it cannot.
    """
    probe = folder / ".acento-probe"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise InputError(
            f"The folder {folder} cannot be written ({error.strerror or error}); choose another with -o."
        ) from error


def stems(names: Mapping[str, str], taken: Iterable[str]) -> dict[str, str]:
    """Return what the outputs of files are called, without suffix: what others are called stays theirs.

    >>> stems({"/b/x.mp3": "x.mp3", "/b/y.mp3": "y.mp3", "/c/x.mp3": "x.mp3"}, taken=["x"])
    {'/b/x.mp3': 'x.mp3', '/b/y.mp3': 'y', '/c/x.mp3': 'x.mp3-2'}

    Args:
        names: of each file, by how it is known, where its outputs belong: a path below their folder.
        taken: stems that others have.
    """
    used = {stem.casefold() for stem in taken}
    found = {}
    for file, stem in zip(names, output_stems([*names.values()]), strict=True):
        suffix = PurePosixPath(names[file]).suffix
        whole = stem if stem.endswith(suffix) else f"{stem}{suffix}"
        choices = chain([stem, whole], (f"{stem}-{number}" for number in count(2)))
        found[file] = next(one for one in choices if one.casefold() not in used)
        used.add(found[file].casefold())
    return found


def counts(rows: Iterable[Row]) -> dict[State, int]:
    """Return how many rows are in each state, those of none with 0."""
    found = Counter(row.state for row in rows)
    return {state: found[state] for state in ("done", "failed", "skipped", "waiting")}


def columns(rows: Sequence[Row]) -> dict[str, list[str]]:
    """Return rows as columns of a table that a person reads, without those in which nothing stands."""
    cells: dict[str, list[str]] = {
        "file": [short(row.file) for row in rows],
        "state": [row.state for row in rows],
        "language": [row.language or "" for row in rows],
        "speakers": ["" if row.speakers is None else str(row.speakers) for row in rows],
        "length": ["" if row.seconds is None else duration(row.seconds) for row in rows],
        "RTFx": ["" if row.rtfx is None else f"{row.rtfx:.1f}" for row in rows],
        "removed": [row.removed_text for row in rows],
        "written": [", ".join(row.outputs) for row in rows],
    }
    return {name: column for name, column in cells.items() if any(column)}


def short(file: str) -> str:
    """Return a path as it is below the working directory, if it is there."""
    path = Path(file)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else file


def csv_of(rows: Iterable[Row]) -> str:
    """Return rows as CSV with a header."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(_COLUMNS)
    for row in rows:
        seconds = "" if row.seconds is None else f"{row.seconds:.2f}"
        rtfx = "" if row.rtfx is None else f"{row.rtfx:.1f}"
        speakers = "" if row.speakers is None else row.speakers
        outputs = " ".join(row.outputs)
        about = (
            row.file,
            row.state,
            row.reason,
            row.sentence,
            seconds,
            row.language or "",
            speakers,
            rtfx,
            row.removed_text,
            outputs,
        )
        table.writerow(about)
    return text.getvalue()


def mark_live(store: Store, groups: Mapping[str, Group], live: Live) -> None:
    """Tell the garbage collector which recordings ledgers name, and which batches have not ended."""
    for key, group in groups.items():
        if group.kind != "batches":
            continue
        rows = Ledger(store, key.partition("/")[2], None).rows().values()
        live.keys |= {key, *(row.recording for row in rows if row.recording is not None)}
        if time.time() - group.newest < live.grace_s and any(not row.ended for row in rows):
            live.work.append(f"a transcription has not ended ({key})")
