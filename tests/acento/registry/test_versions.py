"""Model versions: named by what they hold, whole or absent, and found by name, version, its beginning or an alias."""

import json
import re
import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import soundfile
from faults import killed_at_every_write, tree
from registered import about, filled, registered
from tiny_whisper import make_whisper

from acento.core.errors import DamagedError, InputError, ModelError, StoreError
from acento.core.store import LocalStore
from acento.models.checkpoints.resolver import resolve
from acento.registry.card.card import model_card  # noqa: F401  (imported before a process is forked)
from acento.registry.model_version import CARD, HISTORY
from acento.registry.promotion import promote
from acento.registry.publishing import publish_model
from acento.registry.versions import find_version, model_names, read_history, versions

_NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_whisper(tmp_path_factory.mktemp("model") / "m")


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalStore:
    monkeypatch.setenv("ACENTO_STORE", str(tmp_path / "store"))
    return LocalStore(tmp_path / "store")


def test_a_version_is_made_of_files_recipe_and_data(store: LocalStore, model: Path) -> None:
    first = registered(store, model)
    assert re.fullmatch(r"registry:mini-santiago@[0-9a-f]{12}", first.id)
    assert registered(store, model) == first, "the same again is the same version"
    others = [
        registered(store, model, seed=1),
        registered(store, model, dataset_fingerprint="e" * 64),
        publish_model(store, about(), lambda to: _with_recipe(model, to, "full")),
    ]
    assert len({first.version, *(one.version for one in others)}) == 4


def test_when_and_how_fast_it_was_trained_is_no_part_of_it(store: LocalStore, model: Path) -> None:
    first = registered(store, model)

    def slower(folder: Path) -> None:
        filled(model)(folder)
        (folder / HISTORY).write_text('{"step": 10, "seconds": 99}\n')

    again = publish_model(store, about(created="2027-01-01T00:00:00+00:00", job="jobs/other"), slower)
    assert again == first
    assert again.about.created == first.about.created, "what is published stays as it is"
    assert len(versions(store)) == 1


def test_it_keeps_every_file_and_what_is_known_of_it(store: LocalStore, model: Path) -> None:
    version = registered(store, model)
    artifact = store.find(version.key, verify=True)
    assert artifact is not None
    assert {"config.json", "model.safetensors", "tokenizer.json", "recipe.json", HISTORY, CARD} <= artifact.files.keys()
    assert version.about == about()
    assert [row["step"] for row in read_history(store, version)] == [10, 20]


def test_versions_are_listed_from_the_oldest_on(store: LocalStore, model: Path) -> None:
    made = [registered(store, model, seed) for seed in (2, 0, 1)]
    assert versions(store, "mini-santiago") == [made[1], made[2], made[0]]
    other = registered(store, model, name="other", created="2025-01-01T00:00:00+00:00")
    assert versions(store)[0] == other
    assert model_names(store) == ["mini-santiago", "other"]
    assert versions(store, "nobody") == []


def test_it_is_found_by_name_version_beginning_and_alias(store: LocalStore, model: Path) -> None:
    old, new = registered(store, model, 0), registered(store, model, 1)
    promote(store, old, "candidate")
    assert find_version(store, "mini-santiago") == find_version(store, "mini-santiago@latest") == new
    assert find_version(store, old.title) == find_version(store, old.id) == old
    assert find_version(store, f"mini-santiago@{old.version[:7]}") == old
    assert find_version(store, "mini-santiago@candidate") == old


def test_a_beginning_of_two_versions_is_refused(store: LocalStore, model: Path) -> None:
    starts: dict[str, str] = {}
    for seed in range(40):
        version = registered(store, model, seed)
        if version.version[0] in starts:
            break
        starts[version.version[0]] = version.version
    with pytest.raises(ModelError, match=rf"2 versions of model mini-santiago begin with '{version.version[0]}'"):
        find_version(store, f"mini-santiago@{version.version[0]}")


def test_what_is_not_there_is_refused_with_what_is(store: LocalStore, model: Path) -> None:
    with pytest.raises(ModelError, match=r"no model 'nobody' .* \(there is: none yet: acento finetune\)"):
        find_version(store, "nobody")
    version = registered(store, model)
    promote(store, version, "best")
    with pytest.raises(ModelError, match=r"no model 'nobody' .* \(there is: mini-santiago\)"):
        find_version(store, "nobody@1")
    with pytest.raises(
        ModelError, match=rf"no version or alias 'worst' \(versions: {version.version}; aliases: best\)"
    ):
        find_version(store, "mini-santiago@worst")


