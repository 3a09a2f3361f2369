"""CTC models on checkpoints made here: every type that transformers has, against its own forward for one clip alone."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_ctc import KINDS, make_ctc, make_mms

from acento.core.errors import ModelError
from acento.families.ctc.recognizer import CtcRecognizer
from acento.models.base import Audio, DecodeOptions
from acento.models.checkpoints.resolver import resolve
from tests.acento.families.overfitted import texts
from tests.acento.families.tiny_parakeet import make_parakeet

torch.set_num_threads(1)
MODELS: dict[str, dict[str, Any]] = {
    "wav2vec2": {},
    "wav2vec2, layer norm": {"kind": "wav2vec2", "feat_extract_norm": "layer", "do_stable_layer_norm": True},
    "wav2vec2, adapter": {"kind": "wav2vec2", "add_adapter": True, "num_adapter_layers": 1},
    "hubert": {},
    "wavlm": {},
    "wav2vec2-bert": {},
    "wav2vec2-bert, adapter": {"kind": "wav2vec2-bert", "add_adapter": True, "num_adapter_layers": 1},
}
MORE: dict[str, dict[str, Any]] = {
    "hubert, batch norm": {"kind": "hubert", "conv_pos_batch_norm": True},
    "wav2vec2-conformer, rotary": {"kind": "wav2vec2-conformer", "position_embeddings_type": "rotary"},
    **{kind: {"kind": kind} for kind in KINDS if kind not in MODELS},
}
EACH = [*MODELS, *(pytest.param(name, marks=pytest.mark.slow) for name in MORE)]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ctc")


def made(root: Path, name: str) -> Path:
    if not (root / name).is_dir():
        make_ctc(root / name, **{"kind": name, **(MODELS | MORE)[name]})
    return root / name


def load(folder: Path, **options: object) -> CtcRecognizer:
    checkpoint = resolve(str(folder))
    recognizer = checkpoint.family.load(checkpoint.folder, DecodeOptions(**options))  # type: ignore[arg-type]
    assert isinstance(recognizer, CtcRecognizer)
    return recognizer


def clips(count: int = 7, longest_s: float = 1.9) -> list[Audio]:
    random = np.random.default_rng(5)
    lengths = np.linspace(0.2, longest_s, count) * 16000
    return [
        (0.1 * random.standard_normal(int(n)) * np.sin(np.arange(int(n)) / (20 + 9 * i))).astype(np.float32)
        for i, n in enumerate(lengths)
    ]


def whole(audio: Audio) -> Audio:
    """Return a clip cut to pairs of mel frames: padding of half a pair gets through transformers' adapter."""
    return audio[: 400 + 160 * ((len(audio) - 400) // 320 * 2 - 1)]


def theirs(folder: Path, audio: Audio) -> str:
    """Return what transformers writes for one clip alone, by its own forward and its own tokenizer.

    Special tokens are taken out of the text: taken out before, their neighbors would be collapsed to one.
    """
    from transformers import AutoFeatureExtractor, AutoModelForCTC, AutoTokenizer

    inputs = AutoFeatureExtractor.from_pretrained(folder)(audio, sampling_rate=16000, return_tensors="pt")
    model = AutoModelForCTC.from_pretrained(folder, attn_implementation="eager").eval()
    with torch.inference_mode():
        best = model(**inputs).logits.argmax(-1)[0]
    if "attention_mask" in inputs:  # an odd mel frame makes a pair with padding
        best = best[: int(model._get_feat_extract_output_lengths(inputs["attention_mask"].sum()))]
    text = AutoTokenizer.from_pretrained(folder).decode(best)
    return re.sub("<[^>]*>", "", text).strip()


@pytest.mark.slow
@pytest.mark.parametrize("name", EACH)
def test_it_writes_what_transformers_writes_for_one_clip(root: Path, name: str) -> None:
    folder = made(root, name)
    audio = [whole(clip) if "adapter" in name else clip for clip in clips(3)]
    found = texts(load(folder), audio)
    assert found == [theirs(folder, clip) for clip in audio]
    assert all(found)
    assert len(set(found)) > 1, "the test says nothing if every clip has the same text"


@pytest.mark.parametrize("name", EACH)
def test_a_batch_of_mixed_lengths_writes_what_each_clip_alone_does(root: Path, name: str) -> None:
    recognizer = load(made(root, name))
    assert texts(recognizer, clips()) == [texts(recognizer, [clip])[0] for clip in clips()]


def test_padded_by_transformers_a_text_would_depend_on_its_neighbors(root: Path) -> None:
    from transformers import AutoFeatureExtractor

    folder = made(root, "wav2vec2")
    recognizer = load(folder)
    extractor = AutoFeatureExtractor.from_pretrained(folder)
    padded = extractor(clips(), padding=True, sampling_rate=16000, return_tensors="pt").input_values
    with torch.inference_mode():
        together = recognizer.model(padded).logits[0, :9]
        alone = recognizer.model(padded[:1, : len(clips()[0])]).logits[0]
    assert not torch.allclose(together, alone, atol=1e-2), "else it would not have to be avoided"


@pytest.mark.parametrize("name", ["wav2vec2", "wav2vec2-bert", "wavlm"])
def test_a_clip_however_short_or_silent_has_a_text(root: Path, name: str) -> None:
    recognizer = load(made(root, name))
    audio = [np.zeros(n, np.float32) for n in (0, 1, 400, 1600, 16000)] + [clips(1)[0][:160]]
    assert texts(recognizer, audio) == [texts(recognizer, [one])[0] for one in audio]


@pytest.mark.parametrize("name", EACH)
def test_half_precision_decodes(root: Path, name: str) -> None:
    recognizer = load(made(root, name), dtype="bfloat16")
    assert {parameter.dtype for parameter in recognizer.model.parameters()} == {torch.bfloat16}
    assert all(texts(recognizer, clips(3)))


def test_letters_that_stand_twice_are_written_twice(root: Path) -> None:
    tokenizer = load(made(root, "wav2vec2")).tokenizer
    assert tokenizer.text(tokenizer.ids("llama a eva")) == "llama a eva"
    assert tokenizer.text([*tokenizer.ids("ya"), 1, 3, 2]) == "ya", "no <s>, </s> or <unk> in a text"


def test_weights_of_spec_augment_may_be_missing_and_no_others(root: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(made(root, "wav2vec2"), tmp_path / "m")
    weights = load_file(folder / "model.safetensors")
    weights.pop("wav2vec2.masked_spec_embed")
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    assert texts(load(folder), clips(2)) == texts(load(made(root, "wav2vec2")), clips(2))
    weights.pop("lm_head.bias")
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"lacks 1 of its weights, such as lm_head.bias"):
        load(folder)


def test_weight_norms_under_their_old_names_are_read(root: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(made(root, "wav2vec2"), tmp_path / "m")
    weights = {
        name.replace("parametrizations.weight.original0", "weight_g").replace(
            "parametrizations.weight.original1", "weight_v"
        ): tensor
        for name, tensor in load_file(folder / "model.safetensors").items()
    }
    assert any(name.endswith("weight_g") for name in weights)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    assert texts(load(folder), clips(2)) == texts(load(made(root, "wav2vec2")), clips(2))


def test_a_model_without_a_head_is_refused(root: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(made(root, "wav2vec2"), tmp_path / "m")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"architectures": ["Wav2Vec2ForPreTraining"]}))
    with pytest.raises(ModelError, match="is a Wav2Vec2ForPreTraining, which writes no text"):
        load(folder)


def test_it_cannot_translate(root: Path) -> None:
    with pytest.raises(ModelError, match="knows no task 'translate'"):
        load(made(root, "wav2vec2"), task="translate")


def test_features_at_another_rate_or_of_another_size_are_refused(root: Path, tmp_path: Path) -> None:
    for name, change, sentence in (
        ("wav2vec2", {"sampling_rate": 8000}, "hears 8000 Hz"),
        ("wav2vec2-bert", {"num_mel_bins": 40}, "wants 160 values a frame, its preprocessor_config.json makes 80"),
    ):
        folder = shutil.copytree(made(root, name), tmp_path / name)
        path = folder / "preprocessor_config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | change))
        with pytest.raises(ModelError, match=sentence):
            load(folder)


def test_a_long_clip_is_to_be_cut_and_memory_freed(root: Path) -> None:
    recognizer = load(made(root, "wav2vec2"))
    recognizer.warm_up(2)
    assert recognizer.window_s == 30.0
    recognizer.close()
    assert not hasattr(recognizer, "_network")


@pytest.fixture(scope="module")
def mms(root: Path) -> Path:
    letters = "abcdefghijklmnopqrstuvwxyz"
    languages = {
        "eng": letters,
        "spa": letters + "áéíñóúü",
        "uzb-script_latin": letters[:20],
        "uzb-script_cyrillic": "жз",
    }
    return make_mms(root / "mms", languages=languages)


def test_mms_takes_the_adapter_head_and_vocabulary_of_its_language(mms: Path) -> None:
    from transformers import Wav2Vec2CTCTokenizer, Wav2Vec2ForCTC

    recognizer = load(mms, language="es")
    model = Wav2Vec2ForCTC.from_pretrained(mms, target_lang="spa", ignore_mismatched_sizes=True).eval()
    features = recognizer.prepare(clips(1, 1.0))[0]
    with torch.inference_mode():
        best = model(features[None]).logits.argmax(-1)[0]
    expected = re.sub("<[^>]*>", "", Wav2Vec2CTCTokenizer.from_pretrained(mms, target_lang="spa").decode(best))
    assert texts(recognizer, clips(1, 1.0)) == [expected]
    assert texts(load(mms, language="en"), clips(1, 1.0)) != [expected]
    assert texts(load(mms, language="spa"), clips(1, 1.0)) == [expected], "its own names are known too"


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        (None, "must be told which to take: give --language; it knows eng, spa"),
        ("fr", "does not know language 'fr'; it knows eng, spa, uzb-script_cyrillic"),
        ("uz", "knows language 'uz' in several scripts; name one: uzb-script_cyrillic, uzb-script_latin"),
    ],
)
def test_mms_refuses_what_is_not_one_of_its_languages(mms: Path, language: str | None, sentence: str) -> None:
    with pytest.raises(ModelError, match=sentence):
        load(mms, language=language)


