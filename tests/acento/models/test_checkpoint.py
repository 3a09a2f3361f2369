"""From a name to a checkpoint: folders, shipped models, the hub, and what is wrong with each."""

import json
import shutil
from pathlib import Path

import pytest
from tiny_whisper import make_whisper

from acento.core.errors import ModelError, TransientError
from acento.models.checkpoints.places import shipped
from acento.models.checkpoints.resolver import resolve


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_whisper(tmp_path_factory.mktemp("model") / "m")


def test_the_family_is_read_from_the_config_and_not_from_the_name(model: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(model, tmp_path / "parakeet-canary")
    assert resolve(str(folder)).family.name == "whisper"


def test_a_family_that_is_not_known_is_refused_with_those_that_are(model: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(model, tmp_path / "whisper")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "bert"}))
    with pytest.raises(ModelError, match=r"the type 'bert', which Acento does not know; it knows canary, .*whisper"):
        resolve(str(folder))


def test_the_digest_is_of_the_bytes_and_not_of_the_place(model: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(model, tmp_path / "copy")
    assert resolve(str(copy)).digest == resolve(str(model)).digest
    (copy / "README.md").write_text("a card changes no text")
    assert resolve(str(copy)).digest == resolve(str(model)).digest
    weights = bytearray((copy / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (copy / "model.safetensors").write_bytes(weights)
    assert resolve(str(copy)).digest != resolve(str(model)).digest


def test_a_folder_without_weights_is_refused(model: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(model, tmp_path / "m")
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"has no weights: .* holds no model.safetensors"):
        resolve(str(folder))


def test_a_folder_without_a_config_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="has no config"):
        resolve(str(tmp_path))


def test_a_file_is_not_a_model(model: Path) -> None:
    with pytest.raises(ModelError, match="is a file; name the folder"):
        resolve(str(model / "model.safetensors"))


@pytest.mark.parametrize("name", ["nowhere", "./no/where/at/all", "a/b/c"])
def test_a_model_that_is_nowhere_is_said_to_be(name: str) -> None:
    with pytest.raises(ModelError, match="There is no model folder"):
        resolve(name)


def test_a_shipped_model_that_is_not_there_is_said_to_be() -> None:
    with pytest.raises(ModelError, match="There is no model 'demo:whisper-giant'; there is demo:moonshine-mini, "):
        resolve("demo:whisper-giant")


def test_offline_a_hub_model_that_is_not_in_the_cache_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelError, match="HF_HUB_OFFLINE is set and no copy is in its cache"):
        resolve("openai/whisper-nowhere")


def test_a_hub_that_does_not_answer_may_answer_later(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> str:
        raise ConnectionRefusedError("no hub")

    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr("huggingface_hub.snapshot_download", refuse)
    with pytest.raises(TransientError, match="the Hugging Face hub does not answer"):
        resolve("openai/whisper-nowhere")


def test_a_hub_model_is_named_by_its_commit(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, object]] = []

    def download(name: str, *, revision: str | None, **_: object) -> str:
        asked.append((name, revision))
        return str(shutil.copytree(model, tmp_path / "snapshots" / "0123abc", dirs_exist_ok=True))

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    by_name, by_argument = resolve("owner/model@v1"), resolve("owner/model", "v1")
    assert asked == [("owner/model", "v1")] * 2
    assert by_name.revision == "0123abc"
    assert by_name.digest == by_argument.digest != resolve(str(model)).digest


def test_shipped_models_are_listed() -> None:
    names = ("moonshine-mini", "nemo-mini", "parakeet-mini", "whisper-micro", "whisper-mini")
    assert shipped() == [f"demo:{name}" for name in names]
