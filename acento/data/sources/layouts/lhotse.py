"""Lhotse manifests: ``cuts.jsonl(.gz)``, ``recordings.jsonl(.gz)`` with ``supervisions.jsonl(.gz)``, or their folder.

A supervision is an utterance: its stretch of the recording, its channel where the recording has several, its text,
speaker and language; ``accent`` and ``split`` are taken from its custom fields. The id is the cut's where it has one
supervision, else the supervision's. The split is that of the file's name (``cuts_train.jsonl.gz``) where no custom
field says it. Paths are relative to the manifest's folder or to one above it. Rejected, by their ids, are cuts that are
mixed or padded, recordings from a URL, a command or memory, and recordings that are changed when they are read
(``transforms``).
"""

import gzip
import json
import math
import re
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from acento.core.errors import DataError
from acento.data.source_options import SourceOptions
from acento.data.sources.base import Reason, Rejection, SourceItem, as_text, split_in, stretch
from acento.data.sources.layouts.kaldi import resolve
from acento.data.sources.layouts.layout import Layout

_NAME = re.compile(r"(.*?)(cuts|supervisions|recordings)(.*)\.jsonl(\.gz)?", re.I)


class Lhotse(Layout):
    """See the module."""

    kind = "Lhotse cuts (cuts.jsonl.gz), or recordings.jsonl.gz with supervisions.jsonl.gz, or their folder"
    uses_all = False

    def __init__(self, where: str, options: SourceOptions | None = None) -> None:
        """Keep the place."""
        super().__init__(where, options)
        self._found = _manifests(self._path)

    @classmethod
    def matches(cls, path: Path) -> bool:
        """See :meth:`Source.matches`."""
        return bool(_manifests(path))

    def entries(self) -> Iterator[SourceItem | Rejection]:
        """See :meth:`Layout.entries`; the origin is the recording's path, and its stretch.

        Raises:
            DataError: a manifest cannot be read to its end.
        """
        for path in self._found:
            split = split_in(path.name.partition(".")[0])
            if self.options.source_split is not None and split != split_in(self.options.source_split):
                continue
            if "cuts" in path.name.lower():
                for origin, entry in self._objects(path):
                    yield from [entry] if isinstance(entry, Rejection) else self._of_cut(entry, origin, split, path)
            else:
                yield from self._of_pair(path, split)

    def _of_pair(self, path: Path, split: str | None) -> Iterator[SourceItem | Rejection]:
        recordings: dict[str, dict[str, Any]] = {}
        partner = _partner(path)
        assert partner is not None  # else it was not found
        for _, entry in self._objects(partner):
            if isinstance(entry, Rejection):
                yield entry
            else:
                recordings[str(entry.get("id"))] = entry
        used = set()
        for origin, entry in self._objects(path):
            if isinstance(entry, Rejection):
                yield entry
                continue
            name, uid = str(entry.get("recording_id")), str(entry.get("id") or origin)
            used.add(name)
            if name not in recordings:
                detail = f"There is no recording {name} in {partner.name}, which {origin} names."
                yield Rejection(uid, origin, Reason.NO_AUDIO, detail)
            else:
                yield self._item(uid, entry, 0.0, recordings[name], origin, split, path)
        for name in recordings.keys() - used:
            detail = f"No line of {path.name} is about the recording {name}."
            yield Rejection(name, self.inside(partner), Reason.NO_TRANSCRIPT, detail)

    def _of_cut(
        self, cut: dict[str, Any], origin: str, split: str | None, path: Path
    ) -> Iterator[SourceItem | Rejection]:
        uid = str(cut.get("id") or origin)
        kind = cut.get("type") or ("MixedCut" if "tracks" in cut else "MonoCut")
        if kind not in ("MonoCut", "MultiCut") or not isinstance(cut.get("recording"), dict):
            what = f"is a {kind}" if kind not in ("MonoCut", "MultiCut") else "has no recording"
            detail = f"The cut {uid} {what}: only cuts of one recording can be staged."
            yield Rejection(uid, origin, Reason.BAD_ROW, detail)
            return
        supervisions = cut.get("supervisions") or []
        if not isinstance(supervisions, list) or not all(isinstance(row, dict) for row in supervisions):
            yield Rejection(uid, origin, Reason.BAD_ROW, f"The supervisions of the cut {uid} are no list of objects.")
        elif not supervisions:
            yield Rejection(uid, origin, Reason.NO_TRANSCRIPT, f"The cut {uid} has no supervision.")
        for row in supervisions if isinstance(supervisions, list) else []:
            if isinstance(row, dict):
                name = uid if len(supervisions) == 1 else str(row.get("id") or uid)
                start = cut.get("start") or 0.0
                yield self._item(name, row, start, cut["recording"], origin, split, path)

    def _item(
        self,
        uid: str,
        row: dict[str, Any],
        cut_start: Any,
        recording: dict[str, Any],
        origin: str,
        split: str | None,
        path: Path,
    ) -> SourceItem | Rejection:
        """Return a supervision as an item."""
        try:
            start, length = _times(row, cut_start, recording)
            file, channel = _file_and_channel(row, recording)
            custom = row["custom"] if isinstance(row.get("custom"), dict) else {}
            text, speaker, language = (as_text(key, row.get(key)) for key in ("text", "speaker", "language"))
            accent, named = (as_text(key, custom.get(key)) for key in ("accent", "split"))
        except ValueError as error:
            return Rejection(uid, origin, Reason.BAD_ROW, f"{uid} cannot be used: {error}.")
        found = _resolved(path.parent, file)
        if found is None:
            return Rejection(uid, origin, Reason.NO_AUDIO, f"There is no file {file}, which {origin} names.")
        place = self.inside(found) + stretch(start, length, channel)
        if text is None:
            return Rejection(uid, place, Reason.NO_TRANSCRIPT, f"The supervision of {uid} has no text.")
        split = split_in(named or "") or split
        return SourceItem(uid, found, text, place, split, language, speaker, accent, start, length, channel)

    def _objects(self, path: Path) -> Iterator[tuple[str, dict[str, Any] | Rejection]]:
        """Yield each line of a manifest as an object.

        Raises:
            DataError: it cannot be read to its end.
        """
        self._lists.append(self.inside(path))
        try:
            with gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb") as file:
                for number, line in enumerate(file, start=1):
                    origin = f"{self.inside(path)}:{number}"
                    if not line.strip():
                        continue
                    try:
                        entry = json.loads(line.decode("utf-8-sig"))
                        if not isinstance(entry, dict):
                            raise ValueError("it is no object")
                    except (ValueError, RecursionError) as error:
                        detail = f"Line {number} is no JSON object ({error})."
                        yield origin, Rejection(origin, origin, Reason.BAD_ROW, detail)
                        continue
                    yield origin, entry
        except (OSError, EOFError, zlib.error) as error:
            raise DataError(f"{path} cannot be read to its end ({error}): copy it again.") from error


