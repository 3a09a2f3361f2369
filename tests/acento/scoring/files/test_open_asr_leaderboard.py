"""The Open ASR leaderboard's manifest is scored as that board's own scorer scores it.

The manifest is made up: sentences with money, contractions, fillers, compounds, and clips whose reference is noise or
is to be ignored. The numbers are those of ``batch_error_rate(references, predictions, merge_compounds=True)`` and of
the RTFx in ``score_results`` (``normalizer/eval_utils.py`` of huggingface/open_asr_leaderboard at d1e99b2) on its own
``EnglishTextNormalizer``'s texts, without the clips that ``is_target_text_in_range`` refuses.
"""

from pathlib import Path

import pytest

from acento.scoring import score_files

MANIFEST = Path(__file__).with_name("MODEL_openai-whisper-tiny_DATASET_made-up_en_test.jsonl")


def test_wer_and_rtfx_are_those_of_the_board() -> None:
    (board,) = score_files(None, MANIFEST, normalizer="open-asr-leaderboard").boards
    (row,) = board.rows
    score, words = row.entry.score.overall, row.entry.score.overall.words
    assert (row.entry.model, board.dataset) == ("openai/whisper-tiny", "made-up_en_test")
    assert (words.errors, words.reference_length) == (48, 424)
    assert score.wer.value == pytest.approx(0.11320754716981132, abs=1e-12)
    assert (score.scored, score.empty_references, score.utterances) == (44, 16, 60)
    assert row.entry.speed is not None
    assert round(row.entry.speed.rtfx, 4) == 69.7173


def test_another_normalizer_scores_those_clips_too() -> None:
    (board,) = score_files(None, MANIFEST, normalizer="english").boards
    score = board.rows[0].entry.score.overall
    assert (score.scored, score.empty_references) == (60, 0)
    assert score.words.errors > 48
