"""The data doctor: how a base model transcribes every clip shows which transcripts, languages and cuts are wrong.

The clips are transcribed by the same plans and jobs as a benchmark's, so all that was ever computed is used again. What
is found is kept with a page to listen to it and a CSV to decide by: ``acento datasets mend`` takes that back.
"""

from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial

from acento.core.errors import DamagedError, DataError
from acento.core.fingerprint import fingerprint
from acento.core.progress import report
from acento.core.store import Store
from acento.core.text import normalizer_for
from acento.data.dataset import Card, read_clips
from acento.inference.benchmark import Transcription, plan_transcription, predictions
from acento.inference.plan import PlannedClip
from acento.inference.predictions import digest
from acento.inference.silence import pieces
from acento.inference.transcribe import ClipReader
from acento.models.base import DecodeOptions
from acento.models.checkpoints.checkpoint import Checkpoint
from acento.models.checkpoints.resolver import resolve
from acento.models.checkpoints.taught import resolve_fit
from acento.validation.doctor.findings import FINDINGS, PAGE, REPORT, DoctorReport, diagnose, findings_csv, load_report
from acento.validation.doctor.heuristics import TranscribedClip
from acento.validation.doctor.page import page, sounds
from acento.validation.measure import MEASURE_VERSION, measure, read_measured

DOCTOR_VERSION = 2
"""Raised by hand whenever the same hypotheses may lead to other findings or another page."""
_NORMALIZER = "unicode"
"""Letters, marks and digits of the language's own script are compared, and nothing is made of numbers."""
_AT_ONCE = 8
"""Clips that the model is given at a time, if it was not given fewer to transcribe."""


@dataclass(frozen=True, slots=True)
class Examined:
    """A report, and whether it was there before."""

    report: DoctorReport
    cached: bool


def plan_examination(store: Store, card: Card, checkpoint: Checkpoint, options: DecodeOptions) -> list[Transcription]:
    """Plan the transcription of every split that has clips, in short windows where the model was taught them.

    Raises:
        DataError: no clip has a reference that a hypothesis could be compared with.
    """
    if not any((clip.utterance.text or "").strip() for clip in read_clips(store, card)):
        raise DataError(f"Data set {card.title} has no reference text: there is nothing that the doctor could compare.")
    splits = [split for split, clips in card.splits.items() if clips]
    options = options.model_copy(update={"fit": resolve_fit(checkpoint, "auto")})
    return [plan_transcription(store, card, checkpoint, split=split, options=options) for split in splits]


def examine(
    store: Store, card: Card, transcriptions: Sequence[Transcription], *, workers: int | None = None
) -> Examined:
    """Find the outliers among transcribed clips, rank and keep them, or find that this was done before.

    ``transcriptions`` are of each split of the version, by one model; ``workers`` are threads that measure, see
    :func:`acento.validation.measure.measure`.

    Raises:
        AcentoError: a transcription is not complete.
    """
    rule = normalizer_for(_NORMALIZER, transcriptions[0].language)
    model = transcriptions[0].model
    hypotheses = {row.id: row for one in transcriptions for row in predictions(store, one)}
    parts = {
        "version": [DOCTOR_VERSION, MEASURE_VERSION, rule.identity],
        "card": [card.key, card.fingerprint],
        "model": [model.id, model.digest],
        "options": {one.split: one.options.model_dump() for one in transcriptions},
        "texts": digest(hypotheses.values()),
    }
    key = f"doctor/{fingerprint(parts)}"
    if store.find(key, verify=True) is not None:
        return Examined(load_report(store, key), cached=True)
    measure(store, card, workers=workers)
    clips = []
    for table in read_measured(store, card):
        columns = ["id", "split", "speaker", "language", "duration_s", "text", "start_db", "end_db"]
        for row in table.select(columns).to_pylist():
            text, prediction = row.pop("text"), hypotheses[row["id"]]
            if (text or "").strip():
                error = None if prediction.error is None else f"{prediction.error}: {prediction.detail}"
                clips.append(TranscribedClip(**row, reference=text, hypothesis=prediction.text, error=error))
    step = f"examine {card.title}"
    report(step, 0, len(clips), "clips")
    suspects = diagnose(clips, rule, partial(spoken_languages, store, card, transcriptions[0]))
    report(step, len(clips), len(clips), "clips")
    counts = Counter(kind for suspect in suspects for kind in suspect.kinds)
    done = DoctorReport(
        dataset=f"{card.name}@{card.version}",
        title=card.title,
        dataset_fingerprint=card.fingerprint,
        model=model.id,
        model_digest=model.digest,
        clips=card.clips,
        without_reference=card.clips - len(clips),
        findings=len(suspects),
        kinds=dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))),
        key=key,
    )
    with store.publish(key) as draft:
        (draft.folder / REPORT).write_text(done.model_dump_json(indent=1) + "\n", encoding="utf-8")
        (draft.folder / FINDINGS).write_text(findings_csv(suspects), encoding="utf-8", newline="")
        (draft.folder / PAGE).write_text(page(done, suspects, sounds(store, card, suspects)), encoding="utf-8")
        draft.info.update(dataset=done.dataset, model=model.id, findings=len(suspects))
    return Examined(done, cached=False)


def spoken_languages(
    store: Store, card: Card, transcription: Transcription, clips: Sequence[TranscribedClip]
) -> dict[str, dict[str, float]]:
    """Return for each clip, by id, how likely each spoken language is by the sound of its first window.

    Languages are ISO 639-1 codes; nothing is returned where the model tells no languages apart. It is loaded in this
    process, on the device and in the precision that it transcribed with.

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
    step = f"identify languages in {card.title}"
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
