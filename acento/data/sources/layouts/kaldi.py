"""A Kaldi data directory, or a folder with several of them (``train/``, ``dev/``, ``test/``, also in ``data/``).

``wav.scp`` names the recordings, ``segments`` the stretches of them that are utterances (without it each recording is
one), ``text`` their texts, ``utt2spk`` the speakers, ``utt2lang`` the languages, ``reco2file_and_channel`` the channel
of a recording with several. A recording that is a command (``sph2pipe … |``) is rejected, unless the option
``allow_pipes`` is on; a place in an archive (``wav.ark:1234``) is rejected.
"""

import math
import os
import re
import shlex
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Self

from acento.data.sources.base import Entry, Rejection, RejectReason, SourceItem, is_file, split_in
from acento.data.sources.facts import known_fact
from acento.data.sources.files import subfolders
from acento.data.sources.layouts.layout import Layout, begins_with_split

_ARCHIVE = re.compile(r".*\.ark:\d+(\[.*\])?")
_ORDER = ("test", "dev", "train", None)
"""Directories are read in this order: an utterance that stands in two of them is never trained on for that."""
_LETTERS = {"A": 0, "B": 1}


class Kaldi(Layout):
    """A Kaldi data directory (wav.scp, text, and segments and utt2spk if there are any)."""

    uses_all = False
    _runs = 0

    @staticmethod
    def parts(root: Path) -> list[Path]:
        """See :meth:`Layout.parts`: the data directories, which are the folder itself, or in it, or in ``data/``."""
        if _is_one(root):
            return [root]
        folders = (subfolders(parent) for parent in (root, root / "data") if parent.is_dir())
        return next(filter(None, ([folder for folder in inside if _is_one(folder)] for inside in folders)), [])

    def __enter__(self) -> Self:
        """Make a folder for what commands give, if they are allowed."""
        if self.options.allow_pipes:
            self._make_temporary()
        return self

    def run(self, recording: str, command: str, folder: Path) -> Path | tuple[RejectReason, str] | None:
        """Return what :func:`run_command` does; None if commands are not allowed."""
        if self._temporary is None:
            return None
        self._runs += 1
        return run_command(recording, command, folder, self._temporary / f"{self._runs:08d}.wav")

    def entries(self) -> Iterator[Entry]:
        first_in: dict[str, str] = {}
        directories = [(folder, self._split(folder)) for folder in self.parts(self._root)]
        for folder, split in sorted(directories, key=lambda pair: _ORDER.index(pair[1])):
            if not self.wanted(folder.absolute().name):
                continue
            for entry in chain(_Directory(self, folder, split).entries(), self._take_rejected()):
                first = first_in.setdefault(entry.id, self.inside(folder))
                if first == self.inside(folder):
                    yield entry
                else:
                    detail = f"The utterance {entry.id} of {self.inside(folder)} stands in {first} already."
                    origin = entry.origin if isinstance(entry, SourceItem) else entry.source
                    yield Rejection(entry.id, origin, RejectReason.DUPLICATE_ID, detail)

    def _take_rejected(self) -> Iterator[Rejection]:
        while self._rejected:
            yield self._rejected.pop()

    def _split(self, folder: Path) -> str | None:
        name = folder.absolute().name
        return split_in(name) if folder != self._root or begins_with_split(name) else None


