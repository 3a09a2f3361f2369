"""Long recordings with transcripts that carry times: one such transcript, or a folder of them.

A segment is an utterance. Its recording is the one that the transcript names, else that of the transcript's own name
beside it (``talk.srt`` or ``talk.es.srt``: ``talk.wav``, ``.mp3``, …), else that of this name in a neighboring folder
(``stm/talk.stm``: ``sph/talk.sph``) or, of a folder that was given, anywhere in it. The id is the recording's path
without its suffix, the speaker if there is one, and the stretch: ``talk/ana#t=1.5,3.75``. A folder is one of these if
its recordings have no transcripts of their own names beside them and it holds no other list.
"""

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path

from acento.core.errors import DataError
from acento.data.sources.base import Entry, Rejection, RejectReason, SourceItem, bad_row, split_in, stretch
from acento.data.sources.files import (
    AUDIO_SUFFIXES,
    SEARCH_LIMIT,
    composed,
    find_recording,
    has_own_texts,
    is_recording,
    split_suffix,
    walk,
)
from acento.data.sources.layouts.layout import Layout, language_named
from acento.data.sources.tables.text_lines import read_text, readable
from acento.data.sources.transcripts.annotations import read_elan, read_text_grid
from acento.data.sources.transcripts.nist import read_ctm, read_stm
from acento.data.sources.transcripts.segments import TimedSegment, TranscriptFile, Unusable
from acento.data.sources.transcripts.subtitles import (
    is_labels,
    is_whisper_json,
    read_labels,
    read_subtitles,
    read_whisper_json,
)
from acento.data.sources.transcripts.ttml import read_ttml

_NEIGHBORS = ("sph", "wav", "wavs", "audio", "flac", "mp3", "media", "recordings")
_LANGUAGE = re.compile(r"(.+)\.([A-Za-z]{2,3}(?:[-_]\w{2,8})?)")

_TEXTS: dict[str, Callable[[str], TranscriptFile]] = {
    ".stm": read_stm,
    ".ctm": read_ctm,
    ".json": read_whisper_json,
    ".vtt": read_subtitles,
    ".srt": read_subtitles,
    ".txt": read_labels,
}
_XML = (".eaf", ".ttml", ".dfxp")
_ORDER = (".eaf", ".textgrid", ".stm", ".ctm", ".json", ".ttml", ".dfxp", ".vtt", ".srt", ".txt")
"""Suffixes, those that tell more before those that tell less."""


class TimedTranscript(Layout):
    """A transcript with times beside its recording (.srt, .vtt, .ttml, .eaf, .TextGrid, .stm, .ctm, .json)."""

    @classmethod
    def matches(cls, path: Path) -> bool:
        return path.is_file() and is_transcript(path)

    def entries(self) -> Iterator[Entry]:
        self._by_name: dict[str, list[str]] = {}
        yield from self._of_transcript(self._path)

    def _of_transcript(self, path: Path) -> Iterator[Entry]:
        name = self.inside(path)
        transcript = self._read(path)
        self.lists.append(name)
        if not transcript.segments:
            raise DataError(f"{path} cannot be used: it has no segment.")
        self.notes += [f"{name}: {note}" for note in transcript.notes]
        stem, language = _stem(path)
        language = language_named(transcript.language) if transcript.language else language
        for number, row in enumerate(transcript.segments, start=1):
            origin = f"{name}:{row.line or number}"
            if isinstance(row, Unusable):
                self.reject(origin, row.detail, row.reason)
                continue
            names = (row.recording,) if row.recording else (*transcript.recordings, path.stem, stem)
            recording = self._recording(path, names)
            if recording is None:
                wanted = row.recording or (transcript.recordings or [stem])[-1]
                detail = f"There is no recording {wanted!r} beside {name}, nor in a folder for audio next to it."
                yield Rejection(f"{wanted}{stretch(row.start_s, row.length_s)}", origin, RejectReason.NO_AUDIO, detail)
            else:
                segment = replace(row, start_s=row.start_s + transcript.offset_s, end_s=row.end_s + transcript.offset_s)
                yield self._item(segment, recording, language, origin, path)

    def _item(self, row: TimedSegment, recording: Path, language: str | None, origin: str, path: Path) -> Entry:
        channel, name = _channel(row.channel), self.use(recording)
        count = self.channels(recording) if channel is not None else None
        if channel is not None and count is not None and channel >= count:
            return bad_row(origin, f"It names channel {row.channel} of {name}, which has {count}.")
        if count is None or count == 1:
            channel = None
        part = stretch(row.start_s, row.length_s, channel)
        stem = split_suffix(name if recording.is_relative_to(self._root) else recording.name)[0]
        uid = (f"{stem}/{row.speaker}" if row.speaker else stem) + part
        folders = path.parent.relative_to(self._root).parts if path.is_relative_to(self._root) else ()
        split = next((split for folder in folders[::-1] if (split := split_in(folder))), None)
        facts = (split, language, row.speaker, None, row.start_s, row.length_s, channel)
        return SourceItem(uid, recording, row.text, name + part, *facts)

    def _read(self, path: Path) -> TranscriptFile:
        """Return what a transcript says."""
        suffix, wanted = path.suffix.lower(), self.options.text_column
        if suffix in _XML:
            with readable(str(path)):
                data = path.read_bytes()
            parse = partial(read_elan, data, wanted) if suffix == ".eaf" else partial(read_ttml, data)
        else:
            reader = partial(read_text_grid, wanted=wanted) if suffix == ".textgrid" else _TEXTS[suffix]
            parse = partial(reader, read_text(path, self.options.encoding))
        try:
            return parse()
        except DataError as error:
            raise DataError(f"{path} cannot be used: {error}.") from error

    def _recording(self, path: Path, names: tuple[str, ...]) -> Path | None:
        """Return the recording of a transcript, by the first of the names that leads to one."""
        folders = [path.parent, *(path.parent.parent / other for other in _NEIGHBORS)]
        for name in names:
            found = next((file for folder in folders if (file := find_recording(folder, name))), None)
            if found is None and is_recording(name) and Path(name).is_absolute() and Path(name).is_file():
                found = Path(name)
            if found := found or self._anywhere(name):
                return Path(os.path.normpath(found))
        return None

    def _anywhere(self, name: str) -> Path | None:
        """Return the one recording of a name in the whole source."""
        last = composed(name.replace("\\", "/").rpartition("/")[2])
        found = self._by_name.get(last) or self._by_name.get(_without_suffix(last), [])
        folders = {file.rpartition("/")[0] for file in found}
        return find_recording(self._root, _without_suffix(found[0])) if len(folders) == 1 else None


