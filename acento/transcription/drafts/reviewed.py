"""A reviewed draft as a source of utterances: stretches of the recordings with the texts that a person left."""

from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from acento.core.fingerprint import sha256_file
from acento.core.store import Store
from acento.data.recordings.recording import AUDIO, load_recording
from acento.data.sources.base import Entry, Rejection, RejectReason, Source, SourceItem, file_of, is_file, stretch
from acento.transcription.drafts.review_list import Decided

_LEFT_OUT = {
    "dropped": (RejectReason.DROPPED_BY_REVIEW, "A reviewer dropped it."),
    "not_reviewed": (RejectReason.NOT_REVIEWED, "Nobody has kept, corrected or dropped it in the review list."),
}


class ReviewedDraft(Source):
    """What a person decided on the utterances of a draft."""

    def __init__(self, store: Store, location: str, decided: Sequence[Decided]) -> None:
        """Keep the store with the recordings, the review list's name, and the decisions."""
        super().__init__(location)
        self._store, self._decided = store, decided
        self._recordings: dict[tuple[str, str], Path] = {}

    def items(self) -> Iterator[Entry]:
        """See :meth:`Source.items`; an utterance that was not kept, corrected or accepted is a rejection."""
        for one in self._decided:
            utterance = one.utterance
            part = stretch(utterance.start, utterance.length_s, utterance.channel)
            path = self._recording(utterance.file, utterance.recording)
            origin = file_of(utterance.id) + PurePosixPath(utterance.file).suffix
            if one.outcome in _LEFT_OUT:
                yield Rejection(utterance.id, origin + part, *_LEFT_OUT[one.outcome])
            else:
                yield SourceItem(
                    utterance.id,
                    path,
                    one.text,
                    origin + part,
                    language=utterance.language,
                    speaker=utterance.speaker,
                    start_s=utterance.start,
                    length_s=utterance.length_s,
                    channel=utterance.channel,
                )

    def _recording(self, file: str, key: str) -> Path:
        """Return the file that was heard, if it is there as it was, else the store's copy of its sound."""
        if (file, key) not in self._recordings:
            there = Path(file).expanduser()
            same = is_file(there) and sha256_file(there) == load_recording(self._store, key).sha256
            self._recordings[file, key] = there if same else self._store.local_path(key, AUDIO)
        return self._recordings[file, key]
