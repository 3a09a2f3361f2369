"""Punctuation and casing errors: a wrong word is no wrong mark, and what the references do not have is not judged."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acento.scoring.counting.counts import ErrorCounts
from acento.scoring.errors.written_form import MARKS, PunctuationErrors, written_form

WORD = st.text("aábcñ", min_size=1, max_size=4)
MARK = st.sampled_from(["", "", "", ",", ".", "?"])
SENTENCE = st.lists(st.tuples(WORD, MARK), min_size=1, max_size=8)


def punctuation(reference: str, hypothesis: str) -> ErrorCounts:
    found = written_form([reference], [hypothesis]).punctuation
    assert found is not None
    return found.counts


def casing(reference: str, hypothesis: str) -> tuple[int, int]:
    found = written_form([reference], [hypothesis]).casing
    assert found is not None
    return found.errors, found.words


def written(words: list[tuple[str, str]]) -> str:
    return " ".join(f"{word}{mark}" for word, mark in words)


@pytest.mark.parametrize(
    ("reference", "hypothesis", "counts"),
    [
        ("Hola, Ana. ¿Qué tal?", "hola, Ana. ¿qué tal?", ErrorCounts(hits=4)),
        ("Hola, Ana.", "Hola Ana.", ErrorCounts(deletions=1, hits=1)),
        ("Hola Ana.", "Hola, Ana.", ErrorCounts(insertions=1, hits=1)),
        ("Hola, Ana.", "Hola. Ana.", ErrorCounts(substitutions=1, hits=1)),
        ("Hola, Ana.", "Chao, Eva.", ErrorCounts(hits=2)),
        ("Hola, Ana.", "Hola, querida Ana.", ErrorCounts(hits=2)),
        ("Hola, querida Ana.", "Hola, Ana.", ErrorCounts(hits=2)),
        ("Hola, Ana.", "", ErrorCounts(deletions=2)),
        ("Son 3,5 a las 10:30.", "Son 35 a las 10.30.", ErrorCounts(hits=1)),
        ("Es de EE.UU., dijo.", "Es de EEUU, dijo.", ErrorCounts(substitutions=0, deletions=1, hits=2)),
        ("Ya...", "Ya…", ErrorCounts(hits=1)),
        ("«Ya» — dijo (ella).", '"Ya" - dijo ella.', ErrorCounts(hits=1)),
        ("今日は、良い天気です。", "今日は良い天気です。", ErrorCounts(deletions=1, hits=1)),
        ("你好，世界！", "你好,世界!", ErrorCounts(hits=2)),
        ("नमस्ते, दुनिया।", "नमस्ते दुनिया।", ErrorCounts(deletions=1, hits=1)),
        ("مرحبا، كيف حالك؟", "مرحبا، كيف حالك", ErrorCounts(deletions=1, hits=1)),
    ],
)
def test_marks_are_compared_where_they_stand(reference: str, hypothesis: str, counts: ErrorCounts) -> None:
    assert punctuation(reference, hypothesis) == counts


def test_the_rate_is_that_of_librispeech_pc() -> None:
    # "Hi, dear! Nice to see you. What's": one mark right, one missing, one extra, one wrong
    counts = punctuation("Hi, dear! Nice to see you. What's", "Hi dear! Nice to see you! What's?")
    found = PunctuationErrors(counts=counts, interval=None)
    assert counts == ErrorCounts(substitutions=1, insertions=1, deletions=1, hits=1)
    assert found.rate == 0.75
    assert (found.precision, found.recall, found.f1) == pytest.approx((1 / 3, 1 / 3, 1 / 3))


def test_references_without_marks_judge_no_marks_and_those_in_one_case_no_casing() -> None:
    found = written_form(["hola ana", "qué tal"], ["Hola, Ana.", "¿Qué tal?"])
    assert (found.punctuation, found.casing) == (None, None)
    shouted = written_form(["HOLA, ANA."], ["Hola, Ana."])
    assert shouted.casing is None
    assert shouted.punctuation is not None


@pytest.mark.parametrize(
    ("reference", "hypothesis", "counts"),
    [
        ("Hola Ana", "Hola Ana", (0, 2)),
        ("Hola Ana", "hola Ana", (1, 2)),
        ("Hola Ana", "hola Eva", (1, 1)),
        ("Tengo 20 años", "tengo 20 años", (1, 2)),
        ("La NASA llamó", "la Nasa llamó", (2, 3)),
        ("Hola, Ana", "ANA", (1, 1)),
    ],
)
def test_casing_is_judged_on_the_words_that_are_right(reference: str, hypothesis: str, counts: tuple[int, int]) -> None:
    assert casing(reference, hypothesis) == counts


def test_text_on_a_clip_without_words_is_no_error_of_punctuation() -> None:
    found = written_form(["Hola.", ""], ["Hola.", "Gracias, gracias."])
    assert found.punctuation is not None
    assert found.punctuation.counts == ErrorCounts(hits=1)


def test_a_group_that_is_drawn_keeps_its_clips_together() -> None:
    texts = ["Hola, Ana.", "Chao."] * 20, ["Hola Ana.", "Chao."] * 20
    alone = written_form(*texts).punctuation
    together = written_form(*texts, groups=["a", "a", "b", "b"] * 10).punctuation
    assert alone is not None
    assert alone.interval is not None
    assert together is not None
    assert together.interval is not None
    assert alone.interval.low < alone.rate < alone.interval.high  # type: ignore[operator]
    assert (together.interval.approximate, alone.interval.approximate) == (True, False)  # of two groups


@given(SENTENCE)
def test_a_text_has_no_errors_against_itself(words: list[tuple[str, str]]) -> None:
    text = written([*words, ("fin", ".")])
    assert punctuation(text, text).errors == 0


@settings(deadline=None)
@given(st.lists(st.tuples(SENTENCE, SENTENCE), min_size=1, max_size=4))
def test_counts_add_and_cover_every_mark(pairs: list[tuple[list[tuple[str, str]], list[tuple[str, str]]]]) -> None:
    references = [written([*said, ("fin", ".")]) for said, _ in pairs]
    hypotheses = [written(heard) for _, heard in pairs]
    found = written_form(references, hypotheses).punctuation
    assert found is not None
    assert found.counts == sum(map(punctuation, references, hypotheses), ErrorCounts())
    assert found.counts.reference_length == sum(text.count(mark) for text in references for mark in ",.?")
    assert found.counts.hits + found.counts.substitutions + found.counts.insertions == sum(
        text.count(mark) for text in hypotheses for mark in ",.?"
    )


@given(SENTENCE, st.data())
def test_other_words_in_the_same_places_change_no_mark(words: list[tuple[str, str]], data: st.DataObject) -> None:
    heard = [(f"x{index}x", data.draw(MARK)) for index in range(len(words))]
    same = [(word, mark) for (word, _), (_, mark) in zip(words, heard, strict=True)]
    end = [("fin", ".")]
    assert punctuation(written(words + end), written(heard + end)) == punctuation(
        written(words + end), written(same + end)
    )


@given(st.text("aB.,… '’-3:" + MARKS), st.text("aB.,… '’-3:" + MARKS))
def test_any_text_can_be_taken_apart(reference: str, hypothesis: str) -> None:
    found = written_form(["Sí.", reference], ["Sí.", hypothesis])
    assert found.punctuation is not None
    assert 0 <= found.punctuation.rate <= 1  # type: ignore[operator]