@pytest.mark.parametrize("name", ["", "a/b", "../x", "a@b", ".hidden", "a b", "a=b", "a,b"])
def test_a_name_that_cannot_be_a_models_is_refused(store: LocalStore, model: Path, name: str) -> None:
    with pytest.raises(InputError, match="cannot be a model's name"):
        publish_model(store, about(name), filled(model))
    with pytest.raises(ModelError, match="There is no model"):
        find_version(store, name)
    assert not list(store.list("models"))


def test_what_is_no_checkpoint_is_not_published(store: LocalStore, model: Path) -> None:
    with pytest.raises(ModelError, match=r"no config\.json"):
        publish_model(store, about(), lambda folder: (folder / "notes.txt").write_text("x") and None)

    def without_weights(folder: Path) -> None:
        filled(model)(folder)
        (folder / "model.safetensors").unlink()

    with pytest.raises(ModelError, match="has no weights"):
        publish_model(store, about(), without_weights)
    assert not list(store.list("models"))
    assert not list((store.root / "tmp").iterdir())


def test_a_full_disk_is_said_in_a_sentence_and_leaves_nothing(store: LocalStore) -> None:
    def fill(_: Path) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(StoreError, match="No space left on device"):
        publish_model(store, about(), fill)
    assert not list(store.list("models"))
    assert not list((store.root / "tmp").iterdir())


def test_a_damaged_version_is_not_taken_for_a_whole_one(store: LocalStore, model: Path) -> None:
    version = registered(store, model)
    weights = store.root / version.key / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    assert versions(store) == []
    for reference in (version.id, "mini-santiago@latest"):
        with pytest.raises((DamagedError, ModelError), match=r"damaged|There is no model"):
            find_version(store, reference)
    assert registered(store, model) == version, "training it again mends it"
    assert store.find(version.key, verify=True) is not None


def test_bytes_that_changed_are_found_before_they_are_loaded(store: LocalStore, model: Path) -> None:
    version = registered(store, model)
    weights = store.root / version.key / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    with pytest.raises(DamagedError, match="its bytes changed since they were written"):
        resolve(version.id)


def test_a_checkpoint_of_the_registry_is_named_by_its_version(store: LocalStore, model: Path, tmp_path: Path) -> None:
    version = registered(store, model)
    promote(store, version, "best")
    found = resolve("registry:mini-santiago@best")
    assert (found.id, found.revision, found.family.name) == (version.id, None, "whisper")
    assert found.folder == store.root / version.key
    assert resolve("registry:mini-santiago") == found
    copy = shutil.copytree(found.folder, tmp_path / "copy")
    assert resolve(str(copy)).digest == found.digest, "the digest is of what is loaded, wherever it lies"
    (copy / HISTORY).unlink()
    (copy / "recipe.json").unlink()
    assert resolve(str(copy)).digest == found.digest
    with pytest.raises(ModelError, match="There is no model 'nobody'"):
        resolve("registry:nobody")


@pytest.mark.slow
def test_a_kill_at_any_write_leaves_the_registry_as_an_unharmed_run_does(model: Path) -> None:
    def publish(root: Path) -> None:
        store = LocalStore(root)
        version = registered(store, model)
        promote(store, version, "best", why="it is", now=_NOON)

    with tempfile.TemporaryDirectory() as scratch:
        expected = Path(scratch) / "expected"
        publish(expected)
        number = 0

        def root() -> Path:
            nonlocal number
            number += 1
            return Path(scratch) / str(number)

        for where, survived in killed_at_every_write(publish, root):
            assert tree(survived) == tree(expected), where


def _with_recipe(model: Path, folder: Path, strategy: str) -> None:
    filled(model)(folder)
    (folder / "recipe.json").write_text(json.dumps({"strategy": strategy}))


def test_a_version_is_loaded_from_its_own_store(
    store: LocalStore, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = registered(store, model)
    soundfile.write(tmp_path / "a.wav", np.zeros(16_000, np.float32), 16_000)
    monkeypatch.setenv("ACENTO_STORE", str(tmp_path / "another"))
    assert version.transcribe(tmp_path / "a.wav").error is None
