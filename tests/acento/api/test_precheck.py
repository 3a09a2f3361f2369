"""What a command says in its first second: models, data sets, test sets and guards that cannot be used, and why."""

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
from staged import staged, staged_splits
from tiny_whisper import make_whisper

from acento.api.precheck import check_specialization, check_training, unusable
from acento.core.errors import DataError, InputError, ModelError
from acento.core.store import LocalStore
from acento.requests import BenchmarkRequest, SpecializeRequest


def bad_of(store: LocalStore, models: list[str], datasets: list[str], **asked: Any) -> dict[str, str]:
    return unusable(store, BenchmarkRequest(models=models, datasets=datasets, **asked))


def training(dataset: str, base_model: object, **asked: Any) -> SpecializeRequest:
    return SpecializeRequest(dataset=dataset, base_model=str(base_model), **asked)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> tuple[LocalStore, Path]:
    """Make a store with two data sets, and a model."""
    root = tmp_path_factory.mktemp("precheck")
    store = LocalStore(root / "store")
    staged(store, root / "clips", 3, name="spoken")
    staged_splits(store, root / "splits", name="taught")
    return store, make_whisper(root / "model")


def test_what_can_be_used_is_not_named(place: tuple[LocalStore, Path]) -> None:
    store, model = place
    models = [
        str(model),
        "demo:whisper-micro",
        "demo:whisper-base",
        "openai/whisper-tiny",
        "demo:whisper-micro:ctranslate2-int8",
    ]
    assert bad_of(store, models, ["spoken", "taught@1"], split="test") == {}


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("nowhere/at/all", "There is no model folder nowhere/at/all"),
        ("demo:nobody", "There is no model 'demo:nobody'"),
        ("registry:nobody", "There is no model 'nobody' in the registry"),
        ("{empty}", "has no config.json"),
        ("{strange}", "strange"),
        ("{weightless}", "has no weights"),
        ("{model}:flying", "Nothing reads a model as 'flying'"),
    ],
)
def test_one_model_of_several_that_cannot_be_used_is_named_with_its_reason(
    place: tuple[LocalStore, Path], tmp_path: Path, name: str, why: str
) -> None:
    store, model = place
    folders = {kind: tmp_path / kind for kind in ("empty", "strange", "weightless")}
    for folder in folders.values():
        folder.mkdir()
    (folders["strange"] / "config.json").write_text('{"model_type": "strange"}')
    (folders["weightless"] / "config.json").write_text((model / "config.json").read_text())
    bad = name.format(model=model, **folders)
    found = bad_of(store, [str(model), bad], ["spoken"], split="test")
    assert list(found) == [bad]
    assert why in found[bad]


@pytest.mark.parametrize(
    ("name", "split", "why"),
    [
        ("nothere", "test", "There is no data set 'nothere'"),
        ("spoken@7", "test", "has no version '7'"),
        ("spoken", "train", "has no clips in split 'train'; it has test (3)"),
    ],
)
def test_one_data_set_of_several_that_cannot_be_used_is_named_with_its_reason(
    place: tuple[LocalStore, Path], name: str, split: str, why: str
) -> None:
    store, model = place
    found = bad_of(store, [str(model)], ["taught", name], split=split)
    assert list(found) == [name]
    assert why in found[name]


@pytest.mark.parametrize(("models", "datasets"), [(["nowhere/x/y"], ["spoken"]), (["demo:whisper-micro"], ["nothere"])])
def test_where_nothing_is_left_it_is_a_plain_error(
    place: tuple[LocalStore, Path], models: list[str], datasets: list[str]
) -> None:
    with pytest.raises(InputError, match="There is no"):
        bad_of(place[0], models, datasets, split="test")


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (
            {"lang_to_id": {"<|sv|>": 1, "<|fi|>": 2}, "is_multilingual": True},
            "does not know language 'es' (Spanish); it knows fi, sv. Name one of these with --model-language",
        ),
        ({"is_multilingual": False}, "is English-only and cannot be told language 'es' (Spanish)"),
    ],
)
def test_a_model_that_lacks_the_language_of_all_data_is_named(
    place: tuple[LocalStore, Path], tmp_path: Path, said: dict[str, object], why: str
) -> None:
    store, model = place
    other = make_whisper(tmp_path / "other")
    (other / "generation_config.json").write_text(json.dumps(said))
    found = bad_of(store, [str(model), str(other)], ["spoken"], split="test")
    assert list(found) == [str(other)]
    assert why in found[str(other)]
    assert (
        bad_of(store, [str(other)], ["spoken"], split="test", language="en" if "lang_to_id" not in said else "sv") == {}
    )


@pytest.mark.parametrize("spoken", ["nb", "cmn"])
def test_a_model_that_knows_the_language_by_another_code_is_let_pass(
    place: tuple[LocalStore, Path], tmp_path: Path, spoken: str
) -> None:
    other = make_whisper(tmp_path / "other")
    (other / "generation_config.json").write_text(json.dumps({"lang_to_id": {"<|no|>": 1, "<|zh|>": 2}}))
    assert bad_of(place[0], [str(other)], ["spoken"], split="test", language=spoken) == {}


