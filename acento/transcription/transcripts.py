"""Transcripts: what was heard in the windows of one recording, kept by themselves once the whole recording is decoded.

``transcripts/<fingerprint>/`` is named by the recording and by all that decided the texts: whoever asks for the same
again, in whatever batch, finds it, and needs neither plan nor jobs.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass

from acento.core.errors import DataError
from acento.core.fingerprint import fingerprint
from acento.core.store import Store
from acento.inference.plan import PlannedClip
from acento.inference.predictions import FILE, Prediction, Segment, read_predictions, write_predictions
from acento.transcription.assembly.heard import heard_in
from acento.transcription.planning import Decoding, speech_in, voted

_WINDOWS = "windows.json"


@dataclass(frozen=True, slots=True)
class StoredTranscript:
    """What was heard in a recording."""

    language: str | None
    """The one that was given, or that most of its windows were heard in; None: the model does not say."""
    channels: dict[int, list[Segment]]
    """For each channel its windows in the order of their starts, without those in which nothing was said."""


def transcript_key(decoding: Decoding, recording: str) -> str:
    """Return where the transcript of a recording is kept, given the recording's key."""
    return "transcripts/" + fingerprint({"recording": recording, "decoding": decoding.fingerprint})


def keep_transcript(
    store: Store, decoding: Decoding, recording: str, heard: Iterable[tuple[PlannedClip, Prediction | None]]
) -> None:
    """Keep what was heard in every window of a recording.

    Raises:
        DataError: a window was not decoded; the sentence says how many, and why the first one was not.
    """
    windows = list(heard)
    if failed := [row for _, row in windows if row is None or row.failed]:
        detail = next((f": {row.detail or row.error}" for row in failed if row is not None), "")
        raise DataError(f"{len(failed)} of its {len(windows)} windows could not be decoded{detail}")
    language = decoding.options.language or voted(windows, speech_in(store, recording))
    with store.publish(transcript_key(decoding, recording)) as draft:
        write_predictions(draft.folder / FILE, [row for _, row in windows if row is not None])
        places = [[clip.row, clip.heard] for clip, _ in windows]
        (draft.folder / _WINDOWS).write_text(json.dumps(places), encoding="utf-8")
        draft.info |= {"recording": recording, "model": decoding.model.id, "language": language}


def load_transcript(store: Store, decoding: Decoding, recording: str) -> StoredTranscript:
    """Return the transcript of a recording.

    Raises:
        StoreError: there is none.
    """
    key = transcript_key(decoding, recording)
    if (found := store.find(key)) is None:
        raise store.missing(key)
    rows = read_predictions(store.local_path(key, FILE))
    channels: dict[int, list[Segment]] = {}
    for (channel, spans), row in zip(json.loads(store.read_bytes(key, _WINDOWS)), rows, strict=True):
        channels.setdefault(channel, []).extend(heard_in(spans, row))
    return StoredTranscript(found.info["language"], channels)
