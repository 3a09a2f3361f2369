"""Whisper as it learns: each pitfall that today's libraries have for it is a test."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_whisper import make_whisper
from transformers import GenerationConfig, WhisperTokenizer

from acento.core.errors import InputError, ModelError
from acento.families.whisper.training import load_labeler
from acento.models.base import Audio, DecodeOptions
from acento.models.checkpoints.resolver import resolve
from acento.models.trainable import Trainable
from acento.training.loop.step import make_optimizer
from acento.training.planning import load_trainable
from acento.training.recipe import Recipe

torch.set_num_threads(1)
STRATEGIES = ("encoder", "full", "decoder", "lora", "last-n")
TEXTS = ("bad", "cab", "fig")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_whisper(tmp_path_factory.mktemp("base") / "m", window_s=2)


def learner(folder: Path, *, language: str | None = "es", **recipe: object) -> Trainable:
    checkpoint = resolve(str(folder))
    return load_trainable(checkpoint.family, checkpoint.folder, language, Recipe.checked(recipe), "cpu")


def clips(count: int = 3) -> list[Audio]:
    random = np.random.default_rng(3)
    return [(0.1 * random.standard_normal(8000 + 4000 * n)).astype(np.float32) for n in range(count)]


def labels(folder: Path, language: str | None = "es") -> list[list[int]]:
    labeler = load_labeler(folder, language)
    return [labeler.labels(text) for text in TEXTS]


def learn(trainable: Trainable, rows: list[list[int]], steps: int, **recipe: object) -> list[float]:
    """Learn the three clips by heart; return the loss for each token, step by step."""
    optimizer = make_optimizer(trainable.learned(), Recipe.checked(recipe))
    features = trainable.features(clips())
    losses = []
    trainable.train()
    for _ in range(steps):
        optimizer.zero_grad()
        loss, tokens = trainable.loss(features, rows, Recipe.checked(recipe).label_smoothing)
        (loss / tokens).backward()
        optimizer.step()
        losses.append(loss.item() / tokens)
    trainable.eval()
    return losses


def heard(folder: Path, language: str | None = "es") -> list[str]:
    checkpoint = resolve(str(folder))
    recognizer = checkpoint.family.load(checkpoint.folder, DecodeOptions(language=language))
    return [found.text for found in recognizer.finish(recognizer.infer(recognizer.prepare(clips())))]


def theirs(trainable: Trainable, features: list[torch.Tensor], rows: list[list[int]]) -> torch.Tensor:
    """Return transformers' own mean loss, padding masked by -100."""
    longest = max(map(len, rows))
    padded = torch.tensor([row + [-100] * (longest - len(row)) for row in rows])
    return trainable.model(input_features=torch.stack(features), labels=padded).loss


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_loss_is_that_of_transformers(folder: Path, strategy: str) -> None:
    trainable, rows = learner(folder, strategy=strategy, last_n=1), labels(folder)
    trainable.eval()
    features = trainable.features(clips())
    loss, tokens = trainable.loss(features, rows, 0.0)
    assert tokens == sum(map(len, rows))
    torch.testing.assert_close(loss / tokens, theirs(trainable, features, rows), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_label_smoothing_works_with_every_strategy(folder: Path, strategy: str) -> None:
    trainable, rows = learner(folder, strategy=strategy, last_n=1), labels(folder)
    features = trainable.features(clips()[:1])
    plain, tokens = trainable.loss(features, rows[:1], 0.0)
    smooth, _ = trainable.loss(features, rows[:1], 0.1)
    logits = trainable.model(input_features=torch.stack(features), labels=torch.tensor(rows[:1])).logits[0]
    spread = -torch.log_softmax(logits, -1).mean(-1).sum()
    torch.testing.assert_close(smooth, 0.9 * plain + 0.1 * spread, rtol=1e-5, atol=1e-4)
    (smooth / tokens).backward()
    assert all(parameter.grad is not None for parameter in trainable.learned().values())


def test_padding_of_labels_changes_no_loss(folder: Path) -> None:
    trainable, rows = learner(folder), labels(folder)
    rows[1] = rows[1][:-1] + [70] * 12 + rows[1][-1:]
    features = trainable.features(clips())
    together = trainable.loss(features, rows, 0.0)[0].item()
    alone = sum(trainable.loss(features[i : i + 1], [rows[i]], 0.0)[0].item() for i in range(3))
    assert together == pytest.approx(alone, rel=1e-5)


def test_labels_are_the_prompt_after_the_start_then_text_then_end(folder: Path) -> None:
    labeler = load_labeler(folder, "sv")
    names = WhisperTokenizer.from_pretrained(folder).convert_ids_to_tokens(labeler.labels(" bad "))
    assert names == ["<|sv|>", "<|transcribe|>", "<|notimestamps|>", "b", "a", "d", "<|endoftext|>"]


def test_the_decoder_start_token_is_cut_once_and_never_learned(folder: Path) -> None:
    labeler, generation = load_labeler(folder, "es"), GenerationConfig.from_pretrained(folder)
    for text in ("bad", "<|startoftranscript|>bad", "<|endoftext|>"):
        row = labeler.labels(text)
        assert generation.decoder_start_token_id not in row
        assert row.count(generation.eos_token_id) == 1, "what is written like a special token is a text like any other"


def test_what_labels_depend_on_has_a_name_of_its_own(folder: Path, tmp_path: Path) -> None:
    other = make_whisper(tmp_path / "m", multilingual=False, window_s=2)
    needs = [load_labeler(folder, "es").needs, load_labeler(folder, "sv").needs, load_labeler(other, "en").needs]
    assert len({need.labels for need in needs}) == 3
    assert needs[0] == load_labeler(folder, "es").needs
    assert (needs[0].window_s, needs[0].max_labels, needs[0].language) == (2.0, 40, "es")


def test_a_multilingual_model_must_be_told_the_language(folder: Path) -> None:
    with pytest.raises(InputError, match="give --language"):
        load_labeler(folder, None)
    with pytest.raises(ModelError, match="does not know language 'xx'"):
        load_labeler(folder, "xx")


@pytest.mark.slow
def test_the_end_is_learned_although_it_is_also_the_padding(folder: Path, tmp_path: Path) -> None:
    trainable, rows = learner(folder, strategy="full"), labels(folder)
    losses = learn(trainable, rows, 150, learning_rate=3e-3)
    assert losses[-1] < 0.05 < losses[0]
    trainable.save(tmp_path / "m")
    assert heard(tmp_path / "m") == list(TEXTS), "texts that did not end would be forty letters long"


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_one_step_lowers_the_loss_and_leaves_what_is_frozen_bit_equal(folder: Path, strategy: str) -> None:
    trainable, rows = learner(folder, strategy=strategy, last_n=1), labels(folder)
    before = {name: tensor.clone() for name, tensor in trainable.model.state_dict().items()}
    losses = learn(trainable, rows, 2, learning_rate=1e-4)
    assert losses[1] < losses[0]
    after, learned = trainable.model.state_dict(), set(trainable.learned())
    if strategy in ("full", "decoder"):
        learned.add("proj_out.weight")  # tied to the embedding
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed <= learned
    assert len(changed) > len(learned) / 2


def test_encoder_leaves_decoder_embedding_and_projection_alone(folder: Path) -> None:
    names = set(learner(folder, strategy="encoder").learned())
    assert names
    assert all(name.startswith("model.encoder.") for name in names)
    assert "model.encoder.embed_positions.weight" not in names, "the sinusoids are no parameters to learn"


def test_decoder_leaves_the_encoder_alone_and_its_projection_stays_tied(folder: Path) -> None:
    trainable = learner(folder, strategy="decoder")
    assert all(name.startswith("model.decoder.") for name in trainable.learned())
    assert trainable.has_frozen_prefix
    learn(trainable, labels(folder), 1, learning_rate=1e-3)
    assert trainable.model.proj_out.weight is trainable.model.model.decoder.embed_tokens.weight


def test_last_n_takes_the_last_layers_of_both(folder: Path) -> None:
    names = set(learner(folder, strategy="last-n", last_n=1).learned())
    stacks = {".".join(name.split(".")[1:4]) for name in names if ".layers." in name}
    assert stacks == {"encoder.layers.0", "decoder.layers.1"}
    assert {"model.encoder.layer_norm.weight", "model.decoder.layer_norm.weight"} <= names


def test_adapters_sit_where_the_recipe_says(folder: Path) -> None:
    names = learner(folder, strategy="lora", lora_rank=3, lora_sites=("fc1", "out_proj")).learned()
    assert all(".lora_" in name and (".fc1." in name or ".out_proj." in name) for name in names)
    assert {tensor.shape[0] for name, tensor in names.items() if ".lora_A." in name} == {3}
    with pytest.raises(ModelError, match=r"no linear layer nowhere for lora_sites; it has fc1, fc2, k_proj"):
        learner(folder, strategy="lora", lora_sites=("nowhere",))


def test_adapters_begin_the_same_each_time(folder: Path) -> None:
    first, second = (learner(folder, strategy="lora").learned() for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert any(tensor.any() for tensor in first.values())


def test_lora_merges_to_the_outputs_it_had(folder: Path, tmp_path: Path) -> None:
    trainable, rows = learner(folder, strategy="lora"), labels(folder)
    learn(trainable, rows, 20, learning_rate=1e-2)
    features = trainable.features(clips())
    with torch.inference_mode():
        apart = trainable.loss(features, rows, 0.0)[0]
        trainable.save(tmp_path / "m")
        merged = learner(tmp_path / "m").loss(features, rows, 0.0)[0]
        base = learner(folder).loss(features, rows, 0.0)[0]
    torch.testing.assert_close(merged, apart, rtol=1e-5, atol=1e-5)
    assert abs((base - apart).item()) > 1, "the test says nothing if adapters changed nothing"
    assert set(load_file(tmp_path / "m" / "model.safetensors")) == set(load_file(folder / "model.safetensors"))


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_saved_and_loaded_it_writes_the_same_texts(folder: Path, tmp_path: Path, strategy: str) -> None:
    trainable = learner(folder, strategy=strategy, last_n=1)
    learn(trainable, labels(folder), 10, learning_rate=3e-3)
    recognizer = trainable.recognizer()
    texts = [found.text for found in recognizer.finish(recognizer.infer(recognizer.prepare(clips())))]
    trainable.save(tmp_path / "m")
    assert heard(tmp_path / "m") == texts
    assert any(texts)


@pytest.mark.parametrize("strategy", ["encoder", "lora"])
def test_saved_configs_are_the_base_models_but_for_language_and_task(
    folder: Path, tmp_path: Path, strategy: str
) -> None:
    trainable = learner(folder, strategy=strategy, dropout=0.1, activation_checkpointing=True)
    learn(trainable, labels(folder), 1)
    trainable.save(tmp_path / "m")
    for name in ("config.json", "preprocessor_config.json", "tokenizer.json", "tokenizer_config.json"):
        assert json.loads((tmp_path / "m" / name).read_text()) == json.loads((folder / name).read_text()), name
    assert json.loads((tmp_path / "m" / "config.json").read_text())["use_cache"] is True
    before, after = (json.loads((f / "generation_config.json").read_text()) for f in (folder, tmp_path / "m"))
    assert after == before | {"language": "es", "task": "transcribe"}


def test_an_old_way_to_force_the_language_does_not_stand_beside_the_new_one(folder: Path, tmp_path: Path) -> None:
    trainable = learner(folder)
    trainable.model.generation_config.forced_decoder_ids = [[1, None], [2, 3]]
    trainable.save(tmp_path / "m")
    assert json.loads((tmp_path / "m" / "generation_config.json").read_text()).get("forced_decoder_ids") is None


def test_generate_writes_the_trained_language_without_being_told(folder: Path, tmp_path: Path) -> None:
    learner(folder).save(tmp_path / "m")
    saved = learner(tmp_path / "m")
    with torch.inference_mode():
        features = torch.stack(saved.features(clips()))
        untold = saved.model.generate(features)
        told = saved.model.generate(features, language="es", task="transcribe")
        other = saved.model.generate(features, language="sv", task="transcribe")
    assert untold.tolist() == told.tolist()
    assert untold.tolist() != other.tolist(), "the test says nothing if the language changes nothing"


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_half_precision_checkpoint_trains_in_float32_and_stays_so(tmp_path: Path, dtype: torch.dtype) -> None:
    half = make_whisper(tmp_path / "half", window_s=2)
    halved = {name: tensor.to(dtype) for name, tensor in load_file(half / "model.safetensors").items()}
    save_file(halved, half / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((half / "config.json").read_text())
    (half / "config.json").write_text(json.dumps(config | {"dtype": str(dtype).removeprefix("torch.")}))
    trainable = learner(half, strategy="full")
    assert {parameter.dtype for parameter in trainable.model.parameters()} == {torch.float32}
    losses = learn(trainable, labels(half), 3, learning_rate=1e-4)
    assert losses[2] < losses[0]
    trainable.save(tmp_path / "m")
    assert {tensor.dtype for tensor in load_file(tmp_path / "m" / "model.safetensors").values()} == {dtype}
    assert load_file(tmp_path / "m" / "model.safetensors").keys() == halved.keys(), "what is tied is saved once"
    assert json.loads((tmp_path / "m" / "config.json").read_text())["dtype"] == str(dtype).removeprefix("torch.")


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_large_v3_shape_with_128_mel_bins_trains_a_step(tmp_path: Path, strategy: str) -> None:
    folder = make_whisper(tmp_path / "m", mel_bins=128, window_s=30)
    trainable = learner(folder, strategy=strategy)
    assert [one.shape for one in trainable.features(clips(1))] == [(128, 3000)]
    losses = learn(trainable, labels(folder), 2, learning_rate=1e-4)
    assert losses[1] < losses[0]


@pytest.mark.slow
def test_an_english_only_shape_trains_and_has_no_language(tmp_path: Path) -> None:
    folder = make_whisper(tmp_path / "m", multilingual=False, window_s=2)
    for language in ("en", None):
        ids = load_labeler(folder, language).labels("bad")
        assert WhisperTokenizer.from_pretrained(folder).convert_ids_to_tokens(ids)[:2] == ["<|notimestamps|>", "b"]
    trainable = learner(folder, language="en", strategy="full")
    losses = learn(trainable, labels(folder, "en"), 150, learning_rate=3e-3)
    assert losses[-1] < 0.2 < losses[0]
    trainable.save(tmp_path / "tuned")
    assert heard(tmp_path / "tuned", "en") == list(TEXTS)
    generation = json.loads((tmp_path / "tuned" / "generation_config.json").read_text())
    assert "language" not in generation
    with pytest.raises(ModelError, match="English-only"):
        load_labeler(folder, "es")


def test_a_frozen_prefix_gives_what_the_encoder_gives(folder: Path) -> None:
    trainable, rows = learner(folder, strategy="decoder"), labels(folder)
    features = trainable.features(clips())
    prefix = trainable.frozen_prefix(features)
    with torch.no_grad():
        encoded = trainable.model.model.encoder(torch.stack(features)).last_hidden_state
        torch.testing.assert_close(torch.stack(prefix), encoded)
    direct, kept = (
        trainable.loss(x, rows, 0.0, past_prefix=passed)[0] for x, passed in ((features, False), (prefix, True))
    )
    assert direct.item() == kept.item()


def test_the_first_layers_alone_can_be_a_front(tmp_path: Path) -> None:
    from transformers import GenerationConfig, WhisperConfig, WhisperForConditionalGeneration

    folder = make_whisper(tmp_path / "m", window_s=2)
    config = WhisperConfig.from_pretrained(folder)
    config.encoder_layers = 3
    model = WhisperForConditionalGeneration(config)
    model.generation_config = GenerationConfig.from_pretrained(folder)
    model.save_pretrained(folder)
    trainable, rows = learner(folder, strategy="last-n", last_n=1, dropout=0.3), labels(folder)
    trainable.train()
    features = trainable.features(clips())
    prefix = trainable.frozen_prefix(features)
    assert trainable.has_frozen_prefix
    assert all(map(torch.equal, prefix, trainable.frozen_prefix(features))), "dropout in a frozen prefix must be off"
    assert torch.equal(prefix[1], trainable.frozen_prefix(features[1:2])[0]), "a clip's prefix depends on no other clip"
    assert (
        trainable.loss(prefix, rows, 0.0, past_prefix=True)[0] != trainable.loss(prefix, rows, 0.0, past_prefix=True)[0]
    )
    trainable.eval()
    loss, tokens = trainable.loss(prefix, rows, 0.0, past_prefix=True)
    torch.testing.assert_close(loss / tokens, theirs(trainable, features, rows), rtol=1e-5, atol=1e-5)


def test_activation_checkpointing_gives_the_same_gradients(folder: Path) -> None:
    rows, grads = labels(folder), []
    for on in (False, True):
        trainable = learner(folder, strategy="full", activation_checkpointing=on)
        trainable.train()
        trainable.loss(trainable.features(clips()), rows, 0.0)[0].backward()
        grads.append({name: parameter.grad for name, parameter in trainable.learned().items()})
    for name, grad in grads[0].items():
        torch.testing.assert_close(grad, grads[1][name], rtol=1e-4, atol=1e-4)


def test_an_optimizer_in_8_bits_says_what_is_missing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "bitsandbytes", None)
    with pytest.raises(InputError, match=r"pip install 'acento\[eight-bit\]'"):
        make_optimizer(learner(folder).learned(), Recipe(optimizer="adamw-8bit"))


def test_decay_pulls_at_matrices_only(folder: Path) -> None:
    optimizer = make_optimizer(learner(folder).learned(), Recipe(weight_decay=0.3))
    assert [(group["weight_decay"], {p.ndim > 1 for p in group["params"]}) for group in optimizer.param_groups] == [
        (0.3, {True}),
        (0.0, {False}),
    ]
