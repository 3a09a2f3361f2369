"""Canary on checkpoints made here, against its own processor and transformers' own generate."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.utils.rnn import pad_sequence
from transformers import CanaryProcessor

from acento.core.errors import ModelError
from acento.families.canary.recognizer import CanaryRecognizer
from acento.models.base import Audio, DecodeOptions
from acento.models.checkpoints.resolver import resolve
from tests.acento.families.tiny_canary import make_canary

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_canary(tmp_path_factory.mktemp("canary") / "m")


def load(folder: Path, **options: Any) -> CanaryRecognizer:
    checkpoint = resolve(str(folder))
    recognizer = checkpoint.family.load(checkpoint.folder, DecodeOptions(**{"language": "es"} | options))
    assert isinstance(recognizer, CanaryRecognizer)
    return recognizer


def clips(count: int = 7, longest_s: float = 1.9) -> list[Audio]:
    random = np.random.default_rng(5)
    lengths = np.linspace(0.1, longest_s, count) * 16000
    return [
        (0.1 * random.standard_normal(int(n)) * np.sin(np.arange(int(n)) / (20 + 9 * i))).astype(np.float32)
        for i, n in enumerate(lengths)
    ]


def texts(recognizer: CanaryRecognizer, audio: list[Audio]) -> list[str]:
    return [heard.text for heard in recognizer.finish(recognizer.infer(recognizer.prepare(audio)))]


def request(folder: Path, audio: list[Audio], source: str, target: str) -> Any:
    """Return what the checkpoint's own processor makes of clips."""
    processor = CanaryProcessor.from_pretrained(folder)
    return processor.apply_transcription_request(audio=audio, source_language=source, target_language=target)


@pytest.mark.parametrize(
    ("language", "task", "target"),
    [("es", "transcribe", "es"), ("en", "transcribe", "en"), ("es", "translate", "en"), ("en", "translate", "en")],
)
def test_the_prompt_is_that_of_the_processor(folder: Path, language: str, task: str, target: str) -> None:
    recognizer = load(folder, language=language, task=task)
    assert request(folder, clips(1), language, target)["decoder_input_ids"].tolist() == [recognizer._prompt]
    assert recognizer._tokenizer.convert_ids_to_tokens(recognizer._prompt) == [
        "<|startofcontext|>",
        "<|startoftranscript|>",
        "<|emo:undefined|>",
        f"<|{language}|>",
        f"<|{target}|>",
        "<|pnc|>",
        "<|noitn|>",
        "<|notimestamp|>",
        "<|nodiarize|>",
    ]


def test_it_writes_what_transformers_generate_writes(folder: Path) -> None:
    recognizer = load(folder)
    found, ends = recognizer.infer(recognizer.prepare(clips())), []
    with torch.inference_mode():
        for clip, tokens in zip(clips(), found, strict=True):
            inputs = request(folder, [clip], "es", "es")
            row = recognizer.model.generate(**inputs, max_new_tokens=recognizer.limit(len(clip)))[0].tolist()
            row = row[inputs["decoder_input_ids"].shape[1] :]
            ends.append(3 in row)
            assert tokens == (row[: row.index(3)] if 3 in row else row)
    assert set(ends) == {True, False}, "some must end by themselves, and some not"
    assert len({len(tokens) for tokens in found}) > 3, "rows must end at different steps for this to be tested"


def test_features_are_those_of_the_processor(folder: Path) -> None:
    values = load(folder).prepare(clips()).values
    batch = request(folder, clips(), "es", "es")
    for number, clip in enumerate(values):
        assert batch["attention_mask"][number].sum() == len(clip)
        torch.testing.assert_close(clip, batch["input_features"][number, : len(clip)], atol=1e-4, rtol=1e-4)


def test_one_clip_at_a_time_gives_the_texts_of_the_batch(folder: Path) -> None:
    recognizer = load(folder)
    mixed = [*clips()[::-1], np.zeros(0, np.float32), np.zeros(8000, np.float32), clips()[1][:200]]
    assert [texts(recognizer, [clip])[0] for clip in mixed] == texts(recognizer, mixed)


def test_language_and_task_change_what_is_written(folder: Path) -> None:
    spanish, english = load(folder, language="es"), load(folder, language="en")
    translated = load(folder, language="es", task="translate")
    found = [texts(recognizer, clips()) for recognizer in (spanish, english, translated)]
    assert found[0] != found[1]
    assert found[0] != found[2]


@pytest.mark.parametrize("language", ["xx", "la", "fr"])
def test_a_language_that_was_not_trained_is_refused_with_those_it_knows(folder: Path, language: str) -> None:
    with pytest.raises(ModelError, match=f"does not know language '{language}'; it knows en, es, sv"):
        load(folder, language=language)


