"""What a model wrote for the clips of a split, to be learned in place of texts that people wrote."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Self

from acento.data.utterance import Utterance
from acento.inference.predictions import Prediction, digest
from acento.models.base import Transcript
from acento.models.runaways import is_runaway
from acento.training.data.prepared import LeftOut, LeftOutReason

_SHOWN = 60
"""Characters of such a text in the sentence that says why the clip is left out."""


@dataclass(frozen=True, slots=True)
class TeacherTexts:
    """The texts of some or all clips of a split, by id; clips without an entry were not asked for."""

    predictions: Mapping[str, Prediction]
    digest: str
    """Of ids, texts and failures: prepared data depends on it."""

    @classmethod
    def of(cls, predictions: Iterable[Prediction]) -> Self:
        """Take what became of each clip.

        >>> TeacherTexts.of([Prediction("a", "sí")]).predictions["a"].text
        'sí'
        """
        found = {one.id: one for one in predictions}
        return cls(found, digest(found.values()))

    def given(self, clip: Utterance) -> tuple[Utterance, LeftOut | None]:
        """Return a clip with the teacher's text as its own, and why nothing can be learned from that, if so."""
        found = self.predictions[clip.id]
        refused = None
        if found.text is None:
            refused = LeftOut(clip.id, LeftOutReason.FAILED, f"The teacher could not transcribe it: {found.reason}.")
        elif is_runaway(Transcript(found.text)):  # one who really speaks so is no loss
            start = repr(found.text[:_SHOWN])
            refused = LeftOut(clip.id, LeftOutReason.RUNAWAY, f"The teacher's text repeats itself: it begins {start}.")
        return replace(clip, text=found.text), refused
