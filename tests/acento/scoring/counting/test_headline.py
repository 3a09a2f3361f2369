"""The headline: what a normalizer says is counted, all that sums up or compares counts, and it stays with the table."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acento.core.errors import InputError
from acento.core.text import Normalizer, normalizer
from acento.scoring.comparing.compare import compare, compare_groups
from acento.scoring.comparing.folds import pool, pool_difference
from acento.scoring.counting.counts import count_characters
from acento.scoring.counting.headline import counter, headline, normalizer_of
from acento.scoring.score import Score, UtteranceResult, headline_columns, headline_rate, score_utterances, summarize
from acento.scoring.texts import compare_texts, score_texts

JAPANESE, SPANISH = normalizer("unicode-ja"), normalizer("spanish")
SAID = ("今日は良い天気です", "雨です", "明日も行きます")
GOOD = ("今日は 良い 天気です", "雨です", "明日も行きます")
BAD = ("今日は良い電気です", "雨だす", "明日も行きます")


def table(hypotheses: tuple[str, ...], rule: Normalizer = JAPANESE, said: tuple[str, ...] = SAID) -> pa.Table:
    return score_utterances(
        [
            UtteranceResult(f"c{n}", reference, hypothesis, None, "test", f"s{n}", None, 2.0)
            for n, (reference, hypothesis) in enumerate(zip(said, hypotheses, strict=True))
        ],
        rule,
    )


def test_characters_are_counted_where_the_script_has_no_spaces_and_spaces_are_none() -> None:
    assert headline_rate(table(GOOD)).value == 0
    assert headline_rate(table(BAD)).value == pytest.approx(2 / 19)
    errors, lengths = headline_columns(table(BAD))
    assert (errors.tolist(), lengths.tolist()) == ([1, 1, 0], [9, 3, 7])


def test_words_are_counted_elsewhere() -> None:
    assert headline_rate(table(("uno dos", "tres", "sí"), SPANISH, ("uno dos", "cuatro", "sí"))).value == 0.25


def test_a_table_says_its_headline_and_its_normalizer_also_when_it_is_read_filtered_and_joined(tmp_path: Path) -> None:
    pq.write_table(table(BAD), tmp_path / "t.parquet")
    read = pq.read_table(tmp_path / "t.parquet")
    rows = read.filter(pa.array([True, False, True])).sort_by("id").take([1])
    for one in (read, rows, pa.concat_tables([read, rows])):
        assert (headline(one), normalizer_of(one)) == ("character", "unicode-ja-1")


def test_a_table_of_before_is_of_words() -> None:
    old = table(("uno dos", "tres", "sí"), SPANISH, ("uno dos", "cuatro", "sí")).replace_schema_metadata(None)
    assert (headline(old), normalizer_of(old)) == ("word", None)
    assert headline_rate(old).value == 0.25


def test_a_score_has_its_headline_and_one_of_before_is_of_words() -> None:
    score = summarize(table(BAD), JAPANESE, resamples=50)
    assert (score.headline, score.rate_name, score.rate) == ("character", "CER", score.overall.cer)
    known = score.model_dump_json()
    assert Score.model_validate_json(known) == score
    old = Score.model_validate({name: value for name, value in score.model_dump().items() if name != "headline"})
    assert (old.rate_name, old.rate) == ("WER", old.overall.wer)


def test_two_systems_differ_by_characters() -> None:
    found = compare(table(BAD), table(GOOD))
    assert found.difference is not None
    assert found.difference.delta == pytest.approx(2 / 19)
    assert compare_groups("a", "b", table(BAD), table(GOOD)).table().title == "CER of a less b, points"


def test_a_system_counted_by_words_is_not_compared_with_one_by_characters() -> None:
    with pytest.raises(InputError, match="one is scored by words and one by characters"):
        compare(table(BAD), table(GOOD, normalizer("basic")))


def test_folds_are_pooled_by_characters_and_say_by_which_rule() -> None:
    halves = [table(BAD).slice(0, 2), table(BAD).slice(2)]
    pooled = pool(halves, "speaker", resamples=50)
    assert (pooled.words.errors, pooled.words.reference_length, pooled.headline) == (2, 19, "character")
    assert pooled.sentence.startswith("CER 10.5 % ")
    assert "normalizer unicode-ja-1, over 3 clips" in pooled.sentence
    base = [table(GOOD).slice(0, 2), table(GOOD).slice(2)]
    difference = pool_difference(halves, base, "speaker", resamples=50)
    assert difference is not None
    assert difference.delta == pytest.approx(2 / 19)


def test_lists_of_texts_are_counted_as_their_normalizer_says_unless_asked_otherwise() -> None:
    assert score_texts(SAID, BAD, normalizer="unicode-ja").rate == pytest.approx(2 / 19)
    assert score_texts(SAID, BAD, normalizer="unicode-ja", characters=False).rate == pytest.approx(2 / 3)
    found = compare_texts(SAID, BAD, GOOD, normalizer="unicode-ja")
    assert found is not None
    assert found.delta == pytest.approx(2 / 19)


@given(st.text("ab 天気\u3000\n"), st.text("ab 天気\u3000\n"), st.data())
def test_spaces_anywhere_change_no_count_where_they_are_no_characters(
    one: str, other: str, data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(other)))
    count = counter(JAPANESE)
    assert count(one, other) == count(one, other[:place] + " " + other[place:])
    assert count(one, other) == count_characters("".join(one.split()), "".join(other.split()))


def test_what_is_counted_is_what_the_columns_hold() -> None:
    rows = table(BAD).to_pylist()
    counts = [counter(JAPANESE)(row["normalized_reference"], row["normalized_hypothesis"]) for row in rows]
    assert np.array_equal(headline_columns(table(BAD))[0], [one.errors for one in counts])
