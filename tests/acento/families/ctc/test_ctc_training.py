"""CTC models as they learn: against transformers' own loss, clip by clip, and each pitfall a test."""

import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from eight_clips import TEXTS, eight_clips
from safetensors.torch import load_file, save_file
from tiny_ctc import KINDS, make_ctc, make_mms
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm
from transformers import AutoConfig

from acento.core.errors import DataError, ModelError
from acento.families.ctc.labels import load_labeler
from acento.families.ctc.tokenizer import load_tokenizer
from acento.models.base import Audio, DecodeOptions
from acento.models.checkpoints.resolver import resolve
from acento.models.trainable import Trainable
from acento.training.loop.step import make_optimizer
from acento.training.planning import load_trainable
from acento.training.recipe import Recipe
from tests.acento.families.overfitted import overfit, texts
from tests.acento.families.tiny_parakeet import make_parakeet

torch.set_num_threads(1)
pytestmark = pytest.mark.slow
STRATEGIES = ("encoder", "full", "decoder", "lora", "last-n")
MODELS = ("wav2vec2", "wav2vec2-bert", "parakeet")
WORDS = ("mañana", "llama", "qué")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ctc")


def made(root: Path, name: str, **settings: Any) -> Path:
    """Return a random checkpoint; each is made once."""
    folder = root / "-".join([name, *map(str, settings.values())])
    if not folder.is_dir():
        make_parakeet(folder, **settings) if name == "parakeet" else make_ctc(folder, kind=name, **settings)
    return folder


def learner(folder: Path, *, language: str | None = "es", **recipe: object) -> Trainable:
    checkpoint = resolve(str(folder))
    return load_trainable(checkpoint.family, checkpoint.folder, language, Recipe.checked(recipe), "cpu")


def clips(count: int = 3) -> list[Audio]:
    random = np.random.default_rng(3)
    return [(0.1 * random.standard_normal(16000 + 4001 * n)).astype(np.float32) for n in range(count)]


def labels(folder: Path, words: tuple[str, ...] = WORDS, language: str | None = "es") -> list[list[int]]:
    labeler = load_labeler(folder, language)
    return [labeler.labels(word) for word in words]


def learn(trainable: Trainable, rows: list[list[int]], steps: int, **recipe: object) -> list[float]:
    """Learn the clips; return the loss for each token, step by step."""
    optimizer = make_optimizer(trainable.learned(), Recipe.checked(recipe))
    features = trainable.features(clips())
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


def heard(folder: Path, audio: list[Audio] | None = None, language: str | None = "es") -> list[str]:
    checkpoint = resolve(str(folder))
    recognizer = checkpoint.family.load(checkpoint.folder, DecodeOptions(language=language))
    return texts(recognizer, clips() if audio is None else audio)


def theirs(trainable: Trainable, features: Tensor, row: list[int]) -> float:
    """Return transformers' own summed loss of one clip."""
    model: Any = trainable.model
    model.config.ctc_loss_reduction = "sum"
    inputs = features.T if trainable.spectrogram else features
    mask = {"attention_mask": torch.ones(1, len(inputs), dtype=torch.bool)} if trainable.spectrogram else {}
    with torch.inference_mode():
        return float(model(inputs[None].clone(), labels=torch.tensor([row]), **mask).loss)


@pytest.mark.parametrize("strategy", ["encoder", "decoder"])
@pytest.mark.parametrize("name", MODELS)
def test_the_loss_is_the_sum_of_transformers_own(root: Path, name: str, strategy: str) -> None:
    folder = made(root, name)
    trainable, rows = learner(folder, strategy=strategy), labels(folder)
    trainable.eval()
    features = trainable.features(clips())
    loss, tokens = trainable.loss(features, rows, 0.0)
    assert tokens == sum(map(len, rows))
    expected = sum(theirs(trainable, one, row) for one, row in zip(features, rows, strict=True))
    assert loss.item() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("kind", ["hubert", "wavlm", "sew", "data2vec-audio", "wav2vec2-conformer"])
