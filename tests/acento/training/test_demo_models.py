"""The two shipped models: their files, how they load, how well they do, and that their recipe runs."""

from __future__ import annotations

import doctest
import importlib
import json
import random
from pathlib import Path
from typing import Any

import pytest

from acento.data.demo import DemoClip, demo_clips
from acento.training.demo_models.__main__ import SHIPPED, main
from acento.training.demo_models.recipe import RECIPES, WINDOW_S

FILES = {
    "README.md",
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "preprocessor_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
}

models = pytest.mark.parametrize("name", list(RECIPES))


def sample(accent: str, count: int) -> list[DemoClip]:
    clips = [clip for clip in demo_clips() if clip.split == "test" and clip.accent == accent]
    return random.Random(0).sample(clips, count)


def read(name: str, file: str) -> dict[str, Any]:
    return json.loads((SHIPPED / name / file).read_text(encoding="utf-8"))


@pytest.mark.parametrize("module", ["checkpoint", "corpus", "recipe", "train"])
def test_the_examples_in_the_documentation_are_true(module: str) -> None:
    assert doctest.testmod(importlib.import_module(f"acento.training.demo_models.{module}")).failed == 0


@models
def test_a_shipped_model_has_the_usual_files(name: str) -> None:
    assert {path.name for path in (SHIPPED / name).iterdir()} == FILES


def test_the_shipped_models_are_under_ten_megabytes_together() -> None:
    assert sum(path.stat().st_size for path in SHIPPED.rglob("*")) < 10_000_000


@models
def test_the_generation_config_is_complete(name: str) -> None:
    config, generation = read(name, "config.json"), read(name, "generation_config.json")
    assert generation["is_multilingual"] is True
    assert "<|es|>" in generation["lang_to_id"]
    assert set(generation["task_to_id"]) == {"transcribe", "translate"}
    assert generation["max_length"] <= config["max_target_positions"]
    for key in ("no_timestamps_token_id", "decoder_start_token_id", "eos_token_id", "pad_token_id", "bos_token_id",
                "suppress_tokens", "begin_suppress_tokens", "prev_sot_token_id", "alignment_heads"):  # fmt: skip
        assert key in generation
    assert config["max_source_positions"] == 50 * WINDOW_S


@models
def test_the_tokenizer_spells_every_sentence(name: str) -> None:
    from transformers import WhisperTokenizer

    tokenizer = WhisperTokenizer.from_pretrained(SHIPPED / name)
    for text in [clip.text for clip in demo_clips()] + ["¿Qué? ¡Ñandú, Ágil! 100 % pingüino"]:
        ids = tokenizer.encode(text)
        assert tokenizer.decode(ids, skip_special_tokens=True) == text
        assert tokenizer.decode(ids).startswith("<|startoftranscript|><|es|><|transcribe|><|notimestamps|>")
        assert ids[-1] == tokenizer.eos_token_id
        assert len(ids) == len(text) + 5  # a letter is a token


@models
def test_the_tokenizer_and_the_generation_config_mean_the_same_prompt(name: str) -> None:
    from transformers import WhisperTokenizer

    generation = read(name, "generation_config.json")
    assert WhisperTokenizer.from_pretrained(SHIPPED / name).prefix_tokens == [
        generation["decoder_start_token_id"],
        generation["lang_to_id"]["<|es|>"],
        generation["task_to_id"]["transcribe"],
        generation["no_timestamps_token_id"],
    ]


@models
def test_a_shipped_model_loads_in_float32_and_writes_spanish(name: str) -> None:
    import torch
    from transformers import WhisperForConditionalGeneration

    from acento.training.demo_models.measure import word_error_rate

    assert WhisperForConditionalGeneration.from_pretrained(SHIPPED / name).dtype == torch.float32
    assert word_error_rate(SHIPPED / name, sample("neutral", 16)) < 50


def test_the_recipe_runs_and_leaves_a_whole_checkpoint(tmp_path: Path) -> None:
    main(["--smoke", "--only", "whisper-micro", "--out", str(tmp_path)])
    assert {path.name for path in tmp_path.iterdir()} == {"whisper-micro"}
    assert {path.name for path in (tmp_path / "whisper-micro").iterdir()} == FILES


@pytest.mark.slow
def test_the_same_seed_gives_the_same_training(tmp_path: Path) -> None:
    for run in ("a", "b"):
        main(["--smoke", "--only", "whisper-mini", "--out", str(tmp_path / run)])
    first, second = ((tmp_path / run / "whisper-mini" / "model.safetensors").read_bytes() for run in ("a", "b"))
    assert first == second


@pytest.mark.slow
def test_the_larger_model_knows_the_standard_and_not_the_accent() -> None:
    from acento.training.demo_models.measure import word_error_rate

    neutral = word_error_rate(SHIPPED / "whisper-mini", sample("neutral", 300))
    accented = word_error_rate(SHIPPED / "whisper-mini", sample("chilean", 150))
    assert neutral < 15
    assert accented >= 25


@pytest.mark.slow
def test_the_smaller_model_is_clearly_worse() -> None:
    from acento.training.demo_models.measure import word_error_rate

    clips = sample("neutral", 100)
    assert word_error_rate(SHIPPED / "whisper-micro", clips) > word_error_rate(SHIPPED / "whisper-mini", clips) + 2


@pytest.mark.slow
def test_the_hugging_face_pipeline_takes_the_folder() -> None:
    from transformers import pipeline

    from acento.training.demo_models.measure import spoken

    clip = sample("neutral", 1)[0]
    recognizer = pipeline("automatic-speech-recognition", model=str(SHIPPED / "whisper-mini"))
    heard = recognizer(
        {"raw": spoken(clip.spoken, clip.voice), "sampling_rate": 16_000},
        generate_kwargs={"language": "es", "task": "transcribe"},
    )["text"]
    assert len(set(heard.split()) & set(clip.text.split())) >= len(clip.text.split()) / 2
