"""The shipped models: their files, how they load, how well they do, and that their recipes run."""

from __future__ import annotations

import doctest
import importlib
import json
import random
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from acento.core.errors import ModelError
from acento.data.demo import DemoClip, demo_clips
from acento.models.base import DecodeOptions
from acento.models.checkpoints.places import shipped
from acento.models.checkpoints.resolver import resolve
from examples.demo_models.__main__ import SHIPPED, main
from examples.demo_models.recipe import CONVERTED, RECIPES, WINDOW_S

FILES = {
    "README.md",
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "preprocessor_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
}
FILES_OF = {
    "parakeet-mini": (FILES - {"preprocessor_config.json"}) | {"processor_config.json"},
    "nemo-mini": {"README.md", "model.nemo"},
}
"""Where they are not those."""
BOUNDS = {"whisper-mini": 20, "whisper-micro": 50, "moonshine-mini": 20, "parakeet-mini": 15, "nemo-mini": 15}
"""WER in percent on a few neutral clips, above which a model is broken."""

whispers = pytest.mark.parametrize("name", [name for name, recipe in RECIPES.items() if recipe.family == "whisper"])
nemo = pytest.mark.nemo
every_model = pytest.mark.parametrize("name", [*RECIPES, *(pytest.param(name, marks=nemo) for name in CONVERTED)])


def sample(accent: str, count: int) -> list[DemoClip]:
    clips = [clip for clip in demo_clips() if clip.split == "test" and clip.accent == accent]
    return random.Random(0).sample(clips, count)


def read(name: str, file: str) -> dict[str, Any]:
    return json.loads((SHIPPED / name / file).read_text(encoding="utf-8"))


@pytest.mark.parametrize("module", ["corpus", "recipe", "train"])
def test_the_examples_in_the_documentation_are_true(module: str) -> None:
    assert doctest.testmod(importlib.import_module(f"examples.demo_models.{module}")).failed == 0


@pytest.mark.parametrize("name", [*RECIPES, *CONVERTED])
def test_a_shipped_model_has_the_usual_files(name: str) -> None:
    assert {path.name for path in (SHIPPED / name).iterdir()} == FILES_OF.get(name, FILES)


def test_the_shipped_models_are_under_fourteen_megabytes_together() -> None:
    assert sum(path.stat().st_size for path in SHIPPED.rglob("*")) < 14_000_000


def test_every_shipped_model_is_listed() -> None:
    assert shipped() == sorted(f"demo:{name}" for name in (*RECIPES, *CONVERTED))


@every_model
def test_a_shipped_model_hears_spanish(name: str) -> None:
    from examples.demo_models.measure import word_error_rate

    assert word_error_rate(SHIPPED / name, sample("neutral", 20)) < BOUNDS[name]


@whispers
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


@whispers
def test_the_tokenizer_spells_every_sentence(name: str) -> None:
    from transformers import WhisperTokenizer

    tokenizer = WhisperTokenizer.from_pretrained(SHIPPED / name)
    for text in [clip.text for clip in demo_clips()] + ["¿Qué? ¡Ñandú, Ágil! 100 % pingüino"]:
        ids = tokenizer.encode(text)
        assert tokenizer.decode(ids, skip_special_tokens=True) == text
        assert tokenizer.decode(ids).startswith("<|startoftranscript|><|es|><|transcribe|><|notimestamps|>")
        assert ids[-1] == tokenizer.eos_token_id
        assert len(ids) == len(text) + 5  # a letter is a token


@whispers
def test_the_tokenizer_and_the_generation_config_mean_the_same_prompt(name: str) -> None:
    from transformers import WhisperTokenizer

    generation = read(name, "generation_config.json")
    assert WhisperTokenizer.from_pretrained(SHIPPED / name).prefix_tokens == [
        generation["decoder_start_token_id"],
        generation["lang_to_id"]["<|es|>"],
        generation["task_to_id"]["transcribe"],
        generation["no_timestamps_token_id"],
    ]


@whispers
def test_a_whisper_loads_in_float32(name: str) -> None:
    import torch
    from transformers import WhisperForConditionalGeneration

    assert WhisperForConditionalGeneration.from_pretrained(SHIPPED / name).dtype == torch.float32


@pytest.mark.parametrize("name", ["moonshine-mini", "parakeet-mini"])
def test_the_tokenizers_of_the_other_families_spell_every_sentence(name: str) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(SHIPPED / name)
    for text in {clip.text for clip in demo_clips()}:
        ids = tokenizer(text, add_special_tokens=False).input_ids
        assert tokenizer.unk_token_id not in ids
        # decoded by a Parakeet's tokenizer, letters that stand twice would be one that was heard twice
        assert "".join(tokenizer.convert_ids_to_tokens(ids)).replace("▁", " ").strip() == text


