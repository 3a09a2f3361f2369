"""What reads a model: said after a colon, seen from its files, converted on first use; and what is refused."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hub import Hub, serving
from safetensors.torch import load_file, save_file
from tiny_ctc import make_ctc
from tiny_whisper import make_whisper

from acento.core.errors import InputError, ModelError
from acento.core.settings import settings
from acento.core.store import open_store
from acento.models.base import Audio, DecodeOptions
from acento.models.checkpoints.checkpoint import Checkpoint
from acento.models.checkpoints.references import parse, with_engine
from acento.models.checkpoints.resolver import resolve

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_whisper(tmp_path_factory.mktemp("model") / "m")


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("ACENTO_STORE", str(tmp_path / "store"))
    settings.cache_clear()
    yield str(tmp_path / "store")
    settings.cache_clear()


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with serving(tmp_path / "hf", monkeypatch) as hub:
        yield hub


def pickled(model: Path, folder: Path) -> Path:
    """Copy a checkpoint, its weights pickled as older ones are."""
    shutil.copytree(model, folder)
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    return folder


def heard(checkpoint: Checkpoint) -> list[str]:
    recognizer = checkpoint.family.load(checkpoint.folder, DecodeOptions(language="es"))
    audio = 0.1 * torch.randn(3, 20000, generator=torch.Generator().manual_seed(1))
    return [one.text for one in recognizer.finish(recognizer.infer(recognizer.prepare(list(audio.numpy()))))]


def trust(monkeypatch: pytest.MonkeyPatch, names: str) -> None:
    monkeypatch.setenv("ACENTO_TRUST", names)
    settings.cache_clear()


def test_a_whisper_is_converted_once_and_kept_in_the_store(model: Path, store: str) -> None:
    name = f"{model}:ctranslate2-float32"
    first = resolve(name)
    assert (first.id, first.family.name) == (name, "whisper-ctranslate2")
    kept = list(open_store(store).list("converted"))
    assert len(kept) == 1
    weights = first.folder / "model.bin"
    written = weights.stat().st_mtime_ns
    assert resolve(name) == first
    assert weights.stat().st_mtime_ns == written, "it was converted again"
    assert heard(first) == heard(resolve(str(model)))
    assert resolve(f"{model}:ctranslate2").digest == resolve(f"{model}:ctranslate2-int8").digest != first.digest


def test_a_conversion_that_was_damaged_is_made_again(model: Path) -> None:
    name = f"{model}:ctranslate2-int8"
    first = resolve(name)
    weights = first.folder / "model.bin"
    weights.chmod(0o644)
    weights.write_bytes(weights.read_bytes()[:-10])
    assert resolve(name).digest == first.digest


def test_a_model_of_the_hub_is_converted_by_its_revision(hub: Hub, model: Path, store: str) -> None:
    files = {path.name: path.read_bytes() for path in model.iterdir()}
    repo = hub.repo("owner/tiny", files)
    old = repo.refs["main"]
    found = resolve("owner/tiny:ctranslate2-int8")
    assert (found.id, found.revision) == ("owner/tiny:ctranslate2-int8", old)
    assert resolve(found.id, found.revision) == found, "as a job names it"
    assert resolve(f"owner/tiny@{old}:ctranslate2-int8").digest == found.digest
    key = next(iter(open_store(store).list("converted")))
    artifact = open_store(store).find(key)
    assert artifact is not None
    assert artifact.info == {"model": "owner/tiny", "revision": old, "reader": "ctranslate2-int8"}


def test_an_engine_is_written_into_a_name_that_names_no_reader() -> None:
    assert with_engine("owner/tiny@main", "ctranslate2", "float16") == "owner/tiny@main:ctranslate2-float16"
    assert with_engine("owner/tiny:ctranslate2-float32", "ctranslate2") == "owner/tiny:ctranslate2-float32"
    assert with_engine("registry:x@1:ctranslate2-float16", "ctranslate2") == "registry:x@1:ctranslate2-float16"
    assert with_engine("registry:x@1", "ctranslate2") == "registry:x@1:ctranslate2-int8"
    assert with_engine("demo:whisper-mini", "transformers") == "demo:whisper-mini"
    with pytest.raises(InputError, match="no engine 'onnx'; there is ctranslate2, transformers"):
        with_engine("owner/tiny", "onnx")
    with pytest.raises(InputError, match="cannot hold weights in 'int4'"):
        with_engine("owner/tiny", "ctranslate2", "int4")


def test_a_reader_that_is_not_known_is_refused_with_those_that_are() -> None:
    with pytest.raises(ModelError, match=r"Nothing reads a model as 'onnx' .* there is ctranslate2-int8, transformers"):
        resolve("owner/tiny:onnx")
    with pytest.raises(ModelError, match="cannot hold weights in 'int4'"):
        resolve("demo:whisper-mini:ctranslate2-int4")


def test_a_folder_with_a_colon_in_its_name_is_that_folder(model: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(model, tmp_path / "m:1")
    assert parse(str(folder)).reader is None
    assert resolve(str(folder)).family.name == "whisper"


def test_a_family_can_be_named_where_the_config_says_another(model: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(model, tmp_path / "m")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "my-whisper"}))
    with pytest.raises(ModelError, match="say which after a colon"):
        resolve(str(folder))
    assert resolve(f"{folder}:whisper").family.name == "whisper"


def test_only_a_whisper_can_be_converted(model: Path, tmp_path: Path) -> None:
    converted = shutil.copytree(resolve(f"{model}:ctranslate2-int8").folder, tmp_path / "c")
    with pytest.raises(ModelError, match="'whisper-ctranslate2' cannot be exported"):
        resolve(f"{converted}:ctranslate2-float32")


def test_two_kinds_of_weights_in_a_folder_are_refused(model: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(model, tmp_path / "m")
    (folder / "model.bin").write_bytes(b"x")
    with pytest.raises(ModelError, match=r"more than one kind \(model.safetensors, model.bin\); keep one"):
        resolve(str(folder))
    (folder / "model.bin").unlink()
    (folder / "a.nemo").write_bytes(b"x")
    with pytest.raises(ModelError, match=r"model.safetensors, a.nemo\); keep one of them, or say which after a colon"):
        resolve(str(folder))
    assert resolve(f"{folder}:transformers").digest == resolve(str(model)).digest
    (folder / "b.nemo").write_bytes(b"x")
    with pytest.raises(ModelError, match=r"several models \(a.nemo, b.nemo\)"):
        resolve(str(folder))


def test_pickled_weights_are_refused_unless_the_model_is_trusted_by_name(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = pickled(model, tmp_path / "old")
    with pytest.raises(ModelError, match=f"pickled weights only .* ACENTO_TRUST={folder}"):
        resolve(str(folder))
    trust(monkeypatch, f"owner/other, {folder}")
    assert heard(resolve(str(folder))) == heard(resolve(str(model)))
    assert resolve(f"{folder}:ctranslate2-int8").family.name == "whisper-ctranslate2"


def test_trusted_or_not_no_code_of_a_pickle_is_run(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Mine:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return Path.touch, (Path(tmp_path / "ran"),)  # type: ignore[return-value]

    folder = pickled(model, tmp_path / "evil")
    torch.save({"weight": Mine()}, folder / "pytorch_model.bin")
    trust(monkeypatch, str(folder))
    with pytest.raises(ModelError, match=r"pickled weights .* cannot be read"):
        resolve(str(folder))
    assert not (tmp_path / "ran").exists()


def test_a_pickled_model_of_the_hub_is_downloaded_only_to_be_judged(
    hub: Hub, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = pickled(model, tmp_path / "old")
    hub.repo("owner/old", {path.name: path.read_bytes() for path in folder.iterdir()})
    with pytest.raises(ModelError, match="ACENTO_TRUST=owner/old"):
        resolve("owner/old")
    trust(monkeypatch, "owner/old")
    found = resolve("owner/old@main")
    assert heard(found) == heard(resolve(str(model)))
    assert resolve(found.id, found.revision) == found


def test_a_sharded_pickle_becomes_sharded_safetensors(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = pickled(model, tmp_path / "old")
    held = torch.load(folder / "pytorch_model.bin", weights_only=True)
    (folder / "pytorch_model.bin").unlink()
    names = sorted(held)
    shards = {f"pytorch_model-0000{n + 1}-of-00002.bin": names[n::2] for n in range(2)}
    for file, part in shards.items():
        torch.save({name: held[name] for name in part}, folder / file)
    index = {"metadata": {}, "weight_map": {name: file for file, part in shards.items() for name in part}}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps(index))
    trust(monkeypatch, str(folder))
    assert heard(resolve(str(folder))) == heard(resolve(str(model)))


OWN = """
import pathlib, torch
from transformers import PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutput

