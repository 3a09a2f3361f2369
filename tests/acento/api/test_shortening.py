"""Short windows that a model teaches itself: without transcripts, against its own full window, and found done again."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import soundfile
import torch
from eight_clips import LETTERS, TEXTS, eight_clips
from recordings import put
from staged import staged
from tiny_whisper import make_whisper

import acento
from acento.api import shortening
from acento.api.precheck import check_shortening
from acento.api.shortening import Shortened
from acento.core.errors import DataError, InputError, ModelError
from acento.core.settings import settings
from acento.core.store import LocalStore
from acento.data.sources import SourceOptions
from acento.data.staging import stage
from acento.models.base import DecodeOptions, Recognizer
from acento.models.checkpoints.resolver import resolve
from acento.models.checkpoints.taught import CONFIG_KEY, mark_taught, taught
from acento.models.windows import Fit
from acento.registry.model_version import ModelVersion
from acento.requests import ShortenRequest
from acento.training.data.prepared import load_prepared
from acento.training.loop.state import read_history
from acento.training.loop.step import make_optimizer
from acento.training.planning import load_labeler, load_trainable
from acento.training.recipe import Recipe

torch.set_num_threads(1)
LOST = "sí"
"""What a model that is lost in short windows writes there, whatever it hears."""


def heard(recognizer: Recognizer, fit: Fit | None) -> list[str]:
    """Return what a model writes of the eight clips, at its full window or a short one."""
    recognizer.fit, clips = fit, eight_clips()
    found = recognizer.finish(recognizer.infer(recognizer.prepare_in(clips, recognizer.context(clips))))
    return [one.text for one in found]


def texts(model: Path | str, fit: Fit | None) -> list[str]:
    """Return what a saved model writes of them."""
    checkpoint = resolve(str(model))
    return heard(checkpoint.family.load(checkpoint.folder, DecodeOptions(language="es")), fit)


def lose(folder: Path, out: Path) -> Path:
    """Let a model learn the eight texts at its full window, and to be lost in short ones; save and return it."""
    recipe = Recipe.checked({"strategy": "full", "window": "fit", "learning_rate": 3e-3, "weight_decay": 0.0})
    checkpoint = resolve(str(folder))
    labeler = load_labeler(checkpoint.family, checkpoint.folder, "es")
    trainable = load_trainable(checkpoint.family, checkpoint.folder, "es", recipe, "cpu")
    optimizer, features = make_optimizer(trainable.learned(), recipe), trainable.features(eight_clips())
    right, wrong = [labeler.labels(text) for text in TEXTS], [labeler.labels(LOST)] * len(TEXTS)
    for step in range(1, 801):
        context = 30400 + 3200 * (step % 9)  # 1.9 to 3.5 s
        optimizer.zero_grad()
        losses = [
            trainable.loss(trainable.in_context(features, samples), labels, 0.0)
            for samples, labels in ((None, right), (context, wrong))
        ]
        means = [loss / tokens for loss, tokens in losses]
        (means[0] + means[1]).backward()
        torch.nn.utils.clip_grad_norm_(list(trainable.learned().values()), 1.0)
        optimizer.step()
        if step % 20 == 0 and max(mean.item() for mean in means) < 0.1:
            trainable.eval()
            full, short = (heard(trainable.recognizer(), fit) for fit in (None, Fit()))
            if full == list(TEXTS) and short.count(LOST) > 5:
                out.mkdir()
                trainable.save(out)
                return out
            trainable.train()
    raise AssertionError("it has not learned them")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Make a folder with a model that is lost in short windows, and a store with the eight clips, nothing written."""
    root = tmp_path_factory.mktemp("shortening")
    lose(make_whisper(root / "random", window_s=6, letters=LETTERS), root / "lost")
    for split, gain in (("train", 1.0), ("dev", 0.98)):
        (root / "calls" / split).mkdir(parents=True)
        for number, clip in enumerate(eight_clips()):
            soundfile.write(root / "calls" / split / f"{split}{number}.wav", gain * clip, 16000)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ACENTO_STORE", str(root / "store"))
        settings.cache_clear()
        acento.stage(str(root / "calls"), name="calls", language="es", untranscribed=True)
        yield root


def shortened(world: Path, **options: object) -> ModelVersion:
    recipe = {"learning_rate": 1e-3, "epochs": 60, "eval_every": 15, "patience": 9}
    return acento.shorten(str(world / "lost"), "calls", strategy="full", threads=1, recipe=recipe, **options)


