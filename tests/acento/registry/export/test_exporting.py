"""Exports: made once, scored again on dev, refused where the WER moved, and found again by a benchmark."""

import errno
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from faults import killed_at_every_write
from openai_whisper import make_openai_whisper
from registered import registered
from safetensors.torch import load_file
from tiny_whisper import make_whisper
from training_set import training_set

from acento.core.errors import DamagedError, DataError, InputError, ModelError, StoreError
from acento.core.store import LocalStore
from acento.families.whisper.ggml import layout
from acento.models.base import DecodeOptions
from acento.models.checkpoints.checkpoint import Checkpoint
from acento.models.checkpoints.converted import convert
from acento.models.checkpoints.resolver import resolve
from acento.models.checkpoints.taught import mark_taught, taught
from acento.models.windows import Fit
from acento.registry.export.dev_wer import DevErrors, Scorer, dev_scorer
from acento.registry.export.exporting import ExportedModel, export_model
from acento.registry.export.handing import export_checkpoint, hand_out
from acento.registry.model_version import ModelVersion
from acento.registry.windows import verdicts


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return make_whisper(tmp_path_factory.mktemp("model") / "m")


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalStore:
    monkeypatch.setenv("ACENTO_STORE", str(tmp_path / "store"))
    return LocalStore(tmp_path / "store")


@pytest.fixture
def version(store: LocalStore, model: Path) -> ModelVersion:
    return registered(store, model)


