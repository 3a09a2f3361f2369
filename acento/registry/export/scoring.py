"""Score checkpoints on the dev clips of the data that a version was tuned on, all decoded the same way."""

from dataclasses import replace

from acento.core.callbacks import Callbacks
from acento.core.errors import DataError, ModelError
from acento.core.progress import report
from acento.core.store import Store
from acento.data.dataset import Card, load_card, versions
from acento.inference.benchmark import jobs, load_score, plan_transcription, score_transcription, unfinished
from acento.inference.runner import Runner, Worker
from acento.models.base import DecodeOptions
from acento.models.checkpoints.checkpoint import Checkpoint
from acento.registry.export.exporting import DevErrors, DevScore
from acento.registry.model_version import ModelVersion
from acento.registry.runs import utterances_of
from acento.scoring.score import SCORED, count_column

_NORMALIZER = "chilean-leaderboard"


def dev_scorer(store: Store, version: ModelVersion, options: DecodeOptions | None = None) -> DevScore:
    """Return what decodes the dev split and counts word errors, in this process; what was decoded before is not again.

    Args:
        store: where the data set is.
        version: whose data set, language and normalizer are taken.
        options: device, precision and threads; one thread of the processor in float32 where they are not given.

    Raises:
        DataError: the data set of the training is not in the store.
    """
    card = _card(store, version)
    chosen = (options or DecodeOptions()).model_copy(update={"language": version.about.language})
    normalizer = str(version.about.recipe.get("normalizer", _NORMALIZER))

    import pyarrow.compute as pc

    def score(checkpoint: Checkpoint) -> DevErrors:
        # by its folder, so that whoever executes the job needs no registry to find it
        placed = replace(checkpoint, id=str(checkpoint.folder))
        what = plan_transcription(store, card, placed, split="dev", options=chosen)
        heard = 0.0
        step = f"decode dev with {checkpoint.family.name}"

        def listen(seconds: float) -> None:
            nonlocal heard
            heard += seconds
            report(step, heard, what.seconds, "s of audio")

        runner = Runner(store)
        try:
            for job in unfinished(store, jobs(store, what)):
                runner.execute(job, Worker(callbacks=Callbacks(on_progress=listen)))
        finally:
            runner.close()
        key = score_transcription(store, what, normalizer).key
        found = load_score(store, key).overall
        if found.failed:
            raise ModelError(
                f"{checkpoint.id} failed on {found.failed} of {found.utterances} dev clips of {card.title}, so that "
                "its WER cannot be compared; run the same command again to retry them."
            )
        table = utterances_of(store, key)
        scored = table.filter(pc.equal(table["status"], SCORED)).sort_by("id")
        errors, words = (count_column(scored, name).tolist() for name in ("word_errors", "word_length"))
        return DevErrors(tuple(errors), tuple(words))

    return score


def _card(store: Store, version: ModelVersion) -> Card:
    """Return the very data that a version was tuned on."""
    about = version.about
    name = about.dataset.partition("@")[0]
    for number in reversed(versions(store, name)):
        card = load_card(store, f"{name}@{number}")
        if card.fingerprint == about.dataset_fingerprint:
            return card
    raise DataError(
        f"{version.title} was tuned on {about.dataset} ({about.dataset_fingerprint[:12]}), which is not in "
        f"{store.url}; stage or import it again: an export is scored on its dev clips."
    )
