"""Models as other tools leave them: CTranslate2 folders, LoRA adapters, checkpoints of openai-whisper."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from eight_clips import eight_clips
from safetensors.torch import load_file, save_file
from tiny_whisper import make_whisper

from acento.core.errors import ModelError
from acento.families.whisper.convert import convert
from acento.models.base import DecodeOptions
from acento.models.checkpoints.resolver import resolve
from acento.models.checkpoints.weights import stored_dtype

KEPT = ("model.bin", "config.json", "vocabulary.json")
"""What the converter of CTranslate2 itself writes."""


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACENTO_STORE", str(tmp_path / "store"))


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_whisper(tmp_path_factory.mktemp("model") / "base", window_s=30, positions=448)


def texts(name: str | Path, language: str | None = "es") -> list[str]:
    found = resolve(str(name))
    recognizer = found.family.load(found.folder, DecodeOptions(language=language))
    try:
        return [one.text for one in recognizer.finish(recognizer.infer(recognizer.prepare(eight_clips()[:2])))]
    finally:
        recognizer.close()


@pytest.fixture
def foreign(base: Path, tmp_path: Path) -> Path:
    """A model with nothing but what a converter writes, and the tokenizer."""
    folder = tmp_path / "ct2"
    folder.mkdir()
    convert(resolve(str(base)), folder, "ctranslate2", "float32")
    for path in folder.iterdir():
        if path.name not in (*KEPT, "tokenizer.json"):
            path.unlink()
    return folder


def test_a_foreign_ctranslate2_model_writes_what_its_checkpoint_writes(base: Path, foreign: Path) -> None:
    assert texts(foreign) == texts(base)


def test_without_a_tokenizer_its_own_list_of_tokens_is_read(base: Path, foreign: Path) -> None:
    (foreign / "tokenizer.json").unlink()
    tokens = json.loads((foreign / "vocabulary.json").read_text())
    (foreign / "vocabulary.json").unlink()
    (foreign / "vocabulary.txt").write_text("\n".join(tokens) + "\n")
    assert texts(foreign) == texts(base)


def test_without_any_tokens_it_is_refused(foreign: Path) -> None:
    (foreign / "tokenizer.json").unlink()
    (foreign / "vocabulary.json").unlink()
    with pytest.raises(ModelError, match=r"has no list of tokens \(vocabulary\.json or vocabulary\.txt\)"):
        texts(foreign)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ('["a", "b', "vocabulary.json .* cannot be read"),
        ('["a", "b"]', "is cut, or no Whisper's"),
        ("[]", "has no list"),
    ],
)
def test_a_damaged_list_of_tokens_is_refused(foreign: Path, content: str, why: str) -> None:
    (foreign / "vocabulary.json").write_text(content)
    with pytest.raises(ModelError, match=why):
        texts(foreign)


def test_a_foreign_model_of_short_windows_is_given_windows_of_its_length(tmp_path: Path) -> None:
    base = make_whisper(tmp_path / "base", window_s=2)
    converted = resolve(f"{base}:ctranslate2-float32").folder
    folder = tmp_path / "foreign"
    folder.mkdir()
    for name in KEPT:
        shutil.copyfile(converted / name, folder / name)
    assert texts(folder) == texts(base)


def test_a_tokenizer_of_another_model_is_refused(foreign: Path) -> None:
    shutil.copyfile(resolve("demo:whisper-mini").folder / "tokenizer.json", foreign / "tokenizer.json")
    with pytest.raises(ModelError, match="does not belong to it"):
        texts(foreign)


def test_a_foreign_model_of_128_mel_bins_is_given_as_many(tmp_path: Path) -> None:
    source = make_whisper(tmp_path / "m", window_s=30, mel_bins=128, positions=448)
    folder = tmp_path / "ct2"
    folder.mkdir()
    convert(resolve(str(source)), folder, "ctranslate2", "float32")
    for name in ("preprocessor_config.json", "conversion.json", "transformers_config.json"):
        (folder / name).unlink()
    assert texts(folder) == texts(source)


@pytest.fixture
def adapter(base: Path, tmp_path: Path) -> Path:
    from peft import LoraConfig, get_peft_model
    from transformers import WhisperForConditionalGeneration

    torch.manual_seed(1)
    model = WhisperForConditionalGeneration.from_pretrained(base)
    config = LoraConfig(r=2, lora_alpha=4, target_modules=["q_proj"], init_lora_weights=False)
    get_peft_model(model, config).save_pretrained(tmp_path / "adapter")
    return tmp_path / "adapter"


@pytest.mark.slow
def test_an_adapter_is_its_base_with_its_weights_added(base: Path, adapter: Path) -> None:
    found = resolve(str(adapter))
    assert (found.id, found.family.name) == (str(adapter), "whisper")
    merged, plain = load_file(found.folder / "model.safetensors"), load_file(base / "model.safetensors")
    own = load_file(adapter / "adapter_model.safetensors")
    name = "model.encoder.layers.0.self_attn.q_proj"
    added = own[f"base_model.model.{name}.lora_B.weight"] @ own[f"base_model.model.{name}.lora_A.weight"]
    torch.testing.assert_close(merged[f"{name}.weight"], plain[f"{name}.weight"] + 2 * added)
    other = f"{name.replace('q_proj', 'v_proj')}.weight"
    assert torch.equal(merged[other], plain[other])
    assert texts(adapter) != texts(base)


def test_an_adapter_of_a_half_precision_base_stays_in_it(base: Path, adapter: Path, tmp_path: Path) -> None:
    half = shutil.copytree(base, tmp_path / "half")
    halved = {name: tensor.half() for name, tensor in load_file(half / "model.safetensors").items()}
    save_file(halved, half / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((adapter / "adapter_config.json").read_text())
    (adapter / "adapter_config.json").write_text(json.dumps(config | {"base_model_name_or_path": str(half)}))
    assert stored_dtype(resolve(str(adapter)).folder) == "float16"


def test_an_adapter_finds_the_base_that_lies_beside_it(base: Path, adapter: Path) -> None:
    shutil.copytree(base, adapter.parent / "its-base")
    config = json.loads((adapter / "adapter_config.json").read_text())
    (adapter / "adapter_config.json").write_text(json.dumps(config | {"base_model_name_or_path": "its-base"}))
    assert resolve(str(adapter)).family.name == "whisper"


def test_an_adapter_whose_base_is_gone_says_so(adapter: Path) -> None:
    config = json.loads((adapter / "adapter_config.json").read_text())
    (adapter / "adapter_config.json").write_text(json.dumps(config | {"base_model_name_or_path": "/gone/base"}))
    with pytest.raises(ModelError, match=r"The base /gone/base of adapter .* cannot be found"):
        resolve(str(adapter))


def test_an_adapter_with_pickled_weights_only_is_refused(adapter: Path) -> None:
    (adapter / "adapter_model.safetensors").rename(adapter / "adapter_model.bin")
    with pytest.raises(ModelError, match=r"has no adapter_model\.safetensors; save it again"):
        resolve(str(adapter))


BACK = (
    (r"^model\.", ""), (r"coder\.layers", "coder.blocks"), (r"\.fc1\.", ".mlp.0."), (r"\.fc2\.", ".mlp.2."),
    (r"\.final_layer_norm\.", ".mlp_ln."), (r"\.encoder_attn_layer_norm\.", ".cross_attn_ln."),
    (r"\.encoder_attn\.", ".cross_attn."), (r"\.self_attn_layer_norm\.", ".attn_ln."), (r"\.self_attn\.", ".attn."),
    (r"\.q_proj\.", ".query."), (r"\.k_proj\.", ".key."), (r"\.v_proj\.", ".value."), (r"\.out_proj\.", ".out."),
    ("embed_positions.weight", "positional_embedding"), ("embed_tokens", "token_embedding"),
    (r"^encoder\.layer_norm", "encoder.ln_post"), (r"^decoder\.layer_norm", "decoder.ln"),
)  # fmt: skip


def openai_file(source: Path, path: Path, **more: object) -> Path:
    """Write a checkpoint as openai-whisper keeps it."""
    state = {}
    for name, tensor in load_file(source / "model.safetensors").items():
        for pattern, old in BACK:
            name = re.sub(pattern, old, name)
        state[name] = tensor
    state.pop("proj_out.weight", None)
    config = json.loads((source / "config.json").read_text())
    dims = {
        "n_mels": config["num_mel_bins"], "n_vocab": config["vocab_size"],
        "n_audio_ctx": config["max_source_positions"],
        "n_audio_state": config["d_model"], "n_audio_head": config["encoder_attention_heads"],
        "n_audio_layer": config["encoder_layers"], "n_text_ctx": config["max_target_positions"],
        "n_text_state": config["d_model"], "n_text_head": config["decoder_attention_heads"],
        "n_text_layer": config["decoder_layers"],
    }  # fmt: skip
    path.parent.mkdir(exist_ok=True)
    torch.save({"dims": dims, "model_state_dict": state} | more, path)
    return path


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint whose inner width is four times its outer one, as in OpenAI's."""
    from transformers import WhisperConfig, WhisperForConditionalGeneration

    folder = make_whisper(tmp_path_factory.mktemp("model") / "m")
    config = WhisperConfig.from_pretrained(folder, encoder_ffn_dim=128, decoder_ffn_dim=128)
    torch.manual_seed(4)
    for name in ("eos_token_id", "bos_token_id", "pad_token_id", "decoder_start_token_id"):
        setattr(config, name, json.loads((folder / "config.json").read_text())[name])
    WhisperForConditionalGeneration(config).half().save_pretrained(folder)
    (folder / "generation_config.json").unlink()
    return folder


