"""A Whisper written for whisper.cpp, read by a reader of the test's own, and run by whisper.cpp where that is."""

import json
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from openai_whisper import make_openai_whisper
from safetensors.numpy import load_file, save_file
from tiny_whisper import make_whisper

from acento.core.errors import ModelError
from acento.families.whisper.ggml.writing import text_tokens
from acento.models.checkpoints.converted import convert, reread
from acento.models.checkpoints.references import Quantization
from acento.models.checkpoints.resolver import resolve

KINDS: dict[str, dict[str, Any]] = {
    "multilingual": {},
    "english-only": {"languages": 0},
    "128 mel bins": {"languages": 100, "mel_bins": 128},
}
PROMPTS = {
    "multilingual": (50258, 50262, 50359, 50363),  # start, Spanish, transcribe, no timestamps
    "english-only": (50257, 50362),
    "128 mel bins": (50258, 50262, 50360, 50364),
}
TYPES = {0: "<f4", 1: "<f2"}
BLOCKS = {6: ("q5_0", 22), 7: ("q5_1", 24), 8: ("q8_0", 34)}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("openai")
    return {kind: make_openai_whisper(root / kind, **options) for kind, options in KINDS.items()}


@dataclass
class Read:
    """What is in a file, by whisper.cpp's loader, line by line."""

    sizes: tuple[int, ...]
    filters: np.ndarray
    tokens: list[bytes]
    weights: dict[str, np.ndarray] = field(default_factory=dict)
    types: dict[str, int] = field(default_factory=dict)