class _Directory:
    """One data directory while it is read."""

    def __init__(self, source: Kaldi, folder: Path, split: str | None) -> None:
        self._source = source
        self._folder = folder
        self._split = split
        names = ("wav.scp", "text", "utt2spk", "utt2lang", "reco2file_and_channel")
        self._recordings, self._texts, self._speakers, self._languages, self._channels = map(self._map, names)
        self._files: dict[str, Path | tuple[RejectReason, str]] = {}

    def entries(self) -> Iterator[Entry]:
        seen: set[str] = set()
        for uid, recording, start, length, channel in self._utterances():
            seen.add(uid)
            yield self._item(uid, recording, start, length, channel)
        for uid in self._texts.keys() - seen:
            detail = f"{self._name('text')} has a text for {uid}, which has no recording."
            yield Rejection(uid, self._name(f"text#{uid}"), RejectReason.NO_AUDIO, detail)

    def _utterances(self) -> Iterator[tuple[str, str, float, float | None, str]]:
        """Yield id, recording, start, length and channel of each utterance; reject bad lines."""
        if not (self._folder / "segments").is_file():
            yield from ((uid, uid, 0.0, None, "") for uid in self._recordings)
            return
        used = set()
        for origin, (uid, recording, begin, end, channel) in self._source.rows(self._folder / "segments", 5, None):
            used.add(recording)
            try:
                start, stop = float(begin), float(end)
                if not (math.isfinite(start) and math.isfinite(stop)) or start < 0 or (stop != -1 and stop <= start):
                    raise ValueError
            except ValueError:
                detail = f"{origin} should be an utterance, a recording, and its begin and a later end in seconds."
                self._source.reject(origin, detail, uid=uid)
                self._texts.pop(uid, None)
                continue
            yield uid, recording, start, None if stop == -1 else stop - start, channel
        for recording in self._recordings.keys() - used:
            detail = f"No line of {self._name('segments')} names the recording {recording}."
            origin = self._name(f"wav.scp#{recording}")
            self._source.reject(origin, detail, RejectReason.NO_TRANSCRIPT, uid=recording)

    def _item(self, uid: str, recording: str, start: float, length: float | None, channel: str) -> Entry:
        origin = self._name(f"text#{uid}")
        if recording not in self._recordings:
            detail = f"{self._name('wav.scp')} has no recording {recording}, which {uid} is cut from."
            return Rejection(uid, origin, RejectReason.NO_AUDIO, detail)
        if recording not in self._files:
            self._files[recording] = self._file(recording, self._recordings[recording])
        path = self._files[recording]
        if not isinstance(path, Path):
            return Rejection(uid, origin, *path)
        number = self._channel(recording, path, channel)
        if isinstance(number, str):
            return Rejection(uid, origin, RejectReason.BAD_ROW, number)
        no_text = f"{self._name('text')} has no text for {uid}."
        place = self._name(f"wav.scp#{recording}") if self._source.wrote(path) else None
        speaker = known_fact(self._speakers.get(uid, ""))
        facts = {
            "split": self._split,
            "language": known_fact(self._languages.get(uid, "")),
            "speaker": None if speaker == uid else speaker,
        }
        part = {"start_s": start, "length_s": length, "channel": number}
        return self._source.item(uid, path, self._texts.get(uid), origin, "", no_text, place, **facts, **part)

    def _file(self, recording: str, value: str) -> Path | tuple[RejectReason, str]:
        """Return the file of a recording, or why there is none."""
        shown = value if len(value) <= 80 else f"{value[:79]}…"
        if value.endswith("|"):
            if output := self._source.run(recording, value.rstrip("| \t"), self._folder):
                return output
            what = f"The recording {recording} is the output of a command ({shown})"
            return RejectReason.NO_AUDIO, f"{what}: allow it by --allow-pipes, or convert it to a file."
        if _ARCHIVE.fullmatch(value):
            detail = f"The recording {recording} is in a Kaldi archive ({shown}): convert it to a file."
            return RejectReason.NO_AUDIO, detail
        detail = f"There is no file {shown}, which wav.scp names, in its folder or one above it."
        return resolve(self._folder, value) or (RejectReason.NO_AUDIO, detail)

    def _channel(self, recording: str, path: Path, given: str) -> int | str | None:
        """Return which channel of a file a recording is, None if it has one only; or why that cannot be."""
        name = given or self._channels.get(recording, "").rpartition(" ")[2]
        if given.isdecimal():  # the fifth column of segments counts from 0 on
            index: int | None = int(given)
        else:
            index = (_LETTERS if given else {**_LETTERS, "1": 0, "2": 1}).get(name.upper())
        count = self._source.channels(path)
        if index is None or count is None or count == 1:
            return None
        if index >= count:
            return f"The recording {recording} has {count} channels, and no channel {name}."
        return index

    def _map(self, name: str) -> dict[str, str]:
        """Return a list of two columns by its first; of lines with one key the first counts."""
        values: dict[str, str] = {}
        if not (self._folder / name).is_file():
            return values
        for origin, (key, value) in self._source.rows(self._folder / name, 2, None):
            if name == "wav.scp" and (not value or "\0" in value):
                self._source.reject(origin, f"{origin} names no file.", uid=key)
            elif key not in values:
                values[key] = value
            elif name in ("wav.scp", "text"):
                self._source.reject(origin, f"{origin} names {key} once more.", RejectReason.DUPLICATE_ID, uid=key)
        return values

    def _name(self, name: str) -> str:
        return self._source.inside(self._folder / name)


