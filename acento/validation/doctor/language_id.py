"""The doctor's ear: which languages clips are spoken in, where the base model can tell them apart."""

from collections.abc import Sequence
from contextlib import closing

from acento.core.errors import DamagedError
from acento.core.progress import report
from acento.core.store import Store
from acento.data.dataset import Card, read_clips
from acento.inference.benchmark import Transcription
from acento.inference.plan import PlannedClip
from acento.inference.reading import ClipReader
from acento.inference.windows import pieces
from acento.models.checkpoints.resolver import resolve
from acento.validation.doctor.heuristics import TranscribedClip

_AT_ONCE = 8
"""Clips that the model is given at a time, if it was not given fewer to transcribe."""


def spoken_languages(
    store: Store, card: Card, transcription: Transcription, clips: Sequence[TranscribedClip]
) -> dict[str, dict[str, float]]:
    """Return for each clip, by id, how likely each spoken language is by the sound of its first window.

    The model is loaded in this process, on the device and in the precision that it transcribed with.

    Returns:
        Likelihoods by ISO 639-1 code; nothing where the model tells no languages apart.

    Raises:
        ModelError: the model cannot be loaded, or has changed since it transcribed.
        StoreError: the data are gone or damaged.
    """
    wanted = {clip.id for clip in clips}
    planned = [
        PlannedClip(row.utterance.id, row.utterance.duration_s, row.utterance.audio_sha256, row.part, row.row)
        for row in read_clips(store, card)
        if row.utterance.id in wanted
    ]
    model, found = transcription.model, dict[str, dict[str, float]]()
    checkpoint = resolve(model.id, model.revision)
    if checkpoint.digest != model.digest:
        raise DamagedError(f"Model {model.id} has changed since it transcribed {card.title}; start it again.")
    options = transcription.options.model_copy(update={"language": None})
    read, count = ClipReader(store), min(_AT_ONCE, transcription.batch_size)
    step = f"hear languages in {card.title}"
    with closing(checkpoint.family.load(checkpoint.folder, options)) as recognizer:
        for first in range(0, len(planned), count):
            some = planned[first : first + count]
            windows = [pieces(read(clip), recognizer.window_s)[0][2] for clip in some]
            likely = recognizer.spoken_languages(recognizer.prepare(windows))
            if likely is None:
                return {}
            found |= {clip.id: one for clip, one in zip(some, likely, strict=True)}
            report(step, len(found), len(planned), "clips")
    return found
