"""Whisper on CTranslate2 beside the same checkpoint on transformers: the texts agree, whatever window and mels."""

import json
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
import soxr
import torch
from tiny_whisper import make_whisper

from acento.core.errors import ModelError
from acento.data.demo.clips import demo_clips
from acento.data.demo.speech import SAMPLE_RATE, speak
from acento.families.whisper.convert import convert
from acento.models.base import Audio, DecodeOptions, Recognizer
from acento.models.checkpoints.references import Quantization
from acento.models.checkpoints.resolver import resolve
from acento.training.planning import load_labeler

KINDS = {
    "multilingual": {"seed": 4},
    "128 mel bins": {"mel_bins": 128, "seed": 4},
    "english-only": {"multilingual": False, "seed": 4},
    "window of 2 s": {"window_s": 2, "seed": 2},
}


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("whisper")
    return {kind: make_whisper(root / kind, **options) for kind, options in KINDS.items()}  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def mini(tmp_path_factory: pytest.TempPathFactory) -> dict[Quantization, Path]:
    root = tmp_path_factory.mktemp("mini")
    names: tuple[Quantization, ...] = ("float32", "int8")
    return {name: exported("demo:whisper-mini", root / name, name) for name in names}


@pytest.fixture(scope="module")
def speech() -> list[Audio]:
    """Accented and neutral clips of the demo, 16 kHz."""
    test = [clip for clip in demo_clips() if clip.split == "test"]
    spoken = [speak(clip.spoken, clip.voice).astype(np.float32) / 32768 for clip in test[:5] + test[-5:]]
    return [soxr.resample(samples, SAMPLE_RATE, 16000) for samples in spoken]


def exported(model: str, folder: Path, quantization: Quantization = "float32") -> Path:
    folder.mkdir()
    convert(resolve(model), folder, "ctranslate2", quantization)
    return folder


def load(model: str | Path, **options: object) -> Recognizer:
    checkpoint = resolve(str(model))
    return checkpoint.family.load(checkpoint.folder, DecodeOptions(**options))  # type: ignore[arg-type]


def texts(recognizer: Recognizer, audio: list[Audio]) -> list[str]:
    return [heard.text for heard in recognizer.finish(recognizer.infer(recognizer.prepare(audio)))]


def noises(count: int = 5) -> list[Audio]:
    random = np.random.default_rng(5)
    lengths = [int(n) for n in np.linspace(0.1, 1.9, count) * 16000]
    return [(0.1 * random.standard_normal(n) * np.sin(np.arange(n) / 20)).astype(np.float32) for n in lengths]


def test_the_folder_tells_its_family(mini: dict[Quantization, Path]) -> None:
    assert resolve(str(mini["int8"])).family.name == "whisper-ctranslate2"
    assert resolve(str(mini["int8"])).digest != resolve(str(mini["float32"])).digest


def test_in_float32_it_writes_what_the_original_writes(mini: dict[Quantization, Path], speech: list[Audio]) -> None:
    ours, theirs = load("demo:whisper-mini", language="es"), load(mini["float32"], language="es")
    assert theirs.window_s == ours.window_s == 6.0
    expected = texts(ours, speech)
    assert sum(one == other for one, other in zip(texts(theirs, speech), expected, strict=True)) >= len(speech) - 1
    assert len(set(expected)) == len(speech)


def test_in_int8_it_still_understands(mini: dict[Quantization, Path], speech: list[Audio]) -> None:
    heard = texts(load(mini["int8"], language="es"), speech[-5:])
    expected = texts(load("demo:whisper-mini", language="es"), speech[-5:])
    assert sum(one == other for one, other in zip(heard, expected, strict=True)) >= 3
    weights = [(mini[name] / "model.bin").stat().st_size for name in ("float32", "int8")]
    assert weights[1] < weights[0] / 2