def resolve(folder: Path, name: str) -> Path | None:
    """Return the file of a relative path in a folder or the nearest one above it that has it."""
    places = (base / name for base in (folder, *folder.absolute().parents))
    return next(filter(is_file, places), None)


def _is_one(folder: Path) -> bool:
    return (folder / "wav.scp").is_file() and (folder / "text").is_file()


TIME_LIMIT_S = 600
_STREAMED = 0x7FFF_0000
"""Sizes from here on are what programs write into a header of a WAV that goes to a pipe."""


def run_command(
    recording: str, command: str, folder: Path, path: Path, time_limit_s: float = TIME_LIMIT_S
) -> Path | tuple[RejectReason, str]:
    """Run a command where its relative paths exist, and return its output as a file; or why it is of no use."""
    what = f"The command of the recording {recording}"
    with path.open("wb") as output, tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            ["bash", "-c", f"set -o pipefail\n{command}"],
            cwd=_place_of(command, folder),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            start_new_session=True,
        )
        try:
            code = process.wait(time_limit_s)
        except subprocess.TimeoutExpired:
            return RejectReason.UNREADABLE, f"{what} has not ended after {time_limit_s:g} s."
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # nothing that it started stays
            process.wait()
        errors.seek(0)
        lines = errors.read(4096).decode("utf-8", "replace").strip().splitlines()
    if code:
        detail = f"{what} failed with exit code {code}" + (f" ({lines[-1].rstrip('.')})." if lines else ".")
        return RejectReason.UNREADABLE, detail
    if path.stat().st_size == 0:
        return RejectReason.EMPTY, f"{what} gave no bytes."
    _write_true_sizes(path)
    return path


def _place_of(command: str, folder: Path) -> Path:
    """Return the data directory, or the nearest folder above it in which a relative path of the command exists."""
    try:
        words = [word for word in shlex.split(command) if not word.startswith(("/", "-"))]
    except ValueError:
        words = []
    paths = [word for word in words if "/" in word or "." in word.strip(".")]
    bases = (folder, *folder.absolute().parents[:-1])
    return next((base for base in bases if any(is_file(base / path) for path in paths)), folder)


def _write_true_sizes(path: Path) -> None:
    """Write into the header of a WAV from a pipe how long it is, where the program could not know it."""
    size = path.stat().st_size
    with path.open("r+b") as file:
        head = file.read(1 << 16)
        if head[:4] != b"RIFF" or head[8:12] != b"WAVE":
            return
        position = 12
        while position + 8 <= len(head):
            name, declared = head[position : position + 4], int.from_bytes(head[position + 4 : position + 8], "little")
            if name == b"data":
                if declared >= _STREAMED or declared == 0:
                    for at, value in ((4, size - 8), (position + 4, size - position - 8)):
                        file.seek(at)
                        file.write(min(value, 0xFFFF_FFFF).to_bytes(4, "little"))
                return
            position += 8 + declared + declared % 2
