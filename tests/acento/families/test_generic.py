"""Checkpoints of types that no family names: transformers' auto classes load them, and their own decoding writes."""

import json
from pathlib import Path

import numpy as np
import pytest
from tiny_ctc import make_ctc

from acento.core.errors import ModelError
from acento.models.base import DecodeOptions
from acento.models.checkpoints.resolver import resolve
from acento.models.families import FAMILIES, family_of
from tests.acento.families.tiny_generic import make_encoder_decoder

RANDOM = np.random.default_rng(5)
CLIPS = [RANDOM.standard_normal(samples).astype(np.float32) * 0.1 for samples in (16000, 9000, 24000)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_encoder_decoder(tmp_path_factory.mktemp("generic") / "m")


def texts(folder: Path, clips: list[np.ndarray], language: str | None = None) -> list[str]:
    checkpoint = resolve(str(folder))
    assert checkpoint.family.name == "generic"
    recognizer = checkpoint.family.load(checkpoint.folder, DecodeOptions(language=language))
    recognizer.warm_up(2)
    found = [one.text for one in recognizer.finish(recognizer.infer(recognizer.prepare(clips)))]
    recognizer.close()
    return found


def test_it_writes_what_transformers_generate_writes(folder: Path) -> None:
    import torch
    from transformers import AutoFeatureExtractor, AutoModelForSpeechSeq2Seq, AutoTokenizer

    model = AutoModelForSpeechSeq2Seq.from_pretrained(folder).eval()
    extractor, tokenizer = AutoFeatureExtractor.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    expected = []
    for clip, most in zip(CLIPS, (31, 25, 39), strict=True):
        with torch.inference_mode():
            ids = model.generate(
                **extractor(clip, sampling_rate=16000, return_tensors="pt"), max_new_tokens=most, do_sample=False
            )
        expected.append(tokenizer.decode(ids[0], skip_special_tokens=True).strip())
    found = texts(folder, CLIPS)
    assert any(found)
    assert found == expected


@pytest.mark.slow
def test_a_text_depends_on_no_other_clip_and_on_no_language(folder: Path) -> None:
    assert texts(folder, CLIPS) == [texts(folder, [clip], "es")[0] for clip in CLIPS]


def test_a_ctc_model_of_an_unnamed_type_is_decoded_by_argmax(tmp_path: Path) -> None:
    known = resolve(str(make_ctc(tmp_path / "m")))
    own = known.family.load(known.folder, DecodeOptions())
    expected = [one.text for clip in CLIPS for one in own.finish(own.infer(own.prepare([clip])))]
    generic = FAMILIES["generic"].load(known.folder, DecodeOptions())
    assert [one.text for one in generic.finish(generic.infer(generic.prepare(CLIPS)))] == expected


def test_a_type_that_transformers_itself_does_not_know_is_refused_by_name() -> None:
    with pytest.raises(ModelError, match="type 'parrot', which Acento does not know"):
        family_of({"model_type": "parrot"}, "me/parrot")


@pytest.mark.parametrize("file", ["preprocessor_config.json", "tokenizer.json"])
def test_a_missing_part_is_said_in_one_sentence(tmp_path: Path, file: str) -> None:
    folder = make_encoder_decoder(tmp_path / "m")
    (folder / file).unlink()
    with pytest.raises(ModelError, match=str(folder)):
        texts(folder, CLIPS)


def test_weights_of_another_config_are_refused(tmp_path: Path) -> None:
    folder = make_encoder_decoder(tmp_path / "m")
    config = json.loads((folder / "config.json").read_text())
    config["decoder"]["num_hidden_layers"] = 3
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="lacks"):
        texts(folder, CLIPS)


def test_it_is_told_no_task(folder: Path) -> None:
    checkpoint = resolve(str(folder))
    with pytest.raises(ModelError, match="take a Whisper"):
        checkpoint.family.load(checkpoint.folder, DecodeOptions(task="translate"))


def test_it_cannot_be_fine_tuned_and_says_so(folder: Path) -> None:
    from acento.training.planning import load_labeler

    with pytest.raises(ModelError, match="'generic' cannot be fine-tuned"):
        load_labeler(resolve(str(folder)).family, folder, "es")