def _times(row: dict[str, Any], cut_start: Any, recording: dict[str, Any]) -> tuple[float, float | None]:
    """Return start and length in the recording, (0, None) for all of it.

    Raises:
        ValueError: they are no usable numbers.
    """
    numbers = []
    for name, value in (
        ("start", row.get("start")),
        ("duration", row.get("duration")),
        ("start of the cut", cut_start),
    ):
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise ValueError(f"its {name} is {json.dumps(value)[:40]} and should be seconds")
        numbers.append(float(value))
    start, length = round(numbers[0] + numbers[2], 9), numbers[1]
    if -1e-3 < start < 0:
        start = 0.0
    if start < 0 or length <= 0:
        raise ValueError(f"it goes from {start:g} s on for {length:g} s")
    whole = recording.get("duration")
    if start == 0 and isinstance(whole, int | float) and abs(whole - length) < 1e-3:
        return 0.0, None
    return start, length


def _file_and_channel(row: dict[str, Any], recording: dict[str, Any]) -> tuple[str, int | None]:
    """Return the file of a recording, and which of its channels is meant, None for all of them.

    Raises:
        ValueError: the recording is no file as it lies on a disk, or the channel is not in it.
    """
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
    if "\0" in name:
        return None
    if found := resolve(folder, name):
        return found
    parts = PurePosixPath(name).parts
    return next(
        (path for n in range(1, len(parts)) if (path := folder.joinpath(*parts[n:])).is_file()),
        None,
    )


def _manifests(place: Path) -> list[Path]:
    """Return the cuts of a place, else its supervisions whose recordings are there too."""
    if place.is_file():
        if not (found := _NAME.fullmatch(place.name)) or not _is_manifest(place):
            return []
        if found[2].lower() == "recordings":
            partner = _partner(place)
            return [partner] if partner else []
        return [place] if found[2].lower() == "cuts" or _partner(place) else []
    if not place.is_dir():
        return []
    files = [path for path in sorted(place.glob("*.jsonl*")) if _NAME.fullmatch(path.name) and _is_manifest(path)]
    cuts = [path for path in files if "cuts" in path.name.lower()]
    split = [path for path in cuts if split_in(path.name.partition(".")[0])]
    return (split if len(split) > 1 else cuts) or [
        path for path in files if "supervisions" in path.name.lower() and _partner(path)
    ]


def _partner(path: Path) -> Path | None:
    """Return the recordings that belong to supervisions, or the other way around."""
    for here, there in (("supervisions", "recordings"), ("recordings", "supervisions")):
        if here in path.name:
            stem = path.name.replace(here, there).removesuffix(".gz")
            return next((path.with_name(n) for n in (stem, f"{stem}.gz") if path.with_name(n).is_file()), None)
    return None


def _is_manifest(path: Path) -> bool:
    """Tell whether a file's first line is an object of Lhotse, or cannot be read: then the reader says why."""
    try:
        with gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb") as file:
            line = file.readline(1 << 20)
    except (OSError, EOFError, zlib.error):
        return True
    return b'"audio_filepath"' not in line and any(
        key in line for key in (b'"recording"', b'"recording_id"', b'"sources"', b'"tracks"', b'"supervisions"')
    )
