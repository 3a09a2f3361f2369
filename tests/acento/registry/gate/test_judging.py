"""The gate's question: which sets may be asked about, in which language."""

import pytest
from recordings import put

from acento.core.errors import InputError
from acento.core.store import LocalStore
from acento.data.staging import stage
from acento.registry.gate.judging import ask


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> LocalStore:
    """A Dutch set and a Czech one."""
    root = tmp_path_factory.mktemp("two")
    store = LocalStore(root / "store")
    for number, language in enumerate(("nl", "cs")):
        put(root / language, "one", number, seconds=0.5)
        (root / language / "test_files.csv").write_text("uid,file_name,text\none,one.wav,bad cab\n")
        stage(store, str(root / language), language, language=language, workers=0)
    return store


def test_a_guard_in_another_language_is_measured_in_its_own(store: LocalStore) -> None:
    asked = ask(store, "nl", ["cs"], incumbent="base", against="the base model")
    assert asked.datasets == ["nl@1", "cs@1"]


def test_a_guard_in_another_language_than_the_models_are_told_is_refused(store: LocalStore) -> None:
    with pytest.raises(InputError, match="The guard cs@1 is in cs and the models are told to write nl"):
        ask(store, "nl", ["cs"], incumbent="base", against="the base model", language="nl")