def test_a_model_without_generation_config_that_lacks_the_language_is_named(
    place: tuple[LocalStore, Path], tmp_path: Path
) -> None:
    other = make_whisper(tmp_path / "other")
    (other / "generation_config.json").unlink()
    with pytest.raises(InputError, match=r"does not know language 'eu' \(Basque\)"):
        bad_of(place[0], [str(other)], ["spoken"], split="test", language="eu")


@pytest.mark.parametrize(
    ("base", "why"),
    [
        (None, "has no tokenizer .* does not name the model it was made from"),
        ("/gone/base", "has no tokenizer .* there is no folder /gone/base"),
        ("openai/whisper-tiny", None),
        ("demo:whisper-micro", None),
    ],
)
def test_a_model_without_tokenizer_is_named_unless_its_base_may_have_it(
    place: tuple[LocalStore, Path], tmp_path: Path, base: str | None, why: str | None
) -> None:
    store, model = place
    other = make_whisper(tmp_path / "other")
    for file in other.glob("tokenizer*"):
        file.unlink()
    config = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text(json.dumps(config | ({} if base is None else {"_name_or_path": base})))
    found = bad_of(store, [str(model), str(other)], ["spoken"], split="test")
    assert list(found) == ([] if why is None else [str(other)])
    if why is not None:
        assert re.search(why, found[str(other)])


@pytest.mark.parametrize("base", ["/gone/base", "openai/whisper-tiny"])
def test_an_adapter_is_named_where_the_folder_of_its_base_is_gone(
    place: tuple[LocalStore, Path], tmp_path: Path, base: str
) -> None:
    store, model = place
    (tmp_path / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": base}))
    found = bad_of(store, [str(model), str(tmp_path)], ["spoken"], split="test")
    assert ("there is no such folder" in found.get(str(tmp_path), "")) == (base == "/gone/base")


@pytest.mark.parametrize(
    ("file", "content", "why"),
    [
        ("tokenizer.json", '{"model": {"vo', "Unterminated string"),
        ("tokenizer.json", "", "Expecting value"),
        ("preprocessor_config.json", "{}", "it is empty"),
        ("generation_config.json", "[]", "it is no JSON object"),
    ],
)
def test_a_damaged_file_beside_the_weights_is_named(
    place: tuple[LocalStore, Path], tmp_path: Path, file: str, content: str, why: str
) -> None:
    other = make_whisper(tmp_path / "other")
    (other / file).write_text(content)
    with pytest.raises(InputError, match=rf"The {file} of model .*other cannot be read \({why}.*\); copy it again"):
        bad_of(place[0], [str(other)], ["spoken"], split="test")


def test_it_takes_no_second_and_reads_no_weights(
    place: tuple[LocalStore, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(*_: object) -> str:
        raise AssertionError("a file was hashed")

    monkeypatch.setattr("acento.models.checkpoints.resolver.sha256_file", read)
    store, model = place
    began = time.monotonic()
    bad_of(store, [str(model)], ["spoken", "nothere"], split="test")
    assert time.monotonic() - began < 1


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"dataset": "nothere"}, "There is no data set 'nothere'"),
        ({"dataset": "spoken"}, "has no train split to learn from"),
        ({"base_model": "demo:nobody"}, "There is no model 'demo:nobody'"),
        ({"test": "nothere"}, "There is no data set 'nothere'"),
        ({"guards": ["nothere"]}, "There is no data set 'nothere'"),
        ({"guards": ["taught[accent=martian]"]}, "accent 'martian' is not in taught v1"),
        ({"guards": ["taught[accent"]}, "names no set of clips"),
        ({"guards": ["nothere"], "source": "recordings/"}, "There is no data set 'nothere'"),
    ],
)
def test_what_a_specialization_lacks_is_said_at_once(
    place: tuple[LocalStore, Path], asked: dict[str, Any], why: str
) -> None:
    store, model = place
    with pytest.raises(InputError, match=why.replace("[", r"\[")):
        check_specialization(store, training(**({"dataset": "taught", "base_model": model} | asked)))


def test_a_base_that_lacks_the_language_of_the_clips_is_said_before_a_training(
    place: tuple[LocalStore, Path], tmp_path: Path
) -> None:
    other = make_whisper(tmp_path / "other")
    (other / "generation_config.json").write_text(json.dumps({"is_multilingual": False}))
    with pytest.raises(ModelError, match="English-only and cannot be told language 'es'"):
        check_training(place[0], training("taught", other))
    check_training(place[0], training("taught", other, language="en"))


def test_what_a_specialization_has_is_let_pass(place: tuple[LocalStore, Path]) -> None:
    store, model = place
    check_specialization(
        store, training("taught", model, guards=["taught[accent=neutral]"], test="taught[accent=chilean]")
    )
    check_specialization(store, training("new", model, source="recordings/", guards=["spoken", "new[accent=x]"]))


def test_a_training_without_its_data_or_its_model_is_refused_at_once(place: tuple[LocalStore, Path]) -> None:
    store, model = place
    check_training(store, training("taught", model))
    with pytest.raises(DataError, match="has no train split"):
        check_training(store, training("spoken", model))
    with pytest.raises(ModelError, match="There is no model folder"):
        check_training(store, training("taught", "nowhere/x/y"))
