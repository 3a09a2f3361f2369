"""Words that one side writes together and the other apart, as the Open ASR leaderboard forgives them.

Since 2026 that board's scorer counts no error where adjacent words of one side make up one word of the other
(``batch_error_rate(…, merge_compounds=True)`` of kaldialign); of other languages than English it first joins, on both
sides, stretches that differ in white space only (``normalize_compound_pairs``). Source: ``normalizer/eval_utils.py`` of
huggingface/open_asr_leaderboard.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from difflib import SequenceMatcher

from acento.core.text import Normalizer
from acento.scoring.counting.alternatives import Arc, nearest
from acento.scoring.counting.counts import ErrorCounts, count_words

_BOARD = "open-asr-leaderboard"


def counted_as_the_board_does(
    reference: str, hypothesis: str, normalizer: Normalizer
) -> tuple[str, str, ErrorCounts] | None:
    """Return two normalized texts as the board aligns them, and their counts of words; None where that is as usual."""
    if not normalizer.name.startswith(_BOARD) or reference == hypothesis:
        return None
    said, heard = reference.split(), hypothesis.split()
    if normalizer.name != _BOARD:
        said, heard = joined(said, heard)
    found = merged(said, heard)
    if found is None:
        text, usual = " ".join(said), " ".join(heard)
        return None if text == reference else (text, usual, count_words(text, usual))
    return " ".join(said), *found


def merged(said: Sequence[str], heard: Sequence[str]) -> tuple[str, ErrorCounts] | None:
    """Return a hypothesis whose words are joined and cut as the reference's where that makes errors fewer.

    With it come the counts; None where nothing can be joined or cut.

    >>> merged("the white paper is here".split(), "the whitepaper was he re".split())
    ('the white paper was here', ErrorCounts(substitutions=1, insertions=0, deletions=0, hits=4))
    """
    words, starts = set(said), defaultdict(list)
    longest = max(map(len, heard), default=0)
    for at in range(len(said)):
        for end, text in _joins(said, at, longest):
            starts[text].append(said[at:end])
    longest = max(map(len, said), default=0)
    arcs: list[Arc] = []
    waiting: dict[int, list[tuple[int, str]]] = defaultdict(list)
    closed: set[int] = set()
    node, nodes = 0, 1
    for at, word in enumerate(heard):
        chains = []
        for parts in {tuple(found) for found in starts.get(word, ())}:
            inner = [node, *range(nodes, nodes + len(parts) - 1)]
            nodes += len(parts) - 1
            closed.update(inner[1:])
            arcs += [Arc(inner[i], inner[i + 1], part, exact=True) for i, part in enumerate(parts[:-1])]
            chains.append((inner[-1], parts[-1]))
        for end, text in _joins(heard, at, longest):
            if text in words:
                waiting[end].append((node, text))
        before, node, nodes = node, nodes, nodes + 1
        arcs.append(Arc(before, node, word))
        arcs += [Arc(start, node, text, exact=True) for start, text in [*chains, *waiting[at + 1]]]
    if len(arcs) == len(heard):
        return None
    best = nearest(arcs, nodes, said, closed)
    # the graph is of the hypothesis: what was left out of it is an insertion
    turned = replace(best.counts, insertions=best.counts.deletions, deletions=best.counts.insertions)
    return best.text, replace(turned, hits=len(said) - turned.substitutions - turned.deletions)


def joined(said: Sequence[str], heard: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return both sides with stretches written as one word where they differ in white space only.

    >>> joined("der tag es licht".split(), "der tages licht".split())
    (['der', 'tages', 'licht'], ['der', 'tages', 'licht'])
    """
    new_said: list[str] = []
    new_heard: list[str] = []
    for kind, i, j, k, m in SequenceMatcher(None, said, heard).get_opcodes():
        one, other = [*said[i:j]], [*heard[k:m]]
        if kind != "equal" and "".join(one) == "".join(other):
            one = other = ["".join(one)]
        new_said += one
        new_heard += other
    return new_said, new_heard


def _joins(words: Sequence[str], at: int, longest: int) -> list[tuple[int, str]]:
    """Return two or more words from a place on as one, with the place where they end, up to a length of characters."""
    found = []
    text = words[at]
    for end in range(at + 2, len(words) + 1):
        text += words[end - 1]
        if len(text) > longest:
            break
        found.append((end, text))
    return found
