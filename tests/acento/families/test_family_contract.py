"""The contract: what every model family does, whatever its architecture.

Each is made small and random in the files that the real one has. Those that can be fine-tuned learn eight spoken clips
by heart first, so that the texts that are compared are words.
"""

import gc
import io
import shutil
import tarfile
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from eight_clips import LETTERS, TEXTS, eight_clips
from safetensors.torch import load_file
from training_set import training_job, training_set

from acento.core.callbacks import Callbacks
from acento.core.errors import ModelError
from acento.core.store import LocalStore
from acento.data.utterance import SAMPLE_RATE
from acento.data.words import text_of
from acento.families.whisper.convert import convert
from acento.inference.engine import Engine
from acento.inference.plan import PlannedClip
from acento.inference.silence import pieces
from acento.jobs.finetune import finetune
from acento.models.base import Audio, DecodeOptions, Recognizer
from acento.models.checkpoints.resolver import resolve
from acento.models.trainable import Trainable
from acento.models.windows import Fit
from acento.registry.versions import find_version
from acento.training.job import FinetuneJob
from acento.training.loop.step import make_optimizer
from acento.training.planning import load_labeler, load_trainable
from acento.training.recipe import Recipe
from tests.acento.families.overfitted import mixed, overfit, texts

torch.set_num_threads(1)
pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Case:
    """A family as it is tested."""

    name: str
    kit: str
    """``module:function`` that writes a random checkpoint into a folder."""
    made_with: dict[str, Any] = field(default_factory=dict)
    overfitted: dict[str, Any] | None = None
    """How it learns the clips by heart; None: it cannot be fine-tuned, and writes what random weights write."""
    language: str | None = "es"
    refused: str | None = "xx"
    """A language that it does not know; None: the files of such a model say nothing of languages."""
    strategy: str = "full"
    """What learns by heart, and in the test of a training that is killed."""
    exported: bool = False
    """Whether it is a Whisper that was exported."""
    marks: tuple[pytest.MarkDecorator, ...] = ()

    def make(self, folder: Path) -> Path:
        """Write a random checkpoint and return it."""
        module, _, function = self.kit.partition(":")
        return getattr(import_module(module), function)(folder, **self.made_with)


WHISPER = Case(
    name="whisper",
    kit="tiny_whisper:make_whisper",
    made_with={"window_s": 2, "letters": LETTERS},
    overfitted={"learning_rate": 3e-3},
)
NEMO, SLOW = (pytest.mark.nemo,), (pytest.mark.slow,)
ADAPTERS = {"lora_rank": 32, "lora_dropout": 0, "lora_sites": ("q_proj", "k_proj", "v_proj", "o_proj", "up_proj")}
CASES = (
    WHISPER,
    replace(WHISPER, name="whisper-ctranslate2", exported=True),
    # as distil-whisper has them: a whole encoder, a decoder of few layers
    replace(WHISPER, name="distil-whisper", made_with={**WHISPER.made_with, "layers": (3, 1)}, marks=SLOW),
    Case(
        "moonshine",
        "tests.acento.families.tiny_moonshine:make_moonshine",
        overfitted={"learning_rate": 3e-3},
        refused=None,
    ),
    Case(
        "moonshine-streaming",
        "tests.acento.families.tiny_moonshine:make_moonshine",
        {"streaming": True},
        refused=None,
        marks=SLOW,
    ),
    Case("ctc", "tiny_ctc:make_ctc", overfitted={"learning_rate": 3e-3}, refused=None),
    Case("mms", "tiny_ctc:make_mms", overfitted={"learning_rate": 3e-3}, refused="sv", marks=SLOW),
    Case("w2v-bert", "tiny_ctc:make_ctc", {"kind": "wav2vec2-bert"}, {"learning_rate": 3e-3}, refused=None, marks=SLOW),
    Case(
        "parakeet-ctc",
        "tests.acento.families.tiny_parakeet:make_parakeet",
        overfitted={"learning_rate": 3e-3},
        refused=None,
    ),
    Case(
        "parakeet-rnnt", "tests.acento.families.tiny_parakeet:make_parakeet", {"kind": "rnnt"}, refused=None, marks=SLOW
    ),
    Case("parakeet-tdt", "tests.acento.families.tiny_parakeet:make_parakeet", {"kind": "tdt"}, refused=None),
    Case("canary", "tests.acento.families.tiny_canary:make_canary"),
    Case(
        name="voxtral",
        kit="tests.acento.families.tiny_voxtral:make_voxtral",
        overfitted={"learning_rate": 1e-2, **ADAPTERS},
        refused="spanish",
        strategy="lora",
    ),
    Case("nemo-ctc", "tiny_nemo:make_nemo", {"kind": "ctc"}, {"learning_rate": 3e-3}, refused=None, marks=NEMO),
    Case("nemo-tdt", "tiny_nemo:make_nemo", {"kind": "tdt"}, {"learning_rate": 3e-3}, refused=None, marks=NEMO),
    Case("nemo-rnnt", "tiny_nemo:make_nemo", {"kind": "rnnt"}, {"learning_rate": 3e-3}, refused=None, marks=NEMO),
    Case("nemo-hybrid", "tiny_nemo:make_nemo", {"kind": "hybrid"}, {"learning_rate": 3e-3}, refused=None, marks=NEMO),
    Case("nemo-canary-v1", "tiny_nemo:make_nemo", {"kind": "canary"}, {"learning_rate": 3e-3}, marks=NEMO),
    Case("nemo-canary", "tiny_nemo:make_nemo", {"kind": "canary2"}, {"learning_rate": 3e-3}, marks=NEMO),
)
WORDLESS = ("voxtral", "nemo-canary-v1", "nemo-canary")
"""Families that do not say when words were said."""
LEARNING = tuple(case for case in CASES if case.overfitted is not None and not case.exported)