@pytest.mark.slow
def test_the_same_audio_gives_the_same_texts_in_any_batch_and_thread(
    mini: dict[Quantization, Path], speech: list[Audio]
) -> None:
    recognizer = load(mini["int8"], language="es")
    assert recognizer.shareable
    expected = texts(recognizer, speech)
    assert [texts(recognizer, [clip])[0] for clip in speech] == expected
    heard: dict[int, list[str]] = {}
    threads = [threading.Thread(target=lambda n=n: heard.update({n: texts(recognizer, speech)})) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(heard.values()) == [expected] * 3
    assert texts(load(mini["int8"], language="es"), speech) == expected


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_whisper_agrees_with_its_original(tiny: dict[str, Path], tmp_path: Path, kind: str) -> None:
    told = {} if kind == "english-only" else {"language": "es"}
    ours, theirs = load(tiny[kind], **told), load(exported(str(tiny[kind]), tmp_path / "ct2"), **told)
    expected = texts(ours, noises())
    assert texts(theirs, noises()) == expected
    assert theirs.window_s == ours.window_s
    assert len(set(expected)) > 1, "the test says nothing if every clip has the same text"


def test_a_text_as_long_as_the_model_can_write_is_as_long_here(tiny: dict[str, Path], tmp_path: Path) -> None:
    config = json.loads((tiny["multilingual"] / "generation_config.json").read_text())
    endless = shutil.copytree(tiny["multilingual"], tmp_path / "endless")
    config["suppress_tokens"] = sorted({*config["suppress_tokens"], config["eos_token_id"]})
    (endless / "generation_config.json").write_text(json.dumps(config))
    ours = load(endless, language="es")
    theirs = load(exported(str(endless), tmp_path / "ct2"), language="es")
    counts = [[len(one.ids) for one in each.infer(each.prepare(noises(2)))] for each in (ours, theirs)]
    assert counts[0] == counts[1] == [36, 36], "40 positions less a prompt of 4"


def test_the_task_is_in_the_prompt(tiny: dict[str, Path], tmp_path: Path) -> None:
    folder = exported(str(tiny["multilingual"]), tmp_path / "ct2")
    for options in ({"language": "sv", "task": "translate"}, {"language": "en"}):
        assert texts(load(folder, **options), noises()) == texts(load(tiny["multilingual"], **options), noises())


def test_without_a_language_it_guesses_the_one_that_the_original_guesses(tiny: dict[str, Path], tmp_path: Path) -> None:
    folder = exported(str(tiny["multilingual"]), tmp_path / "ct2")
    vocabulary = json.loads((folder / "vocabulary.json").read_text())
    vocabulary[0] = ""  # by this empty token, which OpenAI's vocabularies have, CTranslate2 tells the multilingual ones
    (folder / "vocabulary.json").write_text(json.dumps(vocabulary))
    expected = texts(load(tiny["multilingual"]), noises())
    assert texts(load(folder), noises()) == expected
    others = [texts(load(folder, language=name), noises()) for name in ("en", "es", "sv")]
    assert len({tuple(each) for each in others}) == 3, "the language must matter for this to be tested"


def test_a_language_that_it_cannot_guess_has_to_be_named(tiny: dict[str, Path], tmp_path: Path) -> None:
    folder = exported(str(tiny["multilingual"]), tmp_path / "ct2")
    with pytest.raises(ModelError, match=r"cannot guess the language .* name it with --language"):
        load(folder)
    with pytest.raises(ModelError, match="does not know language 'xx'; it knows en, es, sv"):
        load(folder, language="xx")


def test_silence_and_warming_up_are_heard_without_error(mini: dict[Quantization, Path]) -> None:
    recognizer = load(mini["int8"], language="es")
    recognizer.warm_up(2)
    recognizer.synchronize()
    assert len(texts(recognizer, [np.zeros(16000, np.float32), np.zeros(1600, np.float32)])) == 2
    recognizer.close()


def test_an_export_that_was_cut_is_said_to_be(mini: dict[Quantization, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(mini["int8"], tmp_path / "m")
    data = (folder / "model.bin").read_bytes()
    (folder / "model.bin").write_bytes(data[: len(data) // 2])
    with pytest.raises(ModelError, match=r"CTranslate2 model .* cannot be loaded"):
        load(folder, language="es")
    (folder / "model.bin").unlink()
    with pytest.raises(ModelError, match=r"has no weights: .* holds no model\.bin; convert it again"):
        load(folder, language="es")


def test_an_export_without_the_sizes_of_its_model_is_refused(mini: dict[Quantization, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(mini["int8"], tmp_path / "m")
    (folder / "transformers_config.json").unlink()
    with pytest.raises(ModelError, match=r"lacks transformers_config\.json; export it again"):
        load(folder, language="es")


def test_what_the_device_cannot_do_is_refused(mini: dict[Quantization, Path]) -> None:
    with pytest.raises(ModelError, match="does not run on mps; choose --device cpu"):
        load(mini["int8"], language="es", device_type="mps")


def test_what_was_exported_cannot_be_tuned(mini: dict[Quantization, Path]) -> None:
    with pytest.raises(ModelError, match="cannot be fine-tuned yet; these can: whisper"):
        load_labeler(resolve(str(mini["int8"])).family, mini["int8"], "es")


def test_golden_texts(mini: dict[Quantization, Path], speech: list[Audio]) -> None:
    """If this fails, decoding has changed: raise ``decoding_version`` in ``families.py``, then these texts."""
    assert texts(load(mini["float32"], language="es"), speech[-2:]) == GOLDEN


GOLDEN = ["unas enfermeras mezclaban dos tomates a las tres", "el poncho de otro nieto quedó demasiado mojado"]
