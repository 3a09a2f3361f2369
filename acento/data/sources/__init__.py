"""The kinds of sources of recordings with transcripts: each is one file, and one line of the tables here."""

from functools import cache
from importlib import import_module
from pathlib import Path

from acento.core.errors import DataError
from acento.data.source_options import SourceOptions
from acento.data.sources.base import Reason, Rejection, Source, SourceItem

__all__ = ["Reason", "Rejection", "Source", "SourceItem", "SourceOptions", "kinds", "open_source"]

_FILES = (
    "archives.archive:Archive",
    "layouts.lhotse:Lhotse",
    "transcripts.timed_transcript:TimedTranscript",
    "layouts.transcript_list:TranscriptList",
    "tables.table:Table",
    "tables.nemo_manifest:NemoManifest",
)
_FOLDERS = (
    "layouts.common_voice:CommonVoice",
    "layouts.spontaneous_speech:SpontaneousSpeech",
    "layouts.kaldi:Kaldi",
    "layouts.mls:Mls",
    "layouts.fleurs:Fleurs",
    "layouts.vox_populi:VoxPopuli",
    "layouts.libri_speech:LibriSpeech",
    "hub.hugging_face:HuggingFace",
    "folders.listed_folder:ListedFolder",
    "layouts.timit:Timit",
    "transcripts.timed_transcript:TimedTranscriptFolder",
    "layouts.transcript_list:TranscriptListFolder",
    "folders.audio_folder:AudioFolder",
)
_KINDS = ("archives.remote:RemoteSource", *_FILES, *_FOLDERS)
"""The kinds that are known, asked in this order: of those for folders, what is told by the most comes first."""
_KNOWN = (
    "Name a folder of recordings with transcripts, a table (.csv, .tsv), a NeMo manifest, a corpus, a transcript "
    "with times (.srt, .eaf, …), an archive or an address of one of these, or a Hugging Face data set (owner/name); "
    "docs/how-to/data.md and docs/how-to/layouts.md have them all."
)


@cache
def kinds() -> tuple[type[Source], ...]:
    """Return the classes of all kinds of sources, in the order in which they are asked."""
    places = (kind.split(":") for kind in _KINDS)
    return tuple(getattr(import_module(f"{__name__}.{module}"), name) for module, name in places)


def open_source(where: str, options: SourceOptions | None = None) -> Source:
    """Return the source that a user names: a path, a URL, or a hub id.

    Raises:
        DataError: nothing is there, the folder is empty, or no kind of source knows it.
    """
    for kind in kinds():
        if _is(kind, where, options or SourceOptions()):
            return kind(where, options)
    try:
        exists = Path(where).expanduser().exists()
    except (OSError, ValueError):
        exists = False
    if not exists:
        raise DataError(f"There is nothing at {where!r}. {_KNOWN}")
    raise DataError(f"{where!r} is not a source that is known here. {_KNOWN}")


def _is(kind: type[Source], where: str, options: SourceOptions) -> bool:
    """Tell whether a kind knows what a user named, which may be nothing that could be a path."""
    try:
        return kind.fits(where, options)
    except (OSError, ValueError, RuntimeError):
        return False