def each(cases: Sequence[Case]) -> list[Any]:
    return [pytest.param(case, id=case.name, marks=case.marks) for case in cases]


Made = Callable[[Case], Path]


@pytest.fixture(scope="module")
def random_weights(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Return where a family's random checkpoint is; each is made once."""
    root, made = tmp_path_factory.mktemp("random"), dict[str, Path]()

    def find(case: Case) -> Path:
        if case.name not in made:
            made[case.name] = case.make(root / case.name)
        return made[case.name]

    return find


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory, random_weights: Made) -> Made:
    """Return where a family's checkpoint is that knows the clips by heart, if the family learns; each is made once."""
    root, made = tmp_path_factory.mktemp("by-heart"), dict[str, Path]()

    def find(case: Case) -> Path:
        if case.name not in made:
            folder = root / case.name
            if case.exported:
                folder.mkdir()
                convert(resolve(str(find(WHISPER))), folder, "ctranslate2", "float32")
            elif case.overfitted is not None:
                recipe = {"strategy": case.strategy, **case.overfitted}
                overfit(random_weights(case), folder, language=case.language, **recipe)
            else:
                folder = random_weights(case)
            made[case.name] = folder
        return made[case.name]

    return find


def load(folder: Path, case: Case, **options: Any) -> Recognizer:
    checkpoint = resolve(str(folder))
    return checkpoint.family.load(checkpoint.folder, DecodeOptions(**{"language": case.language, **options}))


@pytest.fixture
def opened(models: Made) -> Iterator[Callable[[Case], Recognizer]]:
    """Return what loads a family's model; all are closed after the test."""
    recognizers: list[Recognizer] = []

    def find(case: Case) -> Recognizer:
        recognizers.append(load(models(case), case))
        return recognizers[-1]

    yield find
    for recognizer in recognizers:
        recognizer.close()


def learner(folder: Path, case: Case, **recipe: Any) -> Trainable:
    checkpoint = resolve(str(folder))
    values = {"strategy": case.strategy, **(case.overfitted or {})}
    return load_trainable(checkpoint.family, checkpoint.folder, case.language, Recipe.checked(values | recipe), "cpu")


def labels(folder: Path, case: Case) -> list[list[int]]:
    checkpoint = resolve(str(folder))
    labeler = load_labeler(checkpoint.family, checkpoint.folder, case.language)
    return [labeler.labels(text) for text in TEXTS]


