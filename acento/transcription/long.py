"""A recording that is longer than a window, by a model that is loaded: cut, filtered and stitched as a batch's are."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from acento.core.errors import AcentoError
from acento.core.store import LocalStore
from acento.data.document import Document
from acento.data.recordings.recording import load_speech
from acento.inference.cutting import window_length
from acento.inference.engine import Engine
from acento.inference.plan import pack
from acento.inference.predictions import Prediction, Segment
from acento.inference.transcribe import ClipReader
from acento.models.base import DecodeOptions, Recognizer
from acento.transcription.assembly.documents import document_of
from acento.transcription.assembly.heard import heard_in
from acento.transcription.assembly.voiced import voice_of
from acento.transcription.importing import add_recording
from acento.transcription.planning import windows_of


def transcribe_long(recognizer: Recognizer, options: DecodeOptions, batch_size: int, path: str) -> Prediction:
    """Return what is said in a recording of any length, with a segment for each passage.

    Its audio is kept in a temporary file meanwhile, so that memory does not grow with its length.

    Raises:
        AudioError: it cannot be read.
        AcentoError: a window cannot be decoded.
    """
    document = _document(recognizer, options, batch_size, path)
    segments = (
        Segment(one.start, one.end, one.text, one.words if options.words else (), one.logprob, None, one.language)
        for one in document.passages
    )
    return Prediction(path, document.text, tuple(segments))


def _document(recognizer: Recognizer, options: DecodeOptions, batch_size: int, path: str) -> Document:
    with _scratch() as store:
        recording = add_recording(store, path)
        speech = load_speech(store, recording.key)[:, 0]
        clips = windows_of(store, recording, window_length(recognizer.window_s, options.cut_s))
        batches = [batch for part in pack(clips, batch_size) for batch in part.batches]
        engine = Engine(recognizer, batch_size=batch_size, language=options.language)
        found = {row.id: row for row in engine.decode(batches, ClipReader(store)).predictions} if batches else {}
    if failed := next((row for row in found.values() if row.failed), None):
        raise AcentoError(f"A part of it cannot be transcribed. {failed.detail}")
    heard = [window for clip in clips for window in heard_in(clip.heard, found[clip.id])]
    voice = voice_of(speech)
    return document_of(path, recording.duration_s, {None: heard}, voices={None: voice}, language=options.language)


@contextmanager
def _scratch() -> Iterator[LocalStore]:
    with TemporaryDirectory(prefix="acento-") as folder:
        yield LocalStore(Path(folder))
