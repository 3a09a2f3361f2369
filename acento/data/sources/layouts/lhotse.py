"""Lhotse manifests: ``cuts.jsonl(.gz)``, ``recordings.jsonl(.gz)`` with ``supervisions.jsonl(.gz)``, or their folder.

A supervision is an utterance; ``accent`` and ``split`` are taken from its custom fields. The id is the cut's where it
has one supervision, else the supervision's. Rejected, by their ids, are cuts that are mixed or padded, recordings from
a URL, a command or memory, and recordings that are changed when they are read (``transforms``).
"""

import gzip
import json
import math
import re
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any

from acento.core.errors import DataError
from acento.data.sources.base import Entry, Rejection, RejectReason, is_file, split_in
from acento.data.sources.facts import as_text
from acento.data.sources.layouts.kaldi import resolve
from acento.data.sources.layouts.layout import Layout
from acento.data.sources.tables.text_lines import json_object

_NAME = re.compile(r"(.*?)(cuts|supervisions|recordings)(.*)\.jsonl(\.gz)?", re.I)
_KEYS = (b'"recording"', b'"recording_id"', b'"sources"', b'"tracks"', b'"supervisions"')


class Lhotse(Layout):
    """Lhotse cuts (cuts.jsonl.gz), or recordings.jsonl.gz with supervisions.jsonl.gz, or their folder."""

    uses_all = False

    @classmethod
    def matches(cls, path: Path) -> bool:
        return bool(_manifests(path))

    def entries(self) -> Iterator[Entry]:
        for path in _manifests(self._path):
            split = split_in(path.name.partition(".")[0])
            if self.options.source_split is None or split == split_in(self.options.source_split):
                yield from self._of_cuts(path, split) if "cuts" in path.name.lower() else self._of_pair(path, split)

    def _of_pair(self, path: Path, split: str | None) -> Iterator[Entry]:
        partner = _partner(path)
        assert partner is not None  # else it was not found
        recordings = {str(entry.get("id")): entry for _, entry in self._objects(partner)}
        used = set()
        for origin, entry in self._objects(path):
            name, uid = str(entry.get("recording_id")), str(entry.get("id") or origin)
            used.add(name)
            if name in recordings:
                yield self._item(uid, entry, 0.0, recordings[name], origin, split)
            else:
                detail = f"There is no recording {name} in {partner.name}, which {origin} names."
                yield Rejection(uid, origin, RejectReason.NO_AUDIO, detail)
        for name in recordings.keys() - used:
            detail = f"No line of {path.name} is about the recording {name}."
            yield Rejection(name, self.inside(partner), RejectReason.NO_TRANSCRIPT, detail)

    def _of_cuts(self, path: Path, split: str | None) -> Iterator[Entry]:
        for origin, cut in self._objects(path):
            uid = str(cut.get("id") or origin)
            kind = cut.get("type") or ("MixedCut" if "tracks" in cut else "MonoCut")
            if kind not in ("MonoCut", "MultiCut") or not isinstance(cut.get("recording"), dict):
                what = f"is a {kind}" if kind not in ("MonoCut", "MultiCut") else "has no recording"
                self.reject(origin, f"The cut {uid} {what}: only cuts of one recording can be staged.", uid=uid)
                continue
            supervisions = cut.get("supervisions") or []
            rows = [row for row in supervisions if isinstance(row, dict)] if isinstance(supervisions, list) else []
            if not supervisions:
                self.reject(origin, f"The cut {uid} has no supervision.", RejectReason.NO_TRANSCRIPT, uid=uid)
            elif not isinstance(supervisions, list) or len(rows) < len(supervisions):
                self.reject(origin, f"The supervisions of the cut {uid} are no list of objects.", uid=uid)
            for row in rows:
                name = uid if len(supervisions) == 1 else str(row.get("id") or uid)
                yield self._item(name, row, cut.get("start") or 0.0, cut["recording"], origin, split)

    def _item(
        self, uid: str, row: dict[str, Any], cut_start: Any, recording: dict[str, Any], origin: str, split: str | None
    ) -> Entry:
        """Return a supervision as an item."""
        try:
            start, length = _times(row, cut_start, recording)
            file, channel = _file_and_channel(row, recording)
            custom = row["custom"] if isinstance(row.get("custom"), dict) else {}
            text, speaker, language = (as_text(key, row.get(key)) for key in ("text", "speaker", "language"))
            accent, named = (as_text(key, custom.get(key)) for key in ("accent", "split"))
        except ValueError as error:
            return Rejection(uid, origin, RejectReason.BAD_ROW, f"{uid} cannot be used: {error}.")
        no_file = f"There is no file {file}, which {origin} names."
        no_text = f"The supervision of {uid} has no text."
        part: dict[str, Any] = {"start_s": start, "length_s": length, "channel": channel}
        facts = {"split": split_in(named or "") or split, "language": language, "speaker": speaker, "accent": accent}
        return self.item(uid, _resolved(self._root, file), text, origin, no_file, no_text, **facts, **part)

    def _objects(self, path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield each line of a manifest as an object, with its origin; reject lines that are none."""
        name = self.inside(path)
        self.lists.append(name)
        try:
            with _opened(path) as file:
                for number, line in enumerate(file, start=1):
                    if line.strip():
                        try:
                            entry = json_object(line)
                        except ValueError as error:
                            self.reject(f"{name}:{number}", f"Line {number} cannot be used: {error}.")
                        else:
                            yield f"{name}:{number}", entry
        except (OSError, EOFError, zlib.error) as error:
            raise DataError(f"{path} cannot be read to its end ({error}): copy it again.") from error


def _opened(path: Path) -> IO[bytes]:
    return gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb")  # type: ignore[return-value]


def _times(row: dict[str, Any], cut_start: Any, recording: dict[str, Any]) -> tuple[float, float | None]:
    """Return start and length in the recording, (0, None) for all of it."""
    given = {"start": row.get("start"), "duration": row.get("duration"), "start of the cut": cut_start}
    for name, value in given.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise ValueError(f"its {name} is {json.dumps(value)[:40]} and should be seconds")
    start, length, cut = map(float, given.values())
    start = round(start + cut, 9)
    if -1e-3 < start < 0:
        start = 0.0
    if start < 0 or length <= 0:
        raise ValueError(f"it goes from {start:g} s on for {length:g} s")
    whole = recording.get("duration")
    if start == 0 and isinstance(whole, int | float) and abs(whole - length) < 1e-3:
        return 0.0, None
    return start, length


def _file_and_channel(row: dict[str, Any], recording: dict[str, Any]) -> tuple[str, int | None]:
    """Return the file of a recording, and which of its channels is meant, None for all of them."""
    sources = recording.get("sources")
    if recording.get("transforms"):
        raise ValueError("its recording is changed when it is read (transforms): save it as files first")
    if not isinstance(sources, list) or not sources or not all(isinstance(source, dict) for source in sources):
        raise ValueError("its recording has no sources")
    wanted = row.get("channel", 0)
    channels = wanted if isinstance(wanted, list) else [wanted]
    for source in sources:
        there = source.get("channels") or [0]
        if not isinstance(there, list) or not set(map(str, channels)) <= set(map(str, there)):
            continue
        if source.get("type") != "file" or not isinstance(source.get("source"), str):
            raise ValueError(f"its recording is of the type {source.get('type')!r}: only files can be staged")
        if len(there) == 1 or len(channels) == len(there):
            return source["source"], None
        if len(channels) == 1:
            return source["source"], there.index(channels[0])
        raise ValueError(f"it is on channels {channels} of {there}: one, or all, can be staged")
    raise ValueError(f"its channel {wanted} is in no source of the recording")


def _resolved(folder: Path, name: str) -> Path | None:
    """Return a file: where its path says, or, if the manifest was moved with it, the path's end beside it."""
    parts = PurePosixPath(name).parts
    moved = (folder.joinpath(*parts[n:]) for n in range(1, len(parts)))
    return resolve(folder, name) or next(filter(is_file, moved), None)


def _manifests(place: Path) -> list[Path]:
    """Return the cuts of a place, else its supervisions whose recordings are there too."""
    files = sorted(place.glob("*.jsonl*")) if place.is_dir() else [place] if place.is_file() else []
    kinds = {path: found[2].lower() for path in files if (found := _NAME.fullmatch(path.name)) and _is_manifest(path)}
    if kinds.get(place) == "recordings":
        return [partner] if (partner := _partner(place)) else []
    cuts = [path for path in kinds if "cuts" in path.name.lower()]
    split = [path for path in cuts if split_in(path.name.partition(".")[0])]
    return (split if len(split) > 1 else cuts) or [
        path for path in kinds if "supervisions" in path.name.lower() and _partner(path)
    ]


def _partner(path: Path) -> Path | None:
    """Return the recordings that belong to supervisions, or the other way around."""
    for here, there in (("supervisions", "recordings"), ("recordings", "supervisions")):
        if here in path.name:
            stem = path.name.replace(here, there).removesuffix(".gz")
            return next(filter(Path.is_file, (path.with_name(stem), path.with_name(f"{stem}.gz"))), None)
    return None


def _is_manifest(path: Path) -> bool:
    """Tell whether a file's first line is an object of Lhotse, or cannot be read: then the reader says why."""
    try:
        with _opened(path) as file:
            line = file.readline(1 << 20)
    except (OSError, EOFError, zlib.error):
        return True
    return b'"audio_filepath"' not in line and any(key in line for key in _KEYS)
