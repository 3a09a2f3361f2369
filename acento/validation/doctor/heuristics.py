"""Heuristics on what is wrong with a clip: functions of texts, a base model's transcript and measures.

Every kind of suspicion gives a score on one scale, that of a robust z-score (how many deviations from the usual), at
most ``CAP`` but for exchanged transcripts, of which there is a second witness. What is found is to be listened to.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from acento.scoring.counting.counts import count_characters, count_words

CAP = 12.0
SUSPICIOUS_Z, RATE_Z = 3.5, 4.0
"""From these robust z-scores on, an error rate and a speaking rate are outliers; 3.5 is Iglewicz and Hoaglin's."""
GROUP_CLIPS = 8
"""A speaker with fewer clips is compared with the whole data set."""
PRIOR_WORDS, PRIOR_CHARACTERS = 2, 10
"""A short reference's error rate is drawn to the usual one as if it had so many more words or characters."""
_WORD_FLOOR, _CHARACTER_FLOOR, _RATE_FLOOR = 0.1, 0.05, 0.12
_CANDIDATES, _BLOCK, _LEAST_LETTERS = 1000, 20_000, 8
_WRONG, _ALIKE, _MARGIN = 0.3, 0.5, 0.25
_LOUD_EDGE_DB, _CUT_LETTERS, _CUT_ERRORS, _LONGEST_CUT = -12.0, 4, 0.2, 2_000


class Finding(StrEnum):
    """Why a clip is suspicious."""

    SWAPPED = "swapped"
    """The model transcribed the text of another clip."""
    WRONG_TRANSCRIPT = "wrong_transcript"
    """Far more errors than its speaker, or the data set, usually has."""
    WRONG_LANGUAGE = "wrong_language"
    CUT_START = "cut_start"
    CUT_END = "cut_end"
    """The audio begins or ends in the middle of speech, and words of the text there are missing from the transcript."""
    TEXT_TOO_LONG = "text_too_long"
    TEXT_TOO_SHORT = "text_too_short"
    """For the length of the audio, beside what the speaker usually says in a second."""
    NOT_TRANSCRIBED = "not_transcribed"
    """The model failed on it."""


@dataclass(frozen=True, slots=True)
class TranscribedClip:
    """A clip with a reference, what the model transcribed (None: it failed), and what was measured of it."""

    id: str
    split: str
    speaker: str | None
    language: str | None
    duration_s: float
    reference: str
    hypothesis: str | None
    error: str | None = None
    start_db: float | None = None
    end_db: float | None = None
    """Levels of its first and last 40 ms beside its speech level, dB."""


