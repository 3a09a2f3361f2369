"""Moonshine as it learns: each pitfall that today's libraries have for it is a test."""

import json
from pathlib import Path

import pytest
import torch
from eight_clips import TEXTS, eight_clips
from safetensors.torch import load_file, save_file
from transformers import PreTrainedTokenizerFast

from acento.core.errors import ModelError
from acento.families.moonshine.training import load_labeler
from acento.models.base import DecodeOptions
from acento.models.checkpoints.resolver import resolve
from acento.models.trainable import Trainable
from acento.training.loop.step import make_optimizer
from acento.training.planning import load_trainable, model_width
from acento.training.recipe import Recipe, fine_tuning_rate
from tests.acento.families.overfitted import overfit, texts
from tests.acento.families.tiny_moonshine import make_moonshine

torch.set_num_threads(1)
pytestmark = pytest.mark.slow
STRATEGIES = ("encoder", "full", "decoder", "lora", "last-n")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_moonshine(tmp_path_factory.mktemp("base") / "m")


def learner(folder: Path, **recipe: object) -> Trainable:
    checkpoint = resolve(str(folder))
    return load_trainable(checkpoint.family, checkpoint.folder, "es", Recipe.checked(recipe), "cpu")


def labels(folder: Path, count: int = 3) -> list[list[int]]:
    labeler = load_labeler(folder, "es")
    return [labeler.labels(text) for text in TEXTS[:count]]


def learn(trainable: Trainable, rows: list[list[int]], steps: int, **recipe: object) -> list[float]:
    """Learn some clips; return the loss for each token, step by step."""
    optimizer = make_optimizer(trainable.learned(), Recipe.checked(recipe))
    features = trainable.features(eight_clips()[: len(rows)])
    losses = []
    trainable.train()
    for _ in range(steps):
        optimizer.zero_grad()
        loss, tokens = trainable.loss(features, rows, 0.0)
        (loss / tokens).backward()
        optimizer.step()
        losses.append(loss.item() / tokens)
    trainable.eval()
    return losses


def heard(folder: Path) -> list[str]:
    checkpoint = resolve(str(folder))
    return texts(checkpoint.family.load(checkpoint.folder, DecodeOptions(language="es")), eight_clips())


def alone(trainable: Trainable, values: torch.Tensor, row: list[int]) -> torch.Tensor:
    """Return transformers' logits for one clip, shape ``(labels, vocabulary)``, the start put before the labels."""
    given = torch.tensor([[1, *row[:-1]]])
    return trainable.model(input_values=values[None], decoder_input_ids=given).logits[0]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_loss_is_the_cross_entropy_of_labels_shifted_once(folder: Path, strategy: str) -> None:
    trainable, rows = learner(folder, strategy=strategy, last_n=1), labels(folder)
    trainable.eval()
    features = trainable.features(eight_clips()[:3])
    loss, tokens = trainable.loss(features, rows, 0.0)
    assert tokens == sum(map(len, rows))
    by_hand = torch.zeros(())
    for values, row in zip(features, rows, strict=True):
        likely = torch.log_softmax(alone(trainable, values, row), -1)
        by_hand = by_hand - likely[torch.arange(len(row)), row].sum()
    torch.testing.assert_close(loss, by_hand, rtol=1e-5, atol=1e-4)


def test_loss_is_that_of_transformers_which_was_shifted_twice_until_june_2026(folder: Path) -> None:
    trainable, row = learner(folder), labels(folder)[2]
    trainable.eval()
    values = trainable.features(eight_clips()[2:3])
    ours, tokens = trainable.loss(values, [row], 0.0)
    theirs = trainable.model(input_values=values[0][None], labels=torch.tensor([row])).loss
    torch.testing.assert_close(ours / tokens, theirs, rtol=1e-5, atol=1e-5)
    logits = alone(trainable, values[0], row)
    twice = torch.nn.functional.cross_entropy(logits[:-1], torch.tensor(row[1:]))
    assert abs((twice - theirs).item()) > 0.1, "the test says nothing if the shift changes nothing"