def test_it_must_be_told_the_language(folder: Path) -> None:
    with pytest.raises(ModelError, match="give --language; it knows en, es, sv"):
        load(folder, language=None)


def test_however_short_silent_or_long_a_clip_has_a_text(folder: Path) -> None:
    recognizer = load(folder)
    audio = [np.zeros(samples, np.float32) for samples in (0, 1, 159, 319, 320, 1600, 16000)]
    features = recognizer.prepare(audio)
    assert all(values.isfinite().all() for values in features.values)
    assert texts(recognizer, audio)[0] == "", "nothing was said"
    assert texts(recognizer, audio[:1]) == [""]
    assert len(texts(recognizer, [np.zeros(42 * 16000, np.float32)])) == 1
    assert recognizer.window_s == 40.0


def test_a_text_is_bounded_by_the_clips_frames_and_the_models_positions(folder: Path) -> None:
    recognizer = load(folder)
    assert recognizer.limit(0) == 0
    assert recognizer.limit(16000) == 13 + 50, "a frame is 80 ms"
    assert recognizer.limit(40 * 16000) == 128 - 9


def test_half_precision_decodes(folder: Path) -> None:
    recognizer = load(folder, dtype="bfloat16")
    recognizer.warm_up(2)
    assert any(texts(recognizer, clips()))


def test_a_feature_extractor_with_other_mel_bins_is_refused(folder: Path, tmp_path: Path) -> None:
    other = shutil.copytree(folder, tmp_path / "m")
    settings = json.loads((other / "processor_config.json").read_text())
    settings["feature_extractor"]["feature_size"] = 80
    (other / "processor_config.json").write_text(json.dumps(settings))
    with pytest.raises(ModelError, match="wants 32 mel bins"):
        load(other)


def test_a_tokenizer_without_the_prompt_is_refused(folder: Path, tmp_path: Path) -> None:
    other = shutil.copytree(folder, tmp_path / "m")
    text = (other / "tokenizer.json").read_text().replace("<|noitn|>", "<|other|>")
    (other / "tokenizer.json").write_text(text)
    with pytest.raises(ModelError, match=r"lacks <\|noitn\|>"):
        load(other)


@pytest.mark.slow
def test_it_learns_three_clips_by_heart(folder: Path) -> None:
    """By transformers' loss; labels are shifted here, and the prompt is not learned."""
    recognizer, written = load(folder), ["adiós", "qué tal", "una luz"]
    model, audio = recognizer.model, clips(3)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    features = recognizer.prepare(audio).values
    rows = [recognizer._tokenizer(text, add_special_tokens=False).input_ids for text in written]
    prompt = recognizer._prompt
    given = pad_sequence([torch.tensor([*prompt, *row]) for row in rows], batch_first=True, padding_value=2)
    labels = [torch.tensor([-100] * (len(prompt) - 1) + [*row, 3]) for row in rows]
    for _ in range(200):
        optimizer.zero_grad()
        loss = model(
            input_features=pad_sequence(features, batch_first=True),
            attention_mask=pad_sequence([torch.ones(len(one)) for one in features], batch_first=True) == 1,
            decoder_input_ids=given,
            labels=pad_sequence(labels, batch_first=True, padding_value=-100),
        ).loss
        loss.backward()
        optimizer.step()
        if loss < 0.02:
            break
    assert texts(recognizer, audio) == written


def test_transformers_loss_is_shifted_once(folder: Path) -> None:
    recognizer = load(folder)
    features = recognizer.prepare(clips(2)[1:]).values[0][None]
    given, labels = torch.tensor([[*recognizer._prompt, 30]]), torch.tensor([[-100] * 8 + [30, 3]])
    with torch.inference_mode():
        out = recognizer.model(input_features=features, decoder_input_ids=given, labels=labels)
        by_hand = -torch.log_softmax(out.logits[0, -2:].float(), -1)[[0, 1], [30, 3]].mean()
    torch.testing.assert_close(out.loss, by_hand)


GOLDEN = [
    "nos nos nos nos nos nos nos nos nos nos nos nos nos nos nos nos nos nos nos nos nos nos nos nos nos nos",
    "os",
    "osos nos nos nos nos nos                                os os os  os os   os os",
    "nossossossossossos osn                       os os   osn",
]


def test_golden_texts(folder: Path) -> None:
    """If this fails, decoding has changed: raise ``decoding_version`` in ``families.py``, then these texts."""
    assert texts(load(folder), clips(4)) == GOLDEN
