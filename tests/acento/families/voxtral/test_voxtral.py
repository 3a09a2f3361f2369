"""The Voxtral family on a checkpoint made here, against transformers' own generate and features."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import WhisperFeatureExtractor
from transformers.integrations.mistral.tokenizer import MistralConverter

from acento.core.errors import ModelError
from acento.families.voxtral.recognizer import VoxtralRecognizer, most_tokens
from acento.families.voxtral.tekken import Tekken
from acento.models.base import Audio, DecodeOptions
from acento.models.checkpoints.resolver import resolve
from tests.acento.families.tiny_voxtral import make_voxtral

torch.set_num_threads(1)
SECONDS = (0.1, 0.7, 1.9, 2.1, 4.0, 7.5)
"""Lengths of clips in chunks of 2 s: one, one, one, two, two, four."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_voxtral(tmp_path_factory.mktemp("voxtral") / "m")


@pytest.fixture(scope="module")
def tekken(folder: Path) -> Tekken:
    return Tekken.load(folder)


def load(folder: Path, **options: Any) -> VoxtralRecognizer:
    checkpoint = resolve(str(folder))
    recognizer = checkpoint.family.load(checkpoint.folder, DecodeOptions(**options))
    assert isinstance(recognizer, VoxtralRecognizer)
    return recognizer


def clips() -> list[Audio]:
    random = np.random.default_rng(5)
    return [
        (0.1 * random.standard_normal(int(16000 * s)) * np.sin(np.arange(int(16000 * s)) / (20 + 9 * i))).astype("f4")
        for i, s in enumerate(SECONDS)
    ]


def ids(recognizer: VoxtralRecognizer, audio: list[Audio]) -> list[list[int]]:
    return recognizer.infer(recognizer.prepare(audio))


def theirs(folder: Path, audio: Audio) -> torch.Tensor:
    """Return features as ``VoxtralProcessor._retrieve_input_features`` makes them, for chunks of 2 s."""
    extractor = WhisperFeatureExtractor.from_pretrained(folder)
    features = extractor(
        audio,
        sampling_rate=16000,
        padding=True,
        truncation=False,
        pad_to_multiple_of=32000,
        return_tensors="pt",
    ).input_features
    return features.reshape(extractor.feature_size, -1, 200).transpose(0, 1)


@pytest.mark.parametrize("language", ["es", None])
def test_it_writes_what_transformers_generate_writes(folder: Path, language: str | None) -> None:
    recognizer = load(folder, language=language)
    requests = [recognizer.prompt.ids(25 * len(theirs(folder, clip))) for clip in clips()]
    longest = max(map(len, requests))
    with torch.inference_mode():
        generated = recognizer.model.generate(
            input_ids=torch.tensor([[11] * (longest - len(row)) + row for row in requests]),
            attention_mask=torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in requests]),
            input_features=torch.cat([theirs(folder, clip) for clip in clips()]),
            max_new_tokens=max(map(most_tokens, SECONDS)),
            do_sample=False,
        )[:, longest:].tolist()
    expected = []
    for row, seconds in zip(generated, SECONDS, strict=True):
        end = row.index(2) if 2 in row else len(row)
        expected.append(row[: min(end, most_tokens(seconds))])
    assert ids(recognizer, clips()) == expected
    assert len(set(map(tuple, expected))) == len(SECONDS)


def test_features_are_those_of_transformers_processor(folder: Path) -> None:
    recognizer = load(folder)
    for clip in clips():
        torch.testing.assert_close(recognizer.log_mel(clip), theirs(folder, clip), atol=2e-5, rtol=0)


@pytest.mark.slow
def test_one_clip_at_a_time_gives_the_tokens_of_a_batch_of_many_chunks(folder: Path) -> None:
    recognizer = load(folder, language="es")
    assert [ids(recognizer, [clip])[0] for clip in clips()] == ids(recognizer, clips())


def test_rows_that_end_early_stay_ended(folder: Path) -> None:
    recognizer = load(folder, language="es")
    free = ids(recognizer, clips())
    recognizer.prompt = type(recognizer.prompt)(
        recognizer.prompt.before, recognizer.prompt.audio, recognizer.prompt.after, end=free[-1][5]
    )
    end = free[-1][5]
    cut = [row[: row.index(end)] if end in row else row for row in free]
    assert ids(recognizer, clips()) == cut
    assert len({len(row) for row in cut}) > 2, "rows must end at different steps for this to be tested"


def test_the_request_is_that_of_mistral(folder: Path, tekken: Tekken) -> None:
    request = load(folder, language="es").prompt
    names = ["<s>", "[INST]", "[BEGIN_AUDIO]", "[AUDIO]", "[AUDIO]", "[/INST]"]
    expected = [tekken.special(name) for name in names] + tekken.encode("lang:es") + [tekken.special("[TRANSCRIBE]")]
    assert request.ids(2) == expected
    assert load(folder).prompt.ids(1)[-2:] == [tekken.special("[/INST]"), tekken.special("[TRANSCRIBE]")]


