"""The gate's question: which sets may be asked about, in which language."""

import pytest
from recordings import put

from acento.core.errors import InputError
from acento.core.store import LocalStore
from acento.data.sources import SourceOptions
from acento.data.staging import stage
from acento.registry.gate.judging import ask


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> LocalStore:
    """A Dutch set, a Czech one, and one that nobody transcribed."""
    root = tmp_path_factory.mktemp("two")
    store = LocalStore(root / "store")
    for number, language in enumerate(("nl", "cs")):
        put(root / language, "one", number, seconds=0.5)
        (root / language / "test_files.csv").write_text("uid,file_name,text\none,one.wav,bad cab\n")
        stage(store, str(root / language), language, language=language, workers=0)
    put(root / "calls" / "test", "one", 7, text=None, seconds=0.5)
    options = SourceOptions(untranscribed=True)
    stage(store, str(root / "calls"), "calls", language="nl", workers=0, source_options=options)
    return store


def test_a_guard_in_another_language_is_measured_in_its_own(store: LocalStore) -> None:
    asked = ask(store, "nl", ["cs"], incumbent="base", against="the base model")
    assert asked.datasets == ["nl@1", "cs@1"]


def test_a_guard_in_another_language_than_the_models_are_told_is_refused(store: LocalStore) -> None:
    with pytest.raises(InputError, match="The guard cs@1 is in cs and the models are told to write nl"):
        ask(store, "nl", ["cs"], incumbent="base", against="the base model", language="nl")


@pytest.mark.parametrize(("test", "guards"), [("calls", []), ("nl", ["calls"])])
def test_a_set_without_transcripts_judges_nothing(store: LocalStore, test: str, guards: list[str]) -> None:
    with pytest.raises(InputError, match="No clip of calls in the test split has a transcript"):
        ask(store, test, guards, incumbent="base", against="the base model")
