"""The language that a model is told, and the one that it is refused, by its small files alone."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from acento.core.errors import ModelError
from acento.families.canary import CANARY
from acento.models.checkpoints.checkpoint import Checkpoint
from acento.models.checkpoints.resolver import resolve
from acento.models.families import FAMILIES
from acento.models.languages import language_code


@pytest.fixture
def whisper(tmp_path: Path) -> Checkpoint:
    names = {f"<|{code}|>": number for number, code in enumerate(("en", "es", "no", "nn", "zh", "tl", "jw", "he"))}
    (tmp_path / "generation_config.json").write_text(json.dumps({"lang_to_id": names}))
    return Checkpoint("m", None, tmp_path, "0" * 64, FAMILIES["whisper"])


@pytest.mark.parametrize(
    ("named", "code"),
    [
        ("es", "es"), ("es-CL", "es"), ("spa", "es"), ("Spanish", "es"), ("nb-NO", "no"), ("nb", "no"), ("nn", "nn"),
        ("cmn-Hans", "zh"), ("zho", "zh"), ("fil", "tl"), ("jv", "jw"), ("iw", "he"), (None, None),
    ],
)  # fmt: skip
def test_a_language_is_told_by_the_code_that_the_model_knows(
    whisper: Checkpoint, named: str | None, code: str | None
) -> None:
    assert language_code(whisper, named) == code


@pytest.mark.parametrize("named", ["yue", "ast"])
def test_a_language_that_the_model_lacks_is_refused_with_a_proxy_offered(whisper: Checkpoint, named: str) -> None:
    with pytest.raises(ModelError, match=rf"does not know language '{named}' \(.*\); it knows en, .*--model-language"):
        language_code(whisper, named)


def test_an_english_only_model_is_refused_another_language(whisper: Checkpoint) -> None:
    (whisper.folder / "generation_config.json").write_text('{"is_multilingual": false}')
    assert language_code(whisper, "en-US") == "en"
    with pytest.raises(ModelError, match=r"English-only and cannot be told language 'es-CL' \(Spanish\)"):
        language_code(whisper, "es-CL")


def test_a_model_that_says_nothing_of_languages_is_told_the_base_language(whisper: Checkpoint) -> None:
    assert language_code(replace(whisper, family=FAMILIES["moonshine"]), "es-CL") == "es"


def test_canary_is_refused_what_it_was_not_trained_on(whisper: Checkpoint) -> None:
    from transformers.models.canary.processing_canary import LANGUAGE_CODE_TO_NAME

    assert set(LANGUAGE_CODE_TO_NAME) == CANARY
    with pytest.raises(ModelError, match="does not know language 'zh'"):
        language_code(replace(whisper, family=FAMILIES["canary"]), "zh")


def test_the_shipped_whisper_says_its_languages_without_being_loaded() -> None:
    with pytest.raises(ModelError, match=r"does not know language 'sv' \(Swedish\); it knows de, en, es"):
        language_code(resolve("demo:whisper-mini"), "sv")
