"""Exports: made once, scored again on dev, refused where the WER moved, and found again by a benchmark."""

import json
from pathlib import Path

import pytest
import torch
from faults import killed_at_every_write
from registered import registered
from safetensors.torch import load_file
from tiny_whisper import make_whisper
from training_set import training_set

from acento.core.errors import DamagedError, DataError, InputError, ModelError
from acento.core.store import LocalStore
from acento.models.base import DecodeOptions
from acento.models.checkpoints.checkpoint import Checkpoint
from acento.models.checkpoints.converted import convert
from acento.models.checkpoints.resolver import resolve
from acento.registry.export.exporting import DevErrors, ExportedModel, Scorer, dev_scorer, export_model, hand_out
from acento.registry.model_version import ModelVersion


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
        ("onnx", None, "no export format 'onnx'; there is safetensors, ctranslate2"),
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
