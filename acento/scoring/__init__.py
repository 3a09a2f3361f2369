"""Scores of texts: error counts that add, rates with intervals, two systems compared on the same clips.

It can be used alone, on lists of strings from anywhere; no model code is imported.

>>> from acento.scoring import compare_texts, score_texts
>>> said = ["el perro come pan", "la niña canta", "uno dos tres"]
>>> score = score_texts(said, ["el perro come", "la niña canta", "uno doce tres"])
>>> score.counts.errors, score.counts.reference_length, score.rate
(2, 10, 0.2)
>>> compare_texts(said, ["el perro come pan", "la niña", "uno dos tres"], ["el perro", "la niña", "uno"]).delta
-0.4
"""

from typing import TYPE_CHECKING

from acento.core.plugins import lazy

if TYPE_CHECKING:
    from acento.core.text import normalize
    from acento.scoring.comparing.confusions import word_errors, worst_clips
    from acento.scoring.counting.alignment import align
    from acento.scoring.counting.counts import ErrorCounts, count_characters, count_words
    from acento.scoring.files.systems import FileOptions, score_files
    from acento.scoring.statistics.bootstrap import Interval, PairedDifference, interval, paired
    from acento.scoring.step_effects import StepEffect, step_effects
    from acento.scoring.texts import TextScore, compare_texts, score_texts

__all__ = [
    "ErrorCounts",
    "FileOptions",
    "Interval",
    "PairedDifference",
    "StepEffect",
    "TextScore",
    "align",
    "compare_texts",
    "count_characters",
    "count_words",
    "interval",
    "normalize",
    "paired",
    "score_files",
    "score_texts",
    "step_effects",
    "word_errors",
    "worst_clips",
]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "align": "acento.scoring.counting.alignment",
        **dict.fromkeys(("word_errors", "worst_clips"), "acento.scoring.comparing.confusions"),
        **dict.fromkeys(("Interval", "PairedDifference", "interval", "paired"), "acento.scoring.statistics.bootstrap"),
        **dict.fromkeys(("ErrorCounts", "count_characters", "count_words"), "acento.scoring.counting.counts"),
        **dict.fromkeys(("FileOptions", "score_files"), "acento.scoring.files.systems"),
        "normalize": "acento.core.text",
        **dict.fromkeys(("StepEffect", "step_effects"), "acento.scoring.step_effects"),
        **dict.fromkeys(("TextScore", "compare_texts", "score_texts"), "acento.scoring.texts"),
    },
)
