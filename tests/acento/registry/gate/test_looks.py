"""Looks: each different candidate that the gate judged on a test split has a number, and keeps it."""

import json
from pathlib import Path

import pytest

from acento.core.errors import DamagedError
from acento.core.store import LocalStore
from acento.registry.gate.looks import Look, percent_level, take_look


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


def test_each_candidate_is_one_more_look_and_keeps_its_number(store: LocalStore) -> None:
    numbers = [take_look(store, "demo", "test", f"registry:m@{one}", f"digest {one}").number for one in "abcab"]
    assert numbers == [1, 2, 3, 1, 2]


def test_the_same_content_under_another_name_is_no_new_look(store: LocalStore) -> None:
    take_look(store, "demo", "test", "registry:m@a", "same")
    assert take_look(store, "demo", "test", "registry:other@a", "same").number == 1


def test_each_data_set_and_split_is_counted_by_itself(store: LocalStore) -> None:
    for place in (("demo", "test"), ("demo", "dev"), ("demo-test", "test")):
        assert take_look(store, *place, "registry:m@a", "a") == Look(dataset=place[0], split=place[1], number=1)
    assert take_look(store, "demo", "test", "registry:m@b", "b").number == 2


def test_a_look_that_cannot_be_read_stops_the_gate_rather_than_loosening_it(store: LocalStore) -> None:
    take_look(store, "demo", "test", "registry:m@a", "a")
    (file,) = (Path(store.root) / "looks" / "demo").iterdir()
    assert json.loads(file.read_text()) == {"model": "registry:m@a", "digest": "a"}
    file.write_text("{")
    with pytest.raises(DamagedError, match=r"looks/demo/test@000001\.json in .* cannot be read"):
        take_look(store, "demo", "test", "registry:m@b", "b")


def test_a_candidate_whose_windows_were_chosen_on_the_same_clips_has_half_the_chance() -> None:
    for number in (1, 2, 7):
        one, two = (Look(dataset="demo", split="test", number=number, windows=windows) for windows in (1, 2))
        assert 1 - two.level() == pytest.approx((1 - one.level()) / 2)
    said = Look(dataset="demo", split="test", number=1, windows=2).sentence()
    assert said is not None
    assert said.startswith(
        "This is candidate 1 that the gate judges on the test split of demo, and its windows were chosen on the same "
        "clips: its gain must hold at 97.5 % instead of 95 %"
    )
    assert Look(dataset="demo", split="test", number=1).sentence() is None


def report(store: LocalStore, key: str, text: str) -> None:
    with store.publish(f"models/{key}") as draft:
        (draft.folder / "report.json").write_text(text)


def test_verdicts_of_before_looks_were_written_down_are_looks_in_their_order(store: LocalStore) -> None:
    def body(model: str, created: str, dataset: str = "demo@1", gate: object = ()) -> str:
        sets = [{"dataset": dataset, "split": "test"}, {"dataset": "demo@1", "split": "test"}]
        return json.dumps({"model": f"registry:{model}", "created": created, "sets": sets, "gate": gate})

    report(store, "m/bbbb/reports/0001", body("m@bbbb", "2026-02"))
    report(store, "m/aaaa/reports/0001", body("m@aaaa", "2026-03"))
    report(store, "m/aaaa/reports/0002", body("m@aaaa", "2026-01", "demo@2"))
    report(store, "m/cccc/reports/0001", body("m@cccc", "2026-01", gate=None))
    report(store, "m/dddd/reports/0001", body("m@dddd", "2026-01", "other@1"))
    assert take_look(store, "demo", "test", "registry:m@new", "new").number == 3
    assert [take_look(store, "demo", "test", f"registry:m@{one * 4}", one).number for one in "ab"] == [1, 2]


def test_a_report_that_cannot_be_read_stops_the_gate(store: LocalStore) -> None:
    report(store, "m/aaaa/reports/0001", "{}")
    with pytest.raises(DamagedError, match=r"The report models/m/aaaa/reports/0001 in .* cannot be read"):
        take_look(store, "demo", "test", "registry:m@new", "new")


def test_a_first_look_is_like_a_single_test() -> None:
    first = Look(dataset="demo", split="test", number=1)
    assert first.level(0.9) == 0.9
    assert first.sentence() is None


@pytest.mark.parametrize("number", [2, 5, 30, 1000])
def test_no_level_is_said_to_be_100_percent(number: int) -> None:
    look = Look(dataset="demo", split="test", number=number)
    assert "100" not in percent_level(look.level())
    assert f"candidate {number} that the gate judges" in (look.sentence() or "")