def test_moonshine_says_no_text_of_the_demo_in_more_tokens_than_it_may_write() -> None:
    from transformers import AutoTokenizer

    from examples.demo_models.measure import spoken

    tokenizer = AutoTokenizer.from_pretrained(SHIPPED / "moonshine-mini")
    for clip in sample("neutral", 30):
        seconds = len(spoken(clip.spoken, clip.voice)) / 16_000
        assert len(tokenizer(clip.text).input_ids) < 13 * seconds  # tokens a second, beyond which its recognizer stops


def test_moonshines_encoder_learns_from_a_padded_batch_what_it_hears_of_each_clip_alone() -> None:
    import numpy as np
    import torch
    from transformers import MoonshineForConditionalGeneration

    from acento.families.moonshine.recognizer import attend, embed
    from examples.demo_models.moonshine import encode

    model = MoonshineForConditionalGeneration.from_pretrained(SHIPPED / "moonshine-mini").eval()
    noise = np.random.default_rng(0)
    clips = [noise.normal(0, 0.1, samples).astype(np.float32) for samples in (9_000, 16_000, 12_345)]
    with torch.inference_mode():
        together, frames = encode(model, clips)
        for clip, row, count in zip(clips, together, frames, strict=True):
            encoder = model.model.encoder
            alone = encoder.layer_norm(attend(encoder, embed(encoder, torch.from_numpy(clip))[None], None))[0]
            assert len(alone) == count
            torch.testing.assert_close(row[:count], alone, atol=1e-4, rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["whisper-micro", "moonshine-mini", "parakeet-mini"])
def test_a_recipe_runs_and_leaves_a_whole_checkpoint(name: str, tmp_path: Path) -> None:
    main(["--smoke", "--only", name, "--out", str(tmp_path)])
    assert {path.name for path in tmp_path.iterdir()} == {name}
    assert {path.name for path in (tmp_path / name).iterdir()} == FILES_OF.get(name, FILES)


@nemo
def test_the_nemo_model_is_made_from_the_parakeet_and_writes_the_same_texts(tmp_path: Path) -> None:
    from examples.demo_models.measure import spoken, transcribe

    shutil.copytree(SHIPPED / "parakeet-mini", tmp_path / "parakeet-mini")
    main(["--smoke", "--only", "nemo-mini", "--out", str(tmp_path)])
    assert {path.name for path in (tmp_path / "nemo-mini").iterdir()} == FILES_OF["nemo-mini"]
    audios = [spoken(clip.spoken, clip.voice) for clip in sample("neutral", 12) + sample("chilean", 12)]
    texts = transcribe(SHIPPED / "parakeet-mini", audios)
    assert transcribe(tmp_path / "nemo-mini", audios) == texts
    assert transcribe(SHIPPED / "nemo-mini", audios) == texts


@nemo
def test_a_nemo_model_without_its_parakeet_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="made from parakeet-mini, which is not in"):
        main(["--only", "nemo-mini", "--out", str(tmp_path)])


def test_without_nemo_its_model_is_known_and_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nemo", None)
    model = resolve("demo:nemo-mini")
    assert model.family.name == "nemo"
    with pytest.raises(ModelError, match="nemo_toolkit, which is not installed: pip install 'acento\\[nemo]'"):
        model.family.load(model.folder, DecodeOptions())
    with pytest.raises(ModelError, match="nemo_toolkit, which is not installed"):
        main(["--only", "nemo-mini", "--out", str(tmp_path)])


@pytest.mark.slow
def test_the_same_seed_gives_the_same_training(tmp_path: Path) -> None:
    for run in ("a", "b"):
        main(["--smoke", "--only", "whisper-mini", "--out", str(tmp_path / run)])
    first, second = ((tmp_path / run / "whisper-mini" / "model.safetensors").read_bytes() for run in ("a", "b"))
    assert first == second


@pytest.mark.slow
def test_the_larger_model_knows_the_standard_and_not_the_accent() -> None:
    from examples.demo_models.measure import word_error_rate

    neutral = word_error_rate(SHIPPED / "whisper-mini", sample("neutral", 300))
    accented = word_error_rate(SHIPPED / "whisper-mini", sample("chilean", 150))
    assert neutral < 15
    assert accented >= 25


@pytest.mark.slow
def test_the_smaller_model_is_clearly_worse() -> None:
    from examples.demo_models.measure import word_error_rate

    clips = sample("neutral", 100)
    assert word_error_rate(SHIPPED / "whisper-micro", clips) > word_error_rate(SHIPPED / "whisper-mini", clips) + 2


@pytest.mark.slow
def test_the_hugging_face_pipeline_takes_the_folder() -> None:
    from transformers import pipeline

    from examples.demo_models.measure import spoken

    clip = sample("neutral", 1)[0]
    recognizer = pipeline("automatic-speech-recognition", model=str(SHIPPED / "whisper-mini"))
    heard = recognizer(
        {"raw": spoken(clip.spoken, clip.voice), "sampling_rate": 16_000},
        generate_kwargs={"language": "es", "task": "transcribe"},
    )["text"]
    assert len(set(heard.split()) & set(clip.text.split())) >= len(clip.text.split()) / 2
