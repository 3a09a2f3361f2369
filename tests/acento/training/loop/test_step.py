"""One optimizer step: its gradients are those of one large batch, however it is dealt out and whatever happens."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_whisper import make_whisper

from acento.core.errors import ModelError
from acento.families.whisper.training import load_labeler
from acento.models.base import Audio
from acento.models.checkpoints.resolver import resolve
from acento.models.trainable import Trainable
from acento.training.augment.options import Augmentation
from acento.training.data.feed import Feed, StepClips
from acento.training.data.prepared import Example
from acento.training.data.sampling import Batches
from acento.training.loop.checkpoints import Weights
from acento.training.loop.state import TrainingState
from acento.training.loop.step import Diverged, Stepper, make_optimizer
from acento.training.planning import load_trainable
from acento.training.recipe import Recipe

torch.set_num_threads(1)
TEXTS = ("bad", "cabbage", "a", "dig", "bed", "fad", "hi", "jibe")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_whisper(tmp_path_factory.mktemp("base") / "m", window_s=2)


class Clips:
    """A prepared split in memory."""

    def __init__(self, folder: Path, texts: Sequence[str] = TEXTS) -> None:
        labeler, random = load_labeler(folder, "es"), np.random.default_rng(2)
        self._audio = [(0.1 * random.standard_normal(9000 + 900 * n)).astype(np.float32) for n in range(len(texts))]
        self.examples = [
            Example(f"c{n}", text, tuple(labeler.labels(text)), None, None, "es", len(self._audio[n]))
            for n, text in enumerate(texts)
        ]
        self.read: list[int] = []

    def audio(self, at: int) -> Audio:
        self.read.append(at)
        return self._audio[at]


def made(folder: Path, clips: Clips | None = None, **values: object) -> tuple[Trainable, Stepper, Feed, Recipe]:
    recipe = Recipe.checked({"strategy": "full", "batch_size": 8, "warmup": 0.0, "learning_rate": 1e-4, **values})
    checkpoint = resolve(str(folder))
    trainable = load_trainable(checkpoint.family, checkpoint.folder, "es", recipe, "cpu")
    clips = clips or Clips(folder)
    batches = Batches([e.samples for e in clips.examples], recipe.batch_size * recipe.accumulate, recipe.seed)
    feed = Feed(trainable, clips, batches, recipe.augmentation, recipe.seed)  # type: ignore[arg-type]
    stepper = Stepper(trainable, feed, recipe, make_optimizer(trainable.learned(), recipe), 10, batches.steps_per_epoch)
    trainable.train()
    return trainable, stepper, feed, recipe


def step_clips(feed: Feed, step: int = 0) -> StepClips:
    steps = feed.steps(step, step + 1)
    (clips,) = list(steps)
    return clips


def gradients(folder: Path, **values: object) -> dict[str, torch.Tensor]:
    trainable, stepper, feed, _ = made(folder, **values)
    stepper.gradients(step_clips(feed), TrainingState())
    return {name: parameter.grad.clone() for name, parameter in trainable.learned().items()}  # type: ignore[union-attr]


@pytest.mark.parametrize(("batch_size", "accumulate"), [(1, 8), (2, 4), (3, 3)])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_accumulation_gives_the_gradients_of_one_large_batch(
    folder: Path, batch_size: int, accumulate: int, smoothing: float
) -> None:
    whole = gradients(folder, label_smoothing=smoothing)
    parts = gradients(folder, batch_size=batch_size, accumulate=accumulate, label_smoothing=smoothing)
    for name, grad in whole.items():
        torch.testing.assert_close(parts[name], grad, rtol=1e-3, atol=2e-5)
    assert any(grad.abs().max() > 1e-2 for grad in whole.values())


def test_the_loss_that_is_noted_is_the_mean_over_all_tokens(folder: Path) -> None:
    rows = [made(folder, batch_size=size, accumulate=8 // size) for size in (1, 8)]
    one, eight = (stepper(step_clips(feed), TrainingState())["loss"] for _, stepper, feed, _ in rows)
    assert one == pytest.approx(eight, rel=1e-5)


def test_out_of_memory_takes_half_as_many_clips_and_gives_the_same_gradients(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = gradients(folder)
    trainable, stepper, feed, _ = made(folder)
    real, tried = trainable.loss, []

    def small(inputs: torch.Tensor, *args: object, **options: object) -> object:
        tried.append(len(inputs))
        if len(inputs) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(inputs, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(trainable, "loss", small)
    state = TrainingState()
    stepper.gradients(step_clips(feed), state)
    assert tried == [8, 4, 2, 2, 2, 2]
    assert state.forward_size == 2
    for name, parameter in trainable.learned().items():
        torch.testing.assert_close(parameter.grad, whole[name], rtol=1e-3, atol=2e-5)
    tried.clear()
    row = stepper(step_clips(feed, 1), state)
    assert tried == [2, 2, 2, 2], "what did not fit once is not tried again"
    assert row["forward_size"] == 2


def test_where_not_even_one_clip_fits_it_says_what_takes_less_memory(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainable, stepper, feed, _ = made(folder)

    def never(*_: object, **__: object) -> object:
        raise MemoryError

    monkeypatch.setattr(trainable, "loss", never)
    with pytest.raises(ModelError, match=r"Not even one clip .* activation_checkpointing"):
        stepper(step_clips(feed), TrainingState())


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_no_number_leaves_the_weights_as_they_are(
    folder: Path, monkeypatch: pytest.MonkeyPatch, bad: float
) -> None:
    trainable, stepper, feed, _ = made(folder)
    before = {name: parameter.detach().clone() for name, parameter in trainable.learned().items()}
    real = trainable.loss
    monkeypatch.setattr(trainable, "loss", lambda *a, **o: (real(*a, **o)[0] * bad, 1))
    with pytest.raises(Diverged, match="The loss became"):
        stepper(step_clips(feed), TrainingState())
    assert all(torch.equal(before[name], parameter) for name, parameter in trainable.learned().items())


def test_gradients_that_are_no_numbers_leave_the_weights_as_they_are(folder: Path) -> None:
    trainable, stepper, feed, _ = made(folder)
    before = {name: parameter.detach().clone() for name, parameter in trainable.learned().items()}
    hook = next(iter(trainable.learned().values())).register_hook(lambda grad: grad * math.nan)
    with pytest.raises(Diverged, match="gradients' norm became nan"):
        stepper(step_clips(feed), TrainingState())
    hook.remove()
    assert all(torch.equal(before[name], parameter) for name, parameter in trainable.learned().items())


def test_dropout_depends_on_the_step_alone(folder: Path) -> None:
    torch.manual_seed(1)
    first = gradients(folder, dropout=0.5)
    torch.manual_seed(2)
    again, none = gradients(folder, dropout=0.5), gradients(folder)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.allclose(first[name], none[name]) for name in first)


def test_gradients_are_clipped_and_their_norm_before_it_is_noted(folder: Path) -> None:
    _, stepper, feed, _ = made(folder, max_grad_norm=0.01)
    row = stepper(step_clips(feed), TrainingState())
    norm = torch.stack([p.grad.norm() for p in stepper._parameters]).norm().item()  # type: ignore[union-attr]
    assert norm == pytest.approx(0.01, rel=1e-3)
    assert row["grad_norm"] > 1


def test_bfloat16_autocast_leaves_weights_and_gradients_float32(folder: Path) -> None:
    trainable, stepper, feed, _ = made(folder, precision="bfloat16")
    half = stepper(step_clips(feed), TrainingState())["loss"]
    assert {p.dtype for p in trainable.learned().values()} == {torch.float32}
    assert {p.grad.dtype for p in trainable.learned().values()} == {torch.float32}  # type: ignore[union-attr]
    _, stepper, feed, _ = made(folder)
    full = stepper(step_clips(feed), TrainingState())["loss"]
    assert half != full
    assert half == pytest.approx(full, rel=0.05)


def test_the_frozen_encoder_runs_once_for_each_clip(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clips = Clips(folder)
    trainable, stepper, feed, _ = made(folder, clips, strategy="decoder", batch_size=4)
    real, passed = trainable.frozen_prefix, []
    monkeypatch.setattr(trainable, "frozen_prefix", lambda features: passed.append(len(features)) or real(features))
    for step in range(6):
        stepper(step_clips(feed, step), TrainingState(step=step))
    assert sum(passed) == len(TEXTS)
    assert sorted(clips.read) == list(range(len(TEXTS))), "nor is audio read or transformed a second time"
    assert len(feed._prefixes.tensors) == len(TEXTS)


@pytest.mark.parametrize("room", [0, 30_000])
def test_beyond_its_room_the_front_is_made_again_and_the_loss_is_the_same(folder: Path, room: int) -> None:
    losses = []
    for prefix_bytes in (1 << 30, room):
        clips = Clips(folder)
        trainable, stepper, feed, recipe = made(folder, clips, strategy="decoder", batch_size=4)
        feed = Feed(trainable, clips, feed._batches, recipe.augmentation, 0, prefix_bytes=prefix_bytes)  # type: ignore[arg-type]
        stepper._feed = feed
        losses.append([stepper(step_clips(feed, n), TrainingState(step=n))["loss"] for n in range(4)])
    assert losses[0] == losses[1]
    assert len(feed._prefixes.tensors) == room // (100 * 32 * 4)


def test_steps_that_were_made_ahead_and_never_taken_lose_no_clip(folder: Path) -> None:
    _, stepper, feed, _ = made(folder, Clips(folder), strategy="decoder", batch_size=2)
    for step in (0, 1, 2, 3):
        begun = feed.steps(step, 8)  # a thread that is ahead of what is taken of it
        stepper(next(begun), TrainingState(step=step))
        begun.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize("options", [{"gain": 1.0}, {"time_masks": 2}, {"speed": 1.0}])
def test_augmented_clips_are_made_anew_at_each_step_and_the_same_at_the_same(
    folder: Path, options: dict[str, float]
) -> None:
    _, _, feed, _ = made(folder, augmentation=options)
    steps = [step_clips(feed, n) for n in (0, 1, 0)]
    by_row = [{row: clips.features[place] for place, row in enumerate(clips.rows)} for clips in steps]
    assert all(torch.equal(by_row[0][row], by_row[2][row]) for row in by_row[0])
    assert any(not torch.equal(by_row[0][row], by_row[1][row]) for row in by_row[0])


def test_what_is_masked_is_no_padding(folder: Path) -> None:
    clips = Clips(folder)
    _, _, plain, _ = made(folder, clips)
    _, _, masking, _ = made(folder, clips, augmentation=Augmentation(time_masks=5, frequency_masks=3).model_dump())
    before, after = step_clips(plain), step_clips(masking)
    for place, row in enumerate(before.rows):
        changed = (before.features[place] != after.features[place]).any(dim=0).nonzero()
        assert len(changed)
        assert changed.max() <= clips.examples[row].samples // 160


def test_an_average_follows_the_weights_and_is_what_is_saved(folder: Path) -> None:
    trainable, _, _, _ = made(folder)
    learned = trainable.learned()
    weights = Weights(learned, Recipe(average=0.9))
    base = {name: parameter.detach().clone() for name, parameter in learned.items()}
    with torch.no_grad():
        for parameter in learned.values():
            parameter += 1
    weights.after_step(1)
    trained = {name: parameter.detach().clone() for name, parameter in learned.items()}
    with weights.as_saved():
        for name, parameter in learned.items():  # the decay of the first step is 2 / 11
            torch.testing.assert_close(parameter, base[name] + 9 / 11)
    assert all(torch.equal(trained[name], parameter) for name, parameter in learned.items())


@pytest.mark.parametrize("strategy", ["encoder", "lora"])
def test_interpolation_saves_weights_between_base_and_tuned(folder: Path, tmp_path: Path, strategy: str) -> None:
    trainable, _, _, _ = made(folder, strategy=strategy)
    learned = trainable.learned()
    weights = Weights(learned, Recipe(interpolate=0.25))
    with torch.no_grad():
        for parameter in learned.values():
            parameter += 0.1 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(parameter.numel()))
    trainable.save(tmp_path / "tuned")
    with weights.as_saved():
        trainable.save(tmp_path / "between")
    base, tuned, between = (
        load_trainable(resolve(str(f)).family, f, "es", Recipe(), "cpu").model.state_dict()
        for f in (folder, tmp_path / "tuned", tmp_path / "between")
    )
    assert any(not torch.equal(base[name], tuned[name]) for name in base)
    for name in base:
        torch.testing.assert_close(between[name], torch.lerp(base[name], tuned[name], 0.25), rtol=1e-4, atol=1e-5)