@dataclass(slots=True)
class Case:
    """A clip under examination: normalized texts, rates (fractions), and what was found (kind, score, sentence)."""

    clip: TranscribedClip
    reference: str
    hypothesis: str
    word_z: float = 0.0
    character_z: float = 0.0
    wer: float | None = None
    cer: float | None = None
    usual: tuple[str, float] = ("", 0.0)
    found: list[tuple[Finding, float, str]] = field(default_factory=list)
    """The highest score first."""
    hint: TranscribedClip | None = None
    """The clip whose text the model transcribed."""

    def add(self, kind: Finding, score: float, sentence: str) -> None:
        self.found = sorted([*self.found, (kind, score, sentence)], key=lambda one: -one[1])

    @property
    def z(self) -> float:
        """Far off in words and in characters: neither another word division nor a single letter is enough."""
        return min(self.word_z, self.character_z)

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of what was found, each once."""
        return tuple(dict.fromkeys(kind.value for kind, _, _ in self.found))

    @property
    def score(self) -> float:
        """The highest score, in deviations from the usual, and one more for each further kind."""
        return round(self.found[0][1] + len(self.kinds) - 1, 2)

    @property
    def why(self) -> str:
        """All that was found, in words."""
        return " ".join(sentence for _, _, sentence in self.found)

    @property
    def suggested_action(self) -> str:
        """What a reviewer may do: keep, drop or mend."""
        if self.hint:
            return "mend"
        unsure = self.found[0][1] + len(self.kinds) - 1 < 2 * SUSPICIOUS_Z
        return "keep" if unsure or self.kinds[0] == Finding.NOT_TRANSCRIBED else "drop"


def robust_z(values: NDArray[np.float64], floor: float) -> NDArray[np.float64]:
    """Return how many deviations each value is from the median; a deviation is 1.4826 MAD, and at least ``floor``.

    >>> robust_z(np.array([0.0, 0.1, 0.2, 0.1, 1.1]), 0.05).round(1).tolist()
    [-0.7, 0.0, 0.7, 0.0, 6.7]
    """
    median = np.median(values)
    deviation = max(1.4826 * float(np.median(np.abs(values - median))), floor)
    return (values - median) / deviation


def shrunk(errors: NDArray[np.float64], lengths: NDArray[np.float64], prior: float) -> NDArray[np.float64]:
    """Return error rates drawn to their median as if each reference were longer by ``prior``: short ones the most.

    >>> shrunk(np.array([0.0, 0.0, 1.0]), np.array([8.0, 8.0, 1.0]), 2).round(2).tolist()
    [0.0, 0.0, 0.33]
    """
    return (errors + prior * float(np.median(errors / lengths))) / (lengths + prior)


def _groups(cases: Sequence[Case]) -> Iterable[tuple[str, list[int], list[int]]]:
    """Yield whose clips these are, the clips to compare with, and those of them that are judged by it."""
    mine: dict[str | None, list[int]] = {}
    for index, case in enumerate(cases):
        mine.setdefault(case.clip.speaker, []).append(index)
    large = sorted(who for who, found in mine.items() if who is not None and len(found) >= GROUP_CLIPS)
    rest = sorted(
        index for speaker, found in mine.items() if speaker is None or len(found) < GROUP_CLIPS for index in found
    )
    if rest:
        yield "the data set", list(range(len(cases))), rest
    for speaker in large:
        yield f"speaker {speaker}", mine[speaker], mine[speaker]


def find_errors(transcribed: Sequence[Case]) -> None:
    """Compare error rates with what is usual."""
    cases = [case for case in transcribed if case.reference]
    for case in transcribed:
        if not case.reference and case.hypothesis:
            case.add(Finding.WRONG_TRANSCRIPT, 2 * RATE_Z, "Its text has no words, but the model transcribed some.")
    words = [count_words(case.reference, case.hypothesis) for case in cases]
    letters = [count_characters(case.reference, case.hypothesis) for case in cases]
    for whose, others, judged in _groups(cases):
        z, usual = [], []
        for counts, prior, floor in ((words, PRIOR_WORDS, _WORD_FLOOR), (letters, PRIOR_CHARACTERS, _CHARACTER_FLOOR)):
            errors = np.array([counts[index].errors for index in others], dtype=np.float64)
            lengths = np.array([counts[index].reference_length for index in others], dtype=np.float64)
            found = robust_z(shrunk(errors, lengths, prior), floor)
            z.append(dict(zip(others, found.tolist(), strict=True)))
            usual.append(float(np.median(errors / lengths)))
        for index in judged:
            case = cases[index]
            case.word_z, case.character_z = z[0][index], z[1][index]
            case.wer, case.cer, case.usual = words[index].rate, letters[index].rate, (whose, usual[0])
    for case in cases:
        if case.z >= SUSPICIOUS_Z:
            said = f"{case.wer:.0%} WER, where {case.usual[0]} usually has {case.usual[1]:.0%}."
            nothing = "" if case.hypothesis else " The model's transcript is empty."
            case.add(Finding.WRONG_TRANSCRIPT, min(case.z, CAP), said + nothing)


def find_swaps(transcribed: Sequence[Case]) -> None:
    """Find clips transcribed as the text of another: only the most wrong are compared with every reference."""
    from rapidfuzz.distance import Levenshtein
    from rapidfuzz.process import cdist

    wrong = most_wrong(case for case in transcribed if len(case.hypothesis) >= _LEAST_LETTERS)
    owners: dict[str, Case] = {}
    for case in transcribed:
        owners.setdefault(case.reference, case)
    texts, queries = sorted(owners), [case.hypothesis for case in wrong]
    best = [(0.0, "")] * len(wrong)
    for start in range(0, len(texts), _BLOCK) if wrong else ():
        block = texts[start : start + _BLOCK]
        alike = cdist(queries, block, scorer=Levenshtein.normalized_similarity, score_cutoff=_ALIKE, workers=-1)
        for row, column in enumerate(alike.argmax(axis=1).tolist()):
            best[row] = max(best[row], (float(alike[row, column]), block[column]), key=lambda one: one[0])
    for case, (likeness, text) in zip(wrong, best, strict=True):
        own = float(Levenshtein.normalized_similarity(case.hypothesis, case.reference))
        if likeness < _ALIKE or likeness - own < _MARGIN:
            continue
        other = owners[text]
        mutual = Levenshtein.normalized_similarity(other.hypothesis, case.reference) >= _ALIKE
        case.hint = other.clip
        both = ", and in that clip the text of this one: the two are likely exchanged." if mutual else "."
        said = f"The model transcribed the text of {other.clip.id} ({likeness:.0%} alike, its own {own:.0%}){both}"
        case.add(Finding.SWAPPED, CAP + 8 * (likeness - own), said)


def most_wrong(cases: Iterable[Case]) -> list[Case]:
    """Return the cases with many errors, the worst first, and no more than can be looked at closely."""
    wrong = [case for case in cases if (case.cer or 0.0) >= _WRONG]
    return sorted(wrong, key=lambda case: (-(case.cer or 0.0), case.clip.id))[:_CANDIDATES]


def find_cuts(case: Case) -> None:
    """Find clips whose audio is loud at an end where the transcript lacks the rest of the text."""
    edges = (
        (Finding.CUT_END, "ends", "last", case.clip.end_db, case.reference, case.hypothesis),
        (Finding.CUT_START, "begins", "first", case.clip.start_db, case.reference[::-1], case.hypothesis[::-1]),
    )
    for kind, verb, which, level, reference, hypothesis in edges:
        if level is None or level < _LOUD_EDGE_DB or not hypothesis or len(reference) > _LONGEST_CUT:
            continue
        missing = missing_end(reference, hypothesis)
        if missing:
            lost = reference[-missing:].strip()[:: 1 if kind is Finding.CUT_END else -1]
            said = (
                f"The audio {verb} in the middle of speech ({level:+.0f} dB), and the {which} “{lost}” is missing from "
                "the model's transcript."
            )
            case.add(kind, min(CAP, RATE_Z + 16 * missing / len(reference)), said)


def missing_end(reference: str, hypothesis: str) -> int:
    """Return how many characters at the reference's end the hypothesis lacks; 0 if few, or if the rest is not alike.

    >>> missing_end("la casa del bosque", "la casa de"), missing_end("la casa roja", "el perro")
    (8, 0)
    """
    from rapidfuzz.distance import Levenshtein

    errors, negative = min((Levenshtein.distance(reference[:n], hypothesis), -n) for n in range(len(reference) + 1))
    present = -negative
    missing = len(reference) - present
    return missing if missing >= _CUT_LETTERS and errors <= _CUT_ERRORS * present else 0


def find_rates(cases: Sequence[Case]) -> None:
    """Compare characters for each second, by their logarithm, with what is usual."""
    spoken = [case for case in cases if case.reference and case.clip.duration_s > 0]
    rates = np.array([len(case.reference) / case.clip.duration_s for case in spoken])
    for whose, others, judged in _groups(spoken) if len(spoken) >= GROUP_CLIPS else ():
        z = dict(zip(others, robust_z(np.log(rates[others]), _RATE_FLOOR).tolist(), strict=True))
        usual = float(np.median(rates[others]))
        for index in judged:
            if abs(z[index]) >= RATE_Z:
                kind = Finding.TEXT_TOO_LONG if z[index] > 0 else Finding.TEXT_TOO_SHORT
                said = f"{rates[index]:.1f} characters for each second, where {whose} usually has {usual:.1f}."
                spoken[index].add(kind, min(abs(z[index]), CAP), said)
