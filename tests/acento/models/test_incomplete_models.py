"""Checkpoints that lack files: refused in a sentence, completed from their base, or derived; never silently empty."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from eight_clips import eight_clips
from tiny_ctc import make_ctc
from tiny_whisper import make_whisper

from acento.core.errors import ModelError
from acento.families.whisper.generation import derived_values, known_languages
from acento.models.base import DecodeOptions
from acento.models.checkpoints.resolver import resolve
from acento.models.checkpoints.self_check import check_tokenizer
from acento.training.planning import load_labeler

TOKENIZER = ("tokenizer.json", "tokenizer_config.json")


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACENTO_STORE", str(tmp_path / "store"))


@pytest.fixture(scope="module")
def whisper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_whisper(tmp_path_factory.mktemp("model") / "m")


def without(source: Path, folder: Path, *files: str, **config: Any) -> Path:
    """Copy a model without some files, and with other values in its config."""
    shutil.copytree(source, folder)
    for name in files:
        (folder / name).unlink()
    said = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(said | config))
    return folder


def texts(name: str, language: str | None = "es") -> list[str]:
    found = resolve(name)
    recognizer = found.family.load(found.folder, DecodeOptions(language=language))
    try:
        return [one.text for one in recognizer.finish(recognizer.infer(recognizer.prepare(eight_clips()[:3])))]
    finally:
        recognizer.close()


def test_a_whisper_without_a_tokenizer_is_refused(whisper: Path, tmp_path: Path) -> None:
    folder = without(whisper, tmp_path / "m", *TOKENIZER)
    with pytest.raises(ModelError, match=r"has no tokenizer .* does not name the model it was made from\. Copy those"):
        resolve(str(folder))


def test_a_whisper_that_was_loaded_without_a_tokenizer_writes_no_empty_labels(whisper: Path, tmp_path: Path) -> None:
    folder = without(whisper, tmp_path / "m", *TOKENIZER)
    family = resolve(str(whisper)).family
    with pytest.raises(ModelError, match="no usable tokenizer: it knows no letters"):
        family.load(folder, DecodeOptions(language="es"))
    with pytest.raises(ModelError, match="no usable tokenizer: it knows no letters"):
        load_labeler(family, folder, "es")


def test_a_whisper_with_the_tokenizer_of_another_kind_of_model_is_refused(tmp_path: Path) -> None:
    folder = shutil.copytree(resolve("demo:whisper-mini").folder, tmp_path / "m")
    for name in TOKENIZER:
        shutil.copyfile(resolve("demo:moonshine-mini").folder / name, folder / name)
    with pytest.raises(ModelError, match=r"does not belong to it: it has no <\|startoftranscript\|>"):
        texts(str(folder))


def test_a_moonshine_with_the_tokenizer_of_another_model_is_refused(whisper: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(resolve("demo:moonshine-mini").folder, tmp_path / "m")
    shutil.copyfile(whisper / "tokenizer.json", folder / "tokenizer.json")
    with pytest.raises(ModelError, match=r"does not belong to it: its </s> is token \d+, the model's is token 2;"):
        texts(str(folder))
    with pytest.raises(ModelError, match="does not belong to it"):
        load_labeler(resolve(str(folder)).family, folder, "es")


def test_the_tokenizer_is_taken_from_the_base_that_the_config_names(whisper: Path, tmp_path: Path) -> None:
    folder = without(whisper, tmp_path / "m", *TOKENIZER, _name_or_path=str(whisper))
    assert texts(str(folder)) == texts(str(whisper))
    assert resolve(str(folder)).folder != folder, "nothing is written into the user's folder"


def test_the_tokenizer_of_a_trainers_checkpoint_is_taken_from_the_folder_around_it(
    whisper: Path, tmp_path: Path
) -> None:
    shutil.copytree(whisper, tmp_path / "out")
    folder = without(whisper, tmp_path / "out" / "checkpoint-12", *TOKENIZER)
    (folder / "optimizer.pt").write_bytes(b"a pickle that nobody opens")
    assert texts(str(folder)) == texts(str(whisper))
    assert not (resolve(str(folder)).folder / "optimizer.pt").exists()


def test_the_tokenizer_of_a_base_with_another_vocabulary_is_not_taken(whisper: Path, tmp_path: Path) -> None:
    folder = without(whisper, tmp_path / "m", *TOKENIZER, _name_or_path="demo:whisper-mini")
    with pytest.raises(ModelError, match=r"demo:whisper-mini is another kind of model \(whisper of 287 tokens, and"):
        resolve(str(folder))


def test_the_vocabulary_of_a_ctc_model_is_not_taken_from_its_base(tmp_path: Path) -> None:
    base = make_ctc(tmp_path / "base")
    folder = without(base, tmp_path / "m", "vocab.json", _name_or_path=str(base))
    with pytest.raises(ModelError, match="get a vocabulary of their own when they are fine-tuned"):
        resolve(str(folder))


def test_a_ctc_model_whose_blank_is_beyond_its_vocabulary_is_refused(tmp_path: Path) -> None:
    folder = make_ctc(tmp_path / "m")
    vocabulary = json.loads((folder / "vocab.json").read_text())
    renamed = {"[PAD]" if token == "<pad>" else token: number for token, number in vocabulary.items()}
    (folder / "vocab.json").write_text(json.dumps(renamed))
    (folder / "tokenizer_config.json").unlink()  # which alone would say that [PAD] is the blank
    with pytest.raises(ModelError, match=r"pads with token \d+ and the model has \d+"):
        texts(str(folder))


@pytest.mark.parametrize("name", ["whisper-mini", "whisper-micro"])
def test_what_a_generation_config_says_follows_from_the_vocabulary(name: str) -> None:
    from transformers.models.whisper.tokenization_whisper import WhisperTokenizer

    folder = resolve(f"demo:{name}").folder
    said = json.loads((folder / "generation_config.json").read_text())
    size = json.loads((folder / "config.json").read_text())["vocab_size"]
    derived = derived_values(WhisperTokenizer.from_pretrained(folder).get_vocab(), size)
    assert derived == {key: said[key] for key in derived}


def test_openais_own_signs_are_never_written_whatever_the_size_of_the_vocabulary() -> None:
    tokens = {"<|endoftext|>": 50257, "<|startoftranscript|>": 50258, "<|en|>": 50259, "<|transcribe|>": 50360}
    third = derived_values(tokens, 51866)
    assert third["suppress_tokens"][:3] == [1, 2, 7]
    assert third["suppress_tokens"][-2:] == [50258, 50360]
    assert derived_values(tokens, 51864)["is_multilingual"] is False


def test_a_multilingual_whisper_without_generation_config_stays_multilingual(tmp_path: Path) -> None:
    folder = without(resolve("demo:whisper-mini").folder, tmp_path / "m", "generation_config.json")
    assert texts(str(folder)) == texts("demo:whisper-mini")
    assert texts(str(folder), None) == texts("demo:whisper-mini", None)
    assert known_languages(folder) == {"de", "en", "es", "fr", "ko", "ru", "zh"}
    assert resolve(str(folder)).digest != resolve("demo:whisper-mini").digest


def test_a_whisper_without_a_feature_extractor_makes_its_own_features(whisper: Path, tmp_path: Path) -> None:
    folder = without(whisper, tmp_path / "m", "preprocessor_config.json")
    assert texts(str(folder)) == texts(str(whisper))


def test_a_tokenizer_that_gives_other_letters_back_is_refused(tmp_path: Path) -> None:
    letters = "abcdefgh"
    with pytest.raises(ModelError, match="does not belong to it: 'abcdefgh' is another text"):
        check_tokenizer(tmp_path, 8, lambda ids: "".join(letters[one] for one in ids), lambda text: [0] * len(text))


def test_a_tokenizer_with_ids_that_the_model_lacks_is_refused(tmp_path: Path) -> None:
    letters = "abcdefgh"
    with pytest.raises(ModelError, match="does not belong to it"):
        check_tokenizer(tmp_path, 4, lambda ids: "".join(letters[one % 4] for one in ids), lambda text: [9] * len(text))