@pytest.mark.parametrize("chunks", [1, 2])
@pytest.mark.parametrize(("language", "told"), [("es", [144, 293, 139, 94, 292]), (None, [])])
def test_the_request_is_that_of_mistral_common(
    folder: Path, chunks: int, language: str | None, told: list[int]
) -> None:
    """The ids are those that mistral-common 1.13.1 gave for this tokenizer and 0.5 and 30.5 s of audio."""
    assert load(folder, language=language).prompt.ids(375 * chunks) == [1, 3, 25, *[24] * 375 * chunks, 4, *told, 34]


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        (
            "la canción  está aquí",
            [294, 68, 135, 293, 135, 141, 231, 215, 146, 68, 296, 152, 231, 197, 68, 133, 149, 153, 231, 209],
        ),
        (
            "¿Qué? 12\n\nés[INST]",
            [230, 227, 117, 153, 231, 205, 99, 68, 85, 86, 46, 46, 231, 205, 151, 127, 109, 114, 119, 120, 129],
        ),
        ("ñandú 🙂", [231, 213, 293, 136, 231, 222, 68, 276, 195, 189, 166]),
    ],
)
def test_tokens_are_those_of_mistral_common(folder: Path, text: str, ids: list[int]) -> None:
    """As mistral-common 1.13.1 encodes these texts with this vocabulary."""
    tekken = Tekken.load(folder)
    assert tekken.encode(text) == ids
    assert tekken.decode(ids) == text


@given(text=st.text(alphabet="aeslnoó \n1.?[/INST]ñ🙂", max_size=30))
def test_tokens_are_those_of_transformers_converter(text: str, folder: Path, tekken: Tekken) -> None:
    converted = _converter(folder)
    assert [converted.id_to_token(one) for one in tekken.encode(text)] == converted.encode(
        text, add_special_tokens=False
    ).tokens
    assert tekken.decode([1, *tekken.encode(text), 2]) == text


_CONVERTERS: dict[Path, Any] = {}


def _converter(folder: Path) -> Any:
    """Return transformers' own tokenizer for the file, to which no text is a special token."""
    if folder not in _CONVERTERS:
        converter = MistralConverter(str(folder / "tekken.json"))
        converter.additional_special_tokens = []
        _CONVERTERS[folder] = converter.converted()
    return _CONVERTERS[folder]


@pytest.mark.slow
def test_the_language_that_it_is_told_changes_what_it_writes(folder: Path) -> None:
    assert len({tuple(map(tuple, ids(load(folder, language=name), clips()))) for name in ("es", "sv", None)}) == 3


@pytest.mark.parametrize("options", [{"language": "spanish"}, {"language": "es", "task": "translate"}])
def test_what_it_cannot_be_asked_is_refused(folder: Path, options: dict[str, str]) -> None:
    with pytest.raises(ModelError, match=r"'spanish'|'translate'"):
        load(folder, **options)


def test_its_window_is_many_chunks(folder: Path) -> None:
    recognizer = load(folder)
    assert (recognizer.chunk_s, recognizer.window_s) == (2.0, 120.0)
    assert len(recognizer.prepare([np.zeros(16000 * 7, np.float32)]).values[0]) == 4


def test_a_model_without_its_tokenizer_says_so(folder: Path, tmp_path: Path) -> None:
    broken = shutil.copytree(folder, tmp_path / "m")
    (broken / "tekken.json").unlink()
    with pytest.raises(ModelError, match=r"has no tokenizer \(tekken\.json\)"):
        load(broken)
    (broken / "tekken.json").write_text('{"vocab": []}')
    with pytest.raises(ModelError, match=r"tekken\.json cannot be read"):
        load(broken)


@pytest.mark.parametrize(
    ("file", "change", "sentence"),
    [
        ("config.json", {"audio_token_id": 23}, "audio is token 23, its tekken.json says 24"),
        ("preprocessor_config.json", {"feature_size": 80}, "wants 128 mel bins"),
    ],
)
def test_files_of_different_models_are_refused(
    folder: Path, tmp_path: Path, file: str, change: dict[str, int], sentence: str
) -> None:
    broken = shutil.copytree(folder, tmp_path / "m")
    content = json.loads((broken / file).read_text())
    (broken / file).write_text(json.dumps(content | change))
    with pytest.raises(ModelError, match=sentence):
        load(broken)


def test_a_tokenizer_of_another_kind_of_model_is_refused(folder: Path, tmp_path: Path) -> None:
    broken = shutil.copytree(folder, tmp_path / "m")
    text = (broken / "tekken.json").read_text()
    (broken / "tekken.json").write_text(text.replace("[TRANSCRIBE]", "[OTHER]"))
    with pytest.raises(ModelError, match=r"no token \[TRANSCRIBE\]"):
        load(broken)


@pytest.mark.slow
def test_in_bfloat16_it_writes_in_batches_of_many_chunks(folder: Path) -> None:
    recognizer = load(folder, language="es", dtype="bfloat16")
    assert recognizer.prepare(clips()).values[0].dtype == torch.bfloat16
    assert all(ids(recognizer, clips()))
