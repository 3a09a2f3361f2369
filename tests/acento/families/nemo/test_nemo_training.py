"""NeMo's models as they learn: losses against NeMo's own, and a file that NeMo reads."""

import hashlib
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from eight_clips import TEXTS, eight_clips
from tiny_nemo import KINDS, make_nemo
from torch import Tensor

from acento.core.errors import DataError, InputError, ModelError
from acento.families.nemo.archive import describe, find
from acento.families.nemo.labels import load_labeler
from acento.families.nemo.training import NemoTrainable
from acento.models.base import DecodeOptions
from acento.models.checkpoints.resolver import resolve
from acento.training.augment.options import Augmentation
from acento.training.augment.spectrogram import masked, warped
from acento.training.augment.waveform import speech_frames
from acento.training.loop.step import make_optimizer
from acento.training.planning import load_trainable
from acento.training.recipe import Recipe

pytestmark = pytest.mark.nemo
torch.set_num_threads(1)
STRATEGIES = ("encoder", "full", "decoder", "last-n")
CANARIES = [kind for kind in KINDS if kind.startswith("canary")]

Made = Callable[[str], Path]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Made:
    root, made = tmp_path_factory.mktemp("random"), dict[str, Path]()

    def find_one(kind: str) -> Path:
        if kind not in made:
            made[kind] = make_nemo(root / kind, kind=kind, dropout=0.1)
        return made[kind]

    return find_one


def learner(folder: Path, *, language: str | None = "es", **recipe: object) -> NemoTrainable:
    checkpoint = resolve(str(folder))
    trainable = load_trainable(checkpoint.family, checkpoint.folder, language, Recipe.checked(recipe), "cpu")
    assert isinstance(trainable, NemoTrainable)
    return trainable


def labels(folder: Path, language: str | None = "es") -> list[list[int]]:
    labeler = load_labeler(folder, language)
    return [labeler.labels(text) for text in TEXTS]


def learn(trainable: NemoTrainable, rows: list[list[int]], steps: int, **recipe: object) -> list[float]:
    optimizer = make_optimizer(trainable.learned(), Recipe.checked(recipe))
    features = trainable.features(eight_clips())
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


def texts(trainable: NemoTrainable) -> list[str]:
    recognizer = trainable.recognizer()
    return [found.text for found in recognizer.finish(recognizer.infer(recognizer.prepare(eight_clips())))]


def padded(rows: list[list[int]], filler: int = 0) -> tuple[Tensor, Tensor]:
    tensors = [torch.tensor(row) for row in rows]
    return torch.nn.utils.rnn.pad_sequence(tensors, batch_first=True, padding_value=filler), torch.tensor(
        [len(row) for row in rows]
    )


def theirs(trainable: NemoTrainable, rows: list[list[int]], monkeypatch: pytest.MonkeyPatch) -> float:
    """Return the sum of NeMo's own losses, from audio on, as its training step calls its modules."""
    model, kind = trainable.model, trainable.recognizer().kind
    batch = trainable.recognizer().prepare(eight_clips())
    signal = {"input_signal": batch.samples, "input_signal_length": batch.lengths}
    targets, lengths = padded(rows)
    if kind == "multitask":
        prompt = list(trainable.recognizer().writing.prompt)
        whole, sizes = padded([prompt + row for row in rows], filler=model.tokenizer.pad_id)
        given, wanted = whole[:, :-1], whole[:, 1:]
        likely, *_ = model.forward(**signal, transcript=given, transcript_length=sizes - 1)
        places = torch.arange(given.shape[1])
        mask = (places < (sizes - 1)[:, None]) & (places >= len(prompt) - 1)
        mean = model.loss(log_probs=likely, labels=wanted, output_mask=mask)
        return mean.item() * sum(map(len, rows))
    outputs = model.forward(**signal)
    if kind == "ctc":
        likely, frames, _ = outputs
        return 8 * model.loss(log_probs=likely, targets=targets, input_lengths=frames, target_lengths=lengths).item()
    encoded, frames = outputs
    predicted, told, _ = model.decoder(targets=targets, target_length=lengths)
    joint = model.joint.joint(encoded.transpose(1, 2), predicted.transpose(1, 2))
    if kind == "rnnt":
        loss = 8 * model.loss(log_probs=joint, targets=targets, input_lengths=frames, target_lengths=told)
    else:  # NeMo's loss for TDT runs on CUDA only, even the one in plain Python
        from nemo.collections.asr.losses.rnnt_pytorch import TDTLossPytorch

        with monkeypatch.context() as patch:
            patch.setattr(Tensor, "cuda", lambda self: self)
            own = TDTLossPytorch(blank=joint.shape[-1] - 6, durations=[0, 1, 2, 3, 4], reduction="sum", sigma=0.02)
            with torch.no_grad():
                loss = own.forward(acts=joint, labels=targets, act_lens=frames, label_lens=told)
    if kind != "hybrid":
        return loss.item()
    likely = model.ctc_decoder(encoder_output=encoded)
    aligned = 8 * model.ctc_loss(log_probs=likely, targets=targets, input_lengths=frames, target_lengths=lengths)
    return (0.7 * loss + 0.3 * aligned).item()


