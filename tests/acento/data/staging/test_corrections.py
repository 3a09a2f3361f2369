"""A data set is corrected as a reviewer decided: what is dropped is accounted for, what is untouched stays as it is."""

import csv
from pathlib import Path

import pytest
from faults import tree
from made_up import clip, make_set
from recordings import put

from acento.core.errors import DataError, InputError
from acento.core.store import LocalStore
from acento.data.dataset import Card, load_card, read_clips, read_rejected
from acento.data.export import export
from acento.data.facts import compare_versions
from acento.data.staging import stage
from acento.data.staging.corrections import Review, apply_review, read_review
from acento.data.staging.importing import import_dataset
from acento.inference.plan import load_plan, make_plan

HEADER = "id,rank,score,kinds,why,reference,hypothesis,suggested_action,new_text\n"


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


@pytest.fixture
def card(store: LocalStore) -> Card:
    """Make three parts of four clips each."""
    return make_set(store, [[clip(n, "test" if n % 2 else "train") for n in range(k, k + 4)] for k in (0, 4, 8)])


def texts(store: LocalStore, card: Card) -> dict[str, str | None]:
    return {row.utterance.id: row.utterance.text for row in read_clips(store, card)}


def written(folder: Path, *rows: str) -> Path:
    path = folder / "findings.csv"
    path.write_text(HEADER + "".join(f"{row}\n" for row in rows), encoding="utf-8")
    return path


def test_a_dropped_clip_is_rejected_by_name_and_a_corrected_one_has_its_new_text(store: LocalStore, card: Card) -> None:
    done = apply_review(store, "made-up", Review(drop={"c01": "A reviewer dropped it."}, texts={"c05": "otra frase"}))
    assert (done.card.version, done.dropped, done.corrected, done.new) == (2, 1, 1, True)
    wanted = texts(store, card) | {"c05": "otra frase"}
    wanted.pop("c01")
    assert texts(store, done.card) == wanted
    (row,) = read_rejected(store, done.card).to_pylist()
    assert (row["id"], row["reason"], row["source"]) == ("c01", "dropped_by_review", "c01.wav")
    assert row["source_sha256"]
    assert row["audio_sha256"]
    assert load_card(store, "made-up") == done.card


def test_the_counts_of_the_new_version_add_up(store: LocalStore, card: Card) -> None:
    new = apply_review(store, "made-up", Review(drop={"c01": "", "c02": "", "c08": ""}, texts={})).card
    assert new.clips + new.rejected == card.clips + card.rejected
    assert new.clips == sum(new.splits.values()) == sum(part.clips for part in new.parts) == 9
    assert new.splits == {"train": 4, "dev": 0, "test": 5}
    assert new.seconds == pytest.approx(sum(row.utterance.duration_s for row in read_clips(store, new)))
    assert new.parent == card.fingerprint


def test_parts_without_a_decision_are_kept_and_the_audio_of_corrected_ones_is_the_same(
    store: LocalStore, card: Card
) -> None:
    new = apply_review(store, "made-up", Review(drop={}, texts={"c05": "otra frase"})).card
    assert [one.key == other.key for one, other in zip(card.parts, new.parts, strict=True)] == [True, False, True]
    (correction,) = compare_versions(store, card, new).corrected
    assert (correction.after.id, correction.what) == ("c05", ("text",))


def test_what_was_transcribed_holds_where_only_texts_change(store: LocalStore, card: Card) -> None:
    new = apply_review(store, "made-up", Review(drop={}, texts={"c05": "otra frase"})).card
    plans = [load_plan(store, make_plan(store, one, split="test", batch_size=2).key) for one in (card, new)]
    assert [part.digest for part in plans[0].parts] == [part.digest for part in plans[1].parts]


def test_a_part_of_which_nothing_is_left_goes(store: LocalStore, card: Card) -> None:
    new = apply_review(store, "made-up", Review(drop=dict.fromkeys(["c04", "c05", "c06", "c07"], "no"), texts={})).card
    assert [part.key for part in new.parts] == [card.parts[0].key, card.parts[2].key]


def test_the_same_review_makes_the_same_bytes_in_another_store_and_nothing_the_second_time(tmp_path: Path) -> None:
    trees = []
    for name in ("one", "two"):
        store = LocalStore(tmp_path / name)
        make_set(store, [[clip(n) for n in range(4)]])
        review = Review(drop={"c01": "x", "c03": "y"}, texts={"c00": "otra frase"})
        first, again = apply_review(store, "made-up", review), apply_review(store, "made-up", review)
        assert (again.new, again.card) == (False, first.card)
        trees.append(tree(tmp_path / name))
    assert trees[0] == trees[1]