def read(path: Path) -> Read:
    """Read a file to its last byte."""
    data, at = path.read_bytes(), 0

    def numbers(count: int) -> tuple[int, ...]:
        nonlocal at
        at += 4 * count
        return struct.unpack_from(f"<{count}i", data, at - 4 * count)

    def taken(size: int) -> bytes:
        nonlocal at
        at += size
        return data[at - size : at]

    magic, *sizes = numbers(12)
    assert magic == int.from_bytes(b"ggml")
    rows, columns = numbers(2)
    filters = np.frombuffer(taken(4 * rows * columns), "<f4").reshape(rows, columns)
    found = Read(tuple(sizes), filters, [taken(*numbers(1)) for _ in range(*numbers(1))])
    while at < len(data):
        dimensions, length, kind = numbers(3)
        shape = numbers(dimensions)[::-1]
        name = taken(length).decode()
        found.types[name] = kind
        count = int(np.prod(shape))
        if kind in TYPES:
            values = np.frombuffer(taken(count * np.dtype(TYPES[kind]).itemsize), TYPES[kind])
            found.weights[name] = values.reshape(shape)
        else:
            found.weights[name] = np.frombuffer(taken(count // 32 * BLOCKS[kind][1]), "u1")
    return found


def written(model: Path, folder: Path, quantization: Quantization = "float16") -> Path:
    """Return the file."""
    folder.mkdir()
    convert(resolve(str(model)), folder, "ggml", quantization)
    return folder / "ggml-model.bin"


@pytest.mark.parametrize("kind", KINDS)
def test_the_file_has_the_model_bit_by_bit(kind: str, models: dict[str, Path], tmp_path: Path) -> None:
    found = read(written(models[kind], tmp_path / "out"))
    config = json.loads((models[kind] / "config.json").read_text())
    mels = config["num_mel_bins"]
    assert found.sizes == (config["vocab_size"], 1500, 64, 2, 2, 64, 64, 2, 3, mels, 1)
    assert found.filters.shape == (mels, 201)
    held = load_file(models[kind] / "model.safetensors")
    held.pop("proj_out.weight", None)
    assert len(found.weights) == len(held) == 7 + 2 * 15 + 4 + 3 * 24
    pairs = {
        "encoder.conv1.weight": "encoder.conv1.weight",
        "encoder.blocks.1.attn.key.weight": "encoder.layers.1.self_attn.k_proj.weight",
        "encoder.blocks.0.mlp.2.bias": "encoder.layers.0.fc2.bias",
        "encoder.ln_post.weight": "encoder.layer_norm.weight",
        "decoder.positional_embedding": "decoder.embed_positions.weight",
        "decoder.token_embedding.weight": "decoder.embed_tokens.weight",
        "decoder.blocks.2.cross_attn.out.bias": "decoder.layers.2.encoder_attn.out_proj.bias",
        "decoder.blocks.2.cross_attn_ln.weight": "decoder.layers.2.encoder_attn_layer_norm.weight",
        "decoder.ln.bias": "decoder.layer_norm.bias",
    }
    for name, original in pairs.items():
        expected = held[f"model.{original}"]
        assert np.array_equal(found.weights[name], expected.astype(found.weights[name].dtype)), name
    halves = {name for name, one in found.types.items() if one == 1}
    assert halves == {name for name, one in found.weights.items() if one.ndim > 1} - {
        "encoder.positional_embedding",
        "decoder.positional_embedding",
        "encoder.conv1.bias",
        "encoder.conv2.bias",
    }
    assert found.weights["encoder.conv1.bias"].shape == (64, 1)


def test_tokens_are_bytes_by_id_and_special_ones_are_left_to_the_engine(
    models: dict[str, Path], tmp_path: Path
) -> None:
    multilingual = read(written(models["multilingual"], tmp_path / "a")).tokens
    english = read(written(models["english-only"], tmp_path / "b")).tokens
    assert (len(multilingual), len(english)) == (50257, 50256)
    assert multilingual[50256] == b""
    assert sorted(english[:256]) == [bytes([one]) for one in range(256)]
    assert multilingual[:50256] == english
    assert len(english[-1]) == 2


@pytest.mark.slow
@pytest.mark.parametrize("quantization", ["float16", "q8_0", "q5_1", "q5_0"])
def test_what_is_read_back_is_the_model_but_for_rounding(
    quantization: Quantization, models: dict[str, Path], tmp_path: Path
) -> None:
    model = models["multilingual"]
    file = written(model, tmp_path / "out", quantization)
    found = read(file)
    assert found.sizes[-1] == {"float16": 1, "q8_0": 2007, "q5_0": 2008, "q5_1": 2009}[quantization]
    assert found.types["encoder.conv1.weight"] == 1, "convolutions are not quantized"
    (tmp_path / "back").mkdir()
    again = resolve(str(reread(resolve(str(model)), file.parent, tmp_path / "back")))
    held, back = load_file(model / "model.safetensors"), load_file(again.folder / "model.safetensors")
    assert back.keys() == held.keys() - {"proj_out.weight"}
    for name, values in back.items():
        if values.dtype == np.float16:
            assert np.array_equal(values, held[name].astype(np.float16)), name
        elif values.ndim == 1 or "embed_positions" in name:
            assert np.array_equal(values, held[name]), name
        else:
            steps = {"q8_0": 254, "q5_1": 31, "q5_0": 32}[quantization]
            rows = held[name].reshape(-1, 32)
            size = np.ptp(rows, axis=1) if quantization == "q5_1" else 2 * np.abs(rows).max(1)
            # half a step; at its far end q5_0 has a whole one, as its numbers are -16 to 15
            bound = size / steps * (1.01 if quantization == "q5_0" else 0.51) + 1e-3 * np.abs(rows).max(1)
            assert (np.abs(values.reshape(-1, 32) - rows) <= bound[:, None]).all(), name


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_whisper_cpp_computes_what_the_model_does(kind: str, models: dict[str, Path], tmp_path: Path) -> None:
    import torch
    from transformers import WhisperForConditionalGeneration

    from tests.acento.families.whisper.whisper_cpp import logits

    model = WhisperForConditionalGeneration.from_pretrained(models[kind], dtype=torch.float32).eval()
    mel = np.random.default_rng(0).normal(0, 0.5, (model.config.num_mel_bins, 3000)).astype(np.float32)
    with torch.no_grad():
        ran = model(torch.from_numpy(mel)[None], decoder_input_ids=torch.tensor([PROMPTS[kind]])).logits[0, -1].numpy()
    kinds: tuple[Quantization, ...] = ("float16", "q8_0", "q5_1") if kind == "multilingual" else ("float16",)
    for quantization in kinds:
        file = written(models[kind], tmp_path / quantization, quantization)
        found = logits(file, mel, PROMPTS[kind], tmp_path)
        assert found.shape == ran.shape
        assert np.corrcoef(found, ran)[0, 1] > (0.97 if quantization == "q5_1" else 0.995), quantization


@pytest.mark.slow
def test_a_file_that_was_cut_is_not_read_back(models: dict[str, Path], tmp_path: Path) -> None:
    file = written(models["english-only"], tmp_path / "out")
    file.write_bytes(file.read_bytes()[:-10])
    with pytest.raises(ModelError, match="is cut; write it again"):
        reread(resolve(str(models["english-only"])), file.parent, tmp_path)
    file.write_bytes(b"GGUF" + file.read_bytes()[4:])
    with pytest.raises(ModelError, match="is no GGML file of a Whisper"):
        reread(resolve(str(models["english-only"])), file.parent, tmp_path)


@pytest.mark.slow
def test_a_file_that_lacks_a_weight_or_has_a_damaged_one_is_not_read_back(
    models: dict[str, Path], tmp_path: Path
) -> None:
    file = written(models["english-only"], tmp_path / "out")
    whole, last = file.read_bytes(), b"decoder.ln.bias"
    name = whole.index(last)
    begin = name - 4 * 4  # three numbers and one dimension
    damaged = {
        "after its head": whole[: whole.index(b"encoder.conv1.bias") - 4 * 5],
        "before a weight": whole[:begin] + whole[name + len(last) + 4 * 64 :],
        "its name": whole[:name] + b"\xff" + whole[name + 1 :],
        "its type": whole[: begin + 8] + b"\x63" + whole[begin + 9 :],
        "its dimensions": whole[: begin + 3] + b"\xff" + whole[begin + 4 :],
        "the length of its name": whole[: begin + 7] + b"\xff" + whole[begin + 8 :],
        "its size": whole[: begin + 12] + b"\x20" + whole[begin + 13 :],
        "the vocabulary": whole[:4] + b"\x01" + whole[5:],
    }
    for what, data in damaged.items():
        file.write_bytes(data)
        with pytest.raises(ModelError, match=r"GGML file .*(cut|damaged).*; write it again"):
            reread(resolve(str(models["english-only"])), file.parent, tmp_path / what)


def changed(model: Path, folder: Path, **values: Any) -> Path:
    """Return a copy of a model with other values in its config."""
    import shutil

    shutil.copytree(model, folder)
    config = json.loads((folder / "config.json").read_text()) | values
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"vocab_size": 51900}, "it has a vocabulary of 51900 tokens, and there only 51864, 51865, 51866 are known"),
        ({"max_source_positions": 200}, "its window is 4 s, and must be 30 s there"),
        ({"encoder_ffn_dim": 128}, r"its inner layers have \(128, 256\) units, and there always 256"),
        ({"activation_function": "relu"}, "it computes otherwise"),
        ({"decoder_layers": 4}, "its weight model.decoder.layers.3.encoder_attn.k_proj.weight is missing"),
        ({"num_mel_bins": 128}, "its features are others"),
    ],
)
def test_what_whisper_cpp_cannot_load_is_refused_in_a_sentence(
    values: dict[str, Any], why: str, models: dict[str, Path], tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=f"cannot be written for whisper.cpp: {why}"):
        written(changed(models["multilingual"], tmp_path / "m", **values), tmp_path / "out")


