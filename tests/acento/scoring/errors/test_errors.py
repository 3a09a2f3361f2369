"""Errors besides words: they stand on a score, under the board and behind the columns of CSV files."""

import random
from dataclasses import replace

import pytest

from acento.core.text import normalizer
from acento.scoring.errors.summary import BatchCheck, OtherErrors, error_columns, errors_table
from acento.scoring.score import Score, UtteranceResult, score_utterances, summarize

CHILEAN = normalizer("chilean-leaderboard")
SAID = "Hola, ¿cómo estás? Yo bien, po."


def clip(number: int, hypothesis: str | None = SAID, reference: str | None = SAID, **facts: object) -> UtteranceResult:
    return replace(
        UtteranceResult(
            id=f"c{number:02d}",
            reference=reference,
            hypothesis=hypothesis,
            error="out_of_memory" if hypothesis is None else None,
            split="test",
            speaker=f"s{number % 12}",
            accent=("chilean", "neutral")[number % 2],
            duration_s=3.0,
        ),
        **facts,  # type: ignore[arg-type]
    )


def score(*clips: UtteranceResult) -> Score:
    return summarize(score_utterances(clips, CHILEAN), CHILEAN, resamples=200)


def errors(*clips: UtteranceResult) -> OtherErrors:
    found = score(*clips).other_errors
    assert found is not None
    return found


def test_a_score_counts_errors_besides_words() -> None:
    heard = SAID.replace("Hola,", "hola")
    found = errors(*(clip(number, heard if number % 2 else SAID) for number in range(20)), clip(20, "gracias po", ""))
    assert found.punctuation is not None
    assert found.punctuation.counts.deletions == 10
    assert found.casing is not None
    assert (found.casing.errors, found.casing.words) == (10, 120)
    assert found.hallucinations.non_speech.examples == ("c20",)
    assert list(found.gaps) == ["accent"]  # no speaker has ten clips


def test_failed_clips_and_those_without_reference_are_not_judged() -> None:
    some = [clip(number) for number in range(4)]
    assert errors(*some, clip(4, None), clip(5, SAID, None)) == errors(*some)


def test_the_gap_is_of_groups_with_ten_clips() -> None:
    noise = random.Random(1)
    found = errors(
        *(
            clip(number, " ".join("x" if noise.random() < 0.1 + 0.5 * (number % 2) else word for word in SAID.split()))
            for number in range(240)
        )
    )
    assert list(found.gaps) == ["speaker", "accent"]
    assert (found.gaps["accent"].best, found.gaps["accent"].worst) == ("chilean", "neutral")
    assert found.gaps["accent"].tells_apart
    assert found.gaps["speaker"].groups == 12


def test_a_script_without_spaces_has_its_gap_in_characters() -> None:
    rule = replace(CHILEAN, characters=True)
    clips = [
        clip(number, "你好吗我很好" if number % 2 else "你好呢我很好", "你好吗我很好", speaker=None)
        for number in range(40)
    ]
    found = summarize(score_utterances(clips, rule), rule).other_errors
    assert found is not None
    assert found.gaps["accent"].delta == pytest.approx(1 / 6)


def test_a_score_of_before_is_read_and_says_nothing() -> None:
    old = score(clip(1)).model_dump(exclude={"other_errors"})
    assert Score.model_validate(old).other_errors is None
    assert errors_table({"old": (None, None)}) is None
    assert set(error_columns(None, None).values()) == {None}


def test_a_score_with_other_errors_survives_json() -> None:
    one = score(*(clip(number, SAID.lower()) for number in range(40)), clip(40, "gracias po", ""))
    assert Score.model_validate_json(one.model_dump_json()) == one


def test_the_table_has_the_columns_that_somebody_has_a_value_for() -> None:
    plain = errors(*(clip(number, "hola po", "hola po", accent=None) for number in range(4)))
    assert errors_table({"plain": (plain, None)}) is None
    marked = errors(*(clip(number, SAID, accent=None) for number in range(4)))
    table = errors_table({"plain": (plain, None), "marked": (marked, BatchCheck(batch_size=8, clips=20, changed=3))})
    assert table is not None
    assert table.columns == ("model", "PER %", "casing %", "changed")
    assert table.rows[0] == ("plain", "–", "–", "–")
    assert table.rows[1][0::3] == ("marked", "3 of 20")
    assert len(table.notes) == 3


def test_hallucinations_are_shown_where_there_are_some() -> None:
    quiet = errors(clip(1, "hola po", "hola po"), clip(2, "", ""))
    loud = errors(clip(1, "hola po", "hola po"), clip(2, "gracias", ""))
    table = errors_table({"quiet": (quiet, None), "loud": (loud, None)})
    assert table is not None
    assert table.columns == ("model", "hallucinated")
    assert table.rows == (("quiet", "0 of 2"), ("loud", "1 of 2"))


def test_columns_of_csv_files_are_the_same_whatever_is_known() -> None:
    full = errors(*(clip(number, SAID.lower()) for number in range(40)))
    columns = error_columns(full, BatchCheck(batch_size=8, clips=20, changed=3))
    assert list(columns) == list(error_columns(None, None))
    assert (columns["casing"], columns["per"], columns["punctuation_f1"]) == (33.33, 0.0, 100.0)
    assert (columns["hallucinated"], columns["gap_accent"], columns["gap_accent_worst"]) == (0, 0.0, "chilean")
    assert (columns["batch_check_clips"], columns["batch_check_changed"]) == (20, 3)
