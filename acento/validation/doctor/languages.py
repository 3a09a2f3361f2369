"""Signs that a clip is in another language than the data set says: its script, its words, and how it sounds."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from acento.data.text_measures import measure_wording, script_of
from acento.data.utterance import primary_language
from acento.validation.doctor.heuristics import CAP, RATE_Z, SUSPICIOUS_Z, Case, Finding, TranscribedClip, most_wrong

_STRANGE, _FAMILIAR, _STRANGE_CLIPS, _STRANGE_WORDS = 0.8, 0.4, 50, 4
_SURE = 0.9
"""How likely another spoken language has to be; the short clips of a good set are guessed wrong with less."""

Identify = Callable[[Sequence[TranscribedClip]], Mapping[str, Mapping[str, float]]]
"""Returns for clips, by id, how likely each spoken language is, by ISO 639-1 code; nothing if it cannot tell."""


def find_languages(cases: Sequence[Case]) -> None:
    """Find texts in a script that is not the language's or not the transcript's, and texts of foreign words."""
    by_language: dict[str | None, list[Case]] = {}
    for case in cases:
        by_language.setdefault(case.clip.language, []).append(case)
        text = measure_wording(case.clip.reference, case.clip.language, None)
        said = measure_wording(case.clip.hypothesis, None, None)
        if text.script_share is not None and text.script_share < 0.5:
            sentence = f"Its text is in {text.script} letters, which {case.clip.language} is not written in."
            case.add(Finding.WRONG_LANGUAGE, (1 - text.script_share) * CAP, sentence)
        elif text.script and said.script and text.script not in {script_of(c) for c in case.hypothesis}:
            sentence = f"Its text is in {text.script} letters, the model's transcript in {said.script} ones."
            case.add(Finding.WRONG_LANGUAGE, 2 * RATE_Z, sentence)
    for alike in by_language.values():
        words = [set(case.reference.split()) for case in alike]
        clips = Counter(word for one in words for word in one)
        share = [sum(clips[word] == 1 for word in one) / len(one) if one else 0.0 for one in words]
        if len(alike) < _STRANGE_CLIPS or np.median(share) > _FAMILIAR:
            continue
        for case, one, strange in zip(alike, words, share, strict=True):
            if strange >= _STRANGE and len(one) >= _STRANGE_WORDS and case.z >= SUSPICIOUS_Z:
                sentence = f"{strange:.0%} of its words are in no other text of the data set."
                case.add(Finding.WRONG_LANGUAGE, SUSPICIOUS_Z + 2 * strange, sentence)


def find_spoken(cases: Sequence[Case], identify: Identify) -> None:
    """Find clips that sound like another language than theirs: only the most wrong are listened to again."""
    wrong = most_wrong(case for case in cases if case.clip.language)
    sounds = identify([case.clip for case in wrong]) if wrong else {}
    for case in wrong:
        likely, own = sounds.get(case.clip.id, {}), primary_language(case.clip.language or "")
        if own not in likely:  # the model does not know the language that it should identify
            continue
        language = max(sorted(likely), key=lambda code: likely[code])
        if language != own and likely[language] >= _SURE:
            said = f"It sounds like {language} ({likely[language]:.2f}), the data set says {case.clip.language}."
            case.add(Finding.WRONG_LANGUAGE, 2 * RATE_Z * likely[language], said)
