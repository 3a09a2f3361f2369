"""Engines by name, and the two that cannot be fetched here by stand-ins of their packages."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from acento.core.errors import InputError, ModelError
from acento.data.words import Turn
from acento.diarization.diarizer import Speakers
from acento.diarization.engines import pyannote, sortformer
from acento.diarization.engines.engine import LOADERS, find_engine, load_engine
from acento.models.base import DecodeOptions
from acento.models.checkpoints.checkpoint import ModelSpec

BLOCKS = [np.ones(16_000, np.float32), np.ones(8_000, np.float32)]


def test_presets_are_embedded_and_unlike_each_other() -> None:
    accurate, fast = find_engine("accurate"), find_engine("fast")
    assert accurate.family == fast.family == "embedded"
    assert accurate.digest != fast.digest


def test_a_folder_with_a_pipeline_is_named_by_its_content(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("pipeline: 1")
    before = find_engine(str(tmp_path))
    assert before.family == "pyannote"
    (tmp_path / "weights.bin").write_text("x")
    assert find_engine(str(tmp_path)).digest != before.digest


def test_a_nemo_file_is_a_sortformer(tmp_path: Path) -> None:
    (tmp_path / "diar.nemo").write_bytes(b"weights")
    assert find_engine(str(tmp_path / "diar.nemo")).family == "sortformer"


@pytest.mark.parametrize("name", ["best", "", "a/b/c", "/"])
def test_what_is_no_diarizer_is_refused_with_what_there_is(name: str) -> None:
    with pytest.raises(ModelError, match="it is accurate or fast, a pipeline of pyannote"):
        find_engine(name)


def test_an_engine_of_a_later_version_is_refused() -> None:
    with pytest.raises(InputError, match="no diarizer of the kind 'later'"):
        load_engine(ModelSpec(id="x", revision=None, digest="", family="later"), DecodeOptions())


class Annotation:
    """What pyannote's pipelines return."""

    def itertracks(self, yield_label: bool) -> Iterator[tuple[Any, str, str]]:
        assert yield_label
        yield SimpleNamespace(start=1.00049, end=2.5), "B", "SPEAKER_01"
        yield SimpleNamespace(start=0.0, end=1.5), "A", "SPEAKER_00"


class Pipeline:
    """A stand-in of pyannote's class: version 4 has ``token`` and returns more than the annotation."""

    calls: list[dict[str, Any]]

    @classmethod
    def from_pretrained(cls, name: str, revision: str | None = None, token: str | None = None) -> "Pipeline":
        cls.calls = [{"name": name, "revision": revision, "token": token}]
        return cls()

    def to(self, device: Any) -> "Pipeline":
        self.calls.append({"device": str(device)})
        return self

    def __call__(self, audio: dict[str, Any], **told: int) -> Any:
        self.calls.append({"shape": tuple(audio["waveform"].shape), "rate": audio["sample_rate"], **told})
        return SimpleNamespace(speaker_diarization=Annotation())


class OldPipeline(Pipeline):
    """Version 3: another name of the token, None where the terms were not accepted, the annotation itself."""

    @classmethod
    def from_pretrained(cls, name: str, use_auth_token: str | None = None) -> "OldPipeline | None":  # type: ignore[override]
        cls.calls = [{"name": name, "token": use_auth_token}]
        if name.startswith("gated/parts"):
            raise AttributeError("'NoneType' object has no attribute 'eval'")
        return None if name.startswith("gated") else cls()

    def __call__(self, audio: dict[str, Any], **told: int) -> Any:
        return super().__call__(audio, **told).speaker_diarization


def with_pyannote(monkeypatch: pytest.MonkeyPatch, pipeline: type[Pipeline]) -> None:
    module = ModuleType("pyannote.audio")
    module.Pipeline = pipeline  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pyannote", ModuleType("pyannote"))
    monkeypatch.setitem(sys.modules, "pyannote.audio", module)


@pytest.mark.parametrize("kind", [Pipeline, OldPipeline])
def test_a_pipeline_of_pyannote_is_told_the_speakers_and_gives_turns(
    monkeypatch: pytest.MonkeyPatch, kind: type[Pipeline]
) -> None:
    with_pyannote(monkeypatch, kind)
    monkeypatch.setenv("HF_TOKEN", "secret")
    spec = ModelSpec(id="pyannote/some", revision="abc", digest="", family="pyannote")
    told: list[float] = []
    turns = pyannote.load(spec, DecodeOptions()).diarize(BLOCKS, Speakers(least=2, most=4), told.append)
    assert turns == [Turn(0.0, 1.5, "SPEAKER_00"), Turn(1.0, 2.5, "SPEAKER_01")]
    assert sum(told) == 1.5
    assert kind.calls[-1] == {"shape": (1, 24_000), "rate": 16_000, "min_speakers": 2, "max_speakers": 4}
    new = {"name": "pyannote/some", "revision": "abc", "token": "secret"}
    assert kind.calls[0] == (new if kind is Pipeline else {"name": "pyannote/some@abc", "token": "secret"})


@pytest.mark.parametrize("name", ["gated/some", "gated/parts"])
def test_a_gated_pipeline_says_what_to_do(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    with_pyannote(monkeypatch, OldPipeline)
    spec = ModelSpec(id=name, revision=None, digest="", family="pyannote")
    with pytest.raises(
        ModelError, match=rf"{name}, or one that it is made of, is gated: accept the terms .* set HF_TOKEN"
    ):
        pyannote.load(spec, DecodeOptions())


def test_without_pyannote_a_sentence_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyannote.audio", None)
    monkeypatch.setitem(sys.modules, "pyannote", None)
    with pytest.raises(InputError, match=r"needs pyannote\.audio, which is not installed: pip install pyannote\.audio"):
        load_engine(ModelSpec(id="p/q", revision=None, digest="", family="pyannote"), DecodeOptions())


class Sortformer:
    """A stand-in of NeMo's model."""

    def diarize(self, audio: list[str], batch_size: int, verbose: bool) -> list[list[str]]:
        import soundfile

        assert batch_size == 1
        assert not verbose
        assert soundfile.info(audio[0]).frames == 24_000
        return [["0.480 2.160 speaker_1", "0.000 0.640 speaker_0"]]


def test_a_sortformer_reads_a_file_and_gives_turns() -> None:
    diarizer = sortformer.SortformerDiarizer(Sortformer())
    told: list[float] = []
    assert diarizer.diarize(BLOCKS, Speakers(), told.append) == [
        Turn(0.0, 0.64, "SPEAKER_00"),
        Turn(0.48, 2.16, "SPEAKER_01"),
    ]
    assert sum(told) == 1.5
    assert diarizer.diarize([], Speakers(), told.append) == []


def test_a_sortformer_cannot_be_told_the_number_of_speakers() -> None:
    with pytest.raises(InputError, match="finds the number of speakers by itself, at most 4"):
        sortformer.SortformerDiarizer(Sortformer()).diarize(BLOCKS, Speakers(count=2), lambda _: None)


def test_every_loader_is_there() -> None:
    from acento.core.plugins import load

    assert all(callable(load(target)) for target in LOADERS.values())
