"""Which clips a person means, and two models' scores of the very same clips."""

from dataclasses import replace

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acento.core.errors import InputError
from acento.core.text import normalizer
from acento.registry.gate.evidence import COLUMNS, Evidence, Selection, foreign_languages, pair, select
from acento.scoring.score import UtteranceResult, score_utterances

NONE = normalizer("none")
CLIP = UtteranceResult(
    id="a",
    reference="uno dos",
    hypothesis="uno dos",
    error=None,
    split="test",
    speaker="ana",
    accent="chilean",
    duration_s=1.0,
)


def table(*changes: dict[str, object]) -> pa.Table:
    rows = [replace(CLIP, **{"id": f"c{place}", **change}) for place, change in enumerate(changes)]  # type: ignore[arg-type]
    return score_utterances(rows, NONE)


FAILED = {"hypothesis": None, "error": "out_of_memory: no room"}
VALUES = st.text(st.characters(codec="utf-8", exclude_characters="\n", exclude_categories=["Cc", "Cs"]), min_size=1)


@pytest.mark.parametrize(
    ("text", "selection"),
    [
        ("demo", Selection(dataset="demo")),
        ("demo@2/dev", Selection(dataset="demo@2", split="dev")),
        ("demo[accent=neutral]", Selection(dataset="demo", column="accent", value="neutral")),
        (" demo/dev[speaker=Ana María] ", Selection(dataset="demo", split="dev", column="speaker", value="Ana María")),
        ("demo[speaker=a=b]", Selection(dataset="demo", column="speaker", value="a=b")),
    ],
)
def test_a_selection_is_a_data_set_a_split_and_perhaps_a_filter(text: str, selection: Selection) -> None:
    assert Selection.parse(text) == selection


@given(st.sampled_from(["demo", "demo@3"]), st.sampled_from(["dev", "test"]), st.sampled_from(COLUMNS), VALUES)
def test_what_a_selection_is_written_as_is_read_as_the_same(dataset: str, split: str, column: str, value: str) -> None:
    value = value.strip() or "x"
    selection = Selection(dataset=dataset, split=split, column=column, value=value)  # type: ignore[arg-type]
    assert Selection.parse(str(selection)) == selection


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "names no set of clips"),
        ("[accent=chilean]", "names no set of clips"),
        ("demo[accent]", "names no set of clips"),
        ("demo/validation", "names the split 'validation'; there is train, dev, test"),
        ("demo/", "names the split ''"),
        ("demo[age=40]", "filters by 'age'; clips can be filtered by accent or speaker"),
        ("demo[accent=]", "filters by accent and names none"),
    ],
)
def test_what_is_no_selection_is_refused_with_what_there_is(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said.replace("[", r"\[")):
        Selection.parse(text)


def test_a_filter_keeps_its_clips_only() -> None:
    score = table({"accent": "chilean"}, {"accent": "neutral"}, {"accent": None}, {"split": "dev"})
    assert select(score, Selection.parse("demo[accent=neutral]"))["id"].to_pylist() == ["c1"]
    assert select(score, Selection.parse("demo/dev"))["id"].to_pylist() == ["c3"]
    assert select(score, Selection.parse("demo"))["id"].to_pylist() == ["c0", "c1", "c2"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("demo[accent=andean]", r"no accent of demo/test is called 'andean' \(there is: chilean, neutral\)"),
        ("demo/dev", r"the score has none of split dev \(it has test\)"),
        ("demo[speaker=eva]", r"no speaker .* \(there is: none is known\)"),
    ],
)
def test_an_empty_selection_is_refused_and_says_what_there_is(text: str, said: str) -> None:
    score = table({"accent": "neutral", "speaker": None}, {"accent": "chilean", "speaker": None})
    with pytest.raises(InputError, match=said):
        select(score, Selection.parse(text))


def test_clips_that_either_model_failed_on_are_left_out_and_never_scored_as_silence() -> None:
    old = table({}, FAILED, {}, FAILED, {"reference": None})
    new = table({"hypothesis": "uno"}, {}, FAILED, FAILED, {"reference": None})
    pairs = pair(Evidence("demo", old, new))
    assert (pairs.lengths.tolist(), pairs.incumbent.tolist(), pairs.candidate.tolist()) == ([2], [0], [1])
    assert (pairs.left_out, pairs.without_reference) == (3, 1)
    assert pairs.lost == ("c2",)


def test_a_clip_without_a_reference_that_only_the_candidate_failed_on_is_lost_too() -> None:
    pairs = pair(Evidence("demo", table({"reference": None}), table({"reference": None} | FAILED)))
    assert pairs.lost == ("c0",)


def test_the_order_of_the_rows_does_not_matter() -> None:
    old, new = table({}, {"reference": "uno"}), table({"hypothesis": "dos"}, {"reference": "uno"})
    turned = pair(Evidence("demo", old, new.take([1, 0])))
    assert turned.candidate.tolist() == pair(Evidence("demo", old, new)).candidate.tolist() == [1, 1]


def test_scores_of_other_clips_are_refused() -> None:
    with pytest.raises(InputError, match=r"not measured on the same clips of demo: 1 clips .* \(such as c1\)"):
        pair(Evidence("demo", table({}, {}), table({})))


def test_scores_under_two_normalizers_are_refused() -> None:
    other = score_utterances([replace(CLIP, reference="¡Uno, dos!")], normalizer("basic"))
    with pytest.raises(InputError, match="by two normalizers, basic-1 and none-1; benchmark both with the same one"):
        pair(Evidence("demo", score_utterances([replace(CLIP, reference="¡Uno, dos!")], NONE), other))


def test_other_references_by_the_same_normalizer_are_refused() -> None:
    with pytest.raises(InputError, match="different references for c0; score both with the same normalizer"):
        pair(Evidence("demo", table({}), table({"reference": "uno tres"})))


def test_the_same_texts_are_noticed() -> None:
    assert pair(Evidence("demo", table({}, {}), table({}, {}))).same_texts
    assert not pair(Evidence("demo", table({}, {}), table({}, {"hypothesis": "uno tres"}))).same_texts


def test_regions_of_a_language_are_that_language() -> None:
    assert foreign_languages({"es_CL", "es-MX"}, "es-419") == []
    assert foreign_languages({"es", "pt-BR", "en"}, "es") == ["en", "pt-BR"]