def test_padding_changes_no_loss(root: Path, kind: str) -> None:
    trainable, rows = learner(made(root, kind)), labels(made(root, kind))
    trainable.train()  # these models are made without dropout
    features = trainable.features(clips())
    together = trainable.loss(features, rows, 0.0)[0].item()
    alone = sum(trainable.loss([one], [row], 0.0)[0].item() for one, row in zip(features, rows, strict=True))
    assert together == pytest.approx(alone, rel=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_every_type_learns_with_every_strategy(root: Path, kind: str) -> None:
    folder = made(root, kind)
    sites = ("intermediate_dense", "output_dense") if kind == "wavlm" else ("q_proj", "v_proj")
    for strategy in STRATEGIES:
        trainable = learner(
            folder, strategy=strategy, last_n=1, lora_sites=sites, lora_dropout=0, activation_checkpointing=True
        )
        losses = learn(trainable, labels(folder), 3, learning_rate=3e-4)
        assert losses[2] < losses[0], strategy


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("name", MODELS)
def test_a_step_lowers_the_loss_and_leaves_what_is_frozen_bit_equal(root: Path, name: str, strategy: str) -> None:
    folder = made(root, name)
    trainable, rows = learner(folder, strategy=strategy, last_n=1, lora_dropout=0), labels(folder)
    before = {key: tensor.clone() for key, tensor in trainable.model.state_dict().items()}
    losses = learn(trainable, rows, 2, learning_rate=1e-4)
    assert losses[1] < losses[0]
    after, learned = trainable.model.state_dict(), set(trainable.learned())
    changed = {key for key in before if not torch.equal(before[key], after[key])}
    assert changed <= learned
    assert len(changed) >= len(learned) / 2


def test_what_learns_is_what_the_strategy_says(root: Path) -> None:
    def parts(name: str, depth: int, **recipe: object) -> set[str]:
        return {".".join(key.split(".")[:depth]) for key in learner(made(root, name), **recipe).learned()}

    assert parts("wav2vec2", 2) == {"wav2vec2.feature_projection", "wav2vec2.encoder", "lm_head.weight", "lm_head.bias"}
    assert "wav2vec2.feature_extractor" in parts("wav2vec2", 2, strategy="full")
    assert parts("wav2vec2", 1, strategy="decoder") == {"lm_head"}
    assert parts("parakeet", 1, strategy="decoder") == {"ctc_head"}
    assert parts("parakeet", 2) == {"encoder.layers", "ctc_head.weight", "ctc_head.bias"}
    assert parts("parakeet", 3, strategy="last-n", last_n=1) == {"encoder.layers.1", "ctc_head.weight", "ctc_head.bias"}
    assert "wav2vec2.masked_spec_embed" not in learner(made(root, "wav2vec2"), strategy="full").learned()


@pytest.mark.parametrize(
    ("name", "strategy", "prefix"),
    [
        ("wav2vec2", "encoder", True), ("wav2vec2", "full", False), ("wav2vec2", "decoder", True),
        ("wav2vec2", "lora", True), ("wav2vec2-bert", "encoder", False), ("wav2vec2-bert", "decoder", True),
        ("parakeet", "encoder", True), ("parakeet", "decoder", True),
    ],
)  # fmt: skip
def test_what_the_frozen_prefix_makes_may_be_kept(root: Path, name: str, strategy: str, prefix: bool) -> None:
    folder = made(root, name)
    trainable, rows = learner(folder, strategy=strategy), labels(folder)
    assert trainable.has_frozen_prefix is prefix
    if not prefix:
        return
    trainable.train()
    features = trainable.features(clips())
    kept = trainable.frozen_prefix(features)
    assert all(map(torch.equal, kept, [trainable.frozen_prefix([one])[0] for one in features]))
    assert not any(one.requires_grad for one in kept)
    passed, whole = (trainable.loss(x, rows, 0.0, past_prefix=y)[0] for x, y in ((kept, True), (features, False)))
    assert passed.item() == whole.item()


@pytest.mark.parametrize("name", ["wav2vec2", "parakeet"])
def test_gradients_do_not_depend_on_how_clips_are_dealt_out(root: Path, name: str) -> None:
    folder = made(root, name)
    found = []
    for size in (3, 1):
        trainable, rows = learner(folder, strategy="full"), labels(folder)
        trainable.train()
        features = trainable.features(clips())
        for start in range(0, 3, size):
            trainable.loss(features[start : start + size], rows[start : start + size], 0.0)[0].backward()
        found.append({key: parameter.grad for key, parameter in trainable.learned().items()})
    largest = max(grad.abs().max().item() for grad in found[0].values() if grad is not None)
    for key, grad in found[0].items():
        assert grad is not None, key
        torch.testing.assert_close(grad, found[1][key], rtol=1e-3, atol=1e-5 * largest, msg=key)


def test_batch_norms_and_frozen_parts_keep_still_while_training(root: Path) -> None:
    parakeet = learner(made(root, "parakeet"), strategy="full")
    parakeet.train()
    norms = [module for module in parakeet.model.modules() if isinstance(module, _BatchNorm)]
    assert norms
    assert not any(module.training for module in norms)
    last = learner(made(root, "wav2vec2"), strategy="last-n", last_n=1)
    last.train()
    assert [layer.training for layer in last.model.wav2vec2.encoder.layers] == [False, True]  # type: ignore[union-attr]
    assert not last.model.wav2vec2.feature_extractor.training  # type: ignore[union-attr]


def test_spec_augment_of_the_config_plays_no_part(root: Path) -> None:
    folder = made(root, "wav2vec2", mask_time_prob=0.9, mask_feature_prob=0.9)
    trainable, rows = learner(folder), labels(folder)
    features = trainable.features(clips())
    trainable.train()
    training = trainable.loss(features, rows, 0.0)[0].item()
    trainable.eval()
    assert training == trainable.loss(features, rows, 0.0)[0].item()


def test_dropout_and_layer_drop_follow_config_recipe_and_seed(root: Path) -> None:
    for folder, recipe in (
        (made(root, "wav2vec2"), {"dropout": 0.3}),
        (made(root, "wav2vec2-bert"), {"dropout": 0.3}),
        (made(root, "parakeet"), {"dropout": 0.3}),
        (made(root, "wav2vec2", layerdrop=0.5), {}),
        (made(root, "wav2vec2", hidden_dropout=0.2), {}),
        (made(root, "parakeet", layerdrop=0.5), {}),
    ):
        trainable, rows = learner(folder, **recipe), labels(folder)
        features = trainable.features(clips())

        def losses(seeds: list[int], of: Trainable = trainable, x: Any = features, y: Any = rows) -> list[float]:
            return [(torch.manual_seed(seed), of.loss(x, y, 0.0)[0].item())[1] for seed in seeds]

        trainable.eval()
        assert len(set(losses([0, 1]))) == 1, folder.name
        trainable.train()
        assert len(set(losses(list(range(8))))) > 1, folder.name
        assert losses([5]) == losses([5])


def test_label_smoothing_adds_the_divergence_of_each_frame_from_the_uniform_distribution(root: Path) -> None:
    folder = made(root, "wav2vec2")
    trainable, rows = learner(folder), labels(folder)
    trainable.eval()
    features = trainable.features(clips())
    plain, smooth = (trainable.loss(features, rows, share)[0].item() for share in (0.0, 0.1))
    apart = 0.0
    for one in features:
        spread = torch.log_softmax(trainable.model(one[None].clone()).logits[0], dim=-1)
        apart += torch.nn.functional.kl_div(
            spread, torch.full_like(spread, 1 / spread.shape[-1]), reduction="sum"
        ).item()
    assert smooth == pytest.approx(0.9 * plain + 0.1 * apart, rel=1e-4)


def test_a_text_too_long_for_its_audio_has_no_loss_and_what_is_no_number_stays_none(root: Path) -> None:
    folder = made(root, "wav2vec2")
    trainable, rows = learner(folder), labels(folder)
    features = trainable.features(clips())
    endless = [*rows[:2], rows[2] * 100]
    assert trainable.loss(features, endless, 0.0)[0].item() == pytest.approx(
        trainable.loss(features[:2], rows[:2], 0.0)[0].item(), rel=1e-5
    )
    with torch.no_grad():
        trainable.model.lm_head.bias[3] = math.nan  # type: ignore[union-attr,index]
    assert math.isnan(trainable.loss(features, endless, 0.0)[0].item())


@pytest.mark.parametrize("name", MODELS)
def test_it_learns_eight_clips_by_heart_and_saved_it_writes_them(root: Path, tmp_path: Path, name: str) -> None:
    overfit(made(root, name), tmp_path / "m", learning_rate=3e-3)
    assert heard(tmp_path / "m", list(eight_clips())) == list(TEXTS)


@pytest.mark.parametrize(
    ("name", "strategy"),
    [
        *(("wav2vec2", strategy) for strategy in STRATEGIES),
        *((name, strategy) for name in MODELS[1:] for strategy in ("full", "lora")),
    ],
)
def test_saved_and_loaded_it_writes_the_same_texts(root: Path, tmp_path: Path, name: str, strategy: str) -> None:
    folder = made(root, name)
    trainable = learner(folder, strategy=strategy, last_n=1, activation_checkpointing=True, dropout=0.1)
    learn(trainable, labels(folder), 3, learning_rate=3e-3)
    found = texts(trainable.recognizer(), clips())
    trainable.save(tmp_path / "m")
    assert heard(tmp_path / "m") == found
    assert {path.name for path in (tmp_path / "m").iterdir()} == {path.name for path in folder.iterdir()}
    for file in folder.glob("*.json"):
        assert json.loads((tmp_path / "m" / file.name).read_text()) == json.loads(file.read_text()), file.name
    before, after = (load_file(one / "model.safetensors") for one in (folder, tmp_path / "m"))
    assert before.keys() == after.keys()
    assert any(not torch.equal(before[key], after[key]) for key in before), "else the test says nothing"
    assert {tensor.dtype for key, tensor in after.items() if "num_batches" not in key} == {torch.float32}


def test_a_half_precision_checkpoint_trains_in_float32(root: Path, tmp_path: Path) -> None:
    half = shutil.copytree(made(root, "wav2vec2"), tmp_path / "half")
    weights = {key: tensor.half() for key, tensor in load_file(half / "model.safetensors").items()}
    save_file(weights, half / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((half / "config.json").read_text())
    (half / "config.json").write_text(json.dumps(config | {"dtype": "float16"}))
    trainable = learner(half, strategy="full")
    assert {parameter.dtype for parameter in trainable.model.parameters()} == {torch.float32}


@pytest.mark.parametrize("name", [*MODELS, "wavlm"])
def test_half_precision_autocast_learns(root: Path, name: str) -> None:
    folder = made(root, name)
    trainable, rows = learner(folder, strategy="full"), labels(folder)
    trainable.train()
    features = trainable.features(clips())
    exact = trainable.loss(features, rows, 0.0)[0]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = trainable.loss(features, rows, 0.0)[0]
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(exact.item(), rel=0.05)
    loss.backward()
    assert all(parameter.grad is not None for parameter in trainable.learned().values())


def test_adapters_sit_in_attention_whatever_its_layers_are_called(root: Path) -> None:
    for name, site in (("wav2vec2-bert", "linear_q"), ("sew-d", "query_proj"), ("parakeet", "q_proj")):
        names = learner(made(root, name), strategy="lora").learned()
        assert names
        assert all(".lora_" in key for key in names)
        assert any(f".{site}." in key for key in names)
    with pytest.raises(ModelError, match="has no linear layer nowhere for lora_sites; it has "):
        learner(made(root, "wav2vec2"), strategy="lora", lora_sites=("nowhere",))


def test_adapters_that_could_never_learn_are_refused(root: Path) -> None:
    with pytest.raises(
        ModelError, match="WavLM's attention would pass adapters by: name lora_sites of its feed-forward"
    ):
        learner(made(root, "wavlm"), strategy="lora")


@pytest.fixture(scope="module")
def mms(root: Path) -> Path:
    return make_mms(root / "mms")


@pytest.mark.parametrize("strategy", ["encoder", "lora"])
def test_mms_is_saved_with_the_language_that_it_learned(mms: Path, tmp_path: Path, strategy: str) -> None:
    from transformers import Wav2Vec2CTCTokenizer, Wav2Vec2ForCTC

    trainable = learner(mms, strategy=strategy)
    learn(trainable, labels(mms), 3, learning_rate=3e-3)
    found = texts(trainable.recognizer(), clips())
    trainable.save(tmp_path / "m")
    assert heard(tmp_path / "m") == found
    assert heard(tmp_path / "m", language=None) == found, "it knows one language only"
    with pytest.raises(ModelError, match="does not know language 'en'; it knows spa"):
        heard(tmp_path / "m", language="en")
    model = Wav2Vec2ForCTC.from_pretrained(tmp_path / "m").eval()
    tokenizer = Wav2Vec2CTCTokenizer.from_pretrained(tmp_path / "m")
    assert tokenizer("ñ", add_special_tokens=False).input_ids == labels(mms, ("ñ",))[0]
    torch.testing.assert_close(model.lm_head.weight, trainable.model.lm_head.weight)  # type: ignore[union-attr]


def test_labels_are_the_ids_of_letters_without_blanks(root: Path) -> None:
    labeler = load_labeler(made(root, "wav2vec2"), "es")
    vocabulary = json.loads((made(root, "wav2vec2") / "vocab.json").read_text())
    assert labeler.labels(" Llamé,  ayer… ") == [vocabulary[letter] for letter in "llamé|ayer"]
    assert labeler.labels("n\u0303") == [vocabulary["ñ"]], "composed and decomposed letters are the same"
    assert labeler.labels("uno…dos") == labeler.labels("uno dos")
    assert labeler.labels("pa'que") == labeler.labels("paque")
    folder = made(root, "parakeet")
    parakeet = load_tokenizer(folder, AutoConfig.from_pretrained(folder), None)
    assert parakeet.text(load_labeler(folder, "es").labels("¿Qué TAL?")) == "qué tal"


def test_a_text_is_written_in_the_vocabularys_case(tmp_path: Path) -> None:
    upper = make_ctc(tmp_path / "upper", letters="ABCÑ'")
    both = make_ctc(tmp_path / "both", letters="abcABC")
    vocabulary = json.loads((upper / "vocab.json").read_text())
    assert load_labeler(upper, None).labels("ñ'a") == [vocabulary[letter] for letter in "Ñ'A"]
    assert load_labeler(both, None).labels("Abba") == [9 - 1, 6, 6, 5]
    with pytest.raises(DataError, match="Its text has 'd'"):
        load_labeler(both, None).labels("abd")


@pytest.mark.parametrize("text", ["tengo 30 años", "el 5 %", "жар", "20€", "rock & roll"])
@pytest.mark.parametrize("name", ["wav2vec2", "parakeet"])
def test_what_is_spoken_and_cannot_be_written_is_an_error(root: Path, name: str, text: str) -> None:
    with pytest.raises(DataError, match=r"Its text has '.', which the model's vocabulary cannot write"):
        load_labeler(made(root, name), "es").labels(text)
    with pytest.raises(DataError, match="cannot write ''"):
        load_labeler(made(root, name), "es").labels("…")


def test_what_labels_depend_on_has_a_name_of_its_own(root: Path, mms: Path, tmp_path: Path) -> None:
    needs = [
        load_labeler(made(root, "wav2vec2"), "es").needs,
        load_labeler(make_ctc(tmp_path / "m", letters="abc"), "es").needs,
        load_labeler(mms, "es").needs,
        load_labeler(mms, "en").needs,
    ]
    assert len({need.labels for need in needs}) == 4
    assert needs[0] == load_labeler(made(root, "wav2vec2"), "es").needs


@pytest.mark.parametrize(
    ("name", "settings", "family", "rate"),
    [
        ("wav2vec2", {}, "ctc", 50.0),
        ("wav2vec2", {"add_adapter": True, "num_adapter_layers": 1}, "ctc", 25.0),
        ("wav2vec2-bert", {}, "w2v-bert", 50.0),
        ("parakeet", {}, "parakeet-ctc", 12.5),
    ],
)
def test_the_frames_of_a_second_are_those_of_the_model(
    root: Path, name: str, settings: dict[str, Any], family: str, rate: float
) -> None:
    folder = made(root, name, **settings)
    needs = load_labeler(folder, "es").needs
    assert (needs.family, needs.frames_per_s, needs.window_s, needs.max_labels) == (family, rate, 30.0, int(30 * rate))
    recognizer = learner(folder).recognizer()
    audio = np.zeros(4 * 16000, np.float32)
    network: Any = recognizer.network  # type: ignore[attr-defined]
    with torch.inference_mode():
        frames = len(network.encode([network.front(recognizer.prepare([audio])[0])])[0])
    assert abs(frames - 4 * rate) <= 1