@pytest.mark.parametrize("case", each(LEARNING))
def test_it_learns_eight_clips_by_heart_and_saved_and_loaded_it_writes_them(case: Case, models: Made) -> None:
    assert texts(load(models(case), case), eight_clips()) == list(TEXTS)


@pytest.mark.parametrize("case", each(CASES))
def test_texts_come_in_the_order_of_the_clips(case: Case, opened: Callable[[Case], Recognizer]) -> None:
    recognizer, order = opened(case), [5, 0, 7, 2, 2, 6, 1, 4, 3]
    found = texts(recognizer, eight_clips())
    assert texts(recognizer, [eight_clips()[number] for number in order]) == [found[number] for number in order]
    assert len(set(found)) > 1, "the test says nothing if every clip has the same text"


@pytest.mark.parametrize("case", each(CASES))
def test_one_clip_at_a_time_gives_the_texts_of_a_batch_of_mixed_lengths(
    case: Case, opened: Callable[[Case], Recognizer]
) -> None:
    recognizer = opened(case)
    clips = mixed(recognizer.window_s)
    together = texts(recognizer, clips)
    assert together == [texts(recognizer, [clip])[0] for clip in clips]
    assert together == [*texts(recognizer, clips[:4]), *texts(recognizer, clips[4:])]


@pytest.mark.parametrize("samples", [0, 1, 160, 1600])
@pytest.mark.parametrize("case", each(CASES))
def test_a_clip_however_short_or_silent_has_a_text(
    case: Case, samples: int, opened: Callable[[Case], Recognizer]
) -> None:
    recognizer = opened(case)
    for audio in (np.zeros(samples, np.float32), eight_clips()[0][4000 : 4000 + samples]):
        assert [type(text) for text in texts(recognizer, [audio])] == [str]


@pytest.mark.parametrize("case", each(CASES))
def test_audio_longer_than_the_window_is_decoded_in_pieces(case: Case, opened: Callable[[Case], Recognizer]) -> None:
    recognizer = opened(case)
    seconds = 20 if recognizer.window_s is None or recognizer.window_s > 40 else recognizer.window_s
    long = np.tile(np.concatenate(eight_clips()), 8)[: int(1.3 * seconds * SAMPLE_RATE)]
    decoded = Engine(recognizer, batch_size=2, language=case.language).decode(*work([long]))
    (prediction,) = decoded.predictions
    cut = [piece for _, _, piece in pieces(long, recognizer.window_s)]
    assert decoded.windows == len(cut)
    assert len(cut) > 1 or recognizer.window_s is None or recognizer.window_s > seconds
    apart = [texts(recognizer, [piece])[0] for piece in cut]
    assert prediction.text == " ".join(text for text in apart if text)


@pytest.mark.parametrize("case", each(CASES))
def test_asked_for_words_it_gives_those_of_its_text_in_order_or_none(case: Case, models: Made) -> None:
    recognizer, plain = load(models(case), case, words=True), load(models(case), case)
    clips = [*eight_clips(), eight_clips()[0][:1600], np.zeros(SAMPLE_RATE, np.float32), np.zeros(0, np.float32)]
    heard = recognizer.finish(recognizer.infer(recognizer.prepare(clips)))
    assert [one.text for one in heard] == texts(plain, clips)
    for clip, transcript in zip(clips, heard, strict=True):
        if case.name in WORDLESS:
            assert not transcript.words
            continue
        assert text_of(transcript.words).split() == transcript.text.split()
        edges = [edge for word in transcript.words for edge in (word.start, word.end)]
        assert edges == sorted(edges)
        assert not edges or 0 <= edges[0] <= edges[-1] <= max(1.2, len(clip) / SAMPLE_RATE + 0.2)
        probabilities = [word.probability for word in transcript.words if word.probability is not None]
        assert all(0 <= one <= 1 for one in probabilities)
        assert len(probabilities) in (0, len(transcript.words))
    recognizer.close()
    plain.close()