def errors(original: int, exported: int, asked: list[Checkpoint] | None = None, clips: int = 100) -> Scorer:
    """Return a scorer by which the version makes so many errors in 1000 words, and an export so many."""

    def score(checkpoint: Checkpoint) -> DevErrors:
        if asked is not None:
            asked.append(checkpoint)
        count = original if checkpoint.id.startswith("registry:") else exported
        spread = tuple(count // clips + (number < count % clips) for number in range(clips))
        return DevErrors(spread, (1000 // clips,) * clips)

    return score


def test_it_is_converted_scored_and_kept(store: LocalStore, version: ModelVersion) -> None:
    asked: list[Checkpoint] = []
    done = export_model(store, version, "ctranslate2", None, errors(200, 203, asked))
    assert (done.id, done.quantization, done.cached) == (f"{version.id}:ctranslate2-int8", "int8", False)
    assert (done.wer_before, done.wer) == (0.2, 0.203)
    assert [one.family.name for one in asked] == ["whisper", "whisper-ctranslate2"]
    found = resolve(done.id)
    assert (found.id, found.family.name, found.digest) == (done.id, "whisper-ctranslate2", asked[1].digest)
    assert resolve(f"registry:{version.name}:ctranslate2-int8") == found


def test_the_same_again_is_neither_converted_nor_scored(store: LocalStore, version: ModelVersion) -> None:
    first = export_model(store, version, "ctranslate2", "int8", errors(200, 203))
    asked: list[Checkpoint] = []
    again = export_model(store, version, "ctranslate2", "int8", errors(0, 0, asked))
    assert again.cached
    assert asked == []
    assert (again.key, again.size, again.wer) == (first.key, first.size, first.wer)


@pytest.mark.parametrize("exported", [250, 150])
def test_a_wer_that_moved_beyond_the_bound_is_refused_and_nothing_kept(
    store: LocalStore, version: ModelVersion, exported: int
) -> None:
    with pytest.raises(
        ModelError, match=r"which is [+-]5.00 points, with a 95 % interval of \[.*\], all of it more than"
    ):
        export_model(store, version, "ctranslate2", "int8", errors(200, exported))
    assert not list(store.list(f"{version.folder_key}/exports"))
    assert not list((store.root / "tmp").iterdir())
    with pytest.raises(ModelError, match=r"has no whole export 'ctranslate2-int8' \(there is: none\)"):
        resolve(f"{version.id}:ctranslate2-int8")


def test_the_bound_holds_also_for_what_was_kept_under_another(store: LocalStore, version: ModelVersion) -> None:
    export_model(store, version, "ctranslate2", "int8", errors(200, 250), bound=0.05)
    with pytest.raises(ModelError, match=r"more than the 0\.10 allowed"):
        export_model(store, version, "ctranslate2", "int8", errors(200, 250), bound=0.001)


@pytest.mark.parametrize("clips", [1, 2])
def test_one_word_on_a_clip_or_two_is_no_reason_to_refuse(store: LocalStore, version: ModelVersion, clips: int) -> None:
    def score(checkpoint: Checkpoint) -> DevErrors:
        return DevErrors((1 if checkpoint.id.startswith("registry:") else 2, 1)[:clips], (10, 10)[:clips])

    done = export_model(store, version, "ctranslate2", "int8", score)
    assert done.wer > done.wer_before + 0.005
    assert done.sentence.startswith(f"On {clips} dev clips the difference is within [")
    assert "so few clips cannot tell" in done.sentence


def test_two_clips_that_both_lost_most_words_are_a_reason_to_refuse(store: LocalStore, version: ModelVersion) -> None:
    def score(checkpoint: Checkpoint) -> DevErrors:
        return DevErrors((1, 1) if checkpoint.id.startswith("registry:") else (9, 8), (10, 10))

    with pytest.raises(ModelError, match=r"\+75\.00 points"):
        export_model(store, version, "ctranslate2", "int8", score)


@pytest.mark.parametrize(
    ("format", "quantization", "said"),
    [
        ("onnx", None, "no export format 'onnx'; there is safetensors, ctranslate2, ggml"),
        ("ggml", "int8", "ggml cannot hold weights in 'int8'; it can in float16, q8_0, q5_1, q5_0"),
        ("safetensors", "int8", "safetensors cannot hold weights in 'int8'; it can in float32, float16"),
    ],
)
def test_a_format_that_there_is_not_is_refused(
    store: LocalStore, version: ModelVersion, format: str, quantization: str | None, said: str
) -> None:
    with pytest.raises(InputError, match=said):
        export_model(store, version, format, quantization, errors(0, 0))


def test_dev_clips_without_words_decide_nothing(store: LocalStore, version: ModelVersion) -> None:
    def nothing(_: Checkpoint) -> DevErrors:
        return DevErrors((), ())

    with pytest.raises(InputError, match="the dev clips have no reference words"):
        export_model(store, version, "ctranslate2", "int8", nothing)


def test_safetensors_in_half_precision_are_the_weights_rounded(store: LocalStore, version: ModelVersion) -> None:
    half = export_model(store, version, "safetensors", "float16", errors(200, 200))
    whole = export_model(store, version, "safetensors", None, errors(200, 200))
    original = load_file(store.local_path(version.key, "model.safetensors"))
    rounded = load_file(store.local_path(half.key, "model.safetensors"))
    assert original.keys() == rounded.keys()
    assert all(torch.equal(rounded[name], tensor.half()) for name, tensor in original.items())
    kept = load_file(store.local_path(whole.key, "model.safetensors"))
    assert all(torch.equal(kept[name], tensor) for name, tensor in original.items())
    config = json.loads(store.read_bytes(half.key, "config.json"))
    assert (config["dtype"], config["model_type"]) == ("float16", "whisper")
    resolve(half.id).family.load(store.root / half.key, DecodeOptions(language="es"))


def test_an_export_that_was_cut_is_made_anew(store: LocalStore, version: ModelVersion) -> None:
    done = export_model(store, version, "ctranslate2", "int8", errors(200, 200))
    weights = store.root / done.key / "model.bin"
    data = weights.read_bytes()
    weights.write_bytes(data[: len(data) // 2])
    with pytest.raises(ModelError, match="has no whole export"):
        resolve(done.id)
    again = export_model(LocalStore(store.root), version, "ctranslate2", "int8", errors(200, 200))
    assert not again.cached
    assert weights.read_bytes() == data, "the conversion gives the same bytes"


def test_bytes_that_changed_are_not_handed_out(store: LocalStore, version: ModelVersion, tmp_path: Path) -> None:
    done = export_model(store, version, "ctranslate2", "int8", errors(200, 200))
    weights = store.root / done.key / "model.bin"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\xff")
    with pytest.raises(DamagedError, match="its bytes changed"):
        hand_out(LocalStore(store.root), version, done, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["store"]


def test_a_damaged_version_is_not_exported(store: LocalStore, version: ModelVersion) -> None:
    weights = store.root / version.key / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\xff")
    with pytest.raises(DamagedError, match="its bytes changed"):
        export_model(store, version, "ctranslate2", "int8", errors(200, 200))


def test_what_is_handed_out_can_be_loaded_and_has_its_card(
    store: LocalStore, version: ModelVersion, tmp_path: Path
) -> None:
    done = export_model(store, version, "ctranslate2", "int8", errors(200, 203))
    folder = hand_out(store, version, done, tmp_path / "new" / "out")
    assert resolve(str(folder)).digest == resolve(done.id).digest
    card = (folder / "README.md").read_text()
    assert version.version in card
    assert "library_name: ctranslate2" in card
    assert "held in int8, in the format ctranslate2. On the dev clips the WER of this export is 20.30 %" in card
    with pytest.raises(InputError, match="is there and not empty; name a new folder"):
        hand_out(store, version, done, folder)
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="is there and not empty"):
        hand_out(store, version, done, tmp_path / "file")
    with pytest.raises(InputError, match="The export cannot be written to"):
        hand_out(store, version, done, tmp_path / "file" / "below")


def test_what_cannot_be_converted_is_said_in_a_sentence(
    store: LocalStore, version: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ctranslate2

    def refuse(*_: object, **__: object) -> None:
        raise ValueError("No conversion is registered for this")

    monkeypatch.setattr(ctranslate2.converters.TransformersConverter, "convert", refuse)
    with pytest.raises(ModelError, match="cannot be converted to CTranslate2: No conversion is registered"):
        export_model(store, version, "ctranslate2", "int8", errors(200, 200))


def test_an_export_is_no_source_of_exports(store: LocalStore, version: ModelVersion, tmp_path: Path) -> None:
    done = export_model(store, version, "ctranslate2", "int8", errors(200, 200))
    with pytest.raises(ModelError, match="family 'whisper-ctranslate2' cannot be exported; these can: whisper"):
        convert(resolve(done.id), tmp_path, "safetensors", "float32")


@pytest.fixture(scope="module")
def openai(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_openai_whisper(tmp_path_factory.mktemp("openai") / "m")


@pytest.mark.slow
def test_what_no_engine_here_runs_is_read_back_and_scored(store: LocalStore, openai: Path, tmp_path: Path) -> None:
    version, asked = registered(store, openai), list[Checkpoint]()
    read: list[dict[str, torch.Tensor]] = []

    def score(checkpoint: Checkpoint) -> DevErrors:
        read.append(load_file(checkpoint.folder / "model.safetensors"))
        return errors(200, 203, asked)(checkpoint)

    done = export_model(store, version, "ggml", "q8_0", score)
    assert [one.family.name for one in asked] == ["whisper", "whisper"]
    assert (done.id, done.wer_before, done.wer) == (f"{version.id}:ggml-q8_0", 0.2, 0.203)
    before, after = (one["model.decoder.layers.0.fc1.weight"] for one in read)
    assert not torch.equal(before, after), "what is scored are the weights as the file holds them"
    torch.testing.assert_close(before, after, atol=0.01, rtol=0)
    assert not asked[1].folder.exists()
    assert done.notes == (
        "The file was read back, and its weights decoded the dev clips in Acento's engine; whisper.cpp itself was not "
        "run.",
        "Run whisper.cpp with -nt and without -ac: the model was not taught shorter windows than 30 s.",
    )
    with pytest.raises(ModelError, match=f"No engine of Acento runs {done.id}: .* name {version.id} itself"):
        resolve(done.id)
    folder = hand_out(store, version, done, tmp_path / "out")
    assert sorted(path.name for path in folder.iterdir()) == ["README.md", "ggml-model.bin", "whisper-cpp.json"]
    card = (folder / "README.md").read_text()
    assert "library_name: whisper.cpp" in card
    assert all(note in card for note in done.notes)


@pytest.mark.slow
def test_a_taught_window_goes_along_with_every_format(store: LocalStore, openai: Path, tmp_path: Path) -> None:
    shutil.copytree(openai, tmp_path / "taught")
    config = tmp_path / "taught" / "config.json"
    window = {"margin_s": 1.0, "shortest_s": 2.0}
    config.write_text(json.dumps(json.loads(config.read_text()) | {"acento_window": window}))
    version = registered(store, tmp_path / "taught")
    for format in ("safetensors", "ctranslate2"):
        done = export_model(store, version, format, "float16", errors(200, 200))
        assert taught(store.root / done.key) == Fit(**window)
        assert done.notes[0].startswith("The model was taught windows of clip + 1 s, which Acento reads from its files")
    done = export_model(store, version, "ggml", None, errors(200, 200))
    assert "with -ac 256 for clips up to 4 s, 512 up to 8 s, 1024 up to 15 s" in done.notes[1]
    verdicts(store, version).append({"passed": False})
    for format in ("safetensors", "ctranslate2", "ggml"):
        done = export_model(store, version, format, "float16", errors(0, 0))
        assert not [note for note in done.notes if "was taught windows" in note]
        folder = hand_out(store, version, done, tmp_path / format)
        assert taught(folder) is None
        if format == "ggml":
            assert json.loads((folder / "whisper-cpp.json").read_text())["audio_ctx"] is None


def test_a_vocabulary_that_whisper_cpp_does_not_know_is_refused(store: LocalStore, version: ModelVersion) -> None:
    with pytest.raises(ModelError, match=r"cannot be written for whisper\.cpp: it has a vocabulary of 266 tokens"):
        export_model(store, version, "ggml", None, errors(200, 200))
    assert not list(store.list(f"{version.folder_key}/exports"))


@pytest.mark.parametrize("format", ["safetensors", "ctranslate2", "ggml"])
def test_a_model_of_no_registry_is_written_into_a_folder(openai: Path, tmp_path: Path, format: str) -> None:
    folder, name, held, notes = export_checkpoint(resolve(str(openai)), format, None, tmp_path / "out")
    assert (folder, name) == (tmp_path / "out", format)
    assert notes[-1] == "It was not scored: only a version of the registry has dev clips of its own."
    assert held in (folder / "README.md").read_text()
    if format != "ggml":
        resolve(str(folder)).family.load(folder, DecodeOptions(language="es"))
    with pytest.raises(InputError, match="is there and not empty"):
        export_checkpoint(resolve(str(openai)), format, None, tmp_path / "out")


@pytest.mark.slow
def test_a_disk_that_fills_up_leaves_nothing(
    store: LocalStore, openai: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from acento.families.whisper.ggml import writing

    written = 0

    def write_weight(*arguments: Any) -> None:
        nonlocal written
        written += 1
        if written > 20:
            raise OSError(errno.ENOSPC, "No space left on device")
        layout.write_weight(*arguments)

    monkeypatch.setattr(writing, "write_weight", write_weight)
    with pytest.raises(InputError, match=r"cannot be written to .*out \(No space left on device\)"):
        export_checkpoint(resolve(str(openai)), "ggml", None, tmp_path / "out")
    assert not [path for path in tmp_path.iterdir() if "out" in path.name]
    written, version = 0, registered(store, openai)
    with pytest.raises(StoreError, match="No space left on device"):
        export_model(store, version, "ggml", None, errors(200, 200))
    assert not list(store.list(f"{version.folder_key}/exports"))
    assert not list((store.root / "tmp").iterdir())


@pytest.fixture
def tuned_on_lessons(store: LocalStore, model: Path, tmp_path: Path) -> ModelVersion:
    card = training_set(store, tmp_path / "lessons", train=2, dev=4)
    return registered(
        store,
        model,
        dataset=f"{card.name}@{card.version}",
        dataset_fingerprint=card.fingerprint,
        recipe={"normalizer": "basic"},
    )


def test_dev_is_decoded_and_scored_for_the_version_and_its_export(
    store: LocalStore, tuned_on_lessons: ModelVersion
) -> None:
    done: ExportedModel = export_model(
        store, tuned_on_lessons, "ctranslate2", "float32", dev_scorer(store, tuned_on_lessons)
    )
    assert done.wer == done.wer_before > 0
    assert len(list(store.list("jobs"))) == 2
    export_model(store, tuned_on_lessons, "safetensors", "float32", dev_scorer(store, tuned_on_lessons))
    assert len(list(store.list("jobs"))) == 2, "the very same bytes are not decoded again"
    dev_scorer(store, tuned_on_lessons, DecodeOptions(dtype="bfloat16"))(resolve(tuned_on_lessons.id))
    assert len(list(store.list("jobs"))) == 3


def test_a_version_and_its_export_are_scored_in_the_windows_that_it_is_used_with(
    store: LocalStore, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(model, tmp_path / "taught")
    mark_taught(tmp_path / "taught", Fit(margin_s=0.5))
    card = training_set(store, tmp_path / "lessons", train=2, dev=4)
    version = registered(
        store,
        tmp_path / "taught",
        dataset=f"{card.name}@{card.version}",
        dataset_fingerprint=card.fingerprint,
        recipe={},
    )
    asked: list[Fit | None] = []

    def plan(*_: Any, options: DecodeOptions, **__: Any) -> None:
        asked.append(options.fit)
        raise InputError("planned")

    monkeypatch.setattr("acento.registry.export.dev_wer.plan_transcription", plan)
    for _ in range(2):
        with pytest.raises(InputError, match="planned"):
            dev_scorer(store, version)(resolve(str(model)))
        verdicts(store, version).append({"passed": False})
    assert asked == [Fit(margin_s=0.5), None]


def test_without_the_data_set_of_the_training_nothing_is_exported(store: LocalStore, version: ModelVersion) -> None:
    with pytest.raises(
        DataError, match=r"was tuned on santiago@2 \(dddddddddddd\), which is not in .*; stage or import"
    ):
        dev_scorer(store, version)


@pytest.mark.slow
def test_a_kill_while_an_export_is_written_leaves_it_whole_or_absent(
    store: LocalStore, version: ModelVersion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def convert(_: Checkpoint, folder: Path, *__: object) -> None:
        (folder / "config.json").write_text('{"suppress_ids": [], "suppress_ids_begin": [], "lang_ids": []}')
        (folder / "model.bin").write_bytes(b"weights")

    monkeypatch.setattr("acento.registry.export.exporting.convert", convert)
    number = 0

    def root() -> Path:
        nonlocal number
        number += 1
        registered(LocalStore(tmp_path / str(number)), store.root / version.key)
        return tmp_path / str(number)

    def export(where: Path) -> None:
        export_model(LocalStore(where), version, "ctranslate2", "int8", errors(200, 200))

    for where, survived in killed_at_every_write(export, root):
        assert export_model(LocalStore(survived), version, "ctranslate2", "int8", errors(0, 0)).cached, where
