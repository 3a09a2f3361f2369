"""The review list opens in a spreadsheet, comes back in whatever form that saves it, and loses no decision."""

import csv
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acento.core.errors import InputError
from acento.core.store import LocalStore
from acento.transcription.drafts.draft import Draft, DraftUtterance, keep_draft
from acento.transcription.drafts.review_list import (
    COLUMNS,
    OUTCOMES,
    Decision,
    decided,
    list_of,
    read_list,
    write_list,
)


def heard(number: int, text: str, confidence: float | None) -> DraftUtterance:
    return DraftUtterance(
        id=f"talk#t={number},{number + 1}",
        file="talk.wav",
        recording="recordings/0",
        start=number,
        end=number + 1,
        text=text,
        confidence=confidence,
        language="es",
    )


TEXTS = ("la casuela, quedó «blanda»", "-sí", "=1+1", "ya po; chao", "dos\tcosas", 'no "sé"')


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


@pytest.fixture
def draft(store: LocalStore) -> Draft:
    return keep_draft(store, "santiago", "m", [heard(n, text, n / 10) for n, text in enumerate(TEXTS)])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "list.csv"


def edited(path: Path, marks: dict[int, dict[str, str]], delimiter: str = ",", encoding: str = "utf-8-sig") -> None:
    """Write a list again as a spreadsheet does, some cells of some rows changed."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    for number, cells in marks.items():
        rows[number] |= cells
    with path.open("w", encoding=encoding, newline="") as file:
        table = csv.DictWriter(file, rows[0], delimiter=delimiter)
        table.writeheader()
        table.writerows(rows)


def test_the_list_has_the_worst_first_and_no_formulas(store, draft, path):
    write_list(store, draft, path)
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS
    assert [row["confidence"] for row in rows] == ["0.00", "0.10", "0.20", "0.30", "0.40", "0.50"]
    assert not any(row["text"].startswith(("=", "-", "+", "@")) for row in rows)
    assert {row["draft"] for row in rows} == {draft.id}
    assert {row["action"] for row in rows} == {""}


def test_nothing_is_decided_without_a_mark(store, draft, path):
    write_list(store, draft, path)
    back, decisions = read_list(store, path)
    assert back == draft
    assert {one.outcome for one in decided(back, decisions)} == {"not_reviewed"}


@pytest.mark.parametrize(("delimiter", "encoding"), [(",", "utf-8-sig"), (";", "utf-8"), ("\t", "utf-16")])
def test_decisions_come_back_from_any_spreadsheet(store, draft, path, delimiter, encoding):
    write_list(store, draft, path)
    marks = {
        0: {"action": "Correct", "new_text": "la cazuela quedó blanda"},
        1: {"action": "keep "},
        2: {"action": "drop"},
        3: {"text": "ya po, chao", "action": "keep"},
        4: {"new_text": "dos cosas más", "action": "keep"},
    }
    edited(path, marks, delimiter, encoding)
    back, decisions = read_list(store, path)
    assert [(one.outcome, one.text) for one in decided(back, decisions)] == [
        ("corrected", "la cazuela quedó blanda"),
        ("kept", "-sí"),
        ("dropped", "=1+1"),
        ("corrected", "ya po, chao"),
        ("corrected", "dos cosas más"),
        ("not_reviewed", 'no "sé"'),
    ]


def test_only_what_has_no_mark_is_accepted_by_its_confidence(store, draft, path):
    write_list(store, draft, path)
    edited(path, {4: {"action": "drop"}})
    back, decisions = read_list(store, path)
    outcomes = [one.outcome for one in decided(back, decisions, accept_above=0.3)]
    assert outcomes == ["not_reviewed"] * 3 + ["accepted", "dropped", "accepted"]
    unknown = Draft(key="drafts/x", name="n", model="m", utterances=(heard(0, "ya", None),))
    assert [one.outcome for one in decided(unknown, {}, accept_above=0.0)] == ["not_reviewed"]


@given(st.lists(st.sampled_from(["", "keep", "drop", "correct"]), min_size=6, max_size=6), st.none() | st.floats(0, 1))
def test_every_utterance_has_one_outcome(actions, above):
    utterances = tuple(heard(n, text, n / 10) for n, text in enumerate(TEXTS))
    draft = Draft(key="drafts/x", name="n", model="m", utterances=utterances)
    marks = {
        one.id: Decision(action, "otra" if action == "correct" else "")
        for one, action in zip(utterances, actions, strict=True)
    }
    found = Counter(one.outcome for one in decided(draft, marks, above))
    assert found.total() == len(utterances)
    assert set(found) <= set(OUTCOMES)
    assert (found["kept"], found["dropped"], found["corrected"]) == tuple(
        map(actions.count, ("keep", "drop", "correct"))
    )


@pytest.mark.parametrize(
    ("cells", "sentence"),
    [
        ({"action": "maybe"}, "line 2: 'maybe' is no action; use keep, drop, correct, or leave it empty"),
        ({"action": "correct"}, "line 2: talk#t=0,1 is marked correct and has no other text"),
        ({"text": "12-ene"}, "line 2: the text of talk#t=0,1 is another one, and its action is empty: write correct"),
        ({"id": "talk#t=7,8"}, "line 2: 'talk#t=7,8' is no utterance of its draft"),
        ({"id": "talk#t=1,2", "action": "drop"}, "line 3: talk#t=1,2 is there twice"),
        ({"draft": "0123"}, "is of several drafts"),
    ],
)
def test_what_cannot_be_understood_is_told_with_its_line(store, draft, path, cells, sentence):
    write_list(store, draft, path)
    edited(path, {0: cells})
    with pytest.raises(InputError, match=sentence.replace("(", r"\(")):
        read_list(store, path)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "is empty"),
        ("path,text\na.wav,ya\n", "has no column 'id'"),
        (",".join(COLUMNS) + "\n", "is empty"),
        (",".join(COLUMNS) + "\nkeep,ya,,0.5,,a.wav,0,1,,es,a,feed\n", "There is no draft feed"),
    ],
)
def test_another_file_is_refused(store, path, content, sentence):
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=sentence):
        read_list(store, path)
    with pytest.raises(InputError, match="cannot be read"):
        read_list(store, path.with_name("none.csv"))


def test_a_list_in_another_encoding_is_to_be_saved_again(store, draft, path):
    write_list(store, draft, path)
    edited(path, {0: {"new_text": "año"}}, ";", "cp1252")
    with pytest.raises(InputError, match="Row 2 is not UTF-8: save it as 'CSV UTF-8'"):
        read_list(store, path)


def test_a_list_that_is_written_again_keeps_the_decisions(store, draft, path):
    write_list(store, draft, path)
    edited(path, {0: {"new_text": "la cazuela"}, 1: {"action": "drop"}})
    more = keep_draft(store, "santiago", "m", [*draft.utterances, heard(9, "más", 0.05)])
    write_list(store, more, path)
    back, decisions = read_list(store, path)
    assert back == more
    assert {id: mark for id, mark in decisions.items() if mark.marked} == {
        "talk#t=0,1": Decision("correct", "la cazuela"),
        "talk#t=1,2": Decision("drop"),
    }


def test_a_decision_on_what_is_heard_otherwise_now_is_not_lost(store, draft, path):
    write_list(store, draft, path)
    edited(path, {0: {"new_text": "la cazuela"}})
    before = path.read_bytes()
    other = keep_draft(store, "santiago", "other", [heard(0, "la gasuela", 0.1)])
    with pytest.raises(InputError, match="1 decisions on what was heard otherwise now, such as talk#t=0,1"):
        write_list(store, other, path)
    assert path.read_bytes() == before


def test_what_is_in_the_data_set_is_not_listed_again(draft):
    assert len(list_of(draft, leave_out=["talk#t=0,1"]).splitlines()) == len(TEXTS)