def test_a_model_with_a_vocabulary_of_its_own_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="it has a vocabulary of 266 tokens, and there only"):
        written(make_whisper(tmp_path / "tiny", window_s=30), tmp_path / "out")


def test_special_tokens_at_other_places_are_refused() -> None:
    with pytest.raises(
        ModelError, match=r"it looks for <\|endoftext\|> as token 50257, and the tokenizer has it as to"
    ):
        text_tokens("mine", {"<|endoftext|>": 3}, 51865)
    with pytest.raises(ModelError, match="the tokenizer has it not at all"):
        text_tokens("mine", {}, 51864)


@pytest.mark.parametrize("scale", [1e6, np.inf])
def test_a_weight_that_a_half_cannot_hold_is_refused(scale: float, models: dict[str, Path], tmp_path: Path) -> None:
    model = changed(models["english-only"], tmp_path / "m")
    held = load_file(model / "model.safetensors")
    held["model.encoder.layers.0.fc1.weight"] = held["model.encoder.layers.0.fc1.weight"] * np.float32(scale)
    save_file(held, model / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"its weight encoder.blocks.0.mlp.0.weight is not finite in float16"):
        written(model, tmp_path / "out")


@pytest.mark.slow
def test_what_a_model_was_taught_is_beside_the_file(models: dict[str, Path], tmp_path: Path) -> None:
    plain = written(models["english-only"], tmp_path / "plain").with_name("whisper-cpp.json")
    assert json.loads(plain.read_text()) == {
        "file": "ggml-model.bin",
        "quantization": "float16",
        "made_from": resolve(str(models["english-only"])).digest,
        "window": None,
        "audio_ctx": None,
    }
    window = {"margin_s": 1.5, "shortest_s": 2.0}
    taught = changed(models["english-only"], tmp_path / "taught", acento_window=window)
    said = json.loads(written(taught, tmp_path / "out").with_name("whisper-cpp.json").read_text())
    assert said["window"] == window
    assert said["audio_ctx"] == {"4": 512, "8": 512, "15": 1024}
