"""The WER of a model and of its export on the same dev clips, and how far they are apart."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace

from acento.core.callbacks import Callbacks
from acento.core.errors import DataError, ModelError
from acento.core.progress import report
from acento.core.store import Store
from acento.data.dataset import load_card, versions
from acento.inference.benchmark import jobs, load_score, plan_transcription, score_transcription, unfinished
from acento.inference.runner import Runner, Worker
from acento.models.base import DecodeOptions
from acento.models.checkpoints.checkpoint import Checkpoint
from acento.registry.model_version import ModelVersion
from acento.registry.runs.records import utterances_of
from acento.registry.windows import used_fit
from acento.scoring.score import headline_columns, scored
from acento.scoring.statistics.bootstrap import difference_interval
from acento.scoring.table import interval_text, percent_text, points_text

BOUND = 0.005
"""How far the dev WER may move, a fraction: half a point."""


@dataclass(frozen=True, slots=True)
class DevErrors:
    """Word errors on the dev clips that have a reference: one number for each, in the order of their ids."""

    errors: tuple[int, ...]
    words: tuple[int, ...]
    """Of the reference."""

    @property
    def wer(self) -> float | None:
        """The word error rate, a fraction; None where there are no words."""
        return sum(self.errors) / sum(self.words) if sum(self.words) else None


Scorer = Callable[[Checkpoint], DevErrors]
"""Returns the word errors of a checkpoint on the dev clips, always decoded the same way."""


@dataclass(frozen=True, slots=True)
class WerShift:
    """How far an export's dev WER is from that of its version, fractions; stored with the export."""

    wer_before: float
    wer: float
    low: float
    """The 95 % interval of the difference, paired, drawn over clips; the difference itself where there is none."""
    high: float
    clips: int | None
    """None for an export of before intervals were kept."""

    @classmethod
    def between(cls, before: DevErrors, after: DevErrors) -> "WerShift | None":
        """Return the shift, clips drawn in pairs, as the two models are one but for rounding; None without words."""
        if before.wer is None or after.wer is None:
            return None
        excess = [errors - base for errors, base in zip(after.errors, before.errors, strict=True)]
        found = difference_interval(excess, before.words)
        if found is None:  # of one clip: a word more or less says nothing
            word, delta = 1 / sum(before.words), after.wer - before.wer
            return cls(before.wer, after.wer, delta - word, delta + word, 1)
        return cls(before.wer, after.wer, found.low, found.high, len(before.words))

    @property
    def interval(self) -> str:
        """The interval as a sentence has it, in points."""
        return interval_text(self.low, self.high, 2, sign="+").strip()

    def check(self, export: str, bound: float) -> None:
        """Raise a ModelError if the whole interval lies beyond the bound, up or down."""
        # rounded, so that a bound that is met to the last word is not missed by the last bit
        if round(self.low - bound, 12) > 0 or round(-self.high - bound, 12) > 0:
            raise ModelError(
                f"The export of {export} is refused: on dev its WER is {percent_text(self.wer)} %, the model's own "
                f"{percent_text(self.wer_before)} %, which is {points_text(self.wer - self.wer_before, digits=2)} "
                f"points, with a 95 % interval of {self.interval}, all of it more than the {100 * bound:.2f} allowed; "
                "choose a finer quantization, or allow more with --bound."
            )

    def sentence(self, bound: float) -> str:
        """Return what the dev clips say of the difference."""
        if self.clips is None:
            return "The export was judged by its dev WER alone, before intervals were kept."
        said = f"On {self.clips} dev clips the difference is within {self.interval} points (95 %)"
        if round(max(self.high, -self.low) - bound, 12) <= 0:
            return f"{said}, and no more than the {100 * bound:.2f} allowed."
        return f"{said}: so few clips cannot tell whether it is more than the {100 * bound:.2f} allowed."


def dev_scorer(store: Store, version: ModelVersion, options: DecodeOptions | None = None) -> Scorer:
    """Return what decodes the dev split of a version's own data and counts word errors, in this process.

    It decodes in the windows that the version is used with. What was decoded before is not decoded again. ``options``
    are device, precision and threads, by default one thread of the processor in float32.

    Raises:
        DataError: the data set of the training is not in the store.
    """
    about = version.about
    name = about.dataset.partition("@")[0]
    cards = (load_card(store, f"{name}@{number}") for number in reversed(versions(store, name)))
    card = next((card for card in cards if card.fingerprint == about.dataset_fingerprint), None)
    if card is None:
        raise DataError(
            f"{version.title} was tuned on {about.dataset} ({about.dataset_fingerprint[:12]}), which is not in "
            f"{store.url}; stage or import it again: an export is scored on its dev clips."
        )
    own = options or DecodeOptions()
    chosen = own.model_copy(update={"language": about.language, "fit": own.fit or used_fit(store, version)})

    def score(checkpoint: Checkpoint) -> DevErrors:
        # by its folder, so that whoever executes the job needs no registry to find it
        placed = replace(checkpoint, id=str(checkpoint.folder))
        what = plan_transcription(store, card, placed, split="dev", options=chosen)
        done = 0.0

        def on_audio(seconds: float) -> None:
            nonlocal done
            done += seconds
            report(f"decode dev with {checkpoint.family.name}", done, what.seconds, "s of audio")

        with closing(Runner(store)) as runner:
            for job in unfinished(store, jobs(store, what)):
                runner.execute(job, Worker(callbacks=Callbacks(on_progress=on_audio)))
        key = score_transcription(store, what, about.dev_normalizer).key
        found = load_score(store, key).overall
        if found.failed:
            raise ModelError(
                f"{checkpoint.id} failed on {found.failed} of {found.utterances} dev clips of {card.title}, so that "
                "its WER cannot be compared; run the same command again to retry them."
            )
        rows = scored(utterances_of(store, key)).sort_by("id")
        errors, words = (column.tolist() for column in headline_columns(rows))
        return DevErrors(tuple(errors), tuple(words))

    return score
