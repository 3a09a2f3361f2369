"""The kinds of sources of recordings with transcripts: each is one file, and one line of the tables here."""

from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path

from acento.core.errors import DataError
from acento.data.source_options import SourceOptions
from acento.data.sources.base import Rejection, RejectReason, Source, SourceItem

__all__ = ["RejectReason", "Rejection", "Source", "SourceItem", "SourceOptions", "kinds", "open_source"]

_KINDS = (
    "archives.remote:RemoteSource",
    "archives.archive:Archive",
    "layouts.lhotse:Lhotse",
    "transcripts.timed_transcript:TimedTranscript",
    "layouts.transcript_list:TranscriptList",
    "tables.table:Table",
    "tables.table:NemoManifest",
    # folders: those that say the most first
    "layouts.common_voice:CommonVoice",
    "layouts.common_voice:SpontaneousSpeech",
    "layouts.kaldi:Kaldi",
    "layouts.speaker_folders:Mls",
    "layouts.fleurs_vox_populi:Fleurs",
    "layouts.fleurs_vox_populi:VoxPopuli",
    "layouts.speaker_folders:LibriSpeech",
    "hub.hugging_face:HuggingFace",
    "folders.listed_folder:ListedFolder",
    "layouts.speaker_folders:Timit",
    "transcripts.timed_transcript:TimedTranscriptFolder",
    "layouts.transcript_list:TranscriptListFolder",
    "folders.audio_folder:AudioFolder",
)
"""The kinds that are known, in the order in which they are asked."""
_KNOWN = (
    "Name a folder of recordings with transcripts, a table (.csv, .tsv), a NeMo manifest, a corpus, a transcript "
    "with times (.srt, .eaf, …), an archive or an address of one of these, or a Hugging Face data set (owner/name); "
    "docs/how-to/data.md and docs/how-to/layouts.md have them all."
)
_NO_PATH = (OSError, ValueError, RuntimeError)
"""What is raised for a name that can be no path."""


@cache
def kinds() -> tuple[type[Source], ...]:
    """Return the classes of all kinds of sources, in the order in which they are asked."""
    places = (kind.split(":") for kind in _KINDS)
    return tuple(getattr(import_module(f"{__name__}.{module}"), name) for module, name in places)


def open_source(location: str, options: SourceOptions | None = None) -> Source:
    """Return the source that a user names: a path, a URL, or a hub id.

    Raises:
        DataError: nothing is there, the folder is empty, or no kind of source knows it.
    """
    for kind in kinds():
        with suppress(*_NO_PATH):
            if kind.fits(location, options or SourceOptions()):
                break
    else:
        known = "is not a source that is known here"
        what = f"{location!r} {known}." if exists(location) else f"There is nothing at {location!r}."
        raise DataError(f"{what} {_KNOWN}")
    return kind(location, options)


def exists(location: str) -> bool:
    """Tell whether a location is the path of something on this machine."""
    with suppress(*_NO_PATH):
        return Path(location).expanduser().exists()
    return False
