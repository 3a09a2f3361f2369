"""The Whisper family on checkpoints made here: all kinds of it, against transformers' own generate."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_whisper import make_whisper
from transformers import WhisperFeatureExtractor

from acento.core.errors import ModelError
from acento.families.whisper.recognizer import WhisperRecognizer
from acento.inference.engine import Engine
from acento.inference.plan import PlannedClip
from acento.models.base import Audio, DecodeOptions
from acento.models.checkpoints.resolver import resolve
from acento.models.log_mel import LogMel

KINDS = {
    "multilingual": {"seed": 4},
    "128 mel bins": {"mel_bins": 128, "seed": 4},
    "english-only": {"multilingual": False, "seed": 4},
    "window of 2 s": {"window_s": 2, "seed": 2},
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("whisper")
    return {kind: make_whisper(root / kind, **options) for kind, options in KINDS.items()}  # type: ignore[arg-type]


def load(folder: Path, **options: object) -> WhisperRecognizer:
    checkpoint = resolve(str(folder))
    recognizer = checkpoint.family.load(checkpoint.folder, DecodeOptions(**options))  # type: ignore[arg-type]
    assert isinstance(recognizer, WhisperRecognizer)
    return recognizer


def language(kind: str) -> str | None:
    return None if kind == "english-only" else "es"


def clips(count: int = 7, longest_s: float = 1.9) -> list[Audio]:
    random = np.random.default_rng(5)
    lengths = np.linspace(0.1, longest_s, count) * 16000
    return [
        (0.1 * random.standard_normal(int(n)) * np.sin(np.arange(int(n)) / (20 + 9 * i))).astype(np.float32)
        for i, n in enumerate(lengths)
    ]


def texts(recognizer: WhisperRecognizer, audio: list[Audio]) -> list[str]:
    return [heard.text for heard in recognizer.finish(recognizer.infer(recognizer.prepare(audio)))]


@pytest.mark.parametrize("kind", KINDS)
def test_it_writes_what_transformers_generate_writes(folders: dict[str, Path], kind: str) -> None:
    recognizer = load(folders[kind], language=language(kind))
    features = recognizer.prepare(clips())
    told = {} if language(kind) is None else {"language": "es", "task": "transcribe"}
    with torch.inference_mode():
        generated = recognizer._model.generate(features, **told)
    expected = [text.strip() for text in recognizer._tokenizer.batch_decode(generated, skip_special_tokens=True)]
    assert texts(recognizer, clips()) == expected
    assert len(set(expected)) > 1, "the test says nothing if every clip has the same text"


@pytest.mark.parametrize("bins", [80, 128])
@pytest.mark.parametrize("window_s", [2, 30])
def test_features_are_those_of_transformers(bins: int, window_s: int) -> None:
    extractor = WhisperFeatureExtractor(feature_size=bins, chunk_length=window_s)
    ours = LogMel(extractor, bins)
    for audio in (clips(), clips(1, 0.05), [np.zeros(1000, np.float32)], clips(3, float(window_s))):
        theirs = extractor(audio, sampling_rate=16000, return_tensors="pt").input_features
        torch.testing.assert_close(ours(audio, 100 * window_s), theirs, atol=2e-5, rtol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_one_clip_at_a_time_gives_the_texts_of_the_batch(folders: dict[str, Path], kind: str) -> None:
    recognizer = load(folders[kind], language=language(kind))
    assert [texts(recognizer, [clip])[0] for clip in clips()] == texts(recognizer, clips())


def test_rows_that_end_early_leave_the_batch_and_change_nothing(folders: dict[str, Path]) -> None:
    recognizer = load(folders["128 mel bins"], language="es")
    lengths = {len(one.ids) for one in recognizer.infer(recognizer.prepare(clips()))}
    assert len(lengths) > 2, "rows must end at different steps for this to be tested"


def test_a_batch_has_no_rows_of_padding(folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    recognizer = load(folders["multilingual"], language="es")
    rows: list[int] = []
    encode = recognizer._encode
    monkeypatch.setattr(recognizer, "_encode", lambda features: rows.append(len(features)) or encode(features))
    planned = [PlannedClip(str(row), 1.0, "", "", row) for row in range(6)]
    decoded = Engine(recognizer, batch_size=4).decode([planned[:5], planned[5:]], lambda clip: clips()[clip.row])
    assert rows == [4, 1, 1]
    assert [one.text for one in decoded.predictions] == texts(recognizer, clips()[:6])


def test_without_a_language_it_guesses_one_as_transformers_does(folders: dict[str, Path]) -> None:
    recognizer = load(folders["multilingual"])
    features = recognizer.prepare(clips())
    with torch.inference_mode():
        guessed = recognizer._model.detect_language(features)
        encoded = recognizer._model.model.encoder(features).last_hidden_state
    assert recognizer._prompts(encoded)[:, 1].tolist() == guessed.tolist()


@pytest.mark.parametrize("told", [None, "sv"])
def test_the_likeliest_spoken_language_is_that_of_transformers(folders: dict[str, Path], told: str | None) -> None:
    recognizer = load(folders["multilingual"], language=told)
    features = recognizer.prepare(clips())
    with torch.inference_mode():
        guessed = recognizer._tokenizer.convert_ids_to_tokens(recognizer._model.detect_language(features).tolist())
    likely = recognizer.spoken_languages(features)
    assert likely is not None
    assert [f"<|{max(one, key=lambda code: one[code])}|>" for one in likely] == guessed
    assert [sum(one.values()) for one in likely] == pytest.approx([1.0] * len(clips()))


def test_an_english_only_model_cannot_tell_spoken_languages(folders: dict[str, Path]) -> None:
    recognizer = load(folders["english-only"])
    assert recognizer.spoken_languages(recognizer.prepare(clips(2))) is None


def test_language_and_task_are_in_the_prompt(folders: dict[str, Path]) -> None:
    recognizer = load(folders["multilingual"], language="sv", task="translate")
    prompt = recognizer._tokenizer.convert_ids_to_tokens(recognizer._prompts(torch.zeros(1, 1, 32))[0].tolist())
    assert prompt == ["<|startoftranscript|>", "<|sv|>", "<|translate|>", "<|notimestamps|>"]


def test_an_unknown_language_is_refused_with_those_it_knows(folders: dict[str, Path]) -> None:
    with pytest.raises(ModelError, match="does not know language 'xx'; it knows en, es, sv"):
        load(folders["multilingual"], language="xx")


@pytest.mark.parametrize("options", [{"language": "es"}, {"task": "translate"}])
def test_an_english_only_model_refuses_another_language_or_task(folders: dict[str, Path], options: dict) -> None:
    with pytest.raises(ModelError, match="English-only"):
        load(folders["english-only"], **options)
    assert load(folders["english-only"], language="en").window_s == 4.0


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_decodes(folders: dict[str, Path], dtype: str) -> None:
    recognizer = load(folders["multilingual"], language="es", dtype=dtype)
    assert recognizer.prepare(clips(2)).dtype == getattr(torch, dtype)
    assert all(texts(recognizer, clips(2)))


def test_the_window_is_the_models_own_whatever_the_extractor_says(folders: dict[str, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(folders["window of 2 s"], tmp_path / "m")
    settings = json.loads((folder / "preprocessor_config.json").read_text())
    (folder / "preprocessor_config.json").write_text(json.dumps(settings | {"chunk_length": 30}))
    recognizer = load(folder, language="es")
    assert recognizer.window_s == 2.0
    assert recognizer.prepare(clips(1, 0.5)).shape == (1, 80, 200)


def test_an_extractor_with_other_mel_bins_is_refused(folders: dict[str, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(folders["128 mel bins"], tmp_path / "m")
    shutil.copy(folders["multilingual"] / "preprocessor_config.json", folder)
    with pytest.raises(ModelError, match="wants 128 mel bins"):
        load(folder)


def test_silence_and_a_tenth_of_a_second_are_heard_without_error(folders: dict[str, Path]) -> None:
    recognizer = load(folders["multilingual"], language="es")
    assert len(texts(recognizer, [np.zeros(16000, np.float32), np.zeros(1600, np.float32)])) == 2


def test_weights_that_are_missing_are_named(folders: dict[str, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(folders["multilingual"], tmp_path / "m")
    weights = load_file(folder / "model.safetensors")
    weights.pop("model.encoder.conv1.weight")
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"lacks 1 of its weights, such as model.encoder.conv1.weight"):
        load(folder)


def test_damaged_weights_are_said_in_a_sentence(folders: dict[str, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(folders["multilingual"], tmp_path / "m")
    data = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(data[: len(data) // 2])
    with pytest.raises(
        ModelError, match=r"The weights of Whisper model .* are damaged .*; download or copy them again"
    ):
        load(folder)


GOLDEN = {
    "multilingual": "i|i|i|ibhbiiiija",
    "128 mel bins": "dgfdficfdbdiiddddfdgdiaddididdddiddi|dcifdc|dcf|df",
    "english-only": "ieeeeeeiiiciigciceiiiiiiegiciiiiiigiii|hihiegfieegeddeegeiiii|hghgeigieiieefiiiigeg|hghiegghi",
    "window of 2 s": "gggggggggg|bgggbbibgggggiggiigg|gggggggggggg|bgggbbibg",
}


@pytest.mark.parametrize("kind", KINDS)
def test_golden_texts(folders: dict[str, Path], kind: str) -> None:
    """If this fails, decoding has changed: raise ``decoding_version`` in ``families.py``, then these texts."""
    assert "|".join(texts(load(folders[kind], language=language(kind)), clips(4))) == GOLDEN[kind]