@pytest.mark.slow
def test_a_model_that_short_windows_brought_no_nearer_is_used_with_full_ones(
    world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACENTO_STORE", str(world / "store"))
    recipe = {"learning_rate": 1e-12, "max_steps": 1}
    version = acento.shorten(str(world / "lost"), "calls", strategy="full", threads=1, recipe=recipe, name="no-nearer")
    assert version.about.dev_wer == version.about.dev_wer_before
    assert version.about.window is None
    assert taught(version.path) is None


@pytest.mark.slow
def test_in_short_windows_it_writes_again_what_it_writes_in_its_full_one(
    world: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("ACENTO_STORE", str(world / "store"))
    assert texts(world / "lost", None) == list(TEXTS)
    assert texts(world / "lost", Fit()).count(LOST) >= 6

    version = shortened(world, keep_full=0.25)
    assert version.name == "lost-short"
    assert "acento judge-windows" in caplog.text, "no test clip has a transcript"
    fit = taught(version.path)
    assert fit is not None
    agree = [one == text for one, text in zip(texts(version.id, fit), TEXTS, strict=True)]
    assert sum(agree) >= 7
    assert sum(one == text for one, text in zip(texts(version.id, None), TEXTS, strict=True)) >= 7

    about, rows = version.about, read_history(version.path / "history.jsonl")
    assert about.shortened
    assert about.language is None, "it is as free to write other languages as its base"
    assert about.dev_wer_before is not None
    assert about.dev_wer is not None
    assert about.dev_wer < about.dev_wer_before
    assert rows[-2]["loss"] < rows[1]["loss"]
    assert "taught short windows by itself with Acento" in version.card
    assert "without transcripts" in version.card
    assert "fine-tuned" not in version.card

    training = [row for row in rows if "loss" in row]
    seen: list[object] = []
    monkeypatch.setattr("acento.training.finetune.Loop", lambda *_: seen.append("learned again"))
    assert shortened(world, keep_full=0.25).id == version.id
    assert not seen
    assert len(training) == 60


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> tuple[LocalStore, Path]:
    """Make a store with recordings that nobody transcribed, and some that somebody did, and a random model."""
    root = tmp_path_factory.mktemp("untranscribed")
    for split, clips in (("train", 9), ("dev", 4), ("alone/train", 2)):
        for number in range(clips):
            put(root / "a" / split, f"c{number}", number + 10 * len(split), text=None, seconds=0.5)
    store, options = LocalStore(root / "store"), SourceOptions(untranscribed=True)
    shutil.move(root / "a" / "alone", root / "alone")
    stage(store, str(root / "a"), "calls", language="es", workers=0, source_options=options)
    stage(store, str(root / "alone"), "alone", language="es", workers=0, source_options=options)
    stage(store, str(root / "a"), "anywhere", workers=0, source_options=options)
    staged(store, root / "spoken", 3, name="spoken")
    for number, split in enumerate(("train", "dev", "test")):
        put(root / "whole" / split, f"c{number}", 50 + number, text="sí po", seconds=0.5)
    stage(store, str(root / "whole"), "whole", language="es", workers=0)
    return store, make_whisper(root / "model", window_s=2)


def asked(model: object, dataset: str = "calls", **options: object) -> ShortenRequest:
    return ShortenRequest.of(base_model=str(model), dataset=dataset, **options)


def test_a_limit_draws_the_same_clips_of_each_split_by_chance(place: tuple[LocalStore, Path]) -> None:
    store, model = place
    teacher = shortening.plan_teacher(store, asked(model, limit=3))
    assert [(one.split, one.clips) for one in teacher.transcriptions] == [("train", 3), ("dev", 3)]
    assert all(one.options.fit is None for one in teacher.transcriptions), "the teacher has its full window"
    shortening.write_texts(store, teacher)
    planned = shortening.plan_shortening(store, asked(model, limit=3), teacher)
    assert planned.job.train_clips + planned.job.dev_clips + planned.job.left_out == 6
    assert planned.job.recipe.window == "fit"
    assert planned.job.recipe.objective == "distill"
    left_out = shortening.left_out_of(store, planned.job)
    assert sum(left_out.values()) == planned.job.left_out
    found = load_prepared(store, planned.job.train)
    assert all(example.text and "sentence" not in example.text for example in found.examples)
    assert teacher == shortening.plan_teacher(store, asked(model, limit=3))


@pytest.mark.parametrize(
    ("options", "error", "sentence"),
    [
        ({"dataset": "nothere"}, DataError, "There is no data set 'nothere'"),
        ({"dataset": "alone"}, DataError, "has no dev split"),
        ({"model": "demo:nobody"}, ModelError, "There is no model 'demo:nobody'"),
        ({"model": "registry:nobody"}, ModelError, "There is no model 'nobody'"),
        ({"model": "{model}:ctranslate2-int8"}, InputError, r"made from, .*model, and export that"),
        ({"model": "{exported}"}, InputError, r"made from, openai/whisper-tiny, and export that"),
        ({"model": "{parakeet}"}, InputError, "there is nothing to shorten"),
        ({"model": "{taught}"}, InputError, r"taught short windows already \(clip \+ 1.5 s\).*--again"),
        ({"recipe": {"window": "full"}}, InputError, "has window=fit in its recipe, not 'full'"),
        ({"recipe": {"objective": "text"}}, InputError, "acento finetune"),
        ({"test": "alone"}, DataError, "test"),
        ({"guards": ["nothere"]}, DataError, "There is no data set 'nothere'"),
        ({"dataset": "whole", "guards": ["whole@1"]}, InputError, "is the test set; a guard is"),
    ],
)
def test_what_cannot_be_shortened_is_said_in_a_sentence_before_anything_begins(
    place: tuple[LocalStore, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: dict[str, object],
    error: type[Exception],
    sentence: str,
) -> None:
    store, model = place
    monkeypatch.setenv("ACENTO_STORE", store.url)
    folders = {"model": str(model)}
    for kind in ("exported", "parakeet", "taught"):
        shutil.copytree(model, tmp_path / kind)
        folders[kind] = str(tmp_path / kind)
    mark_taught(tmp_path / "taught", Fit(margin_s=1.5))
    (tmp_path / "exported" / "model.safetensors").rename(tmp_path / "exported" / "model.bin")
    (tmp_path / "exported" / "config.json").write_text('{"suppress_ids": [], "suppress_ids_begin": []}')
    (tmp_path / "exported" / "transformers_config.json").write_text('{"_name_or_path": "openai/whisper-tiny"}')
    (tmp_path / "parakeet" / "config.json").write_text('{"model_type": "parakeet_ctc"}')
    named = str(options.get("model", model)).format(**folders)
    request = asked(named, **{name: value for name, value in options.items() if name != "model"})
    with pytest.raises(error, match=sentence):
        check_shortening(store, request)


@pytest.mark.parametrize(
    ("options", "sets"),
    [
        ({}, ("spoken@1", None)),
        ({"guards": ["other", "third"]}, ("spoken@1", ["other", "third"])),
        ({"test": "other", "guards": ["third"]}, ("other", ["third"])),
        ({"dataset": "calls"}, None),
        ({"dataset": "calls", "guards": ["other", "third"]}, ("other", ["third"])),
    ],
)
def test_the_window_gate_is_asked_about_what_has_transcripts(
    place: tuple[LocalStore, Path], options: dict[str, Any], sets: tuple[str, list[str] | None] | None
) -> None:
    store, model = place
    request = asked(model, **({"dataset": "spoken", "window_bound": 0.02, "normalizer": "basic"} | options))
    done = Shortened(model="registry:m@1", ended="", left_out={})
    question = shortening.question_of(store, request, f"{request.dataset}@1", done)
    if sets is None:
        assert question is None
        return
    assert question is not None
    assert (question.model, question.test, question.guards) == (done.model, *sets)
    assert (question.window_bound, question.normalizer) == (0.02, "basic")
    for nothing in ({"model": None}, {"taught": False}):
        assert shortening.question_of(store, request, f"{request.dataset}@1", done.model_copy(update=nothing)) is None


def test_a_model_that_was_taught_is_taught_again_where_that_is_asked_for(
    place: tuple[LocalStore, Path], tmp_path: Path
) -> None:
    store, model = place
    folder = shutil.copytree(model, tmp_path / "taught")
    mark_taught(folder, Fit())
    assert CONFIG_KEY in (folder / "config.json").read_text()
    check_shortening(store, asked(folder, again=True))
    teacher = shortening.plan_teacher(store, asked(folder, again=True))
    assert all(one.options.fit is None for one in teacher.transcriptions)


def test_a_language_that_nobody_says_is_asked_for_before_anything_is_transcribed(
    place: tuple[LocalStore, Path],
) -> None:
    store, model = place
    with pytest.raises(InputError, match="give --language"):
        shortening.plan_teacher(store, asked(model, "anywhere"))
