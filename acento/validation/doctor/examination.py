"""The data doctor: what a base model hears in every clip shows which transcripts, languages and cuts are wrong.

The clips are transcribed by the same plans and jobs as a benchmark's, so all that was ever computed is used again. What
is found is kept with a page to listen to it and a CSV to decide by: ``acento datasets mend`` takes that back.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from acento.core.errors import DataError
from acento.core.fingerprint import fingerprint
from acento.core.progress import report
from acento.core.store import Store
from acento.core.text import normalizer
from acento.data.dataset import Card, read_clips
from acento.inference.benchmark import Transcription, plan_transcription, predictions
from acento.inference.predictions import Prediction, digest
from acento.models.base import DecodeOptions
from acento.models.checkpoints.checkpoint import Checkpoint
from acento.validation.doctor.findings import diagnose
from acento.validation.doctor.heuristics import TranscribedClip
from acento.validation.doctor.language_id import spoken_languages
from acento.validation.doctor.page import page, sounds
from acento.validation.doctor.report import FINDINGS, PAGE, REPORT, DoctorReport, findings_csv, load_report
from acento.validation.measure import MEASURE_VERSION, measure, read_measured

DOCTOR_VERSION = 2
"""Raised by hand whenever the same hypotheses may lead to other findings or another page."""
_NORMALIZER = "basic"


@dataclass(frozen=True, slots=True)
class Examined:
    """A report, and whether it was there before."""

    report: DoctorReport
    cached: bool


def plan_examination(store: Store, card: Card, checkpoint: Checkpoint, options: DecodeOptions) -> list[Transcription]:
    """Plan the transcription of every split that has clips.

    Raises:
        DataError: no clip has a reference that a hypothesis could be compared with.
    """
    if not any((clip.utterance.text or "").strip() for clip in read_clips(store, card)):
        raise DataError(f"Data set {card.title} has no reference text: there is nothing that the doctor could compare.")
    splits = [split for split, clips in card.splits.items() if clips]
    return [plan_transcription(store, card, checkpoint, split=split, options=options) for split in splits]


def examine(
    store: Store, card: Card, transcriptions: Sequence[Transcription], *, workers: int | None = None
) -> Examined:
    """Find the outliers among transcribed clips, rank and keep them, or find that this was done before.

    Args:
        store: where the data and the predictions are, and where the findings go.
        card: the version.
        transcriptions: of each of its splits, by one model.
        workers: threads that measure; see :func:`acento.validation.measure.measure`.

    Raises:
        AcentoError: a transcription is not complete.
    """
    rule = normalizer(_NORMALIZER)
    model = transcriptions[0].model
    heard = {row.id: row for one in transcriptions for row in predictions(store, one)}
    parts = {
        "version": [DOCTOR_VERSION, MEASURE_VERSION, rule.identity],
        "card": [card.key, card.fingerprint],
        "model": [model.id, model.digest],
        "options": {one.split: one.options.model_dump() for one in transcriptions},
        "texts": digest(heard.values()),
    }
    key = f"doctor/{fingerprint(parts)}"
    if store.find(key, verify=True) is not None:
        return Examined(load_report(store, key), cached=True)
    measure(store, card, workers=workers)
    clips = _heard(store, card, heard)
    step = f"examine {card.title}"
    report(step, 0, len(clips), "clips")
    listen = partial(spoken_languages, store, card, transcriptions[0])
    suspects = diagnose(clips, rule, listen)
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


def _heard(store: Store, card: Card, heard: dict[str, Prediction]) -> list[TranscribedClip]:
    """Return every clip that has a reference, with what was heard and measured."""
    wanted = ["id", "split", "speaker", "language", "duration_s", "text", "start_db", "end_db"]
    clips = []
    for table in read_measured(store, card):
        for row in table.select(wanted).to_pylist():
            text, prediction = row.pop("text"), heard[row["id"]]
            if (text or "").strip():
                error = None if prediction.error is None else f"{prediction.error}: {prediction.detail}"
                clips.append(TranscribedClip(**row, reference=text, hypothesis=prediction.text, error=error))
    return clips
