"""The interface of sources: each yields utterances to stage, and rejected inputs with their reasons."""

import re
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Self, TypeAlias

from acento.data.source_options import SourceOptions as SourceOptions


class RejectReason(StrEnum):
    """Why an input was left out: the codes in ``rejected.parquet``."""

    UNREADABLE = "unreadable"
    """The file is no audio, or is damaged."""
    TRUNCATED = "truncated"
    """The recording is shorter than its header, or its manifest, says."""
    EMPTY = "empty"
    """No bytes, or no samples."""
    SILENT = "silent"
    """The loudest sample is below -60 dBFS (by default)."""
    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    NO_TRANSCRIPT = "no_transcript"
    NO_AUDIO = "no_audio"
    """A transcript, or a row of a list, without its recording."""
    DUPLICATE_AUDIO = "duplicate_audio"
    """Sample for sample the recording of another clip."""
    DUPLICATE_ID = "duplicate_id"
    CHANGED = "changed"
    """The file changed while it was staged."""
    BAD_ROW = "bad_row"
    """A row of a list, or a transcript's file, that cannot be understood."""
    NOT_AUDIO = "not_audio"
    """A file in a folder of recordings that is neither a recording nor a transcript, nor a list that is used."""
    UNSAFE_PATH = "unsafe_path"
    """A name in an archive, a bucket or a fetched list that leads elsewhere, or a member that is a link or a device."""
    DROPPED_BY_REVIEW = "dropped_by_review"
    """A reviewer dropped the clip; see ``acento.data.staging.corrections``."""
    NOT_REVIEWED = "not_reviewed"
    """A draft of a transcript that nobody has decided on; see ``acento.transcription.drafts``."""


@dataclass(frozen=True, slots=True)
class SourceItem:
    """One utterance as a source offers it; ``origin`` is where it is, relative to the source."""

    id: str
    path: Path
    text: str
    """Empty where there is no transcript and the option ``untranscribed`` allows that."""
    origin: str
    split: str | None = None
    language: str | None = None
    speaker: str | None = None
    accent: str | None = None
    start_s: float = 0.0
    length_s: float | None = None
    """A stretch of the file, in seconds; None means to its end."""
    channel: int | None = None
    """Which channel of the file, from 0 on; None: all of them, mixed."""
    split_by_name: bool = False
    """The split comes from the name of a folder or list; then a clip never moves towards train by it."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """One input that was left out: ``detail`` is a sentence; the digests are there where they are known."""

    id: str
    source: str
    reason: RejectReason
    detail: str
    source_sha256: str | None = None
    audio_sha256: str | None = None


Entry: TypeAlias = SourceItem | Rejection


def bad_row(origin: str, detail: str) -> Rejection:
    """Return the rejection of a line or row of a list that cannot be used."""
    return Rejection(origin, origin, RejectReason.BAD_ROW, detail)


class Source(ABC):
    """A place with utterances. A new kind of source is one small file with ``matches`` and ``items``.

    A source is a context manager: what it must fetch or unpack is there inside the block and gone after it.
    """

    folder: Path | None = None
    """The folder into which split lists may be written back, or None if this kind has none."""

    def __init__(self, location: str, options: SourceOptions | None = None) -> None:
        """Keep the place as the user named it, and the options.

        Raises:
            DataError: the place holds nothing that this kind can use, or an option names what is not there.
        """
        self.location = location
        self.options = options or SourceOptions()
        self._path = Path(location).expanduser()
        self._temporary: Path | None = None
        self._stack = ExitStack()
        self._rejected: list[Rejection] = []
        self.lists: list[str] = []
        """The names of the lists that this source reads; row 7 of one has the origin ``NAME:7``."""
        self.notes: list[str] = []
        """What a person should know, such as columns that are not used, a sentence each; after ``items`` has ended."""

    def __enter__(self) -> Self:
        """Fetch or unpack what ``items`` will name; most kinds need not.

        Raises:
            DataError: it cannot be used as a whole.
            TransientError: it cannot be reached now.
        """
        return self

    def __exit__(self, *_: object) -> None:
        """Remove what was fetched or unpacked."""
        self._temporary = None
        self._stack.close()

    def _make_temporary(self) -> Path:
        """Make a folder of the source's own (``TMPDIR``), which is gone after the ``with`` block."""
        folder = tempfile.TemporaryDirectory(prefix="acento-", ignore_cleanup_errors=True)
        # resolved, as another name of the same folder would look like a place outside of it
        self._temporary = Path(self._stack.enter_context(folder)).resolve()
        return self._temporary

    @classmethod
    def matches(cls, path: Path) -> bool:  # noqa: ARG003 - a kind that is no path is told by ``fits``
        """Tell whether what lies at a path is a source of this kind."""
        return False

    @classmethod
    def fits(cls, location: str, options: SourceOptions) -> bool:  # noqa: ARG003 - most kinds need the path alone
        """Tell whether what the user named (a path, a URL, a hub id) is a source of this kind, with these options."""
        return cls.matches(Path(location).expanduser())

    @abstractmethod
    def items(self) -> Iterator[Entry]:
        """Yield every input once, in any order: found = items + rejections. Reads lists and texts, but no audio.

        Raises:
            DataError: a list as a whole cannot be read, or lacks a column.
            TransientError: a remote place stopped answering.
        """

    def wrote(self, path: Path) -> bool:
        """Tell whether the source wrote this recording itself, into a temporary folder of its own."""
        return self._temporary is not None and path.is_relative_to(self._temporary)

    def reject(
        self, origin: str, detail: str, reason: RejectReason = RejectReason.BAD_ROW, *, uid: str | None = None
    ) -> None:
        """Reject a line or row of a list: by default as one that cannot be used, with the origin as its id."""
        self._rejected.append(Rejection(uid or origin, origin, reason, detail))

    def own_split(self) -> str | None:
        """Return the split that the name of the whole source says, such as of a folder ``test``; else None."""
        return split_named(self._path.absolute().name) if self._path.is_dir() else None


