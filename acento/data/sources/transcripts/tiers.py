"""Choose the tiers of an annotation (ELAN, Praat) that hold what is said, utterance by utterance.

The option ``text_column`` names a tier, a linguistic type, or what stands before ``@`` or after `` - `` in their names.
Without it:

- Of tiers that depend on each other the highest with words is taken. One that holds numbers only (``utt 1``) gives way
  to the one with the longest labels that is not a translation, a gloss or a comment by its name.
- A tier that cuts the segments of another into smaller ones (words, phones) is not taken.
- A tier of single words that stands alone is joined into utterances, at pauses of more than 0.5 s.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from acento.core.errors import DataError
from acento.data.sources.transcripts.segments import UTTERANCE_GAP_S, Segment, TimedSegment, Unusable, utterances

_NOT_SAID = re.compile(
    r"(?<![a-z])(transl\w*|trad\w*|ft|glos+\w*|gls?|ge|ps|pos|morph\w*|mb|phon\w*|segments?|mau|kan|sampa|ipa|syll\w*|"
    r"s[íi]lab\w*|comm?ent\w*|coment\w*|notes?|notas?|noise\w*|ruidos?|events?|gest\w*|topic\w*|t[óo]pic\w*|lemma\w*|"
    r"tokens?|hands?|gaze|ref|id)(?![a-z])",
    re.I,
)
_NO_NAME = re.compile(
    r"(default(-lt)?|tiers?|trans\w*|ort\w*|text\w*|tx|utt\w*|enunciados?|words?|palabras?|sent\w*|frases?|phrases?|speech|"
    r"habla|segments?|chunks?|trn|tro|phones?|annotations?|transcripci[óo]n|silences?|asr|kws?|labels?)[\s_\d-]*",
    re.I,
)
_WORDS = re.compile(r"(?<![a-z])(words?|palabras?|wrd|mots?|w[öo]rter|ort-mau|tokens?)(?![a-z])", re.I)
_WORD_S = 0.8
"""Single words that are shorter than this on average follow each other in a sentence, whatever their tier is called."""
_NUMBERING = re.compile(r"\W*(?:[^\W\d_]{0,6}[\W_]*)?\d[\d\W_]*", re.I)


@dataclass(slots=True)
class Tier:
    """A tier: its segments in the order of their times, those without a text left out."""

    name: str
    segments: list[Segment] = field(default_factory=list)
    participant: str | None = None
    kind: str = ""
    parent: str | None = None

    @property
    def usable(self) -> list[TimedSegment]:
        """The segments that can be used."""
        return [segment for segment in self.segments if isinstance(segment, TimedSegment)]

    @property
    def length(self) -> float:
        """How many characters a label has on average."""
        return sum(len(segment.text) for segment in self.usable) / max(1, len(self.usable))

    @property
    def speaker(self) -> str | None:
        """Who speaks: the participant, else who the name names, else None where it only says what the tier is."""
        if self.participant:
            return self.participant
        name = self.name.split("@")[-1].strip().split(" - ")[0].strip()
        return None if not name or _NO_NAME.fullmatch(name) or _NOT_SAID.fullmatch(name) else name


def choose_tiers(tiers: Sequence[Tier], wanted: str | None) -> tuple[list[Segment], list[str]]:
    """Return the segments of the tiers that are utterances, with their speakers, and which tiers were taken and not.

    Raises:
        DataError: the tier that was asked for is not there.
    """
    full = [tier for tier in tiers if tier.segments]
    used = _asked_for(full, wanted) if wanted else _of_speech(full)
    segments: list[Segment] = []
    notes = []
    for tier in used:
        rows = tier.segments
        if not wanted and _is_words(tier):
            rows = [*utterances(tier.usable), *(row for row in rows if isinstance(row, Unusable))]
            notes.append(f"The words of the tier {tier.name!r} were joined at pauses over {UTTERANCE_GAP_S:g} s.")
        segments += [replace(row, speaker=tier.speaker) if isinstance(row, TimedSegment) else row for row in rows]
    left = [tier.name for tier in tiers if tier not in used]
    if left:
        taken, others = (", ".join(map(repr, names)) for names in ([tier.name for tier in used], left))
        notes.insert(0, f"Of the tiers {taken} {'was' if len(used) == 1 else 'were'} taken, and not {others}.")
    return segments, notes


def _asked_for(tiers: Sequence[Tier], wanted: str) -> list[Tier]:
    word = wanted.strip().lower()
    found = []
    for tier in tiers:
        name = tier.name.lower()
        if word in (name, tier.kind.lower(), name.partition("@")[0], name.rpartition(" - ")[2]):
            found.append(tier)
    if not found:
        there = ", ".join(repr(tier.name) for tier in tiers) or "none with a label"
        raise DataError(f"it has no tier {wanted!r} (there is {there})")
    return found


def _of_speech(tiers: Sequence[Tier]) -> list[Tier]:
    """Return the tiers that hold utterances."""
    parents = {tier.name: tier.parent for tier in tiers}
    families: dict[str, list[Tier]] = {}
    for tier in tiers:
        root, seen = tier.name, {tier.name}
        while (parent := parents.get(root)) and parent not in seen:
            seen.add(parent)
            root = parent
        families.setdefault(root, []).append(tier)
    heads = [_head(name, family) for name, family in families.items()]
    named = [tier for tier in heads if not _is_no_speech(tier)] or heads
    return [tier for tier in named if not any(_cuts(tier, other) for other in named if other is not tier)]


def _head(name: str, family: Sequence[Tier]) -> Tier:
    """Return the tier of a family that says what is said."""
    root = next((tier for tier in family if tier.name == name), family[0])
    if len(family) == 1 or not all(_NUMBERING.fullmatch(segment.text.strip()) for segment in root.usable):
        return root
    rest = [tier for tier in family if tier is not root and tier.usable]
    speech = [tier for tier in rest if not _is_no_speech(tier) and len(tier.usable) <= 1.5 * len(root.usable)]
    return max(speech or rest or [root], key=lambda tier: tier.length)


def _is_no_speech(tier: Tier) -> bool:
    return any(_NOT_SAID.search(name.partition("@")[0]) for name in (tier.name, tier.kind))


def _cuts(tier: Tier, other: Tier) -> bool:
    """Tell whether a tier cuts the segments of another into smaller ones, which fill most of their time."""
    small, large = (sorted(of.usable, key=lambda segment: segment.start_s) for of in (tier, other))
    if len(small) <= len(large) or tier.length >= other.length:
        return False
    inside, covered, at = 0, 0.0, 0
    for segment in small:
        while at < len(large) and large[at].end_s < segment.end_s - 0.02:
            at += 1
        if at < len(large) and large[at].start_s <= segment.start_s + 0.02:
            inside += 1
            covered += segment.end_s - segment.start_s
    return inside >= 0.9 * len(small) and covered >= 0.5 * sum(segment.end_s - segment.start_s for segment in large)


def _is_words(tier: Tier) -> bool:
    """Tell whether a tier holds single words in a row, which are no utterances each."""
    words = tier.usable
    if len(words) < 2 or any(" " in word.text.strip() for word in words):
        return False
    seconds = sum(word.end_s - word.start_s for word in words) / len(words)
    if not any(_WORDS.search(name) for name in (tier.name, tier.kind)) and (len(words) < 5 or seconds > _WORD_S):
        return False
    close = sum(after.start_s - before.end_s <= UTTERANCE_GAP_S for before, after in pairwise(words))
    return 2 * close >= len(words) - 1
