"""Why a number moved: by clip, by group, by error; paired where one rule scored both, side by side where two did."""

import json

import pytest
from scored_runs import clip, entry_of, heard

from acento.core.errors import InputError
from acento.scoring.comparing.changes import ClipChange, ErrorChange, changes
from acento.scoring.comparing.run_comparison import RunComparison, compare_entries
from acento.scoring.score import UtteranceResult

CLIPS = [
    clip(f"c{n}", "El pan de ayer.", accent=("chilean", "neutral")[n % 2], speaker=f"s{n % 3}", speaker_seen=True)
    for n in range(12)
]


def compared(
    a: list[UtteranceResult], b: list[UtteranceResult], rules: tuple[str, str] = ("basic", "basic"), **changed: str
) -> RunComparison:
    one, other = (entry_of(results, rule) for results, rule in zip((a, b), rules, strict=True))
    later = other[0].model_copy(update={"run": "run-2", **changed})
    return compare_entries(*one, later, other[1])


def test_clips_and_errors_that_differ_are_found() -> None:
    a = heard(CLIPS, {"c1": "el van de ayer", "c2": "el van de", "c3": None})
    b = heard(CLIPS, {"c4": "pan de ayer"})
    found = compared(a, b).changes
    assert (found.clips, found.fewer, found.more, found.equal, found.other_text) == (11, 1, 2, 8, 3)
    assert found.changed == (ClipChange("c2", 2, 0, 4, 4), ClipChange("c1", 1, 0, 4, 4), ClipChange("c4", 0, 1, 4, 4))
    assert found.errors[0] == ErrorChange("pan", "van", 2, 0)
    assert set(found.errors[1:]) == {ErrorChange("ayer", "", 1, 0), ErrorChange("el", "", 0, 1)}


def test_equal_texts_change_nothing() -> None:
    found = compared(CLIPS, CLIPS)
    assert (found.changes.changed, found.changes.errors, found.changes.changed_errors) == ((), (), 0)
    assert found.sentence.endswith("All 12 normalized texts are the same.")
    assert found.paired is not None
    assert found.paired.overall.difference.delta == 0
    assert [table.columns[0] for table in found.tables()] == ["by"]


def test_an_error_less_in_every_clip_is_told_by_its_interval_and_by_group() -> None:
    found = compared(CLIPS, heard(CLIPS, {one.id: "el pan de" for one in CLIPS}))
    assert "-25.00 [-31.62, -18.38] points, tells the two apart" in found.sentence
    rows = {(row["by"], row["group"]): row for row in found.to_rows()}
    assert rows["accent", "chilean"]["delta"] == pytest.approx(-0.25)
    assert set(rows) == {
        ("", "all"),
        *(("accent", one) for one in ("chilean", "neutral")),
        *(("speaker", f"s{n}") for n in range(3)),
    }


def test_groups_can_be_chosen() -> None:
    assert {row["by"] for row in compared(CLIPS, CLIPS).to_rows(["accent"])} == {"", "accent"}


def test_two_normalizers_are_side_by_side_without_an_interval() -> None:
    found = compared(heard(CLIPS, {"c0": "el pan de ayer"}), heard(CLIPS, {"c0": "el pan de ayer"}), ("none", "basic"))
    assert found.paired is None
    assert "12 references differ" in found.sentence
    assert (found.a.label, found.b.label) == ("mini (none-1)", "mini (basic-1)")
    assert found.changes.errors == (ErrorChange("El", "el", 1, 0), ErrorChange("ayer.", "ayer", 1, 0))
    row = found.to_rows()[0]
    assert (row["a"], row["b"], row["low"]) == (pytest.approx(2 / 48), 0.0, None)


def test_it_is_said_in_json_and_in_markdown() -> None:
    found = compared(heard(CLIPS, {"c1": "el van de|ayer"}), CLIPS)
    said = json.loads(json.dumps(found.to_dict()))
    assert (said["changed_clips"][0]["id"], said["changed_clips"][0]["errors_a"]) == ("c1", 1)
    assert (said["more"], said["fewer"], said["paired"]) == (1, 0, True)
    assert "[pan→van]" in found.to_markdown().replace("\\", "")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"dataset": "other v1"}, "compare runs on the same clips"),
        ({"split": "dev"}, "compare runs on the same clips"),
        ({"run": "run-1"}, "cannot be compared with itself"),
    ],
)
def test_what_cannot_be_compared_is_refused(changed: dict[str, str], words: str) -> None:
    with pytest.raises(InputError, match=words):
        compared(CLIPS, CLIPS, **changed)


def test_runs_without_a_common_clip_are_refused() -> None:
    with pytest.raises(InputError, match="no scored clip in common"):
        compared([clip("x")], [clip("y")])


def test_versions_of_one_data_set_are_compared_on_the_clips_that_both_have() -> None:
    found = compared(CLIPS, CLIPS[:5], dataset="demo v2", dataset_fingerprint="e" * 64)
    assert found.changes.clips == 5


def test_changes_of_tables_without_a_common_clip_are_none() -> None:
    assert changes(entry_of([clip("x")])[1], entry_of([clip("y")])[1]).clips == 0


def test_few_unseen_speakers_are_said() -> None:
    unseen = [clip(f"c{n}", "el pan", speaker=f"s{n % 3}", speaker_seen=False) for n in range(12)]
    worse = heard(unseen, {one.id: "el" for one in unseen})
    found = compared(unseen, worse)
    assert "does not tell the two apart for new voices: fewer than 10 unseen speakers" in found.sentence
    assert "≈[" in found.sentence
    assert "Fewer than 10 unseen speakers tell no model from another" in found.to_markdown()
    assert found.to_dict()["few_speakers"] is True


def test_one_unseen_speaker_tells_nothing_though_many_clips_differ() -> None:
    alone = [clip(f"c{n}", "el pan", speaker="s", speaker_seen=False) for n in range(40)]
    found = compared(alone, heard(alone, {one.id: "el" for one in alone}))
    assert "does not tell the two apart for new voices" in found.sentence


def test_as_many_errors_in_every_clip_are_not_certain() -> None:
    other = heard(CLIPS, {"c0": "el van de ayer"}), heard(CLIPS, {"c0": "el plan de ayer"})
    found = compared(*other)
    assert (found.changes.equal, found.changes.other_text) == (12, 1)
    assert "1 text differs." in found.sentence
    assert "[-6.62, +6.62] points, may be chance" in found.sentence


def test_one_model_in_two_windows_is_named_by_them() -> None:
    found = compared(CLIPS, CLIPS, window="clip + 1 s")
    assert (found.a.label, found.b.label) == ("mini (own window)", "mini (clip + 1 s)")