class TimedTranscriptFolder(TimedTranscript):
    """A folder of such transcripts and their recordings."""

    @classmethod
    def matches(cls, path: Path) -> bool:
        names = list(islice(walk(path), SEARCH_LIMIT)) if path.is_dir() else []
        if not any(map(is_recording, names)):
            return False
        if any(split_suffix(name)[1] in _ORDER[:-1] and is_transcript(path / name) for name in names):
            return not has_own_texts(path) and not _has_a_list(path)
        stems = {_without_suffix(name) for name in names if is_recording(name)}
        texts = [path / name for name in names if split_suffix(name)[1] == ".txt" and _without_suffix(name) in stems]
        return bool(texts) and all(map(is_labels, texts)) and not _has_a_list(path)

    def entries(self) -> Iterator[Entry]:
        """See :meth:`Layout.entries`; a transcript that cannot be read is a rejection."""
        transcripts, self._by_name = [], {}
        for name in walk(self._root):
            if is_recording(name):
                last = composed(name.rpartition("/")[2])
                for key in (last, _without_suffix(last)):
                    self._by_name.setdefault(key, []).append(name)
            elif split_suffix(name)[1] in _ORDER and is_transcript(self._root / name):
                transcripts.append(name)
        taken: dict[str, str] = {}
        for name in sorted(transcripts, key=lambda name: (_ORDER.index(split_suffix(name)[1]), name)):
            path = self._root / name
            key = f"{name.rpartition('/')[0]}/{_stem(path)[0]}"
            if key in taken:
                detail = f"The transcript {name} was not read: {taken[key]} is of the same recording."
                yield Rejection(name, name, RejectReason.DUPLICATE_ID, detail)
                continue
            taken[key] = name
            try:
                yield from self._of_transcript(path)
            except DataError as error:
                yield bad_row(name, str(error).replace(f"{self._root}{os.sep}", ""))
                if found := find_recording(path.parent, path.stem):
                    self.use(found)  # it is rejected already, with its transcript


def is_transcript(path: Path) -> bool:
    """Tell whether a file is a transcript with times, by its suffix, and where that says little by its content."""
    suffix = path.suffix.lower()
    if suffix == ".json":
        return is_whisper_json(path)
    if suffix == ".txt":
        return is_labels(path)
    return suffix in _ORDER


def _has_a_list(root: Path) -> bool:
    """Tell whether a folder holds, at its top, a table or a manifest of recordings."""
    for path in root.iterdir():
        if path.suffix.lower() in (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet") and path.is_file():
            with path.open("rb") as file:
                head = file.read(4096)
            if path.suffix.lower() == ".parquet" or re.search(rb"audio_filepath|file_name|\b(path|audio|wav)\b", head):
                return not is_whisper_json(path)
    return False


def _without_suffix(name: str) -> str:
    stem, suffix = split_suffix(name)
    return stem if suffix in AUDIO_SUFFIXES or suffix in _ORDER else name


def _stem(path: Path) -> tuple[str, str | None]:
    """Return the name of a transcript's recording, and the language that its name names (``talk.es.srt``)."""
    stem = path.stem
    found = _LANGUAGE.fullmatch(stem)
    if found and not is_recording(stem) and (language := language_named(found[2])) is not None:
        return found[1], language
    return _without_suffix(stem) if is_recording(stem) else stem, None


def _channel(name: str | None) -> int | None:
    """Return the channel from 0 on that NIST's formats call A, B or 1, 2; None if it is none of these."""
    name = (name or "").upper()
    return max(0, int(name) - 1) if name.isdecimal() else dict(zip("ABCDEFGH", range(8), strict=True)).get(name)
