"""The teacher of a model that learns short windows from itself: a frozen copy of what learns, heard clip by clip."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny_whisper import make_whisper
from torch.nn import functional

from acento.core.errors import InputError
from acento.models.checkpoints.resolver import resolve
from acento.models.trainable import States, Trainable
from acento.training.data.contexts import ALIKE, Contexts, batches_of
from acento.training.data.feed import Feed
from acento.training.loop.memory import need_of
from acento.training.loop.state import TrainingState
from acento.training.loop.step import Stepper, autocast, make_optimizer
from acento.training.loop.teacher import Teacher, teacher_bytes
from acento.training.losses import divergence
from acento.training.planning import check_recipe, load_trainable
from acento.training.recipe import Recipe
from tests.acento.training.loop.test_fitted_step import WINDOW_S, Clips, step_clips

torch.set_num_threads(1)
Made = tuple[Trainable, Teacher, Stepper, Feed]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_whisper(tmp_path_factory.mktemp("base") / "m", window_s=WINDOW_S, layers=(2, 2))


def recipe_with(**values: object) -> Recipe:
    usual = {"window": "fit", "objective": "distill", "warmup": 0.0, "learning_rate": 1e-3, "keep_full": 0.0}
    return Recipe.checked(usual | values)


def made(folder: Path, **values: object) -> Made:
    recipe = recipe_with(**values)
    checkpoint = resolve(str(folder))
    trainable = load_trainable(checkpoint.family, checkpoint.folder, "es", recipe, "cpu")
    teacher, clips = Teacher(trainable, recipe), Clips(folder)
    batches, contexts = batches_of(recipe, clips.examples, ALIKE), Contexts.of(recipe, trainable.window_s)
    feed = Feed(trainable, clips, batches, recipe.augmentation, recipe.seed, contexts=contexts)  # type: ignore[arg-type]
    optimizer = make_optimizer(trainable.learned(), recipe)
    stepper = Stepper(trainable, feed, recipe, optimizer, 100, batches.steps_per_epoch, teacher)
    trainable.train()
    return trainable, teacher, stepper, feed


def same(states: States, others: States) -> bool:
    pairs = zip((*states.encoded, *states.decoded), (*others.encoded, *others.decoded), strict=True)
    return all(torch.equal(one, other) for one, other in pairs)


@pytest.mark.parametrize("strategy", ["encoder", "full", "decoder", "last-n", "lora"])
def test_it_copies_what_learns_and_shares_all_else(folder: Path, strategy: str) -> None:
    trainable, teacher, _, _ = made(folder, strategy=strategy)
    own = dict(trainable.model.named_parameters())
    assert trainable.learned().keys() < own.keys()
    for name, parameter in teacher._copy.model.named_parameters():
        assert (parameter is own[name]) == (name not in trainable.learned()), name
        assert not parameter.requires_grad
    assert all(parameter.requires_grad for parameter in trainable.learned().values()), "the pupil still learns"


def test_it_stays_what_the_pupil_was_and_is_heard_at_the_full_window(folder: Path) -> None:
    trainable, teacher, stepper, feed = made(folder, strategy="full")
    clips = step_clips(feed)
    places = range(len(clips.rows))
    trainable.eval()
    with torch.no_grad():
        padded = trainable.in_context([clips.features[place] for place in places], None)
        before = [
            trainable.states([one], [clips.labels[place]], [clips.samples[place]])
            for place, one in zip(places, padded, strict=True)
        ]
    trainable.train()
    for step in range(3):
        stepper(step_clips(feed, step), TrainingState(step=step))
    found = teacher.states(clips, places)
    assert same(found, States([one.encoded[0] for one in before], [one.decoded[0] for one in before]))


def test_what_is_kept_is_what_would_be_made_again_whatever_stands_beside_it(folder: Path) -> None:
    _, keeping, _, feed = made(folder)
    _, forgetful, _, _ = made(folder)
    forgetful._room = 0
    clips = step_clips(feed)
    keeping.states(clips, [0, 3])
    mixed = keeping.states(clips, [5, 3, 0])  # one made now, two kept
    assert same(mixed, forgetful.states(clips, [5, 3, 0]))
    assert len(keeping._kept) == 3
    assert not forgetful._kept


def test_with_augmentation_nothing_is_kept(folder: Path) -> None:
    _, teacher, stepper, feed = made(folder, augmentation={"gain": 1.0})
    stepper(step_clips(feed), TrainingState())
    assert not teacher._kept


def test_the_divergence_is_that_of_both_distributions_and_0_where_they_are_the_same() -> None:
    logits, wanted = torch.randn(5, 7), torch.randn(5, 7)
    p, q = wanted.softmax(-1), logits.softmax(-1)
    torch.testing.assert_close(divergence(logits, wanted), (p * (p / q).log()).sum())
    assert divergence(wanted, wanted).item() == pytest.approx(0, abs=1e-6)


@given(st.integers(0, 2**31 - 1), st.integers(1, 6), st.integers(2, 9))
def test_its_gradient_is_that_of_cross_entropy_with_soft_labels(seed: int, labels: int, vocabulary: int) -> None:
    random = torch.Generator().manual_seed(seed)
    wanted = torch.randn(labels, vocabulary, generator=random)
    one = torch.randn(labels, vocabulary, generator=random).requires_grad_()
    other = one.detach().clone().requires_grad_()
    divergence(one, wanted).backward()
    functional.cross_entropy(other, wanted.softmax(-1), reduction="sum").backward()
    torch.testing.assert_close(one.grad, other.grad, rtol=1e-4, atol=1e-5)


def test_a_window_that_is_full_anyway_leaves_nothing_to_learn(folder: Path) -> None:
    _, _, stepper, feed = made(folder, margins=(WINDOW_S, WINDOW_S))
    losses = stepper.gradients(step_clips(feed), TrainingState())
    assert losses["loss"] == pytest.approx(0, abs=1e-5)
    assert losses["state_loss"] == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("keep_full", [0.0, 1.0])
def test_gradients_do_not_depend_on_how_clips_are_dealt_out(folder: Path, keep_full: float) -> None:
    found = []
    for size in (8, 3):
        trainable, _, stepper, feed = made(folder, strategy="full", keep_full=keep_full)
        stepper(step_clips(feed), TrainingState())  # so that the full window has strayed
        stepper.gradients(step_clips(feed, 1), TrainingState(forward_size=size))
        found.append({name: parameter.grad for name, parameter in trainable.learned().items()})
    for name, grad in found[0].items():
        torch.testing.assert_close(found[1][name], grad, rtol=1e-3, atol=2e-5)


@pytest.mark.slow
def test_it_learns_to_be_like_its_teacher(folder: Path) -> None:
    _, _, stepper, feed = made(folder, strategy="full", margins=(0.3, 0.5))
    rows = [stepper(step_clips(feed, step), TrainingState(step=step)) for step in range(40)]
    for name in ("loss", "state_loss"):
        assert np.mean([row[name] for row in rows[-5:]]) < 0.5 * rows[0][name], name


def test_the_full_window_is_kept_to_the_teachers_and_not_to_the_pupils(folder: Path) -> None:
    _, _, stepper, feed = made(folder, strategy="full", keep_full=1.0)
    first = stepper(step_clips(feed), TrainingState())
    second = stepper(step_clips(feed, 1), TrainingState(step=1))
    assert first["keep_loss"] == pytest.approx(0, abs=1e-5), "at first both are one model"
    assert second["keep_loss"] > 1e-4


def test_its_memory_is_counted(folder: Path) -> None:
    trainable, _, _, feed = made(folder)
    clips: Clips = feed._train  # type: ignore[assignment]
    needs = [
        need_of(trainable, clips, recipe_with(objective=objective), autocast(recipe_with(), "cpu")).fixed  # type: ignore[arg-type]
        for objective in ("text", "distill")
    ]
    assert needs[1] - needs[0] == teacher_bytes(trainable, clips.examples, recipe_with())
    learned = sum(parameter.numel() for parameter in trainable.learned().values())
    assert needs[1] - needs[0] > 4 * learned


def test_a_recipe_that_distills_in_full_windows_is_refused(folder: Path) -> None:
    with pytest.raises(InputError, match="ask for window=fit"):
        check_recipe(resolve(str(folder)).family, recipe_with(window="full"))
