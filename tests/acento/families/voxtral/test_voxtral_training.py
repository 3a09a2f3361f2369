"""Voxtral as it learns: the loss of transformers, the request not learned, adapters where they belong."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from eight_clips import TEXTS, eight_clips
from safetensors.torch import load_file, save_file

from acento.core.errors import ModelError
from acento.families.voxtral.tekken import Tekken
from acento.families.voxtral.training import load_labeler
from acento.models.checkpoints.resolver import resolve
from acento.models.trainable import Trainable
from acento.training.loop.step import make_optimizer
from acento.training.planning import load_trainable
from acento.training.recipe import Recipe
from tests.acento.families.tiny_voxtral import make_voxtral

torch.set_num_threads(1)
pytestmark = pytest.mark.slow
STRATEGIES = ("lora", "encoder")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_voxtral(tmp_path_factory.mktemp("base") / "m")


def learner(folder: Path, *, language: str | None = "es", **recipe: object) -> Trainable:
    checkpoint = resolve(str(folder))
    values = {"strategy": "lora", **recipe}
    return load_trainable(checkpoint.family, checkpoint.folder, language, Recipe.checked(values), "cpu")


def labels(folder: Path, count: int = 4) -> list[list[int]]:
    labeler = load_labeler(folder, "es")
    return [labeler.labels(text) for text in TEXTS[-count:]]


def features(trainable: Trainable, count: int = 4) -> list[torch.Tensor]:
    return trainable.features(eight_clips()[-count:])


def learn(trainable: Trainable, folder: Path, steps: int, rate: float) -> list[float]:
    optimizer = make_optimizer(trainable.learned(), Recipe(learning_rate=rate))
    inputs, rows, losses = features(trainable), labels(folder), []
    trainable.train()
    for _ in range(steps):
        optimizer.zero_grad()
        loss, tokens = trainable.loss(inputs, rows, 0.0)
        (loss / tokens).backward()
        optimizer.step()
        losses.append(loss.item() / tokens)
    trainable.eval()
    return losses


def theirs(trainable: Trainable, inputs: list[torch.Tensor], rows: list[list[int]]) -> torch.Tensor:
    """Return the mean loss of transformers: the request, then the labels, the request and padding masked by -100."""
    request = trainable.recognizer().prompt.ids(25)  # type: ignore[attr-defined]
    longest = max(map(len, rows))
    padding = [longest - len(row) for row in rows]
    pairs = list(zip(rows, padding, strict=True))
    return trainable.model(
        input_ids=torch.tensor([request + row + [11] * more for row, more in pairs]),
        attention_mask=torch.tensor([[1] * (len(request) + len(row)) + [0] * more for row, more in pairs]),
        labels=torch.tensor([[-100] * len(request) + row + [-100] * more for row, more in pairs]),
        input_features=torch.stack(inputs),
    ).loss


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_loss_is_that_of_transformers(folder: Path, strategy: str) -> None:
    trainable, rows = learner(folder, strategy=strategy), labels(folder)
    trainable.eval()
    loss, tokens = trainable.loss(features(trainable), rows, 0.0)
    assert tokens == sum(map(len, rows))
    torch.testing.assert_close(loss / tokens, theirs(trainable, features(trainable), rows), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_label_smoothing_spreads_over_all_tokens(folder: Path, strategy: str) -> None:
    trainable, (row, *_) = learner(folder, strategy=strategy), labels(folder)
    trainable.eval()
    (inputs, *_) = features(trainable)
    plain, _ = trainable.loss([inputs], [row], 0.0)
    smooth, _ = trainable.loss([inputs], [row], 0.1)
    request = trainable.recognizer().prompt.ids(25)  # type: ignore[attr-defined]
    logits = trainable.model(input_ids=torch.tensor([request + row]), input_features=inputs[None]).logits[0]
    spread = -torch.log_softmax(logits[len(request) - 1 : -1], -1).mean(-1).sum()
    torch.testing.assert_close(smooth, 0.9 * plain + 0.1 * spread, rtol=1e-5, atol=1e-4)


def test_labels_are_the_text_and_its_end_and_nothing_of_the_request(folder: Path) -> None:
    tekken, labeler = Tekken.load(folder), load_labeler(folder, "es")
    assert labeler.labels(" está ") == [*tekken.encode("está"), 2]
    assert labeler.labels("[INST]</s>").count(2) == 1, "what is written like a special token is a text like any other"
    assert (labeler.needs.window_s, labeler.needs.max_labels, labeler.needs.language) == (2.0, 64, "es")
    assert load_labeler(folder, None).needs.language is None
    with pytest.raises(ModelError, match="two letters"):
        load_labeler(folder, "spanish")


def test_adapters_sit_on_the_language_model_alone(folder: Path) -> None:
    trainable = learner(folder, lora_rank=3)
    names = trainable.learned()
    assert all(".language_model." in name and ".lora_" in name for name in names)
    assert {name.split(".")[-4] for name in names} == {"q_proj", "v_proj"}
    assert trainable.has_frozen_prefix
    with pytest.raises(ModelError, match=r"no linear layer fc1 for lora_sites; it has down_proj, gate_proj"):
        learner(folder, lora_sites=("fc1",))


def test_encoder_learns_ears_and_projector_and_leaves_the_language_model_alone(folder: Path) -> None:
    trainable = learner(folder, strategy="encoder")
    names = set(trainable.learned())
    assert {name.split(".")[1] for name in names} == {"audio_tower", "multi_modal_projector"}
    assert "model.audio_tower.embed_positions.weight" not in names, "the sinusoids are no parameters to learn"
    assert not trainable.has_frozen_prefix


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_step_lowers_the_loss_and_leaves_what_is_frozen_bit_equal(folder: Path, strategy: str) -> None:
    trainable = learner(folder, strategy=strategy, lora_dropout=0)
    before = {name: tensor.clone() for name, tensor in trainable.model.state_dict().items()}
    losses = learn(trainable, folder, 2, 1e-3)
    assert losses[1] < losses[0]
    changed = {name for name, tensor in trainable.model.state_dict().items() if not torch.equal(before[name], tensor)}
    assert changed
    assert changed <= set(trainable.learned())


def test_what_has_no_meaning_here_is_refused_by_name(folder: Path) -> None:
    for strategy in ("full", "decoder", "last-n"):
        with pytest.raises(ModelError, match=f"strategy={strategy}"):
            learner(folder, strategy=strategy)
    with pytest.raises(ModelError, match="lora_dropout"):
        learner(folder, dropout=0.1)
    trainable = learner(folder, strategy="encoder", dropout=0.4)
    trainable.train()
    inputs, rows = features(trainable), labels(folder)
    assert trainable.loss(inputs, rows, 0.0)[0] != trainable.loss(inputs, rows, 0.0)[0]


def test_a_frozen_prefix_is_passed_once_without_dropout_and_clip_by_clip(folder: Path) -> None:
    trainable, rows = learner(folder, lora_dropout=0), labels(folder)
    trainable.train()
    inputs = features(trainable)
    prefix = trainable.frozen_prefix(inputs)
    assert [one.shape for one in prefix] == [(25, 64)] * 4
    assert all(map(torch.equal, prefix, trainable.frozen_prefix(inputs)))
    assert torch.equal(prefix[1], trainable.frozen_prefix(inputs[1:2])[0]), "a clip's prefix depends on no other clip"
    assert trainable.loss(prefix, rows, 0.0, past_prefix=True)[0].item() == trainable.loss(inputs, rows, 0.0)[0].item()


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_saved_it_has_the_files_of_the_real_one_and_adapters_are_merged(
    folder: Path, tmp_path: Path, strategy: str
) -> None:
    trainable, rows = learner(folder, strategy=strategy), labels(folder)
    learn(trainable, folder, 5, 1e-2)
    inputs = features(trainable)
    with torch.inference_mode():
        apart = trainable.loss(inputs, rows, 0.0)[0]
        base = learner(folder).loss(inputs, rows, 0.0)[0]
        trainable.save(tmp_path / "m")
        merged = learner(tmp_path / "m").loss(inputs, rows, 0.0)[0]
    torch.testing.assert_close(merged, apart, rtol=1e-5, atol=1e-4)
    assert abs((base - apart).item()) > 1, "the test says nothing if nothing was learned"
    assert {path.name for path in (tmp_path / "m").iterdir()} == {path.name for path in folder.iterdir()}
    saved, first = (load_file(path / "model.safetensors") for path in (tmp_path / "m", folder))
    assert {name: tensor.shape for name, tensor in saved.items()} == {name: one.shape for name, one in first.items()}
    for name in ("config.json", "generation_config.json", "preprocessor_config.json", "tekken.json"):
        assert config(tmp_path / "m" / name) == config(folder / name), name


def config(path: Path) -> dict[str, Any]:
    """Return a config without the dtype of its parts, which a model that was never loaded does not say."""
    return json.loads(path.read_text(), object_hook=lambda part: part | {"dtype": None})


def test_activation_checkpointing_gives_the_same_gradients(folder: Path) -> None:
    grads = []
    for on in (False, True):
        trainable = learner(folder, strategy="encoder", activation_checkpointing=on)
        trainable.train()
        trainable.loss(features(trainable), labels(folder), 0.0)[0].backward()
        grads.append({name: parameter.grad for name, parameter in trainable.learned().items()})
    for name, grad in grads[0].items():
        torch.testing.assert_close(grad, grads[1][name], rtol=1e-4, atol=1e-4)


def test_a_half_precision_checkpoint_trains_in_float32_and_stays_so(tmp_path: Path) -> None:
    half = make_voxtral(tmp_path / "half")
    halved = {name: tensor.to(torch.bfloat16) for name, tensor in load_file(half / "model.safetensors").items()}
    save_file(halved, half / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((half / "config.json").read_text())
    (half / "config.json").write_text(json.dumps(config | {"dtype": "bfloat16"}))
    trainable = learner(half)
    assert {parameter.dtype for parameter in trainable.model.parameters()} == {torch.float32}
    trainable.save(tmp_path / "m")
    assert {tensor.dtype for tensor in load_file(tmp_path / "m" / "model.safetensors").values()} == {torch.bfloat16}