def test_a_checkpoint_of_openai_whisper_writes_what_the_same_weights_write(narrow: Path, tmp_path: Path) -> None:
    path = openai_file(narrow, tmp_path / "o" / "tiny.pt")
    shutil.copyfile(narrow / "tokenizer.json", path.parent / "tokenizer.json")
    found = resolve(str(path))
    made, kept = load_file(found.folder / "model.safetensors"), load_file(narrow / "model.safetensors")
    assert made.keys() - {"proj_out.weight"} == kept.keys() - {"proj_out.weight"}
    assert all(torch.equal(made[name], kept[name]) for name in kept if name in made)
    assert stored_dtype(found.folder) == "float16"
    assert texts(path) == texts(narrow)


def test_without_a_tokenizer_it_says_which_one_to_put_beside_it(
    narrow: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    path = openai_file(narrow, tmp_path / "o" / "tiny.pt")
    with pytest.raises(ModelError, match=r"put tokenizer\.json and tokenizer_config\.json of openai/whisper-.* beside"):
        resolve(str(path))


def test_code_in_such_a_file_is_not_run(narrow: Path, tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (Path.touch, (tmp_path / "was-run",))  # type: ignore[return-value]

    path = openai_file(narrow, tmp_path / "o" / "tiny.pt", extra=Evil())
    with pytest.raises(ModelError, match="no checkpoint of openai-whisper"):
        resolve(str(path))
    assert not (tmp_path / "was-run").exists()


def test_a_file_of_other_tensors_is_refused(tmp_path: Path) -> None:
    torch.save({"a": torch.from_numpy(np.zeros(3))}, tmp_path / "m.pt")
    with pytest.raises(ModelError, match="no checkpoint of openai-whisper"):
        resolve(str(tmp_path / "m.pt"))