@pytest.mark.parametrize("case", each([case for case in CASES if case.refused is not None]))
def test_a_language_that_it_does_not_know_is_refused(case: Case, models: Made) -> None:
    with pytest.raises(ModelError, match=f"language '{case.refused}'"):
        load(models(case), case, language=case.refused)


@pytest.mark.parametrize("case", each([case for case in CASES if case.marks != NEMO]))
def test_without_its_tokenizer_it_neither_writes_nor_teaches(
    case: Case, random_weights: Made, models: Made, tmp_path: Path
) -> None:
    whole = models(case) if case.exported else random_weights(case)
    family, folder = resolve(str(whole)).family, shutil.copytree(whole, tmp_path / "m")
    for path in folder.iterdir():
        if path.name.startswith(("tokenizer", "vocab", "tekken", "merges")):
            path.unlink()
    if not case.exported:  # whose list of tokens the converter writes into the model's own files
        with pytest.raises(ModelError, match="has no tokenizer"):
            resolve(str(folder))
    with pytest.raises(ModelError):  # a library may load an empty one in its place
        family.load(folder, DecodeOptions(language=case.language))
    if family.labeler is not None:
        with pytest.raises(ModelError):
            load_labeler(family, folder, case.language)


@pytest.mark.parametrize("case", each(CASES))
def test_it_writes_the_same_each_time(case: Case, models: Made) -> None:
    first, second = load(models(case), case), load(models(case), case)
    clips = mixed(first.window_s)
    assert texts(first, clips) == texts(first, clips) == texts(second, clips)


@pytest.mark.parametrize("case", each(CASES))
def test_closed_it_frees_the_models_memory(case: Case, models: Made) -> None:
    recognizer = load(models(case), case)
    texts(recognizer, eight_clips()[:2])
    if case.name == "whisper-ctranslate2":
        native = recognizer._model  # type: ignore[attr-defined]
        recognizer.close()
        assert not native.model_is_loaded
        return
    model = recognizer.model  # type: ignore[attr-defined]
    watched = [weakref.ref(model), *(weakref.ref(parameter) for parameter in model.parameters())]
    del model
    recognizer.close()
    gc.collect()
    assert [ref for ref in watched if ref() is not None] == []


@pytest.mark.parametrize("case", each([case for case in CASES if not case.exported]))
def test_in_half_precision_it_still_writes(case: Case, models: Made) -> None:
    recognizer = load(models(case), case, dtype="bfloat16")
    assert torch.bfloat16 in {parameter.dtype for parameter in recognizer.model.parameters()}  # type: ignore[attr-defined]
    found = texts(recognizer, eight_clips())
    if case.overfitted is not None:
        assert sum(text == expected for text, expected in zip(found, TEXTS, strict=True)) >= 6
    assert any(found)


