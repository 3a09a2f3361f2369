"""RTTM: what is written is read back, what others write is read, and what is none is named with its line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acento.core.errors import InputError
from acento.data.rttm import read_rttm, rttm_of
from acento.data.words import Turn

NAMES = st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=8).filter(lambda name: name != "<NA>")
TIMES = st.integers(0, 10**8).map(lambda milliseconds: milliseconds / 1000)
SPANS = st.tuples(TIMES, TIMES).map(sorted)


@given(NAMES, st.lists(st.builds(lambda span, who: Turn(*span, who), SPANS, NAMES), min_size=1))
def test_turns_are_read_back_as_they_were(name: str, turns: list[Turn]) -> None:
    assert read_rttm(rttm_of(name, turns)) == {name: sorted(turns)}


def test_turns_of_several_recordings_come_apart_in_the_order_of_their_starts() -> None:
    text = rttm_of("b", [Turn(2, 3, "x"), Turn(0, 1, "y")]) + rttm_of("a", [Turn(0, 1, "x")])
    assert read_rttm(text) == {"b": [Turn(0, 1, "y"), Turn(2, 3, "x")], "a": [Turn(0, 1, "x")]}


def test_what_others_write_is_read() -> None:
    text = (
        "\ufeff;; made by hand\r\n\r\n"
        "SPKR-INFO rec 1 <NA> <NA> <NA> unknown ana <NA>\r\n"
        "speaker\trec\t1\t 6.69 0.430\t<NA> <NA> ana\r\n"
        "  SPEAKER rec A 1e1 .5 <NA> <NA> luis 0.9 <NA>\n"
        "# end"
    )
    assert read_rttm(text) == {"rec": [Turn(6.69, 7.12, "ana"), Turn(10, 10.5, "luis")]}
    assert read_rttm("") == {}


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("hola 1 2 3", "Line 2 is none of RTTM's: it begins with 'hola'"),
        ("SPEAKER rec 1 0.0 1.0 <NA> <NA>", "Line 2 has 7 fields"),
        ("SPEAKER rec 1 x 1.0 <NA> <NA> ana", "Line 2: the begin 'x' is no time"),
        ("SPEAKER rec 1 0.0 -1 <NA> <NA> ana", "Line 2: the duration '-1' is no time"),
        ("SPEAKER rec 1 0.0 nan <NA> <NA> ana", "Line 2: the duration 'nan' is no time"),
        ("SPEAKER rec 1 0.0 1.0 <NA> <NA> <NA> <NA>", "Line 2 names no speaker"),
    ],
)
def test_a_line_that_is_none_is_named(line: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        read_rttm(f"SPEAKER rec 1 0.0 1.0 <NA> <NA> ana <NA> <NA>\n{line}\n")


def test_names_with_spaces_are_written_as_one_word() -> None:
    assert rttm_of("a b", [Turn(0, 1, "Ana María")]).split()[1:8:6] == ["a_b", "Ana_María"]