def test_a_text_that_a_review_brings_back_is_no_longer_refused(store: LocalStore, card: Card) -> None:
    first = apply_review(store, "made-up", Review(drop={}, texts={"c05": "otra frase"})).card
    assert list(first.options["reviewed"]) == ["c05"]
    before = texts(store, card)["c05"] or ""
    back = apply_review(store, "made-up", Review(drop={}, texts={"c05": before})).card
    assert back.options["reviewed"]["c05"] != first.options["reviewed"]["c05"]
    assert texts(store, back) == texts(store, card)


def test_a_corrected_set_is_exported_and_imported(store: LocalStore, tmp_path: Path) -> None:
    for number in range(4):
        put(tmp_path / "recordings", f"c{number}", number)
    stage(store, str(tmp_path / "recordings"), "real", workers=0)
    new = apply_review(store, "real", Review(drop={"c1": ""}, texts={"c2": "otra frase"})).card
    other = LocalStore(tmp_path / "other")
    taken = import_dataset(other, export(store, new, tmp_path / "exported.tar")).card
    assert (taken.fingerprint, texts(other, taken)) == (new.fingerprint, texts(store, new))
    assert taken.options["reviewed"] == new.options["reviewed"]


@pytest.mark.parametrize(
    ("review", "sentence"),
    [
        (Review({"nobody": ""}, {}), "made-up v1 has no clip nobody: findings.csv is of another"),
        (Review({}, {"nobody": "x"}), "made-up v1 has no clip nobody"),
    ],
)
def test_a_clip_that_is_not_there_is_said(store: LocalStore, card: Card, review: Review, sentence: str) -> None:  # noqa: ARG001
    with pytest.raises(InputError, match=sentence):
        apply_review(store, "made-up", review)


def test_the_last_clip_is_not_dropped(store: LocalStore, card: Card) -> None:
    with pytest.raises(DataError, match="All 12 clips of made-up v1 would be dropped; remove the data set instead"):
        apply_review(store, "made-up", Review(dict.fromkeys(texts(store, card), ""), {}))


def test_only_the_latest_version_is_corrected(store: LocalStore, card: Card) -> None:  # noqa: ARG001
    apply_review(store, "made-up@1", Review({"c01": ""}, {}))
    with pytest.raises(
        InputError, match="Only the latest version of 'made-up' can be corrected, and that is 2: name made-up"
    ):
        apply_review(store, "made-up@1", Review({"c02": ""}, {}))


def test_a_review_is_read_with_quotes_newlines_and_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "findings.csv"
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "why", "suggested_action", "new_text"])
        writer.writerow(['a "b", c', "Far off.", " DROP ", ""])
        writer.writerow(["d", "", "mend", "una\nfrase,  nueva"])
        writer.writerow(["e", "", "", "not taken"])
    review = read_review(path)
    assert review.drop == {'a "b", c': "A reviewer dropped it. Far off."}
    assert review.texts == {"d": "una frase, nueva"}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("id,action\nx,drop\n", "lacks the column suggested_action, new_text"),
        ("", "lacks the column id, suggested_action, new_text"),
        (HEADER + "a,1,9,swapped,,,,delete,\n", "line 2: 'delete' is no action; use keep, drop, mend"),
        (HEADER + "a,1,9,swapped,,,,mend, \n", "line 2: a is marked mend and has no new_text"),
        (HEADER + "a,1,9,swapped,,,,drop,\na,2,8,swapped,,,,keep,\n", "line 3: a is there twice"),
        (HEADER + 'a,1,9,"swapped\n', "cannot be read as CSV"),
    ],
)
def test_a_file_that_cannot_be_understood_is_said_in_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "findings.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=sentence):
        read_review(path)


def test_a_file_that_is_missing_or_not_utf8_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_review(tmp_path / "findings.csv")
    (tmp_path / "latin.csv").write_bytes((HEADER + "ñ,1,9,x,,,,drop,\n").encode("latin-1"))
    with pytest.raises(InputError, match="cannot be read as CSV in UTF-8"):
        read_review(tmp_path / "latin.csv")


def test_an_unedited_row_that_keeps_needs_nothing(tmp_path: Path) -> None:
    assert read_review(written(tmp_path, "a,1,4,wrong_transcript,x,y,z,keep,")) == Review({}, {})