@pytest.mark.parametrize("case", each(CASES))
def test_short_windows_are_for_families_that_fill_theirs_and_change_nothing_in_others(
    case: Case, models: Made, opened: Callable[[Case], Recognizer]
) -> None:
    short, usual = load(models(case), case, fit=Fit(margin_s=0.1, shortest_s=0.1)), opened(case)
    clips = [clip[: SAMPLE_RATE // 4] for clip in eight_clips()]
    try:
        assert usual.context(clips) is None
        if resolve(str(models(case))).family.window is not None:
            assert short.context(clips) == SAMPLE_RATE // 2
            return
        assert short.context(clips) is None
        written = short.finish(short.infer(short.prepare_in(clips, short.context(clips))))
        assert [one.text for one in written] == texts(usual, clips)
    finally:
        short.close()


@pytest.mark.parametrize("case", each(CASES))
def test_timings_add_up(case: Case, opened: Callable[[Case], Recognizer]) -> None:
    recognizer = opened(case)
    recognizer.warm_up(2)
    timings = Engine(recognizer, batch_size=4, language=case.language).decode(*work(eight_clips())).timings
    assert timings.audio_s == pytest.approx(sum(map(len, eight_clips())) / SAMPLE_RATE)
    assert sum(seconds for seconds, _ in timings.batches) == pytest.approx(timings.audio_s)
    assert sum(seconds for _, seconds in timings.batches) == pytest.approx(timings.inference_s)
    assert 0 < timings.model_s + timings.text_s <= timings.wall_s
    assert timings.features_s > 0
    assert 0 <= timings.read_wait_s <= timings.wall_s


@pytest.mark.parametrize(
    "error", [MemoryError("no room"), RuntimeError("CUDA error: out of memory")], ids=["MemoryError", "RuntimeError"]
)
@pytest.mark.parametrize("case", each(CASES))
def test_a_batch_too_large_for_memory_is_split_and_gets_the_same_texts(
    case: Case, error: Exception, opened: Callable[[Case], Recognizer], monkeypatch: pytest.MonkeyPatch
) -> None:
    recognizer = opened(case)
    expected = texts(recognizer, eight_clips())
    prepare, infer = recognizer.prepare_in, recognizer.infer
    prepared: list[tuple[Any, int]] = []

    def counted(windows: Sequence[Audio], context: int | None) -> Any:
        features = prepare(windows, context)
        prepared.append((features, len(windows)))
        return features

    def bounded(features: Any) -> Any:
        if next(count for made, count in prepared if made is features) > 2:
            raise error
        return infer(features)

    monkeypatch.setattr(recognizer, "prepare_in", counted)
    monkeypatch.setattr(recognizer, "infer", bounded)
    decoded = Engine(recognizer, batch_size=8, language=case.language).decode(*work(eight_clips(), batch=8))
    assert [prediction.text for prediction in decoded.predictions] == expected
    assert decoded.splits == [(8, 4), (4, 2), (4, 2)]


@pytest.mark.parametrize("case", each([case for case in CASES if case.exported]))
def test_exported_it_writes_what_the_checkpoint_writes(case: Case, models: Made) -> None:
    checkpoint = load(models(WHISPER), WHISPER)
    clips = mixed(checkpoint.window_s)
    assert texts(load(models(case), case), clips) == texts(checkpoint, clips)


@pytest.mark.parametrize("case", each(LEARNING))
def test_padding_changes_no_loss(case: Case, models: Made) -> None:
    trainable, rows = learner(models(case), case), labels(models(case), case)
    trainable.eval()
    rows = rows[::-1]  # so that it is unsure, and its loss not nearly nothing
    features = trainable.features(eight_clips())
    together, count = trainable.loss(features, rows, 0.0)
    alone = [trainable.loss([one], [row], 0.0) for one, row in zip(features, rows, strict=True)]
    assert count == sum(tokens for _, tokens in alone)
    assert together.item() == pytest.approx(sum(loss.item() for loss, _ in alone), rel=1e-4)


@pytest.mark.parametrize("case", each(LEARNING))
def test_gradients_do_not_depend_on_how_clips_are_dealt_out_to_passes(case: Case, random_weights: Made) -> None:
    rows, found = labels(random_weights(case), case), []
    for size in (8, 3):
        trainable = learner(random_weights(case), case)
        trainable.train()
        for module in trainable.model.modules():  # no chance, but what a batch might share stays as it learns
            module.training = isinstance(module, torch.nn.modules.batchnorm._BatchNorm) and module.training
        features = trainable.features(eight_clips())
        for start in range(0, 8, size):
            trainable.loss(features[start : start + size], rows[start : start + size], 0.0)[0].backward()
        found.append({name: parameter.grad for name, parameter in trainable.learned().items()})
    largest = max(grad.abs().max().item() for grad in found[0].values() if grad is not None)
    assert largest > 0
    for name, grad in found[0].items():
        assert (grad is None) == (found[1][name] is None), name
        if grad is not None:
            torch.testing.assert_close(grad, found[1][name], rtol=1e-3, atol=1e-5 * largest, msg=name)


@pytest.mark.parametrize("case", each(LEARNING))
def test_a_step_lowers_the_loss_and_leaves_what_is_frozen_bit_equal(case: Case, random_weights: Made) -> None:
    folder = random_weights(case)
    for strategy in resolve(str(folder)).family.strategies:
        trainable, rows = learner(folder, case, strategy=strategy, last_n=1), labels(folder, case)
        features = trainable.features(eight_clips())
        before = {name: parameter.detach().clone() for name, parameter in trainable.model.named_parameters()}
        optimizer = make_optimizer(trainable.learned(), Recipe(learning_rate=1e-4))
        trainable.eval()
        first, tokens = trainable.loss(features, rows, 0.0)
        (first / tokens).backward()
        optimizer.step()
        with torch.no_grad():
            second, _ = trainable.loss(features, rows, 0.0)
        assert second.item() < first.item(), strategy
        after = dict(trainable.model.named_parameters())
        changed = {name for name in before if not torch.equal(before[name], after[name])}
        assert changed, strategy
        assert changed <= set(trainable.learned()), strategy
        assert {parameter.dtype for parameter in after.values()} == {torch.float32}


@pytest.mark.parametrize("case", each(LEARNING))
def test_what_a_frozen_front_makes_of_a_clip_depends_on_no_other_clip(case: Case, random_weights: Made) -> None:
    folder = random_weights(case)
    for strategy in resolve(str(folder)).family.strategies:
        trainable = learner(folder, case, strategy=strategy, last_n=1)
        if trainable.has_frozen_prefix:
            trainable.train()
            features = trainable.features(eight_clips())
            together, alone = trainable.frozen_prefix(features), [trainable.frozen_prefix([one])[0] for one in features]
            # to the bit: it is kept, and made again after a restart beside other clips
            assert all(map(torch.equal, together, alone)), strategy


@pytest.mark.parametrize("case", each(LEARNING))
def test_killed_and_resumed_it_ends_in_the_weights_of_a_training_that_never_was(
    case: Case, random_weights: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("acento.jobs.finetune.draw", lambda _history, path, **_: path.write_bytes(b"a picture"))
    found = []
    for name, stops in (("straight", 0), ("stopped", 2)):
        store = LocalStore(tmp_path / name)
        job = training_job(
            store, training_set(store, tmp_path / f"{name}-clips"), random_weights(case), strategy=case.strategy
        )
        for _ in range(stops):
            assert trained(store, job, steps=1).done is False
        result = trained(store, job)
        assert (result.done, result.step) == (True, 3)
        found.append({path.name: path for path in saved(store, result.version)})
    assert found[0].keys() == found[1].keys()
    for name, path in found[0].items():
        first, second = tensors(path), tensors(found[1][name])
        assert first.keys() == second.keys()
        assert all(torch.equal(tensor, second[key]) for key, tensor in first.items())


def trained(store: LocalStore, job: FinetuneJob, steps: int | None = None) -> Any:
    """Train; after so many steps somebody asks for the end."""
    made: list[Any] = []

    def noted(row: dict[str, Any]) -> None:
        if "loss" in row:
            made.append(row)

    def stop() -> str | None:
        return "asked" if steps is not None and len(made) >= steps else None

    return finetune(store, job, callbacks=Callbacks(on_metrics=noted, should_stop=stop))


def saved(store: LocalStore, version: int | None) -> list[Path]:
    """Return the files with the weights of a published version."""
    artifact = store.find(find_version(store, f"tuned@{version}").key)
    assert artifact is not None
    names = [name for name in artifact.files if Path(name).suffix in (".safetensors", ".nemo")]
    assert names
    return [store.local_path(artifact.key, name) for name in names]


def tensors(path: Path) -> dict[str, torch.Tensor]:
    """Return the weights in a file."""
    if path.suffix != ".nemo":
        return load_file(path)
    with tarfile.open(path) as archive:
        (name,) = [name for name in archive.getnames() if name.endswith(".ckpt")]
        member = archive.extractfile(name)
        assert member is not None
        return torch.load(io.BytesIO(member.read()), weights_only=True)


def work(audio: Sequence[Audio], *, batch: int = 4) -> tuple[list[list[PlannedClip]], Callable[[PlannedClip], Audio]]:
    """Return planned batches of clips, and what reads them."""
    clips = [PlannedClip(f"c{n}", len(samples) / SAMPLE_RATE, f"sha{n}", "", n) for n, samples in enumerate(audio)]
    return [clips[start : start + batch] for start in range(0, len(clips), batch)], lambda clip: audio[clip.row]
