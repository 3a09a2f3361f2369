"""The best reading of a reference with alternations, against every reading tried one by one."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acento.core.errors import InputError
from acento.scoring.counting.alternatives import Choice, Reading, Words, best_reading, parse
from acento.scoring.counting.counts import count_words

WORDS = st.sampled_from(["a", "b", "c", "d"])
TEXTS = st.lists(WORDS, max_size=4).map(" ".join)
PARTS = st.recursive(
    st.one_of(WORDS, WORDS.map("({})".format)),
    lambda inner: st.lists(
        st.one_of(st.just("@"), st.lists(inner, min_size=1, max_size=3).map(" ".join)), min_size=2, max_size=3
    ).map(lambda readings: f"{{ {' / '.join(readings)} }}"),
    max_leaves=5,
)


def expanded(reading: Reading) -> list[tuple[str, int]]:
    """Return every reading as words with the optional ones there or not, and how many of these are left out."""
    found = []
    for part in reading:
        if isinstance(part, Words):
            found.append([(part.text, 0), ("", 1)] if part.optional else [(part.text, 0)])
        else:
            found.append([one for inner in part.readings for one in expanded(inner)])
    return [(" ".join(text for text, _ in row), sum(number for _, number in row)) for row in product(*found)]


@given(st.lists(PARTS, max_size=4).map(" ".join), st.lists(WORDS, max_size=6).map(" ".join))
def test_no_reading_has_fewer_errors_than_the_best(reference: str, hypothesis: str) -> None:
    best = best_reading(reference, hypothesis, str)
    every = expanded(parse(reference))
    errors = min(count_words(text, hypothesis).errors for text, _ in every)
    assert count_words(best.text, hypothesis).errors == errors
    assert (best.text, best.forgiven) in [(" ".join(text.split()), forgiven) for text, forgiven in every]


@given(TEXTS, TEXTS)
def test_without_marks_the_reference_is_its_own_best_reading(reference: str, hypothesis: str) -> None:
    assert best_reading(reference, hypothesis, str).text == reference


@pytest.mark.parametrize(
    ("reference", "hypothesis", "text", "forgiven"),
    [
        ("i've { um / uh / @ } gone", "i've uh gone", "i've uh gone", 0),
        ("i've { um / uh / @ } gone", "i've gone", "i've gone", 0),
        ("i've {um / uh} gone", "i've gone", "i've um gone", 0),
        ("i am a (farmer)", "i am a", "i am a", 1),
        ("i am a (farmer)", "i am a farmer", "i am a farmer", 0),
        ("i am a (farmer)", "i am a baker", "i am a farmer", 0),
        ("{ { a / b } c / d e f }", "b c", "b c", 0),
        ("{ twenty one / 21 }", "21", "21", 0),
        ("km/h @ home", "km/h @ home", "km/h @ home", 0),
        ("{ @ / um }", "", "", 0),
    ],
)
def test_readings_are_those_of_sclite(reference: str, hypothesis: str, text: str, forgiven: int) -> None:
    best = best_reading(reference, hypothesis, str)
    assert (best.text, best.forgiven) == (text, forgiven)


@pytest.mark.parametrize("text", ["{ a / b", "a } b", "{ a }", "{ a / { b }"])
def test_marks_that_are_not_balanced_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="brace"):
        parse(text)


def test_parts_are_normalized_and_may_hold_several_words() -> None:
    assert parse("A { b c / @ }") == (Words("A"), Choice(((Words("b c"),), ())))
    assert best_reading("¡Hola, { MUNDO / a todos }!", "hola a todos", lambda x: x.lower().strip("¡!,")).text == (
        "hola a todos"
    )
