"""Filters: text that nobody said is taken out of what was heard, and kept with the reason.

- ``silence``: there is no voice near; or the model itself holds that nobody speaks and is unsure of the text (the rule
  and the thresholds are Whisper's own, see :mod:`acento.families.whisper.fallback`), or is certain that nobody speaks,
  and the voice detector does not say otherwise.
- ``phrase``: a phrase that Whispers write on silence; where people also say it, only with a sign against it.
- ``repeated``: a loop, see :mod:`acento.transcription.assembly.repeats`.
- ``unlikely``: more letters than can be said in the seconds of speech; or a text that repeats itself even without its
  loops (``compression_ratio_threshold``); or a very unlikely one.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from acento.data.document import Removed
from acento.data.words import Word, text_of
from acento.families.whisper.fallback import LEAST_LIKELY, MOST_SILENT
from acento.inference.predictions import Segment
from acento.models.runaways import MOST_COMPRESSED, compression_ratio
from acento.scoring.errors.silence_phrases import silence_phrase
from acento.transcription.assembly.heard import plain, timed_words
from acento.transcription.assembly.repeats import runs_of, too_fast, with_words, without_repeats
from acento.transcription.assembly.voiced import Voice

SILENCE: Final = "silence"
PHRASE: Final = "phrase"
UNLIKELY: Final = "unlikely"

CERTAIN: Final = 0.9
"""Above this probability of no speech nobody speaks, whatever the text: whisper-base has 0.93 and more on silence,
noise and hum, and below 0.1 on Dutch speech that it mostly gets wrong."""
GUESSED: Final = -1.7
"""Below this mean log probability of a token a text is a guess: whisper-base has -1.9 to -2.6 on noise and tones, and
-1.5 and more on that speech."""
DOUBTFUL: Final = (0.3, -0.7)
"""A phrase is doubted above this probability of no speech, or below this mean log probability."""
_NEAR_S: Final = 0.3
"""How far from the times of a word its voice may be."""
_VOICE_S: Final = 0.06
_SHARE: Final = 0.3
_VOICED: Final = 0.5
_SENTENCE = ".!?…。！？।؟"


def without_hallucinations(
    windows: Sequence[Segment], voice: Voice | None = None
) -> tuple[list[Segment], list[Removed]]:
    """Return what was said in the windows of one channel, and what was taken out; to be done before stitching.

    >>> heard = [Segment(0, 9, "Ya po."), Segment(9, 20, "Subtítulos por Amara.org")]
    >>> kept, removed = without_hallucinations(heard)
    >>> [window.text for window in kept], [(one.text, one.reason) for one in removed]
    (['Ya po.'], [('Subtítulos por Amara.org', 'phrase')])

    Args:
        windows: times in seconds from the start of the recording.
        voice: tells the seconds of speech between two times; None: nobody knows.
    """
    kept: list[Segment] = []
    removed: list[Removed] = []
    for window in windows:
        reason = _wrong(window, voice)
        if reason is not None:
            removed.append(Removed(window.start, window.end, window.text, reason))
            continue
        without, loops = without_repeats([window], voice)
        removed += loops
        for one in without:
            left = list(_said(one, voice, removed))
            if (rest := with_words(one, left)) is None:
                continue
            if (reason := _too_much(rest, voice, cut=bool(loops))) is not None:
                removed.append(Removed(rest.start, rest.end, rest.text, reason))
            else:
                kept.append(rest)
    return kept, removed


def _wrong(window: Segment, voice: Voice | None) -> str | None:
    """Return why a window has no speech in it, by what the model and the voice detector say."""
    logprob = 0.0 if window.logprob is None else window.logprob
    if voice is not None and voice(window.start, window.end) < _VOICE_S:
        return SILENCE
    if (window.no_speech or 0.0) > MOST_SILENT and logprob < LEAST_LIKELY:
        return SILENCE
    if (window.no_speech or 0.0) > CERTAIN and (voice is None or _share(window, voice) < _VOICED):
        return SILENCE
    return UNLIKELY if logprob < GUESSED else None


def _share(window: Segment, voice: Voice) -> float:
    """Return how much of a window is speech, from 0 to 1."""
    return voice(window.start, window.end) / max(window.end - window.start, 0.1)


def _too_much(window: Segment, voice: Voice | None, *, cut: bool) -> str | None:
    """Return why a window's text is none that can be said there."""
    words = timed_words(window)
    seconds = window.end - window.start if voice is None else voice(window.start, window.end)
    if too_fast(words, seconds):
        return UNLIKELY
    keys = [plain(word.text) for word in words]
    once = set(range(len(words)))
    for run in runs_of(keys):
        once -= {*range(run.first + run.size, run.end)}
    if compression_ratio(text_of(words[place] for place in sorted(once))) > MOST_COMPRESSED:
        return UNLIKELY
    # all it wrote of long speech was a loop
    return UNLIKELY if cut and sum(map(len, keys)) < seconds else None


def _said(window: Segment, voice: Voice | None, removed: list[Removed]) -> Iterator[Word]:
    """Yield a window's words without sentences that nobody said; these are added to ``removed``."""
    for sentence in _sentences(window):
        reason = _unsaid(sentence, window, voice)
        if reason is None:
            yield from sentence
        else:
            removed.append(Removed(sentence[0].start, sentence[-1].end, text_of(sentence), reason))


def _unsaid(sentence: Sequence[Word], window: Segment, voice: Voice | None) -> str | None:
    start, end = sentence[0].start, sentence[-1].end
    near = None if voice is None or not window.words else voice(start - _NEAR_S, end + _NEAR_S)
    if near is not None and near < _VOICE_S:
        return SILENCE
    kind = silence_phrase(text_of(sentence))
    if kind == "credit":
        return PHRASE
    if kind is None:
        return None
    no_speech, logprob = DOUBTFUL
    whole = len(sentence) == len(timed_words(window))
    doubtful = whole and ((window.no_speech or 0.0) > no_speech or (window.logprob or 0.0) < logprob)
    faint = near is not None and near < _SHARE * (end - start)
    return PHRASE if doubtful or faint or (whole and _is_sparse(sentence, window, voice)) else None


def _is_sparse(sentence: Sequence[Word], window: Segment, voice: Voice | None) -> bool:
    """Tell whether there is far more speech in a window than a sentence takes: then it stands for something else."""
    letters = sum(len(plain(word.text)) for word in sentence)
    return voice is not None and voice(window.start, window.end) > 2.0 + letters / 4


def _sentences(window: Segment) -> Iterator[list[Word]]:
    """Yield a window's words by the sentences that their marks end, and pauses of a second where times are known."""
    sentence: list[Word] = []
    for word in timed_words(window):
        if sentence and window.words and word.start - sentence[-1].end >= 1.0:
            yield sentence
            sentence = []
        sentence.append(word)
        if word.text[-1:] in _SENTENCE:
            yield sentence
            sentence = []
    if sentence:
        yield sentence
