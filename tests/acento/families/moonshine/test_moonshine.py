"""The Moonshine families on checkpoints made here, against transformers' own generate on one clip at a time."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from acento.core.errors import ModelError
from acento.families.moonshine.recognizer import MoonshineRecognizer, StreamingMoonshineRecognizer
from acento.models.base import Audio, DecodeOptions
from acento.models.checkpoints.resolver import resolve
from tests.acento.families.tiny_moonshine import make_moonshine

torch.set_num_threads(1)
KINDS: dict[str, dict[str, Any]] = {
    "as moonshine-tiny": {},
    "as moonshine-base": {"base": True, "seed": 36},
    "streaming": {"streaming": True, "seed": 13},
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("moonshine")
    return {kind: make_moonshine(root / kind, **options) for kind, options in KINDS.items()}


def load(folder: Path, **options: Any) -> MoonshineRecognizer:
    checkpoint = resolve(str(folder))
    recognizer = checkpoint.family.load(checkpoint.folder, DecodeOptions(**{"language": "es"} | options))
    assert isinstance(recognizer, MoonshineRecognizer)
    return recognizer


def clips(count: int = 7, longest_s: float = 1.9) -> list[Audio]:
    random = np.random.default_rng(5)
    lengths = np.linspace(0.1, longest_s, count) * 16000
    return [
        (0.1 * random.standard_normal(int(n)) * np.sin(np.arange(int(n)) / (20 + 9 * i))).astype(np.float32)
        for i, n in enumerate(lengths)
    ]


def texts(recognizer: MoonshineRecognizer, audio: list[Audio]) -> list[str]:
    return [heard.text for heard in recognizer.finish(recognizer.infer(recognizer.prepare(audio)))]


def theirs(recognizer: MoonshineRecognizer, clip: Audio, tokens: int) -> list[int]:
    """Return what transformers writes for one clip, prepared by its own feature extractor."""
    padding: dict[str, Any] = {}
    if isinstance(recognizer, StreamingMoonshineRecognizer):
        padding = {"padding": True, "pad_to_multiple_of": 80}
    inputs = recognizer._extractor(clip, sampling_rate=16000, return_tensors="pt", **padding)
    with torch.inference_mode():
        row = recognizer.model.generate(**inputs, max_new_tokens=tokens)[0].tolist()
    return row[1 : row.index(2)] if 2 in row else row[1:]


@pytest.mark.parametrize("kind", KINDS)
def test_it_writes_what_transformers_generate_writes_for_each_clip_alone(folders: dict[str, Path], kind: str) -> None:
    recognizer = load(folders[kind])
    limits = [recognizer.limit(len(clip)) for clip in clips()]
    expected = [theirs(recognizer, clip, limit) for clip, limit in zip(clips(), limits, strict=True)]
    assert recognizer.infer(recognizer.prepare(clips())) == expected
    assert len({len(row) for row in expected}) > 3, "rows must end at different steps for this to be tested"
    assert any(len(row) < limit for row, limit in zip(expected, limits, strict=True)), "some must end by themselves"


@pytest.mark.parametrize("kind", KINDS)
def test_one_clip_at_a_time_gives_the_texts_of_the_batch(folders: dict[str, Path], kind: str) -> None:
    recognizer = load(folders[kind])
    mixed = [*clips()[::-1], np.zeros(0, np.float32), np.zeros(8000, np.float32), clips()[1][:1000]]
    assert [texts(recognizer, [clip])[0] for clip in mixed] == texts(recognizer, mixed)


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_is_encoded_as_each_clip_alone(folders: dict[str, Path], kind: str) -> None:
    recognizer = load(folders[kind])
    with torch.inference_mode():
        batch = recognizer._encode(recognizer.prepare(clips()).values)
        for number, clip in enumerate(clips()):
            padding: dict[str, Any] = {}
            if kind == "streaming":
                padding = {"padding": True, "pad_to_multiple_of": 80}
            inputs = recognizer._extractor(clip, sampling_rate=16000, return_tensors="pt", **padding)
            alone = recognizer.model.model.encoder(**inputs).last_hidden_state[0]
            torch.testing.assert_close(batch.last_hidden_state[number, : len(alone)], alone, atol=1e-5, rtol=1e-4)
            assert batch.attention_mask[number].sum() == len(alone)


@pytest.mark.parametrize("kind", KINDS)
def test_however_short_silent_or_long_a_clip_has_a_text(folders: dict[str, Path], kind: str) -> None:
    recognizer = load(folders[kind])
    audio = [np.zeros(samples, np.float32) for samples in (0, 1, 79, 894, 895, 1600, 16000)]
    found = texts(recognizer, audio)
    assert found[0] == "", "nothing was said"
    assert texts(recognizer, audio[:1]) == [""]
    assert len(texts(recognizer, [np.zeros(32 * 16000, np.float32)])) == 1
    assert recognizer.window_s == 30.0


def test_a_text_is_as_long_as_the_language_may_be_spoken_fast(folders: dict[str, Path]) -> None:
    folder = folders["as moonshine-tiny"]
    english, other, unknown = (load(folder, language=language).limit for language in ("en", "es", None))
    assert (english(160_000), other(160_000), unknown(160_000)) == (65, 130, 130)
    assert (english(4800), other(4800), other(0)) == (8, 8, 0)
    assert other(30 * 16000) == 193, "no more than the model has positions, and one for the end"


def test_no_end_is_bounded_by_the_clips_own_length(folders: dict[str, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(folders["as moonshine-base"], tmp_path / "m")
    weights = load_file(folder / "model.safetensors")
    weights["model.decoder.embed_tokens.weight"][2] = 0.0  # the end is never the likeliest
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    recognizer = load(folder)
    rows = recognizer.infer(recognizer.prepare(clips()))
    assert [len(row) for row in rows] == [recognizer.limit(len(clip)) for clip in clips()]


def test_any_language_is_believed_and_translation_refused(folders: dict[str, Path]) -> None:
    assert load(folders["as moonshine-tiny"], language="sv").window_s == 30.0
    for kind in ("as moonshine-tiny", "streaming"):
        with pytest.raises(ModelError, match="knows no task 'translate'"):
            load(folders[kind], task="translate")


def test_features_are_those_of_the_feature_extractor(folders: dict[str, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(folders["as moonshine-tiny"], tmp_path / "m")
    settings = json.loads((folder / "preprocessor_config.json").read_text())
    (folder / "preprocessor_config.json").write_text(json.dumps(settings | {"do_normalize": True}))
    plain = load(folders["as moonshine-tiny"]).prepare(clips(2))
    normalized = load(folder).prepare(clips(2))
    for values, other, clip in zip(plain.values, normalized.values, clips(2), strict=True):
        assert values.tolist() == clip.tolist()
        assert other.var().item() == pytest.approx(1.0, rel=1e-3)
        assert values is not clip, "audio that is cached must not be written to"


@pytest.mark.parametrize("kind", KINDS)
def test_half_precision_decodes(folders: dict[str, Path], kind: str) -> None:
    recognizer = load(folders[kind], dtype="bfloat16")
    assert {parameter.dtype for parameter in recognizer.model.parameters()} == {torch.bfloat16}
    recognizer.warm_up(2)
    assert any(texts(recognizer, clips()))


def test_weights_that_are_missing_are_named(folders: dict[str, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(folders["as moonshine-tiny"], tmp_path / "m")
    weights = load_file(folder / "model.safetensors")
    weights.pop("model.encoder.conv1.weight")
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"lacks 1 of its weights, such as model.encoder.conv1.weight"):
        load(folder)


@pytest.mark.slow
def test_a_streaming_model_learns_three_clips_by_heart(folders: dict[str, Path]) -> None:
    """By transformers' loss on one clip at a time: its batches let convolutions hear padding as speech."""
    recognizer, written = load(folders["streaming"]), ["adiós", "qué tal", "una luz"]
    model = recognizer.model
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    audio = clips(3)
    labels = [[*recognizer._tokenizer(text, add_special_tokens=False).input_ids, 2] for text in written]
    inputs = [
        recognizer._extractor(clip, sampling_rate=16000, return_tensors="pt", padding=True, pad_to_multiple_of=80)
        for clip in audio
    ]
    for _ in range(150):
        optimizer.zero_grad()
        loss = sum(model(**one, labels=torch.tensor([row])).loss for one, row in zip(inputs, labels, strict=True))
        loss.backward()
        optimizer.step()
        if loss < 0.05:
            break
    assert texts(recognizer, audio) == written


GOLDEN = {
    "as moonshine-tiny": [
        "é érarara zuu",
        "huj zqujhqu kel",
        "m  p pciz zm x x x zm z p p p",
        "enóístm x p p p p p p p p p p p p p p p p p p p",
    ],
    "as moonshine-base": [
        "u v v v",
        "q íwas ívdoononon",
        "ñ rststvdo í q í q í í q í q q",
        "qos u óonzvw óádo íos á rel d rel rñw y j",
    ],
    "streaming": [
        "u",
        "kkkkkkkkkk",
        "k u u ukk íkkkk íkkkkk",
        "üü",
    ],
}


@pytest.mark.parametrize("kind", KINDS)
def test_golden_texts(folders: dict[str, Path], kind: str) -> None:
    """If this fails, decoding has changed: raise ``decoding_version`` in ``families.py``, then these texts."""
    assert texts(load(folders[kind]), clips(4)) == GOLDEN[kind]