def test_mms_says_which_adapter_is_missing(mms: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(mms, tmp_path / "m")
    (folder / "adapter.spa.safetensors").unlink()
    with pytest.raises(ModelError, match=r"has no adapter.spa.safetensors.* it has adapters for eng, uzb"):
        load(folder, language="es")


def test_parakeet_writes_what_transformers_generate_writes(root: Path) -> None:
    from transformers import ParakeetProcessor

    folder = make_parakeet(root / "parakeet")
    recognizer, processor = load(folder), ParakeetProcessor.from_pretrained(folder)
    inputs = processor(clips(), sampling_rate=16000)
    expected = processor.batch_decode(recognizer.model.generate(**inputs), skip_special_tokens=True)
    found = texts(recognizer, clips())
    assert found == [text.strip() for text in expected]
    assert found == [texts(recognizer, [clip])[0] for clip in clips()]
    assert len(set(found)) > 3, "the test says nothing if every clip has the same text"


GOLDEN = {
    "wav2vec2": "zujuykriz|iíüéóihifjkósí|nyríkipzíukününózíszyiú",
    "hubert": "átkytká|irkykrcaqmólác|úyñmrúymkikmyúkimñqkcmlt",
    "wavlm": "vóáénlxln|vuvnvázyvevíóyrváu|ylvnówxlwvuyxnkwvnáláwákáñ",
    "wav2vec2-bert": "cgveélvd|íbf félíledfepfék|fvlúéíkf lpjé vpxflézklí",
    "parakeet": "cn|cnc|vcncd",
}


@pytest.mark.parametrize("name", ["wav2vec2", "hubert", "wavlm", "wav2vec2-bert", "parakeet"])
def test_golden_texts(root: Path, name: str) -> None:
    """If this fails, decoding has changed: raise ``decoding_version`` in ``families.py``, then these texts."""
    folder = make_parakeet(root / "golden") if name == "parakeet" else made(root, name)
    assert "|".join(texts(load(folder), clips(3, 0.6))) == GOLDEN[name]
