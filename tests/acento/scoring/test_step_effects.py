"""What each step of a normalizer takes away from the error rate."""

import pyarrow as pa
import pytest

from acento.core.text import default_normalizer, normalizer
from acento.scoring.score import UtteranceResult, score_utterances, summarize
from acento.scoring.step_effects import step_effects

RULE = normalizer("spanish")
PAIRS = [
    ("¡Hola, Sr. Pérez!", "hola señor pérez"),
    ("Son las 15:30", "son las quince treinta"),
    ("el gato come", "el perro come"),
    ("cuesta 3,5 %", "cuesta tres coma cinco por ciento"),
]


def table(pairs: list[tuple[str, str | None]]) -> pa.Table:
    return score_utterances(
        [
            UtteranceResult(
                f"{index:05}", reference, said, None if said is not None else "lost", "test", None, None, 1.0
            )
            for index, (reference, said) in enumerate(pairs)
        ],
        normalizer("none"),
    )


def test_the_changes_add_up_from_the_texts_as_written_to_the_score() -> None:
    effects = step_effects(table(PAIRS), RULE)
    assert [one.step for one in effects] == ["as-written", *(step.name for step in RULE.steps)]
    assert effects[0].rate is not None
    assert effects[0].rate + sum(one.change or 0 for one in effects) == pytest.approx(effects[-1].rate)
    results = [UtteranceResult(f"{i}", a, b, None, "test", None, None, 1.0) for i, (a, b) in enumerate(PAIRS)]
    assert effects[-1].rate == pytest.approx(summarize(score_utterances(results, RULE), RULE).overall.wer.value)


def test_a_step_that_changes_no_text_changes_no_rate() -> None:
    changed = {one.step for one in step_effects(table([("el gato", "el perro")]), RULE) if one.change}
    assert changed == set()


def test_clips_that_failed_are_not_looked_at() -> None:
    assert {one.clips for one in step_effects(table([*PAIRS, ("otra", None)]), RULE)} == {4}


def test_many_clips_are_sampled_and_the_same_seed_draws_the_same() -> None:
    many = table([("uno dos", f"uno {index}") for index in range(300)])
    first = step_effects(many, RULE, clips=50)
    assert {one.clips for one in first} == {50}
    assert first == step_effects(many, RULE, clips=50)


def test_where_no_spaces_are_written_characters_are_counted() -> None:
    effects = step_effects(table([("今日は良い天気です", "今日 は 良い 天気 です")]), default_normalizer("ja"))
    assert effects[-1].rate == 0.0


def test_a_board_that_drops_empty_references_drops_them_here() -> None:
    effects = step_effects(table([("uh", "yes"), ("one", "one")]), normalizer("open-asr-leaderboard"))
    assert {one.clips for one in effects} == {1}
    assert effects[-1].rate == 0.0


def test_nothing_to_score_has_no_rate() -> None:
    assert {one.rate for one in step_effects(table([("¿?", "")]), RULE)[-1:]} == {None}
    assert step_effects(table([]), RULE)[0].rate is None