@pytest.mark.parametrize("kind", KINDS)
def test_loss_is_the_sum_of_nemos_own_from_the_same_audio(
    models: Made, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainable, rows = learner(models(kind), strategy="full"), labels(models(kind))
    trainable.eval()
    with torch.no_grad():
        loss, tokens = trainable.loss(trainable.features(eight_clips()), rows, 0.0)
        assert tokens == sum(map(len, rows))
        assert loss.item() == pytest.approx(theirs(trainable, rows, monkeypatch), rel=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_a_clip_costs_the_same_alone_and_beside_others_in_training_too(models: Made, kind: str) -> None:
    trainable, rows = learner(make_still(models(kind)), strategy="full"), labels(models(kind))
    trainable.train()
    features = trainable.features(eight_clips())
    together = trainable.loss(features, rows, 0.0)[0].item()
    alone = sum(trainable.loss([one], [row], 0.0)[0].item() for one, row in zip(features, rows, strict=True))
    assert together == pytest.approx(alone, rel=1e-4)


def make_still(folder: Path) -> Path:
    """Return the same model without dropout."""
    still = folder.parent / f"{folder.name}-still"
    return still if still.exists() else make_nemo(still, kind=folder.name, dropout=0.0)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("kind", ["ctc", "rnnt", "hybrid", "canary"])
def test_a_step_lowers_the_loss_and_what_is_frozen_stays_bit_equal(models: Made, kind: str, strategy: str) -> None:
    trainable = learner(make_still(models(kind)), strategy=strategy, last_n=1)
    before = {name: tensor.clone() for name, tensor in trainable.model.state_dict().items()}
    losses = learn(trainable, labels(models(kind)), 2, learning_rate=1e-4)
    assert losses[1] < losses[0]
    learned = set(trainable.learned())
    if "transf_decoder._embedding.token_embedding.weight" in learned:
        learned.add("log_softmax.mlp.layer0.weight")  # tied to it
    after = trainable.model.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed <= learned, "statistics of batch normalization rest too"
    assert len(changed) > len(learned) / 2


@pytest.mark.parametrize("kind", ["ctc", "tdt", "canary"])
def test_the_strategy_says_what_learns(models: Made, kind: str) -> None:
    parts = {
        strategy: {".".join(name.split(".")[:1]) for name in learner(models(kind), strategy=strategy).learned()}
        for strategy in STRATEGIES
    }
    heads = {"ctc": {"decoder"}, "tdt": {"decoder", "joint"}, "canary": {"transf_decoder", "log_softmax"}}[kind]
    hearing = {"encoder", "encoder_decoder_proj"} if kind == "canary" else {"encoder"}
    assert parts["encoder"] == hearing
    assert parts["decoder"] == heads
    assert parts["full"] == hearing | heads
    last = set(learner(models(kind), strategy="last-n", last_n=1).learned())
    assert {".".join(name.split(".")[:-2])[:16] for name in last if name.startswith("encoder")} == {"encoder.layers.1"}
    assert any(name.startswith("transf_decoder._decoder.layers.1.") for name in last) == (kind == "canary")
    assert not any(".layers.0." in name for name in last)


def test_adapters_are_refused_by_name(models: Made) -> None:
    with pytest.raises(ModelError, match="no strategy lora"):
        learner(models("ctc"), strategy="lora")


def test_a_transducer_with_another_loss_is_refused_by_its_name(tmp_path: Path, models: Made) -> None:
    _, config = describe(find(models("rnnt")))
    blanks = {"big_blank_durations": [2, 4], "sigma": 0.05}
    folder = make_nemo(
        tmp_path / "m",
        kind="rnnt",
        changes={
            "loss": {"loss_name": "multiblank_rnnt", "multiblank_rnnt_kwargs": blanks},
            "joint": {**config["joint"], "num_extra_outputs": 2, "vocabulary": None, "num_classes": -1},
            "decoding": {**config["decoding"], "model_type": "multiblank", "big_blank_durations": [2, 4]},
        },
    )
    with pytest.raises(ModelError, match="learns by the loss 'multiblank_rnnt'"):
        learner(folder)


@pytest.mark.parametrize("kind", ["ctc", "tdt", "hybrid"])
def test_smoothing_is_refused_where_the_loss_aims_at_no_token(models: Made, kind: str) -> None:
    with pytest.raises(ModelError, match="has no label_smoothing"):
        learner(models(kind), label_smoothing=0.1)


def test_canarys_smoothing_spreads_over_all_tokens(models: Made) -> None:
    trainable, rows = learner(models("canary"), strategy="full", label_smoothing=0.1), labels(models("canary"))
    trainable.eval()
    features = trainable.features(eight_clips())
    plain, half = (trainable.loss(features, rows, share)[0] for share in (0.0, 0.5))
    whole = trainable.loss(features, rows, 1.0)[0]
    torch.testing.assert_close(half, (plain + whole) / 2)
    assert whole > plain + 1


@pytest.mark.parametrize("kind", ["ctc", "tdt", "canary"])
def test_a_frozen_prefix_is_kept_and_gives_the_same_loss(models: Made, kind: str) -> None:
    trainable, rows = learner(models(kind), strategy="decoder", dropout=0.3), labels(models(kind))
    assert trainable.has_frozen_prefix
    trainable.train()
    features = trainable.features(eight_clips())
    prefix = trainable.frozen_prefix(features)
    assert all(map(torch.equal, prefix, trainable.frozen_prefix(features))), "dropout in a frozen prefix must be off"
    assert trainable.loss(prefix, rows, 0.0, past_prefix=True)[0] != trainable.loss(
        prefix, rows, 0.0, past_prefix=True
    )[0] or (kind == "ctc"), "what learns has dropout; a CTC head is one layer"
    trainable.eval()
    direct, kept = (
        trainable.loss(x, rows, 0.0, past_prefix=passed)[0] for x, passed in ((features, False), (prefix, True))
    )
    assert kept.item() == pytest.approx(direct.item(), rel=1e-5)
    assert not learner(models(kind)).has_frozen_prefix


@pytest.mark.parametrize("kind", ["ctc", "tdt", "canary"])
def test_activation_checkpointing_gives_the_same_gradients(models: Made, kind: str) -> None:
    rows, grads = labels(models(kind)), []
    for on in (False, True):
        trainable = learner(make_still(models(kind)), strategy="full", activation_checkpointing=on)
        trainable.train()
        trainable.loss(trainable.features(eight_clips()), rows, 0.0)[0].backward()
        grads.append({name: parameter.grad for name, parameter in trainable.learned().items()})
    largest = max(grad.abs().max().item() for grad in grads[0].values() if grad is not None)
    for name, grad in grads[0].items():
        if grad is not None:
            torch.testing.assert_close(grad, grads[1][name], rtol=1e-3, atol=1e-5 * largest, msg=name)


def test_the_recipes_dropout_is_that_of_what_learns(models: Made) -> None:
    model = learner(models("tdt"), dropout=0.4).model
    shares = {name: module.p for name, module in model.named_modules() if isinstance(module, torch.nn.Dropout)}
    assert {share for name, share in shares.items() if name.startswith("encoder") and "att" not in name} == {0.4}
    assert {share for name, share in shares.items() if "attn" in name} == {0.1}
    assert {share for name, share in shares.items() if name.startswith("joint")} == {0.1}


@pytest.mark.parametrize("kind", KINDS)
def test_saved_it_is_the_same_archive_with_other_weights(models: Made, kind: str, tmp_path: Path) -> None:
    trainable = learner(models(kind), strategy="full")
    learn(trainable, labels(models(kind)), 2, learning_rate=1e-3)
    expected = texts(trainable)
    (tmp_path / "m").mkdir()
    trainable.save(tmp_path / "m")
    assert [path.name for path in (tmp_path / "m").iterdir()] == ["model.nemo"]
    assert texts(learner(tmp_path / "m")) == expected
    base, tuned = contents(models(kind)), contents(tmp_path / "m")
    assert base.keys() == tuned.keys()
    assert {name for name in base if base[name] != tuned[name]} == {"model_weights.ckpt"}
    assert describe(find(tmp_path / "m"))[1] == describe(find(models(kind)))[1]


def contents(folder: Path) -> dict[str, str]:
    """Return a digest of each file in an archive, the config by its values."""
    found = {}
    with tarfile.open(find(folder)) as archive:
        for member in archive:
            file = archive.extractfile(member)
            if file is not None:
                found[Path(member.name).name] = hashlib.sha256(file.read()).hexdigest()
    return found


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_half_precision_archive_trains_and_is_saved_in_float32(tmp_path: Path, dtype: torch.dtype) -> None:
    base = learner(make_nemo(tmp_path / "base"))
    base.model.to(dtype)
    (tmp_path / "half").mkdir()
    base.save(tmp_path / "half")
    trainable = learner(tmp_path / "half", strategy="full")
    assert {parameter.dtype for parameter in trainable.model.parameters()} == {torch.float32}
    losses = learn(trainable, labels(tmp_path / "half"), 3, learning_rate=1e-3)
    assert losses[2] < losses[0]
    (tmp_path / "m").mkdir()
    trainable.save(tmp_path / "m")
    with tarfile.open(find(tmp_path / "m")) as archive:
        archive.extractall(tmp_path / "out", filter="data")
    weights = torch.load(tmp_path / "out" / "model_weights.ckpt", weights_only=True)
    assert {tensor.dtype for tensor in weights.values() if tensor.is_floating_point()} == {torch.float32}


def test_nemo_itself_restores_what_is_saved(models: Made, tmp_path: Path) -> None:
    from nemo.collections.asr.models import ASRModel

    trainable = learner(models("hybrid"), strategy="full")
    (tmp_path / "m").mkdir()
    trainable.save(tmp_path / "m")
    restored = ASRModel.restore_from(str(tmp_path / "m" / "model.nemo"), map_location="cpu")
    audio = [np.array(clip) for clip in eight_clips()]
    expected = texts(trainable)
    assert [" ".join(one.text.split()) for one in restored.transcribe(audio, batch_size=8, verbose=False)] == expected


def test_masks_and_warps_lie_on_the_features(models: Made) -> None:
    trainable, rows = learner(models("ctc")), labels(models("ctc"))
    clips = list(eight_clips())
    options = Augmentation(time_masks=2, frequency_masks=2, warp=0.1)
    random = np.random.default_rng(0)
    plain = trainable.features(clips)
    assert [one.shape for one in plain] == [(80, max(16000, len(clip)) // 160) for clip in clips]
    assert {one.dtype for one in plain} == {torch.float32}
    changed = [
        torch.from_numpy(masked(warped(one.numpy(), options, random), speech_frames(clip), options, random))
        for one, clip in zip(plain, clips, strict=True)
    ]
    assert not any(map(torch.equal, plain, changed))
    loss, _ = trainable.loss(changed, rows, 0.0)
    assert torch.isfinite(loss)


def test_features_have_no_dither_and_no_masks_of_the_models_own(models: Made) -> None:
    trainable = learner(models("ctc"))
    trainable.train()
    first, second = (trainable.features(eight_clips()) for _ in range(2))
    assert all(map(torch.equal, first, second))
    assert torch.equal(first[2], trainable.features(eight_clips()[2:3])[0])


def test_a_streaming_model_learns_in_the_context_that_it_decodes_in(tmp_path: Path) -> None:
    folder = make_nemo(tmp_path / "m")
    _, config = describe(find(folder))
    contexts = {"att_context_style": "chunked_limited", "att_context_size": [[8, 3], [8, 1]]}
    streaming = make_nemo(tmp_path / "s", changes={"encoder": config["encoder"] | contexts})
    trainable, rows = learner(streaming, strategy="full"), labels(streaming)
    trainable.train()
    features = trainable.features(eight_clips())
    assert len({round(trainable.loss(features, rows, 0.0)[0].item(), 3) for _ in range(6)}) == 1
    (tmp_path / "saved").mkdir()
    trainable.save(tmp_path / "saved")
    assert describe(find(tmp_path / "saved"))[1]["encoder"]["att_context_size"] == [[8, 3], [8, 1]]


@pytest.mark.parametrize("kind", ["ctc-languages", *CANARIES])
def test_a_model_of_many_languages_must_be_told_which_it_learns(models: Made, kind: str) -> None:
    with pytest.raises(InputError, match="give --language"):
        load_labeler(models(kind), None)
    with pytest.raises(ModelError, match="does not know language 'xx'"):
        load_labeler(models(kind), "xx")


def test_what_labels_depend_on_has_a_name_of_its_own(models: Made) -> None:
    needs = [load_labeler(models(kind), "es").needs for kind in KINDS]
    needs += [load_labeler(models(kind), "en").needs for kind in ("ctc-languages", "canary")]
    # a transducer and its hybrid may share a tokenizer, and not what they say of frames
    assert len({(need.labels, need.frames_per_s) for need in needs}) == len(needs)
    assert needs[1] == load_labeler(models("ctc"), "es").needs
    assert (needs[1].family, needs[1].window_s, needs[1].max_labels, needs[1].frames_per_s) == ("nemo", 120, 1500, 12.5)
    canary = needs[list(KINDS).index("canary")]
    assert (canary.window_s, canary.max_labels, canary.frames_per_s) == (40, 64 - 5 + 1, None)


def test_canary_takes_as_many_labels_as_it_says(models: Made) -> None:
    trainable = learner(models("canary"), strategy="full")
    rows = [[70] * trainable.max_labels]
    features = trainable.features(eight_clips()[:1])
    assert torch.isfinite(trainable.loss(features, rows, 0.0)[0])
    with pytest.raises(IndexError):
        trainable.loss(features, [[*rows[0], 70]], 0.0)


def test_letters_that_it_cannot_write_are_a_sentence_and_not_left_out(models: Made) -> None:
    labeler = load_labeler(models("canary"), "es")
    assert labeler.labels("¡La luz!") == labeler.labels("la luz")
    with pytest.raises(DataError, match="cannot write ж"):
        labeler.labels("la luж")


def test_labels_need_neither_nemo_nor_weights() -> None:
    import subprocess
    import sys

    script = "import sys, acento.families.nemo.labels, acento.families.nemo.tokens; assert 'nemo' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True)


def test_decoding_leaves_the_model_in_the_mode_that_it_was_in(models: Made) -> None:
    trainable = learner(models("canary"), strategy="full")
    trainable.eval()
    texts(trainable)
    assert not any(module.training for module in trainable.model.modules()), "NeMo's search sets training mode"


def test_options_of_decoding_reach_the_trainables_recognizer(models: Made) -> None:
    checkpoint = resolve(str(models("canary")))
    loaded: Any = checkpoint.family.load(checkpoint.folder, DecodeOptions(language="es"))
    found = [one.text for one in loaded.finish(loaded.infer(loaded.prepare(eight_clips())))]
    assert texts(learner(models("canary"))) == found
