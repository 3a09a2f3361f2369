"""Sentence-aware smoothing: a boundary that is off by a word is mended, a person who speaks in between is not lost."""

from acento.data.words import Turn, Word
from acento.diarization.merge import attribute
from acento.diarization.sentences import sentences, smoothed


def spoken(*texts: str, each: float = 0.4) -> list[Word]:
    return [Word(text, at * each, (at + 1) * each) for at, text in enumerate(texts)]


def test_a_boundary_that_is_late_by_a_word_is_mended() -> None:
    words = spoken("Nos", "vemos", "el", "lunes.", "Sí,", "el", "lunes", "seguro.")
    turns = [Turn(0, 2.0, "ana"), Turn(2.0, 3.2, "luis")]  # luis begins at 1.6 s
    assert [one.speaker for one in attribute(words, turns)].count("ana") == 5
    mended = [one.speaker for one in attribute(words, turns, by_sentence=True)]
    assert mended == ["ana"] * 4 + ["luis"] * 4


def test_a_clear_turn_inside_a_sentence_stays() -> None:
    words = spoken("y", "qué", "te", "parece", "la", "idea", "no", "sé", "bien")
    said = ["ana"] * 6 + ["luis"] * 3
    assert smoothed(words, said) == said
    assert smoothed(words, ["ana"] * 8 + ["luis"]) == ["ana"] * 9


def test_a_short_answer_that_is_a_sentence_stays() -> None:
    assert smoothed(spoken("¿Vienes?", "Sí.", "Bien."), ["ana", "luis", "ana"]) == ["ana", "luis", "ana"]


def test_nobody_wins_a_sentence_that_is_shared_evenly() -> None:
    assert smoothed(spoken("hola", "hola"), ["ana", "luis"]) == ["ana", "luis"]


def test_words_without_a_speaker_do_not_win() -> None:
    assert smoothed(spoken("a", "b", "c"), [None, None, "ana"]) == [None, None, "ana"]
    assert smoothed(spoken("a", "b", "c"), ["ana", "ana", None]) == ["ana"] * 3


def test_sentences_end_in_every_script_and_behind_quotes() -> None:
    words = spoken('"No."', "ยัง", "好。", "ठीक।", "Что?»", "…")
    words[2:3] = [Word("好。", 0.8, 1.2, joined=True)]
    assert [one.stop for one in sentences(words)] == [1, 3, 4, 5, 6]
    assert list(sentences([])) == []
