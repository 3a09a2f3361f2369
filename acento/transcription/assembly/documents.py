"""Documents: a recording's windows, filtered, stitched and divided into passages; and later their speakers."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby, islice

from acento.data.document import Document, Passage, Removed
from acento.data.words import Turn, Word, text_of
from acento.inference.predictions import Segment
from acento.transcription.assembly.filters import without_hallucinations
from acento.transcription.assembly.heard import languages_of
from acento.transcription.assembly.passages import passages_of
from acento.transcription.assembly.repeats import without_repeats
from acento.transcription.assembly.stitching import stitch
from acento.transcription.assembly.voiced import Voice


def document_of(
    name: str,
    duration_s: float,
    heard: Mapping[int | None, Sequence[Segment]],
    *,
    voices: Mapping[int | None, Voice] | None = None,
    model: str | None = None,
    language: str | None = None,
    filtered: bool = True,
) -> Document:
    """Return the document of a recording: what was said in its windows, every word once, in passages by time.

    >>> document = document_of("talk.wav", 60.0, {None: [Segment(0, 9, "Ya po."), Segment(20, 29, "Sí.")]})
    >>> [(passage.start, passage.text) for passage in document.passages], document.text
    ([(0.0, 'Ya po.'), (20.0, 'Sí.')], 'Ya po. Sí.')

    Args:
        name: as the recording is called.
        duration_s: its length.
        heard: by channel the windows, times in seconds from the recording's start; None: the channels were mixed.
        voices: by channel what tells the seconds of speech, see :func:`~acento.transcription.assembly.voiced.voice_of`.
        model: what the model is called.
        language: what it was told, if it was; else the language of most of the text is the document's.
        filtered: whether text that nobody is likely to have said is taken out, and kept in ``removed``.
    """
    passages: list[Passage] = []
    removed: list[Removed] = []
    left: list[Segment] = []
    for channel, windows in heard.items():
        voice = (voices or {}).get(channel)
        kept, unsaid = without_hallucinations(windows, voice) if filtered else (list(windows), [])
        stitched = stitch(kept)
        loops: list[Removed] = []
        if filtered:
            stitched, loops = without_repeats(stitched, voice)
        removed += unsaid + loops
        left += stitched
        passages += passages_of(stitched, channel)
    return Document(
        name,
        duration_s,
        tuple(sorted(passages, key=_place)),
        model,
        language or next(iter(languages_of(left)), None),
        removed=tuple(sorted(removed, key=lambda one: (one.start, one.end))),
    )


def removed_counts(document: Document) -> dict[str, int]:
    """Return how many texts were taken out of a document, by reason, the most frequent first.

    >>> removed_counts(Document("a.wav", 9.0, (), removed=(Removed(0, 9, "you", "silence"),)))
    {'silence': 1}
    """
    return dict(Counter(one.reason for one in document.removed).most_common())


Attribute = Callable[[Sequence[Word]], Sequence[Word]]
"""Gives each word its speaker, and changes neither their number nor their order."""


def with_speakers(document: Document, attribute: Attribute, turns: Sequence[Turn] = ()) -> Document:
    """Return a document whose words have speakers; its passages are divided where the speaker changes.

    >>> document = document_of("talk.wav", 60.0, {None: [Segment(0, 9, "Ya po.")]})
    >>> with_speakers(document, lambda words: [replace(word, speaker="ana") for word in words]).speakers
    ['ana']

    Args:
        document: of the recording.
        attribute: such as the merge of words and turns; a passage without times of words is given to it as one word.
        turns: who speaks when, as the document keeps it.

    Raises:
        ValueError: a word was lost or added.
    """
    words = [word for passage in document.passages for word in _words_of(passage)]
    told = list(attribute(words))
    if [word.text for word in told] != [word.text for word in words]:
        raise ValueError(f"Of {len(words)} words {len(told)} came back, or others, where speakers were told.")
    rest = iter(told)
    passages = [
        part
        for passage in document.passages
        for part in _by_speaker(passage, list(islice(rest, len(_words_of(passage)))))
    ]
    return replace(document, passages=tuple(sorted(passages, key=_place)), turns=tuple(turns))


def _words_of(passage: Passage) -> tuple[Word, ...]:
    return passage.words or (Word(passage.text, passage.start, passage.end),)


def _by_speaker(passage: Passage, words: Sequence[Word]) -> Iterator[Passage]:
    """Yield a passage in stretches of one speaker."""
    if not passage.words:
        yield replace(passage, speaker=words[0].speaker)
        return
    for speaker, group in groupby(words, lambda word: word.speaker):
        theirs = tuple(group)
        times = (theirs[0].start, max(word.end for word in theirs))
        yield replace(passage, start=times[0], end=times[1], text=text_of(theirs), words=theirs, speaker=speaker)


def _place(passage: Passage) -> tuple[float, float, int]:
    return passage.start, passage.end, -1 if passage.channel is None else passage.channel
