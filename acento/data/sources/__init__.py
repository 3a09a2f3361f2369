"""Where recordings with transcripts come from; each kind is one file, and is listed here."""

from pathlib import Path

from acento.core.errors import DataError
from acento.data.source_options import SourceOptions
from acento.data.sources.archives.archive import Archive
from acento.data.sources.archives.remote import RemoteSource
from acento.data.sources.base import Reason, Rejection, Source, SourceItem
from acento.data.sources.folders.audio_folder import AudioFolder
from acento.data.sources.folders.listed_folder import ListedFolder
from acento.data.sources.hub.hugging_face import HuggingFace
from acento.data.sources.layouts.common_voice import CommonVoice
from acento.data.sources.layouts.fleurs import Fleurs
from acento.data.sources.layouts.kaldi import Kaldi
from acento.data.sources.layouts.lhotse import Lhotse
from acento.data.sources.layouts.libri_speech import LibriSpeech
from acento.data.sources.layouts.mls import Mls
from acento.data.sources.layouts.spontaneous_speech import SpontaneousSpeech
from acento.data.sources.layouts.timit import Timit
from acento.data.sources.layouts.vox_populi import VoxPopuli
from acento.data.sources.tables.nemo_manifest import NemoManifest
from acento.data.sources.tables.table import Table
from acento.data.sources.tables.transcript_list import TranscriptList, TranscriptListFolder
from acento.data.sources.transcripts.timed_transcript import TimedTranscript, TimedTranscriptFolder

__all__ = ["KINDS", "Reason", "Rejection", "Source", "SourceItem", "SourceOptions", "open_source"]

FILES: tuple[type[Source], ...] = (Archive, Lhotse, TimedTranscript, TranscriptList, Table, NemoManifest)
CORPORA: tuple[type[Source], ...] = (
    *(CommonVoice, SpontaneousSpeech, Kaldi, Mls, Fleurs, VoxPopuli, LibriSpeech, HuggingFace),
    *(ListedFolder, Timit, TimedTranscriptFolder, TranscriptListFolder),
)
KINDS: tuple[type[Source], ...] = (RemoteSource, *FILES, *CORPORA, AudioFolder)
"""The kinds that are known, asked in this order: of those for folders, what is told by the most comes first."""
_KNOWN = (
    "Name a folder of recordings with transcripts, a table (.csv, .tsv), a NeMo manifest, a corpus, a transcript "
    "with times (.srt, .eaf, …), an archive or an address of one of these, or a Hugging Face data set (owner/name); "
    "docs/how-to/data.md and docs/how-to/layouts.md have them all."
)


def open_source(where: str, options: SourceOptions | None = None) -> Source:
    """Return the source that a user names: a path, a URL, or a hub id.

    Raises:
        DataError: nothing is there, the folder is empty, or no kind of source knows it.
    """
    for kind in KINDS:
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
