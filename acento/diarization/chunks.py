"""The merge of seed 3 and of insanely-fast-whisper, to compare: whole chunks go to turns, one after the other."""

from collections.abc import Sequence

import numpy as np

from acento.data.words import Turn, Word
from acento.diarization.sentences import sentences


def by_chunks(words: Sequence[Word], turns: Sequence[Turn]) -> list[str | None]:
    """Return the speaker of each word; None for words that the merge loses.

    For each turn, in the order of their starts, the chunk (a sentence) that ends nearest to the turn's end is searched
    among those that are left; it and all before it go to the turn's speaker, at least one chunk to every turn. Chunks
    behind the last turn's are lost. Turns in a row of one speaker are joined first, and each ends where the next
    speaker's begins. (Read in insanely-fast-whisper's ``utils/diarize.py``.)
    """
    found: list[str | None] = [None] * len(words)
    chunks = list(sentences(words))
    ends = np.maximum.accumulate([words[chunk.stop - 1].end for chunk in chunks])
    done = 0
    for speaker, end in _joined(sorted(turns)):
        if done == len(chunks):
            break
        after = min(max(int(np.searchsorted(ends, end)), done), len(chunks) - 1)
        before = max(after - 1, done)
        nearest = before if end - ends[before] <= ends[after] - end else after
        upto = max(int(np.searchsorted(ends, ends[nearest])), done) + 1
        begin, stop = chunks[done].start, chunks[upto - 1].stop
        found[begin:stop] = [speaker] * (stop - begin)
        done = upto
    return found


def _joined(turns: Sequence[Turn]) -> list[tuple[str, float]]:
    """Return the speaker and the end of each turn, without changes to the same speaker."""
    changes = [place for place in range(1, len(turns)) if turns[place].speaker != turns[place - 1].speaker]
    ends = [turns[place].start for place in changes] + [turns[-1].end]
    firsts = [0, *changes]
    return [(turns[place].speaker, end) for place, end in zip(firsts, ends, strict=True)]
