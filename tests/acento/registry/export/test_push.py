"""Push to the hub: the real ``huggingface_hub`` against the stand-in of its HTTP API."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hub import Hub, serving
from registered import registered
from tiny_whisper import make_whisper

from acento.core.errors import InputError, TransientError
from acento.core.settings import settings
from acento.core.store import LocalStore
from acento.models.checkpoints.resolver import resolve
from acento.models.checkpoints.taught import mark_taught, taught
from acento.models.windows import Fit
from acento.registry.export.push import push
from acento.registry.model_version import CARD, ModelVersion
from acento.registry.windows import verdicts, window_of

REPO = "ana/mini-santiago"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_whisper(tmp_path_factory.mktemp("model") / "m")


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


@pytest.fixture
def version(store: LocalStore, model: Path) -> ModelVersion:
    return registered(store, model)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with serving(tmp_path / "hf", monkeypatch) as hub:
        hub.tokens |= {"good": "ana", "reader": "ana"}
        hub.writers.add("good")
        use_token(monkeypatch, "good")
        yield hub


def use_token(monkeypatch: pytest.MonkeyPatch, token: str | None) -> None:
    monkeypatch.delenv("HF_TOKEN", raising=False)
    if token is not None:
        monkeypatch.setenv("HF_TOKEN", token)
    settings.cache_clear()


def test_what_was_pushed_is_the_model_and_can_be_loaded_from_there(
    hub: Hub, store: LocalStore, version: ModelVersion
) -> None:
    pushed = push(store, version, REPO)
    repo = hub.repos[REPO]
    artifact = store.find(version.key)
    assert artifact is not None
    files = repo.commits[pushed.commit]
    assert files.keys() == {*artifact.files, ".gitattributes"}
    assert all(files[name] == store.read_bytes(version.key, name) for name in artifact.files)
    assert (pushed.url, pushed.files) == (f"{hub.url}/{REPO}", len(artifact.files))
    assert not repo.private
    assert version.title in repo.title
    found = resolve(REPO)
    assert (found.revision, found.family.name) == (pushed.commit, "whisper")


def test_a_window_that_the_gate_refused_is_not_pushed(hub: Hub, store: LocalStore, model: Path, tmp_path: Path) -> None:
    shutil.copytree(model, tmp_path / "taught")
    mark_taught(tmp_path / "taught", Fit())
    version = registered(store, tmp_path / "taught")
    push(store, version, REPO)
    assert hub.repos[REPO].title
    assert taught(resolve(REPO).folder) == Fit()
    verdicts(store, version).append({"passed": False})
    push(store, version, REPO, update=True)
    assert taught(resolve(REPO).folder) is None
    assert window_of(version) is None


def test_the_front_matter_is_what_the_hub_reads(hub: Hub, store: LocalStore, version: ModelVersion) -> None:
    from huggingface_hub import ModelCard

    pushed = push(store, version, REPO)
    card = ModelCard(hub.repos[REPO].commits[pushed.commit][CARD].decode())
    assert (card.data.language, card.data.library_name, card.data.datasets) == ("es", "transformers", ["santiago"])
    assert "automatic-speech-recognition" in card.data.tags


def test_a_private_one_is_made_private(hub: Hub, store: LocalStore, version: ModelVersion) -> None:
    push(store, version, REPO, private=True)
    assert hub.repos[REPO].private


def test_a_repository_that_holds_something_is_left_alone_unless_asked(
    hub: Hub, store: LocalStore, version: ModelVersion, model: Path
) -> None:
    first = push(store, version, REPO)
    newer = registered(store, model, 1)
    with pytest.raises(InputError, match=rf"{REPO} is on the Hugging Face hub already: add --update"):
        push(store, newer, REPO)
    assert hub.repos[REPO].refs["main"] == first.commit
    second = push(store, newer, REPO, update=True)
    assert hub.repos[REPO].refs["main"] == second.commit != first.commit


def test_an_upload_that_failed_is_taken_up_again(hub: Hub, store: LocalStore, version: ModelVersion) -> None:
    hub.fail("/commit/main", 500, times=9)
    with pytest.raises(TransientError, match=r"the Hugging Face hub answers with an error \(500\)"):
        push(store, version, REPO)
    assert list(hub.repos[REPO].commits[hub.repos[REPO].refs["main"]]) == [".gitattributes"]
    hub.heal()
    assert push(store, version, REPO).commit == hub.repos[REPO].refs["main"]


def test_without_a_token_nothing_is_asked(
    hub: Hub, store: LocalStore, version: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_token(monkeypatch, None)
    with pytest.raises(InputError, match="takes a token that may write: set HF_TOKEN"):
        push(store, version, REPO)
    assert hub.asked == []


@pytest.mark.parametrize(
    ("token", "repo", "said"),
    [
        ("stolen", REPO, "refuses the token; set HF_TOKEN"),
        ("reader", REPO, f"may not write to {REPO}"),
        ("good", "somebody/else", "may not write to somebody/else"),
        ("good", "no/such/id", "'no/such/id' is no id of the Hugging Face hub"),
    ],
)
def test_a_refusal_is_one_sentence(
    hub: Hub,
    store: LocalStore,
    version: ModelVersion,
    monkeypatch: pytest.MonkeyPatch,
    token: str,
    repo: str,
    said: str,
) -> None:
    use_token(monkeypatch, token)
    with pytest.raises(InputError, match=said):
        push(store, version, repo)
    assert hub.repos == {}


def test_a_hub_that_does_not_answer_may_answer_later(hub: Hub, store: LocalStore, version: ModelVersion) -> None:
    hub.stop()
    with pytest.raises(TransientError, match="does not answer"):
        push(store, version, REPO)