_PART = re.compile(r"#(?:t=[0-9.,e+-]*(?:&channel=[0-9]+)?|channel=[0-9]+)$")
_SPLIT_WORDS = {
    "test": ("test", "testing", "tst", "eval", "evaluation"),
    "dev": ("dev", "development", "val", "valid", "validation"),
    "train": ("train", "training", "trn"),
}
_FILLER_WORDS = frozenset({"", "clean", "other", "set", "data", "audio", "wav", "wavs", "clips"})


def split_in(name: str) -> str | None:
    """Return the split that a name of a folder or list has as a word, by the words that ``datasets`` knows.

    Of several, the one that is trained on the least.

    >>> split_in("train-clean-100"), split_in("test.clean"), split_in("dev_other"), split_in("test-00000-of-00001")
    ('train', 'test', 'dev', 'test')
    >>> split_in("es_validation"), split_in("latest"), split_in("contest2"), split_in("data")
    ('dev', None, None, None)
    """
    words = set(re.split(r"[\W_\d]+", name.lower()))
    return next((split for split, known in _SPLIT_WORDS.items() if not words.isdisjoint(known)), None)


def split_named(name: str) -> str | None:
    """Return the split that a name says and nothing else.

    >>> split_named("test"), split_named("dev-clean"), split_named("Train_100"), split_named("my-test")
    ('test', 'dev', 'train', None)
    """
    words = {*re.split(r"[\W_\d]+", name.lower())} - _FILLER_WORDS
    known = {word for known in _SPLIT_WORDS.values() for word in known}
    return split_in(name) if words <= known else None


def split_of_folders(origin: str) -> str | None:
    """Return the split that the folders above a recording name, the outermost first; only of a path inside the source.

    >>> split_of_folders("test/anna/1.wav"), split_of_folders("data/train-clean/1.wav")
    ('test', 'train')
    >>> split_of_folders("data/test.wav"), split_of_folders("/home/test/1.wav"), split_of_folders("../test/1.wav")
    (None, None, None)
    """
    folders = origin.split("/")[:-1]
    if not folders or not folders[0] or ".." in folders or ":" in folders[0]:
        return None
    return next((split for folder in folders if (split := split_in(folder))), None)


def is_file(path: Path) -> bool:
    """Tell whether a file is there; a name that no file can have is not."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def stretch(start_s: float, length_s: float | None, channel: int | None = None) -> str:
    """Return what names a part of a file in an id and an origin (after W3C Media Fragments), "" for the whole.

    >>> stretch(1.5, 2.25), stretch(1.5, None), stretch(0.0, None)
    ('#t=1.5,3.75', '#t=1.5', '')
    >>> stretch(1.5, 2.25, 0), stretch(0.0, None, 1)
    ('#t=1.5,3.75&channel=0', '#channel=1')
    """
    times = f"t={start_s:.10g}" + ("" if length_s is None else f",{start_s + length_s:.10g}")
    parts = [times] if start_s or length_s is not None else []
    parts += [] if channel is None else [f"channel={channel}"]
    return "#" + "&".join(parts) if parts else ""


def stretch_of(origin: str) -> str:
    """Return the part of a file that the end of an origin names, or "".

    >>> stretch_of("a#t.wav#t=1.5,3.75"), stretch_of("a.wav"), stretch_of("a.wav#t=1,2&channel=0")
    ('#t=1.5,3.75', '', '#t=1,2&channel=0')
    """
    found = _PART.search(origin)
    return found[0] if found else ""


def file_of(origin: str) -> str:
    """Return an origin without the stretch of the file that it may name.

    >>> file_of("talk.wav#t=1.5,3.75")
    'talk.wav'
    """
    return origin.removesuffix(stretch_of(origin))