def test_label_smoothing_spreads_over_all_tokens(folder: Path) -> None:
    trainable, rows = learner(folder), labels(folder, 1)
    features = trainable.features(eight_clips()[:1])
    plain, _ = trainable.loss(features, rows, 0.0)
    smooth, _ = trainable.loss(features, rows, 0.1)
    spread = -torch.log_softmax(alone(trainable, features[0], rows[0]), -1).mean(-1).sum()
    torch.testing.assert_close(smooth, 0.9 * plain + 0.1 * spread, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("strategy", ["full", "decoder", "last-n"])
def test_padding_of_clips_and_labels_changes_no_loss(folder: Path, strategy: str) -> None:
    trainable, rows = learner(folder, strategy=strategy, last_n=1), labels(folder, 8)
    trainable.eval()
    features = trainable.features(eight_clips())
    together = trainable.loss(features, rows, 0.0)[0].item()
    apart = sum(trainable.loss([one], [row], 0.0)[0].item() for one, row in zip(features, rows, strict=True))
    assert together == pytest.approx(apart, rel=1e-5)


def test_labels_are_the_text_and_the_end(folder: Path) -> None:
    labeler, tokenizer = load_labeler(folder, "es"), PreTrainedTokenizerFast.from_pretrained(folder)
    names = tokenizer.convert_ids_to_tokens(labeler.labels(" qué tal "))
    assert names == ["▁", "qu", "é", "▁t", "al", "</s>"]
    assert labeler.labels("</s>").count(tokenizer.eos_token_id) == 1, (
        "what is written like a special token is a text like any other"
    )
    assert tokenizer.decode(labeler.labels("mañana a las 7 ¿ñandú?")[:-1]) == "mañana a las 7 ¿ñandú?"


def test_what_labels_depend_on_has_a_name_of_its_own(folder: Path, tmp_path: Path) -> None:
    needs = load_labeler(folder, "es").needs
    assert (needs.family, needs.window_s, needs.max_labels, needs.language) == ("moonshine", 30.0, 194, "es")
    assert load_labeler(folder, "sv").needs.labels == needs.labels, "no label says the language"
    (other := tmp_path / "m").mkdir()
    for path in folder.iterdir():
        (other / path.name).write_bytes(path.read_bytes())
    (other / "tokenizer_config.json").write_text((other / "tokenizer_config.json").read_text() + "\n")
    assert load_labeler(other, "es").needs.labels != needs.labels
    (other / "tokenizer.json").write_text("{")
    with pytest.raises(ModelError, match=r"Moonshine model .* cannot be loaded"):
        load_labeler(other, "es")


@pytest.mark.parametrize("base", [False, True])
def test_it_learns_eight_clips_by_heart_and_their_end_whatever_the_padding_is(tmp_path: Path, base: bool) -> None:
    made = make_moonshine(tmp_path / "m", base=base)
    assert json.loads((made / "config.json").read_text())["pad_token_id"] == (None if base else 2)
    assert heard(overfit(made, tmp_path / "tuned", learning_rate=3e-3)) == list(TEXTS)


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


def test_what_learns_is_what_the_strategy_names(folder: Path) -> None:
    names = {strategy: set(learner(folder, strategy=strategy, last_n=1).learned()) for strategy in STRATEGIES}
    assert all(name.startswith("model.encoder.") for name in names["encoder"])
    assert {"model.encoder.conv1.weight", "model.encoder.layer_norm.weight"} <= names["encoder"]
    assert all(name.startswith("model.decoder.") for name in names["decoder"])
    assert {"model.decoder.norm.weight", "model.decoder.embed_tokens.weight"} <= names["decoder"]
    stacks = {".".join(name.split(".")[1:4]) for name in names["last-n"] if ".layers." in name}
    assert stacks == {"encoder.layers.1", "decoder.layers.1"}
    assert {"model.encoder.layer_norm.weight", "model.decoder.norm.weight"} <= names["last-n"]
    assert {name.split(".")[-4] for name in names["lora"]} == {"q_proj", "v_proj"}


@pytest.mark.parametrize(("strategy", "prefix"), [("decoder", 3), ("last-n", 1), ("encoder", 0), ("lora", 0)])
def test_a_frozen_prefix_gives_what_the_encoder_gives(folder: Path, strategy: str, prefix: int) -> None:
    trainable, rows = learner(folder, strategy=strategy, last_n=1, dropout=0.3), labels(folder)
    assert (trainable.has_frozen_prefix, trainable._frozen) == (prefix > 0, prefix)
    if not prefix:
        return
    trainable.train()
    features = trainable.features(eight_clips()[:3])
    made = trainable.frozen_prefix(features)
    assert all(map(torch.equal, made, trainable.frozen_prefix(features))), "dropout in a frozen prefix must be off"
    assert torch.equal(made[1], trainable.frozen_prefix(features[1:2])[0]), "a clip's prefix depends on no other clip"
    trainable.eval()
    direct, kept = (
        trainable.loss(x, rows, 0.0, past_prefix=passed)[0] for x, passed in ((features, False), (made, True))
    )
    assert direct.item() == kept.item()
    if strategy == "decoder":
        with torch.no_grad():
            encoded = trainable.model.model.encoder(features[0][None]).last_hidden_state[0]
        torch.testing.assert_close(made[0], encoded, rtol=1e-4, atol=1e-5)


def test_dropout_drops_out_in_layers_that_learn_and_only_while_they_do(folder: Path) -> None:
    rows = labels(folder)
    plain, dropped = learner(folder, strategy="full"), learner(folder, strategy="full", dropout=0.3)
    features = plain.features(eight_clips()[:3])
    plain.eval()
    dropped.eval()
    assert dropped.loss(features, rows, 0.0)[0].item() == plain.loss(features, rows, 0.0)[0].item()
    plain.train()
    dropped.train()
    assert len({plain.loss(features, rows, 0.0)[0].item() for _ in range(3)}) == 1
    assert len({dropped.loss(features, rows, 0.0)[0].item() for _ in range(3)}) == 3


def test_lora_merges_to_the_outputs_it_had(folder: Path, tmp_path: Path) -> None:
    trainable, rows = learner(folder, strategy="lora"), labels(folder)
    learn(trainable, rows, 20, learning_rate=1e-2)
    features = trainable.features(eight_clips()[:3])
    with torch.inference_mode():
        apart = trainable.loss(features, rows, 0.0)[0]
        trainable.save(tmp_path / "m")
        merged = learner(tmp_path / "m").loss(features, rows, 0.0)[0]
        base = learner(folder).loss(features, rows, 0.0)[0]
    torch.testing.assert_close(merged, apart, rtol=1e-4, atol=1e-4)
    assert abs((base - apart).item()) > 1, "the test says nothing if adapters changed nothing"
    assert set(load_file(tmp_path / "m" / "model.safetensors")) == set(load_file(folder / "model.safetensors"))


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_saved_and_loaded_it_writes_the_same_texts(folder: Path, tmp_path: Path, strategy: str) -> None:
    trainable = learner(folder, strategy=strategy, last_n=1, dropout=0.1, activation_checkpointing=True)
    learn(trainable, labels(folder), 3, learning_rate=3e-3)
    expected = texts(trainable.recognizer(), eight_clips())
    trainable.save(tmp_path / "m")
    assert heard(tmp_path / "m") == expected
    assert any(expected)


def test_a_saved_checkpoint_has_the_files_and_configs_of_its_base(folder: Path, tmp_path: Path) -> None:
    trainable = learner(folder, strategy="encoder", dropout=0.1, activation_checkpointing=True)
    learn(trainable, labels(folder), 1)
    trainable.save(tmp_path / "m")
    assert {path.name for path in (tmp_path / "m").iterdir()} == {path.name for path in folder.iterdir()}
    for path in folder.glob("*.json"):
        assert json.loads((tmp_path / "m" / path.name).read_text()) == json.loads(path.read_text()), path.name


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_half_precision_checkpoint_trains_in_float32_and_stays_so(tmp_path: Path, dtype: torch.dtype) -> None:
    half = make_moonshine(tmp_path / "half")
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


def test_activation_checkpointing_gives_the_same_gradients(folder: Path) -> None:
    rows, grads = labels(folder), []
    for on in (False, True):
        trainable = learner(folder, strategy="full", activation_checkpointing=on)
        trainable.train()
        trainable.loss(trainable.features(eight_clips()[:3]), rows, 0.0)[0].backward()
        grads.append({name: parameter.grad for name, parameter in trainable.learned().items()})
    for name, grad in grads[0].items():
        torch.testing.assert_close(grad, grads[1][name], rtol=1e-4, atol=1e-4)


def test_bfloat16_autocast_learns_too(folder: Path) -> None:
    trainable, rows = learner(folder, strategy="full"), labels(folder)
    optimizer = make_optimizer(trainable.learned(), Recipe(learning_rate=1e-3))
    features, losses = trainable.features(eight_clips()[:3]), []
    for _ in range(5):
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16):
            loss, tokens = trainable.loss(features, rows, 0.0)
        (loss / tokens).backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]


def test_the_rate_is_that_of_a_whisper_of_its_width(folder: Path) -> None:
    assert model_width(resolve(str(folder))) == 32
    tiny, base = fine_tuning_rate(288), fine_tuning_rate(416)
    assert 5e-6 < base < tiny < 2e-4, "published fine-tunings of moonshine-tiny and -base lie between"
