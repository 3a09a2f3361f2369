"""What the doctor says of a data set: its suspicious clips, ranked, each with its reasons in words."""

from collections.abc import Iterable
from dataclasses import dataclass

from acento.core.text import Normalizer
from acento.validation.doctor.heuristics import (
    SUSPICIOUS_Z,
    Case,
    Kind,
    TranscribedClip,
    find_cuts,
    find_errors,
    find_rates,
    find_swaps,
)
from acento.validation.doctor.languages import Listen, find_languages, find_spoken


@dataclass(frozen=True, slots=True)
class Suspect:
    """A suspicious clip: ``score`` in deviations from the usual, ``wer`` and ``cer`` as fractions."""

    id: str
    split: str
    speaker: str | None
    kinds: tuple[str, ...]
    score: float
    why: str
    reference: str
    hypothesis: str | None
    wer: float | None
    cer: float | None
    hint: str | None
    """The clip whose text was heard."""
    hint_text: str | None
    suggested_action: str
    """keep, drop or mend."""


def diagnose(clips: Iterable[TranscribedClip], normalizer: Normalizer, listen: Listen | None = None) -> list[Suspect]:
    """Return the suspicious clips, the most suspicious first; the order in which clips are given does not matter.

    ``listen`` tells the spoken language of those clips that were misheard the most; None: nobody can tell.
    """
    cases = [
        Case(clip, normalizer(clip.reference), normalizer(clip.hypothesis or ""))
        for clip in sorted(clips, key=lambda clip: clip.id)
    ]
    for case in cases:
        if case.clip.hypothesis is None:
            case.note(Kind.NOT_TRANSCRIBED, SUSPICIOUS_Z, f"The model failed: {case.clip.error}")
    heard = [case for case in cases if case.clip.hypothesis is not None]
    find_errors(heard)
    find_swaps(heard)
    find_languages(heard)
    if listen is not None:
        find_spoken(heard, listen)
    for case in heard:
        find_cuts(case)
    find_rates(cases)
    suspects = [_suspect(case) for case in cases if case.found]
    return sorted(suspects, key=lambda suspect: (-suspect.score, suspect.id))


def _suspect(case: Case) -> Suspect:
    """Sum up a case: its highest score, and one more for each further kind."""
    found = sorted(case.found or [], key=lambda one: -one[1])
    kinds = tuple(dict.fromkeys(kind.value for kind, _, _ in found))
    score = found[0][1] + len(kinds) - 1
    keep = score < 2 * SUSPICIOUS_Z or kinds[0] == Kind.NOT_TRANSCRIBED
    return Suspect(
        id=case.clip.id,
        split=case.clip.split,
        speaker=case.clip.speaker,
        kinds=kinds,
        score=round(score, 2),
        why=" ".join(sentence for _, _, sentence in found),
        reference=case.clip.reference,
        hypothesis=case.clip.hypothesis,
        wer=case.wer,
        cer=case.cer,
        hint=case.hint.id if case.hint else None,
        hint_text=case.hint.reference if case.hint else None,
        suggested_action="mend" if case.hint else "keep" if keep else "drop",
    )
