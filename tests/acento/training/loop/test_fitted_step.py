"""A step in a fitted window: its context, its gradients however it is dealt out, and the full window kept beside it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_whisper import make_whisper

from acento.data.utterance import SAMPLE_RATE
from acento.families.whisper.training import load_labeler
from acento.models.base import Audio
from acento.models.checkpoints.resolver import resolve
from acento.models.trainable import States, Trainable
from acento.training.data.contexts import ALIKE, Contexts, batches_of
from acento.training.data.feed import Feed, StepClips
from acento.training.data.prepared import Example
from acento.training.loop.state import TrainingState
from acento.training.loop.step import Stepper, make_optimizer
from acento.training.losses import distance
from acento.training.planning import load_trainable
from acento.training.recipe import Recipe

torch.set_num_threads(1)
TEXTS = ("bad", "cabbage", "a", "dig", "bed", "fad", "hi", "jibe")
WINDOW_S = 4


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_whisper(tmp_path_factory.mktemp("base") / "m", window_s=WINDOW_S, layers=(2, 2))


class Clips:
    """A prepared split in memory: clips of half a second to nearly a second."""

    def __init__(self, folder: Path, samples: Sequence[int] | None = None) -> None:
        labeler, random = load_labeler(folder, "es"), np.random.default_rng(2)
        sizes = samples or [8000 + 900 * n for n in range(len(TEXTS))]
        self._audio = [(0.1 * random.standard_normal(size)).astype(np.float32) for size in sizes]
        self.examples = [
            Example(f"c{n}", TEXTS[n], tuple(labeler.labels(TEXTS[n])), None, None, "es", size)
            for n, size in enumerate(sizes)
        ]

    def audio(self, at: int) -> Audio:
        return self._audio[at]


Made = tuple[Trainable, Stepper, Feed, Clips]


def made(folder: Path, clips: Clips | None = None, **values: object) -> Made:
    recipe = Recipe.checked(
        {"window": "fit", "strategy": "full", "last_n": 1, "lora_dropout": 0.0, "warmup": 0.0, "learning_rate": 1e-4}
        | values
    )
    checkpoint = resolve(str(folder))
    trainable = load_trainable(checkpoint.family, checkpoint.folder, "es", recipe, "cpu")
    clips = clips or Clips(folder)
    batches = batches_of(recipe, clips.examples, ALIKE)
    contexts = Contexts.of(recipe, trainable.window_s)
    feed = Feed(trainable, clips, batches, recipe.augmentation, recipe.seed, contexts=contexts)  # type: ignore[arg-type]
    stepper = Stepper(trainable, feed, recipe, make_optimizer(trainable.learned(), recipe), 10, batches.steps_per_epoch)
    trainable.train()
    return trainable, stepper, feed, clips


def step_clips(feed: Feed, step: int = 0) -> StepClips:
    (clips,) = list(feed.steps(step, step + 1))
    return clips


def gradients(folder: Path, forward_size: int | None = None, **values: object) -> dict[str, torch.Tensor]:
    trainable, stepper, feed, _ = made(folder, **values)
    stepper.gradients(step_clips(feed), TrainingState(forward_size=forward_size))
    return {name: parameter.grad.clone() for name, parameter in trainable.learned().items()}  # type: ignore[union-attr]


def test_features_are_as_long_as_their_clip_and_end_in_silence(folder: Path) -> None:
    _, _, feed, clips = made(folder)
    found = step_clips(feed)
    for place, row in enumerate(found.rows):
        features, samples = found.features[place], clips.examples[row].samples
        assert features.shape[1] % 2 == 0
        assert samples / 160 < features.shape[1] <= samples / 160 + 5
        assert features[:, -1].unique().numel() == 1, "the last frame hears nothing"
        assert features[:, -4].unique().numel() > 1
    assert found.samples == [clips.examples[row].samples for row in found.rows]


def test_in_its_context_a_clip_sounds_as_the_recognizer_hears_it(folder: Path) -> None:
    trainable, _, feed, clips = made(folder)
    found = step_clips(feed)
    assert found.context is not None
    places = range(len(found.rows))
    inputs, past_prefix = feed.inputs(found, places)
    assert not past_prefix
    assert {one.shape[-1] for one in inputs} == {found.context // 160}
    whole = trainable.recognizer().log_mel([clips.audio(row) for row in found.rows])  # type: ignore[attr-defined]
    for one, full in zip(inputs, whole, strict=True):
        assert torch.equal(one, full[:, : found.context // 160])
    full_inputs, _ = feed.inputs(found, places, full_window=True)
    assert torch.equal(torch.stack(full_inputs), whole)


@pytest.mark.parametrize("strategy", ["encoder", "decoder", "last-n"])
def test_in_a_context_of_the_whole_window_the_loss_is_that_of_full_windows(folder: Path, strategy: str) -> None:
    fitted, _, _, clips = made(folder, strategy=strategy)
    recipe = Recipe.checked({"strategy": strategy, "last_n": 1})
    checkpoint = resolve(str(folder))
    full = load_trainable(checkpoint.family, checkpoint.folder, "es", recipe, "cpu")
    audio, rows = [clips.audio(0), clips.audio(7)], [list(clips.examples[row].labels) for row in (0, 7)]
    losses = []
    for trainable in (fitted, full):
        trainable.eval()
        features = trainable.in_context(trainable.features(audio), None)
        losses.append(trainable.loss(features, rows, 0.0)[0].item())
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)


def test_a_short_context_is_what_the_first_positions_make_of_it(folder: Path) -> None:
    trainable, _, _, clips = made(folder)
    trainable.eval()
    rows = [list(clips.examples[0].labels)]
    inputs = trainable.in_context(trainable.features([clips.audio(0)]), SAMPLE_RATE)
    states = trainable.states(inputs, rows, [8000])
    encoder = trainable.model.model.encoder
    hidden = torch.nn.functional.gelu(encoder.conv1(inputs[0][None]))
    hidden = torch.nn.functional.gelu(encoder.conv2(hidden)).permute(0, 2, 1) + encoder.embed_positions.weight[:50]
    for layer in encoder.layers:
        hidden = layer(hidden, None)
    torch.testing.assert_close(states.encoded[0], encoder.layer_norm(hidden)[0, :25])
    assert states.decoded[0].shape == (len(rows[0]), 32)
    direct = trainable.loss(inputs, rows, 0.1)[0]
    torch.testing.assert_close(trainable.states_loss(states, rows, 0.1), direct)


@pytest.mark.parametrize(("strategy", "keep_full"), [("encoder", 0.0), ("full", 1.0), ("decoder", 1.0)])
def test_smaller_forward_passes_give_the_same_gradients(folder: Path, strategy: str, keep_full: float) -> None:
    whole = gradients(folder, strategy=strategy, keep_full=keep_full)
    for forward_size in (1, 3):
        parts = gradients(folder, forward_size, strategy=strategy, keep_full=keep_full)
        for name, grad in whole.items():
            torch.testing.assert_close(parts[name], grad, rtol=1e-3, atol=2e-5)
    assert any(grad.abs().max() > 1e-3 for grad in whole.values())


def test_accumulated_passes_have_the_context_of_their_step(folder: Path) -> None:
    whole, parts = gradients(folder), gradients(folder, batch_size=2, accumulate=4)
    for name, grad in whole.items():
        torch.testing.assert_close(parts[name], grad, rtol=1e-3, atol=2e-5)


def test_what_frozen_layers_make_of_a_clip_is_kept_for_no_other_step(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainable, stepper, feed, _ = made(folder, strategy="decoder", batch_size=4)
    real, frames = trainable.frozen_prefix, []

    def passed(features: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        outputs = real(features)
        frames.append(outputs[0].shape[0])
        assert not any(one.requires_grad for one in outputs)
        return outputs

    monkeypatch.setattr(trainable, "frozen_prefix", passed)
    for step in range(4):
        clips = step_clips(feed, step)
        assert len(clips.features) == len(clips.rows)
        stepper(clips, TrainingState(step=step))
        assert frames[-1] == (clips.context or 0) // 320
    assert len(set(frames)) > 1
    assert not feed._prefixes.tensors
    assert len(feed._features.tensors) == len(TEXTS), "features depend on the clip alone"


@pytest.mark.parametrize("speed", [0.5, 2.0])
def test_a_clip_that_is_played_slower_gets_a_longer_context(folder: Path, speed: float) -> None:
    augmentation = {"speed": 1.0, "speed_range": (speed, speed), "time_masks": 2, "warp": 0.5}
    values = {"margins": (0.5, 0.5), "augmentation": augmentation}
    _, _, feed, clips = made(folder, **values)
    found = step_clips(feed)
    longest = max(clips.examples[row].samples for row in found.rows) / speed
    assert found.context == pytest.approx(longest + 8000, abs=340)
    assert max(one.shape[1] for one in found.features.values()) <= (found.context or 0) / 160
    for place, row in enumerate(found.rows):
        assert found.samples[place] == pytest.approx(clips.examples[row].samples / speed, abs=2)
        silence = found.features[place][:, -1]
        assert silence.max() - silence.min() < 1e-5, "masks and warps leave silence as it is"


def test_a_clip_as_long_as_the_window_and_one_of_a_tenth_of_a_second_share_a_batch(folder: Path) -> None:
    clips = Clips(folder, samples=[WINDOW_S * SAMPLE_RATE, 1600])
    _, stepper, feed, _ = made(folder, clips)
    found = step_clips(feed)
    assert found.context == WINDOW_S * SAMPLE_RATE
    row = stepper(found, TrainingState())
    assert np.isfinite(row["loss"])
    assert row["context_s"] == WINDOW_S


def test_a_row_of_the_history_says_what_keeping_the_full_window_was_worth_and_cost(folder: Path) -> None:
    _, stepper, feed, _ = made(folder, keep_full=1.0)
    row = stepper(step_clips(feed), TrainingState())
    assert 0 < row["keep_loss"] < 3
    assert 0 < row["keep_seconds"] < row["seconds"]
    _, stepper, feed, _ = made(folder)
    plain = stepper(step_clips(feed), TrainingState())
    assert not {"keep_loss", "keep_seconds"} & set(plain)
    assert row["loss"] == pytest.approx(plain["loss"], rel=1e-6)


def test_the_weight_scales_the_term_and_its_target_does_not_move(folder: Path) -> None:
    none = gradients(folder)
    once, twice = (gradients(folder, keep_full=1.0, keep_weight=weight) for weight in (1.0, 2.0))
    for name, grad in none.items():
        torch.testing.assert_close(twice[name] - grad, 2 * (once[name] - grad), rtol=2e-3, atol=1e-4)
    assert any((once[name] - none[name]).abs().max() > 1e-3 for name in none)


@pytest.mark.slow
def test_learning_to_keep_the_full_window_brings_its_states_nearer(folder: Path) -> None:
    _, stepper, feed, _ = made(folder, keep_full=1.0, keep_weight=5.0, learning_rate=3e-3, schedule="constant")
    losses = [stepper(step_clips(feed, step), TrainingState(step=step))["keep_loss"] for step in range(12)]
    assert np.mean(losses[-3:]) < 0.7 * np.mean(losses[:3])


def test_states_that_are_the_same_are_no_distance_apart_and_their_mean_is_one() -> None:
    random = torch.Generator().manual_seed(1)
    first = [torch.randn(20, 8, generator=random), 100 + torch.randn(30, 8, generator=random)]
    targets = States(first, [one[:5] for one in first])
    assert distance(targets, targets).item() == 0.0
    means = States([one.mean(0).expand_as(one) for one in targets.encoded], [*targets.decoded])
    assert distance(means, targets).item() == pytest.approx(2 * 0.5), "a clip each, half of it the encoder's"
    scaled = [
        States([1000 * one for one in both.encoded], [1000 * one for one in both.decoded]) for both in (means, targets)
    ]
    assert distance(*scaled).item() == pytest.approx(distance(means, targets).item(), rel=1e-4)


def test_an_english_only_model_with_128_bins_learns_so_too(tmp_path: Path) -> None:
    folder = make_whisper(tmp_path / "m", window_s=2, mel_bins=128, multilingual=False)
    checkpoint, recipe = resolve(str(folder)), Recipe(window="fit", strategy="full")
    trainable = load_trainable(checkpoint.family, checkpoint.folder, "en", recipe, "cpu")
    audio = np.random.default_rng(1).standard_normal(8000).astype(np.float32) * 0.1
    inputs = trainable.in_context(trainable.features([audio]), 12_800)
    assert inputs[0].shape == (128, 80)
    loss, _ = trainable.loss(inputs, [load_labeler(folder, "en").labels("bad")], 0.0)
    loss.backward()
    assert all(parameter.grad is not None for parameter in trainable.learned().values())
