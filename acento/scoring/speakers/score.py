"""The scores of speakers over all recordings: sums of seconds and of words, and rates with their intervals."""

from collections.abc import Callable, Sequence

from pydantic import BaseModel, Field

from acento.core.text import Normalizer
from acento.scoring.counting.counts import ErrorCounts
from acento.scoring.counting.headline import headline_of
from acento.scoring.score import Rate, rate_of
from acento.scoring.speakers.spoken import Conversations
from acento.scoring.speakers.turns import TurnErrors, turn_errors
from acento.scoring.speakers.words import WordErrors, word_errors


class SpeakerOptions(BaseModel, frozen=True):
    """How speakers are scored."""

    collar: float = Field(0.0, ge=0)
    """Seconds on each side of a turn's edge that DER and JER do not score."""
    skip_overlap: bool = False
    """Whether DER and JER leave out what several speak at once."""
    word_collar: float = Field(5.0, ge=0)
    """Seconds that a word may lie off in tcpWER."""


DEFAULTS = SpeakerOptions()


class RecordingErrors(BaseModel, frozen=True):
    """One recording."""

    name: str
    turns: TurnErrors
    words: WordErrors | None
    """None where one side does not tell what is said."""
    speakers: int
    """Of the reference."""
    found: int
    """Speakers of the hypothesis."""


class SpeakerScore(BaseModel, frozen=True):
    """Who speaks when and who says what, over all recordings; rates are fractions, intervals draw recordings."""

    options: SpeakerOptions
    characters: bool
    """Whether characters are counted instead of words, as the script has no spaces."""
    der: Rate
    """Diarization error rate: seconds missed, of false alarm and of the wrong speaker over seconds of speech."""
    missed: Rate
    false_alarm: Rate
    confusion: Rate
    jer: Rate
    """Jaccard error rate: the mean over the reference's speakers, however much they say."""
    cpwer: Rate | None
    """None, as the next two, where one side does not tell what is said."""
    tcpwer: Rate | None
    orcwer: Rate | None
    recordings: tuple[RecordingErrors, ...]
    """By name, with the counts that the rates are made of."""

    @property
    def orc_exact(self) -> bool:
        """Whether ORC-WER was searched exactly in every recording."""
        return all(one.words is None or one.words.orc_exact for one in self.recordings)


def speaker_score(both: Conversations, normalizer: Normalizer, options: SpeakerOptions = DEFAULTS) -> SpeakerScore:
    """Score who speaks when and, where both sides have texts, who says what, normalized.

    Raises:
        InputError: pyannote.metrics or meeteval is not installed.
    """
    characters = headline_of(normalizer) == "character"

    def tokens(text: str) -> list[str]:
        words = normalizer(text).split()
        return list("".join(words)) if characters else words

    recordings = []
    for name, said in both.reference.recordings.items():
        heard = both.hypothesis.recordings[name]
        ignored = both.reference.ignored.get(name, ())
        sides = both.reference.turns_of(name), both.hypothesis.turns_of(name)
        turns = turn_errors(*sides, collar_s=options.collar, skip_overlap=options.skip_overlap, ignored=ignored)
        words = word_errors(said, heard, tokens, collar_s=options.word_collar) if both.has_text else None
        who = [len({one.speaker for one in side}) for side in sides]
        recordings.append(RecordingErrors(name=name, turns=turns, words=words, speakers=who[0], found=who[1]))
    turns_of = [one.turns for one in recordings]
    total = [one.total_s for one in turns_of]
    wrong = [one.missed_s + one.false_alarm_s + one.confusion_s for one in turns_of]
    return SpeakerScore(
        options=options,
        characters=characters,
        der=_rate(wrong, total),
        missed=_rate([one.missed_s for one in turns_of], total),
        false_alarm=_rate([one.false_alarm_s for one in turns_of], total),
        confusion=_rate([one.confusion_s for one in turns_of], total),
        jer=_rate([one.jaccard for one in turns_of], [float(one.speakers) for one in turns_of]),
        cpwer=_word_rate(recordings, lambda one: one.cp),
        tcpwer=_word_rate(recordings, lambda one: one.tcp),
        orcwer=_word_rate(recordings, lambda one: one.orc),
        recordings=tuple(recordings),
    )


def _rate(errors: Sequence[float], lengths: Sequence[float]) -> Rate:
    return rate_of(errors, lengths).rounded()


def _word_rate(recordings: Sequence[RecordingErrors], which: Callable[[WordErrors], ErrorCounts]) -> Rate | None:
    counts = [which(one.words) for one in recordings if one.words is not None]
    if not counts:
        return None
    return _rate([one.errors for one in counts], [one.reference_length for one in counts])