pathlib.Path(__file__).with_name("ran").touch()

class MineConfig(PretrainedConfig):
    model_type = "mine"

class Mine(PreTrainedModel):
    config_class = MineConfig

    def __init__(self, config):
        super().__init__(config)
        self.head = torch.nn.Linear(400, config.vocab_size)
        self.post_init()

    def forward(self, input_values, attention_mask=None):
        frames = input_values[:, : input_values.shape[1] // 400 * 400].reshape(len(input_values), -1, 400)
        return CausalLMOutput(logits=self.head(frames))
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """Make a CTC model that brings its own code."""
    folder = make_ctc(tmp_path / "own")
    for name in ("model.safetensors", "config.json"):
        (folder / name).unlink()
    (folder / "mine.py").write_text(OWN)
    size = len(json.loads((folder / "vocab.json").read_text()))
    config = {
        "model_type": "mine",
        "vocab_size": size,
        "pad_token_id": 0,
        "auto_map": {"AutoConfig": "mine.MineConfig", "AutoModelForCTC": "mine.Mine"},
    }
    (folder / "config.json").write_text(json.dumps(config))
    torch.manual_seed(0)
    head = torch.nn.Linear(400, size)
    weights = {"head.weight": 30 * head.weight.detach(), "head.bias": head.bias.detach()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def test_a_model_that_needs_code_of_its_own_is_refused_and_no_code_is_run(own: Path) -> None:
    with pytest.raises(ModelError, match=f"needs code of its own .* ACENTO_TRUST_CODE={own}"):
        resolve(str(own))
    assert not list(own.rglob("ran"))


def test_a_ctc_model_that_is_trusted_runs_its_own_code(
    own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACENTO_TRUST_CODE", str(own))
    monkeypatch.setenv("HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    settings.cache_clear()
    found = resolve(str(own))
    assert found.family.name == "ctc-own-code"
    recognizer = found.family.load(found.folder, DecodeOptions(language="es"))
    rng = np.random.default_rng(0)
    audio = [(0.1 * rng.standard_normal(size)).astype(np.float32) for size in (16000, 0, 30000)]

    def texts(windows: list[Audio]) -> list[str]:
        return [one.text for one in recognizer.finish(recognizer.infer(recognizer.prepare(windows)))]

    together = texts(audio)
    assert together == [texts([one])[0] for one in audio]
    assert together[0] != together[2] != ""


def test_own_code_for_something_else_is_refused(own: Path) -> None:
    config = json.loads((own / "config.json").read_text())
    (own / "config.json").write_text(json.dumps(config | {"auto_map": {"AutoModel": "mine.Mine"}}))
    with pytest.raises(ModelError, match="for something else than CTC"):
        resolve(str(own))
