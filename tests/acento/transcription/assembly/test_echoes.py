"""Words that one channel hears of another are taken out and kept in ``removed``; every other word stays."""

from hypothesis import given, settings
from hypothesis import strategies as st

from acento.data.document import Document, Passage
from acento.data.words import Turn, Word, text_of
from acento.transcription.assembly.echoes import without_echoes

ANA, BO = "SPEAKER_00", "SPEAKER_01"


def call(*passages: Passage) -> Document:
    return Document("call.wav", 60.0, passages)


def said(channel: int, *words: Word) -> Passage:
    return Passage(words[0].start, words[-1].end, text_of(words), words, channel=channel)


def test_an_echo_in_the_midst_of_a_passage_divides_it() -> None:
    words = [Word(text, number, number + 0.8) for number, text in enumerate(["Ya", "hola", "qué", "tal"])]
    kept = without_echoes(call(said(1, *words)), [Turn(0, 0.7, BO), Turn(1.1, 2.9, ANA), Turn(3.1, 4, BO)])
    assert [(passage.text, passage.start, passage.end) for passage in kept.passages] == [
        ("Ya", 0, 0.8),
        ("tal", 3, 3.8),
    ]
    assert [(one.text, one.start, one.end, one.reason) for one in kept.removed] == [("hola qué", 1, 2.8, "echo")]


def test_two_who_speak_at_once_are_both_kept_and_so_is_what_no_turn_holds() -> None:
    heard = call(said(0, Word("Sí", 1, 2)), said(1, Word("No", 1, 2)), said(1, Word("eh", 20, 20.3)))
    assert without_echoes(heard, [Turn(0.5, 2.5, ANA), Turn(0.9, 2.1, BO)]) == heard


def test_without_turns_nothing_is_taken_out() -> None:
    heard = call(said(0, Word("Sí", 1, 2)))
    assert without_echoes(heard, []) == heard


TIMES = st.floats(0, 50).map(lambda value: round(value, 2))
TURNS = st.lists(
    st.builds(lambda start, length, who: Turn(start, start + length, who), TIMES, TIMES, st.sampled_from([ANA, BO]))
)
WORDS = st.lists(st.tuples(TIMES, st.floats(0.05, 2), st.sampled_from([0, 1])), max_size=20)


@settings(deadline=None)
@given(WORDS, TURNS)
def test_every_word_is_kept_or_removed_once_and_none_of_a_speakers_own_time_is_removed(
    heard: list[tuple[float, float, int]], turns: list[Turn]
) -> None:
    passages = [
        said(channel, Word(f"w{number}", start, start + length))
        for number, (start, length, channel) in enumerate(heard)
    ]
    found = without_echoes(call(*passages), turns)
    texts = [one.text for one in (*found.passages, *found.removed)]
    assert sorted(texts) == sorted(passage.text for passage in passages)
    own = {passage.text: f"SPEAKER_{passage.channel or 0:02}" for passage in passages}
    for one in found.removed:
        theirs = [turn for turn in turns if turn.speaker == own[one.text]]
        assert not any(turn.start < one.end and turn.end > one.start for turn in theirs)
