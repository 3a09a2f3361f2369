"""Which entries of two runs are compared, and how a choice that is not clear is refused."""

from pathlib import Path

import pytest
from html_page import HtmlPage
from scored_runs import START, clip, heard, scored_run

from acento.core.errors import InputError
from acento.core.store import LocalStore
from acento.registry.runs.comparing import RunChoice, compare_stored, compare_with_previous
from acento.registry.runs.records import begin
from acento.registry.runs.reports import comparison_report, run_report
from acento.registry.runs.rescoring import keep, rescore
from acento.requests import BenchmarkRequest
from acento.scoring.files.systems import FileOptions, read_systems

CLIPS = [clip(f"c{n}", "uno dos tres", accent=("a", "b")[n % 2]) for n in range(8)]
WORSE = heard(CLIPS, {"c0": "uno", "c1": "uno dos <b>"})


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    made = LocalStore(tmp_path / "store")
    scored_run(made, "first", {"owner/mini": WORSE, "owner/micro": WORSE})
    scored_run(made, "second", {"owner/mini": CLIPS}, after=1)
    scored_run(made, "other", {"owner/mini": CLIPS}, after=2, dataset="lima v1", dataset_fingerprint="e" * 64)
    return made


def test_the_model_that_both_have_is_compared(store: LocalStore) -> None:
    found = compare_stored(store, "second", "first")
    assert (found.a.label, found.b.label) == ("owner/mini (second)", "owner/mini (first)")
    assert (found.changes.fewer, found.changes.more) == (2, 0)
    assert found.paired is not None
    assert found.paired.overall.difference.delta == pytest.approx(-3 / 24)


def test_a_model_can_be_named_by_its_short_name(store: LocalStore) -> None:
    assert compare_stored(store, "second", "first", RunChoice(model_b="micro")).b.label == "owner/micro"
    assert compare_stored(store, "first", "first", RunChoice(model_a="mini", model_b="micro")).title == (
        "owner/mini less owner/micro on demo v1, test"
    )


def test_the_latest_run_can_be_named(store: LocalStore) -> None:
    with pytest.raises(InputError, match="no data set in common"):
        compare_stored(store, "latest", "first")


@pytest.mark.parametrize(
    ("runs", "options", "words"),
    [
        (("nowhere", "first"), {}, "no finished run 'nowhere'"),
        (("begun", "first"), {}, "Run begun has not finished"),
        (("first", "other"), {}, "no data set in common: they are on demo and lima"),
        (("first", "second"), {"dataset": "lima"}, "not on data set 'lima'; it is on demo"),
        (
            ("first", "second"),
            {"model_a": "whisper"},
            "has no model 'whisper'; it has owner/micro on demo v1 by",
        ),
        (("first", "first"), {"model_a": "mini", "model_b": "mini"}, "compared with itself"),
        (("first", "first"), {}, "choose one with --model-a"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_a_sentence(
    store: LocalStore, runs: tuple[str, str], options: dict[str, str], words: str
) -> None:
    begin(store, BenchmarkRequest(models=["owner/mini"], datasets=["demo"]), {}, "begun", START)
    with pytest.raises(InputError, match=words):
        compare_stored(store, *runs, RunChoice(**options))


def test_a_run_is_compared_with_the_one_before_on_the_same_clips(store: LocalStore) -> None:
    (found,) = compare_with_previous(store, "second")
    assert (found.a.entry.run, found.b.entry.run, found.b.entry.model) == ("second", "first", "owner/mini")
    assert compare_with_previous(store, "first") == []
    assert compare_with_previous(store, "other") == []


def test_one_run_under_two_normalizers_is_compared(store: LocalStore) -> None:
    loud = [clip(one.id, "Uno, dos, TRES.", hypothesis="uno dos tres") for one in CLIPS]
    scored_run(store, "raw", {"owner/mini": loud}, after=3, rule="none")
    scored_run(store, "rule", {"owner/mini": loud}, after=4)
    found = compare_stored(store, "raw", "rule")
    assert found.paired is None
    page = HtmlPage(comparison_report(store, found))
    assert "Scored by two normalizers, none-1 and basic-1" in page.text
    assert [one["aria-label"] for one in page.of("svg")] == ["WER of both"]


def test_the_page_of_a_comparison_fetches_nothing_and_escapes_texts(store: LocalStore) -> None:
    evil = heard(CLIPS, {"c0": "<script>alert(1)</script>"})
    scored_run(store, "evil", {"owner/mini": evil}, after=3, rule="none")
    scored_run(store, "good", {"owner/mini": CLIPS}, after=4, rule="none")
    page = HtmlPage(comparison_report(store, compare_stored(store, "evil", "good")))
    assert (page.mistakes, page.of("script")) == ([], [])
    assert "<script>alert(1)</script>" in page.text
    assert all(address.startswith(("#", "data:")) for address in page.addresses())
    assert [one["aria-label"] for one in page.of("svg")] == [
        "WER of both",
        "Difference in points: below 0, A errs less",
    ]


def test_a_run_of_texts_scored_by_two_normalizers_is_compared_with_itself(store: LocalStore) -> None:
    keep(store, read_systems(*written(store), FileOptions()), ["none", "basic"], job_id="theirs")
    with pytest.raises(InputError, match=r"choose one with --model-a, --normalizer-a or"):
        compare_stored(store, "theirs", "theirs")
    found = compare_stored(store, "theirs", "theirs", RunChoice(normalizer_a="none", normalizer_b="basic-1"))
    assert (found.a.label, found.b.label) == ("heard (none-1)", "heard (basic-1)")
    assert [(one.reference, one.hypothesis) for one in found.changes.errors] == [("Hola", "hola")]
    with pytest.raises(InputError, match=r"is not scored by 'spanish'; it is scored by basic-1, none-1"):
        compare_stored(store, "theirs", "theirs", RunChoice(normalizer_a="spanish"))


def test_the_report_of_texts_made_elsewhere_leaves_out_what_nobody_measured(store: LocalStore) -> None:
    keep(store, read_systems(*written(store), FileOptions()), ["basic"], job_id="theirs")
    page = HtmlPage(run_report(store, "theirs"))
    assert "Nothing was measured" in page.text
    assert page.of("audio") == []
    assert f"references {store.root / 'said.csv'}" in page.text
    rescore(store, "theirs", ["none"], job_id="again")
    assert compare_stored(store, "again", "theirs").a.entry.score.normalizer == "none-1"
    assert "scored from the texts of theirs" in HtmlPage(run_report(store, "again")).text


def written(store: LocalStore) -> tuple[Path, list[Path]]:
    """Write what was said, and what a system elsewhere made of it."""
    (store.root / "said.csv").write_text("id,text\n1,Hola po\n2,cachái\n", encoding="utf-8")
    (store.root / "heard.csv").write_text("id,text\n1,hola po\n2,cachái\n", encoding="utf-8")
    return store.root / "said.csv", [store.root / "heard.csv"]
